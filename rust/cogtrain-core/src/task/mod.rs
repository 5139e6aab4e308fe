//! Question families whose truth physics decides.

mod question;
mod tower;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::naming::named;
use crate::physics::{Equilibrium, Trajectory};
use crate::scene::Scene;
use crate::stimulus::Factor;
use crate::style::{Appearance, Style};
use crate::{Result, Stream};
pub use question::{Domain, Question, Scale};
pub use tower::TowerFactors;

named! {
    /// A question family.
    pub enum Task as "task" {
        /// Will this tower of blocks fall? Cognitive domain: intuitive physics.
        Tower = "tower",
    }
}

/// One drawn item of a task: what is shown, what is true of it, how it was made.
#[derive(Clone, Debug)]
pub struct Item {
    /// What is shown.
    pub scene: Scene,
    /// How it is shown.
    pub appearance: Appearance,
    /// The scene whose stability is asked about: `scene` itself, or what is left of it.
    pub judged: Scene,
    /// The verdict of statics on `judged`.
    pub equilibrium: Equilibrium,
    /// Factor name → value.
    pub factors: BTreeMap<String, Factor>,
}

/// The factors of a task, read and checked.
#[derive(Clone, Debug)]
pub enum Factors {
    /// Factors of [`Task::Tower`].
    Tower(TowerFactors),
}

impl Task {
    /// The cognitive domain that the task belongs to.
    pub fn domain(self) -> &'static str {
        match self {
            Self::Tower => Domain::Physics.name(),
        }
    }

    /// Question name → possible answers.
    pub fn questions(self) -> &'static [(&'static str, &'static [&'static str])] {
        match self {
            Self::Tower => &[("will_fall", &["yes", "no"])],
        }
    }

    /// Reads factors from a JSON object; what is not named takes its default.
    ///
    /// # Errors
    /// [`Error::Argument`] for an unknown factor (names the nearest) or a value out of range.
    pub fn factors(self, json: &Map<String, Value>) -> Result<Factors> {
        match self {
            Self::Tower => TowerFactors::read(json).map(Factors::Tower),
        }
    }

    /// Answers to the task's questions by statics.
    pub fn answers(self, equilibrium: &Equilibrium) -> BTreeMap<String, String> {
        match self {
            Self::Tower => tower::answers(!equilibrium.stands()),
        }
    }

    /// Answers to the task's questions by simulation.
    pub fn simulated_answers(self, trajectory: &Trajectory) -> BTreeMap<String, String> {
        match self {
            Self::Tower => tower::answers(trajectory.fell),
        }
    }
}

/// Where an item stands: all that its randomness may depend on.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Seed of the design.
    pub seed: u64,
    /// First number of the design's split on the axis of all stimuli.
    pub first: u64,
    /// Position within the split.
    pub index: u64,
    /// Look of the whole set.
    pub style: Style,
}

impl Place {
    /// The random stream of `purpose` that items with the same `number` share.
    fn stream(&self, purpose: &str, number: u64) -> Stream {
        Stream::new(self.seed, purpose, self.first + number)
    }
}

impl Factors {
    /// Draws the item at `place`.
    ///
    /// # Errors
    /// [`Error::Unfillable`] if no scene satisfies the factors of the item's cell.
    pub fn draw(&self, place: &Place) -> Result<Item> {
        match self {
            Self::Tower(factors) => factors.draw(place),
        }
    }

    /// Canonical text of the design: part of a set's fingerprint.
    pub fn canonical(&self) -> String {
        match self {
            Self::Tower(factors) => {
                serde_json::to_string(factors).expect("numbers always serialise")
            }
        }
    }
}
