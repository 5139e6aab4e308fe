//! What all threads of a loader share: how one stimulus is made, and what stands in for a bad one.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::BytesMut;

use super::faults::{BadPolicy, Fault};
use super::order::Order;
use super::plan::Slot;
use super::sources::Sources;
use crate::preprocess::{Dtype, Preprocess, Scratch};
use crate::{Error, Image, Result, Stimulus};

/// Largest image whose memory a thread keeps: 4096 × 4096 pixels.
const MAX_SPARE_BYTES: usize = 3 << 24;

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
    pub(super) id: String,
    pub(super) answers: BTreeMap<String, String>,
    /// Height and width of its image.
    pub(super) size: (usize, usize),
    pub(super) content: Content,
    /// Values that the model reads of it.
    pub(super) values: usize,
    /// Whether it counts.
    pub(super) real: bool,
}

/// The pixels of a stimulus.
#[derive(Debug)]
pub(super) enum Content {
    /// As they were made.
    Image(Image),
    /// As the batch holds them.
    Written(BytesMut),
}

impl Content {
    pub(super) fn is_written(&self) -> bool {
        matches!(self, Self::Written(_))
    }

    pub(super) fn image(&self) -> Option<&Image> {
        match self {
            Self::Image(image) => Some(image),
            Self::Written(_) => None,
        }
    }

    pub(super) fn written(self) -> Option<BytesMut> {
        match self {
            Self::Image(_) => None,
            Self::Written(bytes) => Some(bytes),
        }
    }
}

/// Memory of one thread, used again from stimulus to stimulus.
#[derive(Debug, Default)]
pub(super) struct Kit {
    /// Of an image that is written.
    spare: Vec<u8>,
    pub(super) scratch: Scratch,
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
        let dtype = self.preprocess.as_ref().map(Preprocess::dtype);
        dtype.map_or(size_of::<u8>(), Dtype::bytes)
    }

    /// Whether the values of a batch are those of its images, one after the other.
    pub(super) fn is_row_by_row(&self) -> bool {
        self.preprocess
            .as_ref()
            .is_none_or(Preprocess::is_row_by_row)
    }

    /// The stimulus of `slot`, or, as the policy says, one in its place.
    pub(super) fn fill(&self, slot: Slot, kit: &mut Kit) -> Outcome {
        match self.make(slot.index as usize, slot.real, kit) {
            Err(error) if self.policy != BadPolicy::Raise => self.replace(slot, error, kit),
            made => Outcome {
                made,
                faults: Vec::new(),
            },
        }
    }

    /// Stimulus `index` of all sources; a panic on the way is an error that names it.
    fn make(&self, index: usize, real: bool, kit: &mut Kit) -> Result<Made> {
        let spare = std::mem::take(&mut kit.spare);
        catching(index, || {
            let (set, stimulus) = self.sources.get_in(index, spare)?;
            let Stimulus {
                id, image, answers, ..
            } = stimulus;
            let size = (image.height(), image.width());
            let values = match &self.preprocess {
                None => image.pixels().len(),
                Some(preprocess) => preprocess
                    .values(size.0, size.1)
                    .map_err(|error| name(&id, error))?,
            };
            Ok(Made {
                set,
                index,
                id,
                answers,
                size,
                content: Content::Image(image),
                values,
                real,
            })
        })
    }

    /// Writes the image of `made` into `place`, its part of a batch, and keeps its memory for the
    /// next one.
    pub(super) fn write(&self, made: &mut Made, mut place: BytesMut, kit: &mut Kit) -> Result<()> {
        let Content::Image(image) = &made.content else {
            return Ok(());
        };
        self.write_images(made.index, &[image], &mut place, kit)?;
        let written = Content::Written(place);
        if let Content::Image(image) = std::mem::replace(&mut made.content, written)
            && image.pixels().len() <= MAX_SPARE_BYTES
        {
            kit.spare = image.into_pixels();
        }
        Ok(())
    }

    /// Writes `images`, the first of which is stimulus `index`, over the whole of `place`.
    pub(super) fn write_images(
        &self,
        index: usize,
        images: &[&Image],
        place: &mut [u8],
        kit: &mut Kit,
    ) -> Result<()> {
        catching(index, || match &self.preprocess {
            None => {
                place.copy_from_slice(images[0].pixels());
                Ok(())
            }
            Some(preprocess) => preprocess.write(images, place, &mut kit.scratch),
        })
    }

    /// The first good stimulus in the reserve of a bad one: a permutation of its set that depends
    /// on nothing but the seed and the bad stimulus.
    ///
    /// A reserve that is exhausted, or bad beyond the budget, leaves the first error.
    fn replace(&self, slot: Slot, error: Error, kit: &mut Kit) -> Outcome {
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
            match self.make(index, real, kit) {
                Ok(made) => {
                    for fault in &mut faults {
                        fault.substitute = Some(made.id.clone());
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
