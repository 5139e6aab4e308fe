//! What all threads of a loader share: how one stimulus is made, and what stands in for a bad one.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::faults::{BadPolicy, Fault};
use super::order::Order;
use super::plan::Slot;
use super::sources::Sources;
use crate::preprocess::{Dtype, Preprocess};
use crate::{Error, Result, Stimulus};

/// Sources, and what is done with what they give.
#[derive(Debug)]
pub(super) struct Shop {
    pub(super) sources: Sources,
    pub(super) preprocess: Option<Preprocess>,
    pub(super) seed: u64,
    pub(super) policy: BadPolicy,
    /// How many bad stimuli are borne.
    pub(super) budget: usize,
}

/// A stimulus that was made for a slot.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) set: usize,
    /// Its index in all sources.
    pub(super) index: usize,
    pub(super) stimulus: Stimulus,
    /// Values that the model reads of it.
    pub(super) values: usize,
    /// Whether it counts.
    pub(super) real: bool,
}

/// What became of a slot.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) made: Result<Made>,
    /// Stimuli that could not be made on the way.
    pub(super) faults: Vec<Fault>,
}

impl Shop {
    /// Bytes of one value that the model reads.
    pub(super) fn value_bytes(&self) -> usize {
        match self.preprocess.as_ref().map(Preprocess::dtype) {
            None => size_of::<u8>(),
            Some(Dtype::Bf16) => size_of::<u16>(),
            Some(Dtype::F32) => size_of::<f32>(),
        }
    }

    /// The stimulus of `slot`, or, as the policy says, one in its place.
    pub(super) fn fill(&self, slot: Slot) -> Outcome {
        match self.make(slot.index as usize, slot.real) {
            Err(error) if self.policy != BadPolicy::Raise => self.replace(slot, error),
            made => Outcome {
                made,
                faults: Vec::new(),
            },
        }
    }

    /// Stimulus `index` of all sources; a panic on the way is an error that names it.
    fn make(&self, index: usize, real: bool) -> Result<Made> {
        catching(index, || {
            let (set, stimulus) = self.sources.get(index)?;
            let image = &stimulus.image;
            let values = match &self.preprocess {
                None => image.pixels().len(),
                Some(preprocess) => preprocess
                    .values(image.height(), image.width())
                    .map_err(|error| name(&stimulus.id, error))?,
            };
            Ok(Made {
                set,
                index,
                stimulus,
                values,
                real,
            })
        })
    }

    /// The first good stimulus in the reserve of a bad one: a permutation of its set that depends
    /// on nothing but the seed and the bad stimulus.
    ///
    /// A reserve that is exhausted, or bad beyond the budget, leaves the first error.
    fn replace(&self, slot: Slot, error: Error) -> Outcome {
        let (set, start, length) = self.sources.place(slot.index as usize);
        let mut faults = vec![self.fault(slot, slot.index as usize, &error)];
        let purpose = format!("reserve of set {set}");
        let own = slot.index - start as u64;
        let reserve = Order::of(self.seed, &purpose, own, length as u64);
        let real = slot.real && self.policy == BadPolicy::Substitute;
        let others = (0..length as u64)
            .map(|place| reserve.at(place))
            .filter(|&other| other != own);
        for other in others.take(self.budget) {
            let index = start + other as usize;
            match self.make(index, real) {
                Ok(made) => {
                    for fault in &mut faults {
                        fault.substitute = Some(made.stimulus.id.clone());
                    }
                    return Outcome {
                        made: Ok(made),
                        faults,
                    };
                }
                Err(error) => faults.push(self.fault(slot, index, &error)),
            }
        }
        Outcome {
            made: Err(error),
            faults,
        }
    }

    fn fault(&self, slot: Slot, index: usize, error: &Error) -> Fault {
        let (set, start, _) = self.sources.place(index);
        Fault {
            set: set as u64,
            index: (index - start) as u64,
            id: catching(index, || self.sources.id(index)).ok(),
            reason: error.to_string(),
            epoch: 0,
            position: slot.position,
            substitute: None,
        }
    }
}

/// Runs `work` on stimulus `index`; a panic becomes an error that names it.
pub(super) fn catching<T>(index: usize, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(Error::Panicked {
            index,
            reason: words(&*panic),
        })
    })
}

/// The message of a panic.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
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
