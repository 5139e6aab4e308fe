//! A batch whose stimuli are made: each is written into its own part of one buffer.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;

use super::batch::{Batch, Pixels};
use super::faults::Fault;
use super::plan::Slot;
use super::pool::Pool;
use super::shop::{Made, Outcome, Shop, catching};
use crate::{Error, Image, Result};

/// A batch at the end of its way.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) step: u64,
    pub(super) batch: Result<Batch>,
    pub(super) faults: Vec<Fault>,
    /// Bytes that it took while it was made, and that it takes now.
    pub(super) bytes: Bytes,
}

/// Bytes of images as they were made, and of values as the model reads them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bytes {
    pub(super) images: u64,
    pub(super) values: u64,
}

impl Bytes {
    /// Those of a made stimulus whose values have `width` bytes each.
    pub(super) fn of(outcome: &Outcome, width: usize) -> Self {
        outcome.made.as_ref().map_or(Self::default(), |made| Self {
            images: made.stimulus.image.pixels().len() as u64,
            values: (made.values * width) as u64,
        })
    }
}

/// A batch that waits for its parts.
#[derive(Debug)]
pub(super) struct Frame {
    step: u64,
    /// Per stimulus, its index in all sets and its image.
    images: Vec<(usize, Image)>,
    bytes: Bytes,
    sheet: Mutex<Sheet>,
}

/// What is known of the batch.
#[derive(Debug)]
struct Sheet {
    missing: usize,
    parts: Vec<Option<BytesMut>>,
    /// What is left of the buffer behind the last part.
    rest: BytesMut,
    /// The error of the first part that could not be written.
    error: Option<(usize, Error)>,
    /// All but its pixels.
    batch: Option<Batch>,
    faults: Vec<Fault>,
}

/// The place of one image in its batch.
#[derive(Debug)]
pub(super) struct Part {
    frame: Arc<Frame>,
    number: usize,
    bytes: BytesMut,
}

impl Frame {
    /// Cuts the buffer of a batch into parts; if the batch cannot be, says why.
    pub(super) fn cut(
        (step, slots): (u64, &[Slot]),
        outcomes: Vec<Outcome>,
        bytes: Bytes,
        shop: &Shop,
        pool: &Pool,
    ) -> std::result::Result<Vec<Part>, Box<Finished>> {
        let (mut made, mut faults, mut first) = (Vec::with_capacity(slots.len()), vec![], None);
        for outcome in outcomes {
            faults.extend(outcome.faults);
            match outcome.made {
                Ok(stimulus) => made.push(stimulus),
                // The first error in the batch's order is the one reported, whichever came first.
                Err(error) => first = first.or(Some(error)),
            }
        }
        if let Some(error) = first.or_else(|| odd_one(&made, shop)) {
            let batch = Err(error);
            return Err(Box::new(Finished {
                step,
                batch,
                faults,
                bytes,
            }));
        }
        let width = shop.value_bytes();
        let lengths: Vec<usize> = made.iter().map(|made| made.values * width).collect();
        let mut rest = pool.take(lengths.iter().sum());
        let parts: Vec<BytesMut> = lengths
            .iter()
            .map(|&length| rest.split_to(length))
            .collect();
        let (batch, images) = sheet(slots, made, shop);
        let frame = Arc::new(Self {
            step,
            images,
            bytes,
            sheet: Mutex::new(Sheet {
                missing: parts.len(),
                parts: parts.iter().map(|_| None).collect(),
                rest,
                error: None,
                batch: Some(batch),
                faults,
            }),
        });
        let part = |(number, bytes)| Part {
            frame: Arc::clone(&frame),
            number,
            bytes,
        };
        Ok(parts.into_iter().enumerate().map(part).collect())
    }

    /// Stores a written part; returns the batch if it was the last one missing.
    fn store(
        &self,
        number: usize,
        bytes: BytesMut,
        error: Option<Error>,
        pool: &Arc<Pool>,
    ) -> Option<Finished> {
        let mut sheet = self.sheet.lock().unwrap_or_else(PoisonError::into_inner);
        sheet.parts[number] = Some(bytes);
        if let Some(error) = error
            && sheet
                .error
                .as_ref()
                .is_none_or(|(first, _)| number < *first)
        {
            sheet.error = Some((number, error));
        }
        sheet.missing -= 1;
        if sheet.missing > 0 {
            return None;
        }
        let parts = std::mem::take(&mut sheet.parts);
        let rest = std::mem::take(&mut sheet.rest);
        let joined = parts
            .into_iter()
            .flatten()
            .chain([rest])
            .reduce(|mut head, tail| {
                head.unsplit(tail);
                head
            })?;
        let mut batch = sheet.batch.take()?;
        match &mut batch.pixels {
            Pixels::Images { values, .. } => *values = pool.lend(joined),
            Pixels::Patches { values, .. } => *values = pool.lend(joined),
        }
        Some(Finished {
            step: self.step,
            batch: sheet
                .error
                .take()
                .map_or(Ok(batch), |(_, error)| Err(error)),
            faults: std::mem::take(&mut sheet.faults),
            bytes: self.bytes,
        })
    }
}

impl Part {
    /// Bytes to be written.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Writes the image into its place; returns the batch if it was the last one missing.
    pub(super) fn write(self, shop: &Shop, pool: &Arc<Pool>) -> Option<Finished> {
        let Self {
            frame,
            number,
            mut bytes,
        } = self;
        let (index, image) = &frame.images[number];
        let written = catching(*index, || {
            match &shop.preprocess {
                None => bytes.copy_from_slice(image.pixels()),
                Some(preprocess) => {
                    preprocess.write(image, bytemuck::cast_slice_mut(&mut bytes));
                }
            }
            Ok(())
        });
        frame.store(number, bytes, written.err(), pool)
    }
}

/// The first image whose size differs from that of the batch's first, where that matters.
fn odd_one(made: &[Made], shop: &Shop) -> Option<Error> {
    let size = |made: &Made| (made.stimulus.image.height(), made.stimulus.image.width());
    let (height, width) = made.first().map(size)?;
    let odd = made
        .iter()
        .find(|made| shop.preprocess.is_none() && size(made) != (height, width))?;
    let expected = format!("{height} × {width} like the batch's first");
    let got = format!("{} × {}", size(odd).0, size(odd).1);
    let name = format!("image size of stimulus {}", odd.stimulus.id);
    let hint = "use images of one size, a batch size of 1, or a preprocess";
    Some(Error::argument(&name, expected, got, hint))
}

/// The batch but for its pixels, and its images.
fn sheet(slots: &[Slot], made: Vec<Made>, shop: &Shop) -> (Batch, Vec<(usize, Image)>) {
    let size = |made: &Made| (made.stimulus.image.height(), made.stimulus.image.width());
    let pixels = match &shop.preprocess {
        None => {
            let (height, width) = made.first().map_or((0, 0), size);
            let values = [].as_slice().into();
            Pixels::Images {
                height,
                width,
                values,
            }
        }
        Some(preprocess) => Pixels::Patches {
            values: [].as_slice().into(),
            columns: preprocess.columns(),
            grid: made
                .iter()
                .map(size)
                .map(|(height, width)| {
                    let fits = preprocess.grid(height, width);
                    let (down, across) = fits.expect("checked when the stimulus was made");
                    [1, down as i64, across as i64]
                })
                .collect(),
        },
    };
    let mut batch = Batch {
        ids: Vec::with_capacity(made.len()),
        answers: Vec::with_capacity(made.len()),
        sets: made.iter().map(|made| made.set as i64).collect(),
        positions: slots.iter().map(|slot| slot.position as i64).collect(),
        weights: made
            .iter()
            .map(|made| f32::from(u8::from(made.real)))
            .collect(),
        pixels,
    };
    let mut images = Vec::with_capacity(made.len());
    for made in made {
        batch.ids.push(made.stimulus.id);
        batch.answers.push(made.stimulus.answers);
        images.push((made.index, made.stimulus.image));
    }
    (batch, images)
}
