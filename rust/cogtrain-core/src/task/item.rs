//! One drawn item of a task: what is shown, what is true of it, how it was made.

use std::collections::BTreeMap;

use serde::Serialize;

use super::design::Assignment;
use super::question::{Question, yes_no};
use super::twin::Twin;
use super::{Place, perception, viewing};
use crate::Result;
use crate::physics::{Equilibrium, Trajectory, simulate};
use crate::scene::Scene;
use crate::stimulus::Factor;
use crate::style::Appearance;

/// Which stimuli an item belongs with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kinship {
    /// The same for all that belong together: 16 hex digits.
    pub pair: String,
    /// The one thing that this stimulus has otherwise than the first of its pair; none if it is
    /// the first, or if the two are matched but drawn apart.
    pub changed: Option<&'static str>,
}

/// One drawn item of a task.
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
    /// Which stimuli it belongs with.
    pub kinship: Kinship,
}

impl Item {
    /// The item of `scene`, whose own stability is asked about.
    pub(super) fn new(
        scene: Scene,
        equilibrium: Equilibrium,
        (assignment, place): (&Assignment, &Place),
        factors: BTreeMap<&'static str, Factor>,
    ) -> Self {
        let asked = assignment
            .values
            .iter()
            .filter(|(name, _)| **name != "answer");
        let asked = asked.map(|(name, value)| (*name, value.clone()));
        let factors = asked.chain(factors);
        Self {
            judged: scene.clone(),
            appearance: viewing::appearance(assignment, place),
            scene,
            equilibrium,
            factors: factors
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            kinship: kinship(assignment, place),
        }
    }

    /// Whether part of the scene is taken away before it is judged.
    pub fn is_counterfactual(&self) -> bool {
        self.judged.bodies.len() < self.scene.bodies.len()
    }

    /// The true answer to `question`; `None` where it cannot be asked of what is shown. Counts of
    /// falling blocks are those of the simulator (about 20 ms), all else is statics and looking.
    pub fn answer(&self, question: Question) -> Result<Option<String>> {
        match question {
            Question::FallCountIfRemoved if self.is_counterfactual() => {
                Ok(self.simulated_answer(question, &simulate(&self.judged)?))
            }
            Question::WillFall | Question::WillFallIfRemoved => {
                let falls = !self.equilibrium.stands();
                Ok(self.is_asked(question).then(|| yes_no(falls)))
            }
            _ => Ok(perception::answer(question, &self.scene, &self.appearance)),
        }
    }

    /// The simulator's answer to `question`; `None` if it is none about falling, or not of this item.
    pub fn simulated_answer(&self, question: Question, motion: &Trajectory) -> Option<String> {
        let answer = match question {
            Question::FallCountIfRemoved => motion.fell_s.iter().flatten().count().to_string(),
            Question::WillFall | Question::WillFallIfRemoved => yes_no(motion.fell),
            _ => return None,
        };
        self.is_asked(question).then_some(answer)
    }

    /// Whether a question about falling is one about this item's judged scene.
    fn is_asked(&self, question: Question) -> bool {
        (question == Question::WillFall) != self.is_counterfactual()
    }
}

/// Pairs of one group share an id; with twins of the looks, each answer has its own pair.
fn kinship(assignment: &Assignment, place: &Place) -> Kinship {
    let Place { seed, first, .. } = place;
    let apart = if assignment.pairs_by_answer {
        assignment.falls.to_string()
    } else {
        String::new()
    };
    let text = format!("pair\n{seed}\n{first}\n{}\n{apart}", assignment.group);
    Kinship {
        pair: blake3::hash(text.as_bytes()).to_hex()[..16].to_owned(),
        changed: assignment.twin.map(Twin::name),
    }
}
