//! Stimuli of one step of one rank, ready for a model.

use std::collections::BTreeMap;

use super::plan::Slot;
use crate::preprocess::{ModelInput, Preprocess};
use crate::{Error, Image, Result, Stimulus};

/// Stimuli of one step of one rank, in the order of their positions.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Stimulus ids.
    pub ids: Vec<String>,
    /// Per stimulus: question name → true answer.
    pub answers: Vec<BTreeMap<String, String>>,
    /// Per stimulus: which of the loader's sources it is from.
    pub sets: Vec<i64>,
    /// Per stimulus: its place in the epoch's global sequence.
    pub positions: Vec<i64>,
    /// 1 for a real stimulus, 0 for one that only fills the last batch.
    pub weights: Vec<f32>,
    /// What the model sees.
    pub pixels: Pixels,
}

/// The images of a batch, preprocessed or not.
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    /// Images of one size, `height × width × 3` each, one after the other.
    Images {
        /// Rows of each image.
        height: usize,
        /// Columns of each image.
        width: usize,
        /// All values.
        values: Vec<u8>,
    },
    /// Input of a vision-language model.
    Patches(ModelInput),
}

impl Batch {
    /// Puts `stimuli`, each with its set, into the arrays of a batch.
    pub(super) fn assemble(
        slots: &[Slot],
        stimuli: Vec<(usize, Stimulus)>,
        preprocess: Option<&Preprocess>,
    ) -> Result<Self> {
        let pixels = match preprocess {
            Some(preprocess) => Pixels::Patches(patches(&stimuli, preprocess)?),
            None => stack(&stimuli)?,
        };
        let sets = stimuli.iter().map(|(set, _)| *set as i64).collect();
        let (ids, answers) = stimuli.into_iter().map(|(_, s)| (s.id, s.answers)).unzip();
        Ok(Self {
            ids,
            answers,
            sets,
            positions: slots.iter().map(|slot| slot.position as i64).collect(),
            weights: slots
                .iter()
                .map(|slot| f32::from(u8::from(slot.real)))
                .collect(),
            pixels,
        })
    }

    /// How many stimuli there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Never: a batch has at least one stimulus.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

/// Preprocesses all images; an image of an unfit size is named.
fn patches(stimuli: &[(usize, Stimulus)], preprocess: &Preprocess) -> Result<ModelInput> {
    for (_, stimulus) in stimuli {
        let (height, width) = (stimulus.image.height(), stimulus.image.width());
        preprocess
            .check(height, width)
            .map_err(|error| name(&stimulus.id, error))?;
    }
    let images: Vec<&Image> = stimuli
        .iter()
        .map(|(_, stimulus)| &stimulus.image)
        .collect();
    preprocess.apply(&images)
}

/// Adds the stimulus to an error about its image.
fn name(id: &str, error: Error) -> Error {
    match error {
        Error::Argument {
            name,
            expected,
            got,
            hint,
        } => Error::Argument {
            name: format!("{name} of stimulus {id}"),
            expected,
            got,
            hint,
        },
        other => other,
    }
}

fn stack(stimuli: &[(usize, Stimulus)]) -> Result<Pixels> {
    let size = |stimulus: &Stimulus| (stimulus.image.height(), stimulus.image.width());
    let (height, width) = stimuli
        .first()
        .map_or((0, 0), |(_, stimulus)| size(stimulus));
    let mut values = Vec::with_capacity(stimuli.len() * height * width * 3);
    for (_, stimulus) in stimuli {
        if size(stimulus) != (height, width) {
            let expected = format!("{height} × {width} like the batch's first");
            let got = format!("{} × {}", stimulus.image.height(), stimulus.image.width());
            let name = format!("image size of stimulus {}", stimulus.id);
            let hint = "use images of one size, a batch size of 1, or a preprocess";
            return Err(Error::argument(&name, expected, got, hint));
        }
        values.extend_from_slice(stimulus.image.pixels());
    }
    Ok(Pixels::Images {
        height,
        width,
        values,
    })
}
