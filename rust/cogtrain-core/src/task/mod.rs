//! Question families whose truth physics decides.

mod cells;
mod design;
mod factor;
mod item;
mod perception;
mod profile;
mod pyramid;
mod question;
mod stack;
mod tower;
mod twin;
mod viewing;
mod wall;

use serde_json::{Map, Value};

use crate::naming::named;
use crate::style::Style;
use crate::{Error, Result, Stream};
pub use cells::{Crossing, Part};
use design::Declaration;
pub use design::{Assignment, Design};
pub use item::{Item, Kinship};
pub use question::{Domain, Question, Scale};
pub use twin::Twin;

named! {
    /// A question family.
    pub enum Task as "task" {
        /// Will this tower of blocks fall? Cognitive domain: intuitive physics.
        Tower = "tower",
        /// What would fall if the red block of this pyramid were removed? Cognitive domain: causal
        /// reasoning.
        Pyramid = "pyramid",
    }
}

impl Task {
    /// The cognitive domain that the task belongs to: that of its first question.
    pub fn domain(self) -> Domain {
        self.questions()[0].domain()
    }

    /// What can be asked, the main question first.
    pub fn questions(self) -> &'static [Question] {
        match self {
            Self::Tower => &[
                Question::WillFall,
                Question::BackgroundColor,
                Question::BlockCount,
                Question::ColorsTopToBottom,
                Question::HasRedBlock,
                Question::RedBlockRow,
            ],
            Self::Pyramid => &[
                Question::WillFallIfRemoved,
                Question::FallCountIfRemoved,
                Question::WillFall,
                Question::BackgroundColor,
                Question::BlockCount,
                Question::ColorsTopToBottom,
                Question::HasRedBlock,
                Question::RedBlockRow,
            ],
        }
    }

    /// What is asked unless a recipe says otherwise: the main question, of whatever is in view.
    pub fn main_questions(self) -> Vec<Question> {
        match self {
            Self::Tower => vec![Question::WillFall],
            Self::Pyramid => vec![Question::WillFallIfRemoved, Question::WillFall],
        }
    }

    /// Reads questions by name.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for none, one twice, or one that the task cannot answer.
    pub fn read_questions(self, names: &[String]) -> Result<Vec<Question>> {
        let known: Vec<&str> = self
            .questions()
            .iter()
            .map(|question| question.name())
            .collect();
        if names.is_empty() {
            let expected = format!("at least one of {}", known.join(", "));
            let hint = "leave it out for the main question";
            return Err(Error::argument("questions", expected, "none", hint));
        }
        let mut questions = Vec::new();
        for name in names {
            let at = known.iter().position(|question| question == name);
            let at = at.ok_or_else(|| Error::unknown_name("question", name, &known))?;
            let question = self.questions()[at];
            if questions.contains(&question) {
                let got = format!("`{name}` twice");
                return Err(Error::argument("questions", "each once", got, "drop one"));
            }
            questions.push(question);
        }
        Ok(questions)
    }

    /// Reads factors and plan from JSON objects; what is not named takes its default.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for an unknown factor (names the nearest), a value out of range,
    /// contradictions, or a plan without cells.
    pub fn design(
        self,
        style: Style,
        factors: &Map<String, Value>,
        plan: &Map<String, Value>,
    ) -> Result<Design> {
        let design = Design::read(&self.declaration(style), factors, plan)?;
        match self {
            Self::Tower => {}
            Self::Pyramid => pyramid::check(&design)?,
        }
        Ok(design)
    }

    /// Draws the item at `place`.
    ///
    /// # Errors
    /// [`Error::Unfillable`](crate::Error::Unfillable) if no scene satisfies the factors of the item's cell.
    pub fn draw(self, design: &Design, place: &Place) -> Result<Item> {
        let assignment = design.assign(place);
        match self {
            Self::Tower => tower::draw(design, &assignment, place),
            Self::Pyramid => pyramid::draw(design, &assignment, place),
        }
    }

    fn declaration(self, style: Style) -> Declaration {
        match self {
            Self::Tower => tower::declaration(style),
            Self::Pyramid => pyramid::declaration(style),
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
