//! From (task, factors, style, seed, index) to a stimulus: a pure function, on any thread.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::physics::{Trajectory, Verdict, simulate};
use crate::recipe::{MAX_COUNT, Recipe};
use crate::render::{MAX_SIDE_PX, render_into};
use crate::scene::Scene;
use crate::stimulus::{Record, Source, Stimulus};
use crate::style::Appearance;
use crate::task::{Design, Item, Place, Question};
use crate::{Error, Image, Result};

/// Raised whenever the same recipe would give other stimuli; part of every id and fingerprint.
pub const GENERATOR_VERSION: u32 = 2;

/// Makes the stimuli of a recipe, in any order.
#[derive(Clone, Debug)]
pub struct Generator {
    recipe: Recipe,
    design: Design,
    questions: Vec<Question>,
}

impl Generator {
    /// Checks `recipe`.
    ///
    /// # Errors
    /// [`Error::Argument`] for a count of zero, one that cannot fill the cells of an explicit
    /// design alike, or a factor, design or question that the task refuses.
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
        let task = recipe.task;
        let design = task.design(recipe.style, &recipe.factors, &recipe.design)?;
        // Without an end there is nothing to be filled alike.
        if recipe.count < MAX_COUNT {
            design.check_count(recipe.count)?;
        }
        let questions = match &recipe.questions {
            Some(names) => task.read_questions(names)?,
            None => task.main_questions(),
        };
        Ok(Self {
            recipe,
            design,
            questions,
        })
    }

    /// What is made.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// How it is laid out.
    pub fn design(&self) -> &Design {
        &self.design
    }

    /// What is asked.
    pub fn questions(&self) -> &[Question] {
        &self.questions
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
        let place = Place {
            seed: self.recipe.seed,
            first: self.recipe.split.first_index(),
            index,
            style: self.recipe.style,
        };
        self.recipe.task.draw(&self.design, &place)
    }

    /// Stimulus `index` with its picture, and the item behind it.
    pub fn generate(&self, index: u64) -> Result<(Stimulus, Item)> {
        self.generate_in(index, Vec::new())
    }

    /// As [`Generator::generate`], with the picture in `pixels`, whatever that was before.
    fn generate_in(&self, index: u64, mut pixels: Vec<u8>) -> Result<(Stimulus, Item)> {
        let item = self.item(index)?;
        let size_px = self.recipe.size_px;
        // What is larger is refused before its buffer is looked at.
        pixels.resize(3 * size_px.min(MAX_SIDE_PX).pow(2), 0);
        render_into(&item.scene, &item.appearance, size_px, &mut pixels)?;
        let stimulus = Stimulus {
            id: stimulus_id(&item.scene, &item.appearance),
            image: Image::new(size_px, size_px, pixels)?,
            answers: self.answers(&item)?,
            factors: item.factors.clone(),
            margin: Some(item.equilibrium.margin_m),
        };
        Ok((stimulus, item))
    }

    fn answers(&self, item: &Item) -> Result<BTreeMap<String, String>> {
        let answer = |question: &Question| match item.answer(*question) {
            Ok(answer) => answer.map(|answer| Ok((question.name().to_owned(), answer))),
            Err(error) => Some(Err(error)),
        };
        let answers: BTreeMap<String, String> = self
            .questions
            .iter()
            .filter_map(answer)
            .collect::<Result<_>>()?;
        if answers.is_empty() {
            let names: Vec<&str> = self
                .questions
                .iter()
                .map(|question| question.name())
                .collect();
            let got = names.join(", ");
            let hint = "ask what the `view` and the `background` allow";
            return Err(Error::argument(
                "questions",
                "at least one that applies to every stimulus",
                got,
                hint,
            ));
        }
        Ok(answers)
    }

    /// The simulator's answers to the questions about falling: the second opinion.
    pub fn second_opinion(&self, item: &Item) -> Result<BTreeMap<String, String>> {
        Ok(self.simulated_answers(item, &simulate(&item.judged)?))
    }

    fn simulated_answers(&self, item: &Item, motion: &Trajectory) -> BTreeMap<String, String> {
        let opinion = |question: &Question| {
            let answer = item.simulated_answer(*question, motion)?;
            Some((question.name().to_owned(), answer))
        };
        self.questions.iter().filter_map(opinion).collect()
    }

    /// All that is known of `item`, made at `index`.
    fn provenance(&self, index: u64, item: &Item) -> Result<Record> {
        let recipe = &self.recipe;
        let motion = simulate(&item.judged)?;
        let value = json!({
            "task": recipe.task,
            "split": recipe.split,
            "seed": recipe.seed,
            "index": index,
            "size_px": recipe.size_px,
            "generator_version": GENERATOR_VERSION,
            "appearance": item.appearance,
            "scene": item.scene,
            "judged": item.is_counterfactual().then_some(&item.judged),
            "pair": item.kinship.pair,
            "changed": item.kinship.changed,
            "simulated": self.simulated_answers(item, &motion),
            "physics": Verdict::new(&item.judged, &item.equilibrium, &motion)?,
        });
        match value {
            Value::Object(record) => Ok(record),
            _ => unreachable!("written as an object"),
        }
    }
}

/// First 16 bytes, in hex, of BLAKE3 over scene, appearance and generator version. The image's size
/// is left out: a person and a model that see it at different sizes judge the same stimulus.
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

    fn get_in(&self, index: usize, spare: Vec<u8>) -> Result<Stimulus> {
        let (stimulus, _) = self.generate_in(index as u64, spare)?;
        Ok(stimulus)
    }

    fn record(&self, index: usize) -> Result<(Stimulus, Record)> {
        let (stimulus, item) = self.generate(index as u64)?;
        let mut record = stimulus.record();
        record.extend(self.provenance(index as u64, &item)?);
        Ok((stimulus, record))
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
        let questions: Vec<&str> = self
            .questions
            .iter()
            .map(|question| question.name())
            .collect();
        let text = format!(
            "recipe\n{GENERATOR_VERSION}\n{task:?}\n{style:?}\n{seed}\n{count}\n{split:?}\n{size_px}\n{}\n{}",
            questions.join(","),
            self.design.canonical()
        );
        blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Split, Task};
    use std::collections::BTreeSet;

    fn generator(split: Split, seed: u64) -> Generator {
        Generator::new(Recipe {
            seed,
            count: 300,
            split,
            size_px: 28,
            ..Recipe::new(Task::Tower)
        })
        .expect("valid")
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

    #[test]
    fn memory_that_held_another_image_changes_nothing() {
        let generator = generator(Split::Test, 5);
        let fresh = generator.get(7).expect("valid");
        for length in [0, 10, 3 * 28 * 28, 9999] {
            assert_eq!(generator.get_in(7, vec![9; length]).expect("valid"), fresh);
        }
        let recipe = Recipe {
            size_px: 1 << 40,
            ..Recipe::new(Task::Tower)
        };
        let generator = Generator::new(recipe).expect("sizes are checked later");
        let error = generator.get(0).expect_err("refused").to_string();
        assert!(
            error.contains("`size_px`") && error.contains("got 1099511627776"),
            "{error}"
        );
    }

    #[test]
    fn questions_that_never_apply_are_refused_with_their_names() {
        let ask = |questions: &[&str]| {
            let names = questions.iter().map(|name| (*name).to_owned()).collect();
            let recipe = Recipe {
                questions: Some(names),
                size_px: 28,
                ..Recipe::new(Task::Pyramid)
            };
            Generator::new(recipe).and_then(|generator| generator.get(0))
        };
        let stimulus = ask(&["block_count", "will_fall_if_removed"]).expect("both apply");
        assert_eq!(stimulus.answers.len(), 2);
        for (questions, words) in [
            (&["will_fall"][..], "got will_fall"),
            (&["will_fal"][..], "did you mean `will_fall`"),
            (&[][..], "got none"),
            (&["block_count", "block_count"][..], "`block_count` twice"),
        ] {
            let error = ask(questions).expect_err("refused").to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn every_answer_is_among_the_options_of_its_question() {
        for (task, factors) in [
            (Task::Tower, serde_json::json!({"n_blocks": [2, 7]})),
            (Task::Pyramid, serde_json::json!({"n_rows": [2, 5]})),
        ] {
            let asked: Vec<Question> = Question::ALL
                .iter()
                .copied()
                .filter(|question| task.questions().contains(question))
                .collect();
            let recipe = Recipe {
                count: 100,
                factors: factors.as_object().expect("an object").clone(),
                questions: Some(asked.iter().map(|one| one.name().to_owned()).collect()),
                ..Recipe::new(task)
            };
            let generator = Generator::new(recipe).expect("valid");
            for index in 0..100 {
                let item = generator.item(index).expect("valid");
                let answers = generator.answers(&item).expect("valid");
                for question in &asked {
                    let Some(answer) = answers.get(question.name()) else {
                        continue; // some do not apply to every view
                    };
                    for part in answer.split(", ") {
                        assert!(question.options().contains(&part), "{question:?}: {answer}");
                    }
                }
            }
        }
    }
}
