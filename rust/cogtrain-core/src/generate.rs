//! From (task, factors, style, seed, index) to a stimulus: a pure function, on any thread.

use serde_json::{Map, Value};

use crate::naming::named;
use crate::physics::simulate;
use crate::render::render;
use crate::scene::Scene;
use crate::stimulus::{Source, Stimulus};
use crate::style::{Appearance, Style};
use crate::task::{Factors, Item, Place, Task};
use crate::{Error, Result};

/// Raised whenever the same recipe would give other stimuli; part of every id and fingerprint.
pub const GENERATOR_VERSION: u32 = 2;

/// Most stimuli of one split: splits are this far apart on the axis of indices.
pub const MAX_COUNT: u64 = 1 << 40;

named! {
    /// Part of a design that shares no stimulus with the others.
    pub enum Split as "split" {
        /// To fit on.
        Train = "train",
        /// To choose by.
        Val = "val",
        /// To report.
        Test = "test",
    }
}

impl Split {
    fn first_index(self) -> u64 {
        self as u64 * MAX_COUNT
    }
}

/// All that determines a set of stimuli.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Question family.
    pub task: Task,
    /// Look.
    pub style: Style,
    /// Two seeds share no stimulus.
    pub seed: u64,
    /// How many stimuli.
    pub count: u64,
    /// Which part of the design.
    pub split: Split,
    /// Factors as a JSON object; what is not named takes the task's default.
    pub factors: Map<String, Value>,
    /// Side of the square image, in pixels.
    pub size_px: usize,
}

/// Makes the stimuli of a recipe, in any order.
#[derive(Clone, Debug)]
pub struct Generator {
    recipe: Recipe,
    factors: Factors,
}

impl Generator {
    /// Checks `recipe`.
    ///
    /// # Errors
    /// [`Error::Argument`] for a count of zero or a factor that the task refuses.
    pub fn new(recipe: Recipe) -> Result<Self> {
        if !(1..=MAX_COUNT).contains(&recipe.count) {
            let expected = format!("1 … {MAX_COUNT}");
            return Err(Error::argument(
                "count",
                expected,
                recipe.count,
                "ask for at least one stimulus",
            ));
        }
        let factors = recipe.task.factors(&recipe.factors)?;
        Ok(Self { recipe, factors })
    }

    /// What is made.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Scene, verdict and factors of stimulus `index`, without rendering it.
    pub fn item(&self, index: u64) -> Result<Item> {
        if index >= self.recipe.count {
            let expected = format!("below {}", self.recipe.count);
            return Err(Error::argument(
                "index",
                expected,
                index,
                "stay within the set",
            ));
        }
        self.factors.draw(&Place {
            seed: self.recipe.seed,
            first: self.recipe.split.first_index(),
            index,
            style: self.recipe.style,
        })
    }

    /// Stimulus `index` with its picture, and the item behind it.
    pub fn generate(&self, index: u64) -> Result<(Stimulus, Item)> {
        let item = self.item(index)?;
        let stimulus = Stimulus {
            id: stimulus_id(&item.scene, &item.appearance),
            image: render(&item.scene, &item.appearance, self.recipe.size_px)?,
            answers: self.recipe.task.answers(&item.equilibrium),
            factors: item.factors.clone(),
            margin: Some(item.equilibrium.margin_m()),
        };
        Ok((stimulus, item))
    }

    /// The simulator's answers to the same questions: the second opinion.
    pub fn second_opinion(
        &self,
        scene: &Scene,
    ) -> Result<std::collections::BTreeMap<String, String>> {
        Ok(self.recipe.task.simulated_answers(&simulate(scene)?))
    }
}

/// First 16 bytes, in hex, of BLAKE3 over scene, appearance and generator version. The image's size is
/// left out: a person and a model that see it at different sizes judge the same stimulus.
pub fn stimulus_id(scene: &Scene, appearance: &Appearance) -> String {
    let shown = serde_json::to_string(appearance).expect("names and numbers always serialise");
    let text = format!("{GENERATOR_VERSION}\n{shown}\n{}", scene.to_json());
    blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
}

impl Source for Generator {
    fn len(&self) -> usize {
        self.recipe.count as usize
    }

    fn id(&self, index: usize) -> Result<String> {
        let item = self.item(index as u64)?;
        Ok(stimulus_id(&item.scene, &item.appearance))
    }

    fn get(&self, index: usize) -> Result<Stimulus> {
        self.generate(index as u64).map(|(stimulus, _)| stimulus)
    }

    fn fingerprint(&self) -> String {
        let Recipe {
            task,
            style,
            seed,
            count,
            split,
            size_px,
            ..
        } = &self.recipe;
        let design = self.factors.canonical();
        let text = format!(
            "recipe\n{GENERATOR_VERSION}\n{task:?}\n{style:?}\n{seed}\n{count}\n{split:?}\n{size_px}\n{design}"
        );
        blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn generator(split: Split, seed: u64) -> Generator {
        let recipe = Recipe {
            task: Task::Tower,
            style: Style::Cubeworld,
            seed,
            count: 300,
            split,
            factors: Map::new(),
            size_px: 28,
        };
        Generator::new(recipe).expect("valid")
    }

    #[test]
    fn splits_and_seeds_share_no_id() {
        let mut ids = BTreeSet::new();
        for (split, seed) in [
            (Split::Train, 0),
            (Split::Val, 0),
            (Split::Test, 0),
            (Split::Train, 1),
        ] {
            for index in 0..300 {
                ids.insert(generator(split, seed).id(index).expect("fillable"));
            }
        }
        assert_eq!(ids.len(), 1200);
    }

    /// A longer set begins with the shorter one.
    #[test]
    fn an_index_means_the_same_in_any_order() {
        let generator = generator(Split::Test, 5);
        let late = generator.get(7).expect("valid");
        generator.get(0).expect("valid");
        assert_eq!(generator.get(7).expect("valid"), late);
    }
}
