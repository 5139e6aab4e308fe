//! A batch whose stimuli are made: each is written into its own part of one buffer.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;

use super::answers::Answers;
use super::batch::{Batch, Floats, Pixels};
use super::desk::Makings;
use super::faults::Fault;
use super::plan::Slot;
use super::pool::{Lent, Pool};
use super::shop::{Content, Kit, Made, Outcome, Shop};
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
            images: match &made.content {
                Content::Image(image) => image.pixels().len() as u64,
                Content::Written(_) => 0,
            },
            values: (made.values * width) as u64,
        })
    }
}

/// A batch that waits for its parts.
#[derive(Debug)]
pub(super) struct Frame {
    step: u64,
    /// Per stimulus, its index in all sets and its image, which may be written elsewhere.
    images: Vec<(usize, Content)>,
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

/// What is left to do for a batch.
#[derive(Debug)]
pub(super) enum Cut {
    /// Each of these is to be written.
    Parts(Vec<Part>),
    /// Nothing: all is written, or the batch cannot be.
    Finished(Box<Finished>),
}

impl Frame {
    /// Cuts the buffer of a batch into parts, unless all of them are written already.
    pub(super) fn cut(
        (step, slots): (u64, &[Slot]),
        mut makings: Makings,
        shop: &Shop,
        pool: &Arc<Pool>,
    ) -> Cut {
        let bytes = makings.bytes;
        let (made, faults) = makings.take();
        let finished = |batch, faults| {
            Cut::Finished(Box::new(Finished {
                step,
                batch,
                faults,
                bytes,
            }))
        };
        let (made, pixels) = match made.and_then(|made| pixels(&made, shop).map(|p| (made, p))) {
            Ok(ready) => ready,
            Err(error) => return finished(Err(error), faults),
        };
        if made.iter().all(|made| made.content.is_written()) {
            let (mut batch, images) = sheet(slots, made, pixels);
            let parts = images
                .into_iter()
                .filter_map(|(_, content)| content.written());
            put(&mut batch, join(parts, makings.rest), pool);
            return finished(Ok(batch), faults);
        }
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
        Cut::Parts(parts.into_iter().enumerate().map(part).collect())
    }

    /// The images of part `number`: one, or all if there is only one part.
    fn own(&self, number: usize) -> &[(usize, Content)] {
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
        let mut batch = sheet.batch.take()?;
        put(&mut batch, join(parts.into_iter().flatten(), rest), pool);
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
    /// How many images are to be written, and bytes; none if that was done elsewhere.
    pub(super) fn size(&self) -> (usize, usize) {
        let own = self.frame.own(self.number);
        if own.iter().any(|(_, content)| content.is_written()) {
            return (0, 0);
        }
        (own.len(), self.bytes.len())
    }

    /// Writes the image into its place; returns the batch if it was the last one missing.
    pub(super) fn write(self, shop: &Shop, pool: &Arc<Pool>, kit: &mut Kit) -> Option<Finished> {
        let Self {
            frame,
            number,
            mut bytes,
        } = self;
        let own = frame.own(number);
        let written = if let [(_, Content::Written(elsewhere))] = own {
            bytes.copy_from_slice(elsewhere);
            Ok(())
        } else {
            let images = own.iter().filter_map(|(_, content)| content.image());
            let images: Vec<&Image> = images.collect();
            shop.write_images(own[0].0, &images, &mut bytes, kit)
        };
        frame.store(number, bytes, written.err(), pool)
    }
}

/// Parts of one buffer, in order, as that buffer again.
fn join(parts: impl Iterator<Item = BytesMut>, rest: BytesMut) -> BytesMut {
    let whole = parts.chain([rest]).reduce(|mut head, tail| {
        head.unsplit(tail);
        head
    });
    whole.unwrap_or_default()
}

/// Lends `bytes` to a batch as its values.
fn put(batch: &mut Batch, bytes: BytesMut, pool: &Arc<Pool>) {
    match &mut batch.pixels {
        Pixels::Images { values, .. } => *values = pool.lend(bytes),
        Pixels::Input { values, .. } => match values {
            Floats::F32(values) => *values = pool.lend(bytes),
            Floats::Bf16(values) => *values = pool.lend(bytes),
        },
    }
}

/// The first image whose size differs from that of the batch's first, where that matters.
fn odd_one(made: &[Made], shop: &Shop) -> Option<Error> {
    let (height, width) = made.first()?.size;
    let odd = made
        .iter()
        .find(|made| shop.preprocess.is_none() && made.size != (height, width))?;
    let expected = format!("{height} × {width} like the batch's first");
    let got = format!("{} × {}", odd.size.0, odd.size.1);
    let name = format!("image size of stimulus {}", odd.id);
    let hint = "use images of one size, a batch size of 1, or a preprocess";
    Some(Error::argument(&name, expected, got, hint))
}

/// Bytes of each part: one per image, or one for all where images share their room.
fn lengths(made: &[Made], pixels: &Pixels, shop: &Shop) -> Vec<usize> {
    let width = shop.value_bytes();
    match (&shop.preprocess, pixels) {
        (Some(_), Pixels::Input { shape, .. }) if !shop.is_row_by_row() => {
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
    let Some(preprocess) = &shop.preprocess else {
        let (height, width) = made.first().map_or((0, 0), |made| made.size);
        let values = Lent::default();
        return Ok(Pixels::Images {
            height,
            width,
            values,
        });
    };
    let sizes: Vec<_> = made.iter().map(|made| made.size).collect();
    let layout = preprocess.batch_layout(&sizes)?;
    Ok(Pixels::Input {
        values: match preprocess.dtype() {
            Dtype::F32 => Floats::F32(Lent::default()),
            Dtype::Bf16 => Floats::Bf16(Lent::default()),
        },
        shape: layout.shape,
        extras: layout.extras,
    })
}

/// The batch but for its values, and its images.
fn sheet(slots: &[Slot], made: Vec<Made>, pixels: Pixels) -> (Batch, Vec<(usize, Content)>) {
    let mut batch = Batch {
        ids: made.iter().map(|made| &made.id).collect(),
        answers: Answers::default(),
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
        batch.answers.push(&made.answers);
        images.push((made.index, made.content));
    }
    (batch, images)
}
