//! A batch whose stimuli are made: each is written into its own part of one buffer.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;

use super::batch::{Batch, Floats, Pixels};
use super::faults::Fault;
use super::plan::Slot;
use super::pool::Pool;
use super::shop::{Made, Outcome, Shop, catching};
use crate::preprocess::Dtype;
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
    /// Whether one part holds all images.
    is_whole: bool,
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
        let pixels = match first.map_or_else(|| pixels(&made, shop), Err) {
            Ok(pixels) => pixels,
            Err(error) => {
                let batch = Err(error);
                return Err(Box::new(Finished {
                    step,
                    batch,
                    faults,
                    bytes,
                }));
            }
        };
        let lengths = lengths(&made, &pixels, shop);
        let mut rest = pool.take(lengths.iter().sum());
        let parts: Vec<BytesMut> = lengths
            .iter()
            .map(|&length| rest.split_to(length))
            .collect();
        let (batch, images) = sheet(slots, made, pixels);
        let frame = Arc::new(Self {
            step,
            is_whole: parts.len() < images.len(),
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

    /// The images of part `number`: one, or all if there is only one part.
    fn own(&self, number: usize) -> &[(usize, Image)] {
        if self.is_whole {
            &self.images
        } else {
            &self.images[number..=number]
        }
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
            Pixels::Input { values, .. } => match values {
                Floats::F32(values) => *values = pool.lend(joined),
                Floats::Bf16(values) => *values = pool.lend(joined),
            },
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

    /// How many images it holds.
    pub(super) fn samples(&self) -> usize {
        self.frame.own(self.number).len()
    }

    /// Writes the image into its place; returns the batch if it was the last one missing.
    pub(super) fn write(self, shop: &Shop, pool: &Arc<Pool>) -> Option<Finished> {
        let Self {
            frame,
            number,
            mut bytes,
        } = self;
        let own = frame.own(number);
        let images: Vec<&Image> = own.iter().map(|(_, image)| image).collect();
        let written = catching(own[0].0, || match &shop.preprocess {
            None => {
                bytes.copy_from_slice(images[0].pixels());
                Ok(())
            }
            Some(preprocess) => preprocess.write(&images, &mut bytes),
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

/// Bytes of each part: one per image, or one for all where images share their room.
fn lengths(made: &[Made], pixels: &Pixels, shop: &Shop) -> Vec<usize> {
    let width = shop.value_bytes();
    match (&shop.preprocess, pixels) {
        (Some(preprocess), Pixels::Input { shape, .. }) if !preprocess.is_row_by_row() => {
            vec![shape.iter().product::<usize>() * width]
        }
        _ => made.iter().map(|made| made.values * width).collect(),
    }
}

/// What the model sees, still without values.
///
/// # Errors
/// [`Error::Argument`] if images differ in size where they must not.
fn pixels(made: &[Made], shop: &Shop) -> Result<Pixels> {
    if let Some(error) = odd_one(made, shop) {
        return Err(error);
    }
    let size = |made: &Made| (made.stimulus.image.height(), made.stimulus.image.width());
    let Some(preprocess) = &shop.preprocess else {
        let (height, width) = made.first().map_or((0, 0), size);
        let values = [].as_slice().into();
        return Ok(Pixels::Images {
            height,
            width,
            values,
        });
    };
    let sizes: Vec<_> = made.iter().map(size).collect();
    let layout = preprocess.batch_layout(&sizes)?;
    Ok(Pixels::Input {
        values: match preprocess.dtype() {
            Dtype::F32 => Floats::F32([].as_slice().into()),
            Dtype::Bf16 => Floats::Bf16([].as_slice().into()),
        },
        shape: layout.shape,
        extras: layout.extras,
    })
}

/// The batch but for its values, and its images.
fn sheet(slots: &[Slot], made: Vec<Made>, pixels: Pixels) -> (Batch, Vec<(usize, Image)>) {
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
