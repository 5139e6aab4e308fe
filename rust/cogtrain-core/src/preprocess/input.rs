//! The arrays that a model reads: which there are, how large, and where each image goes.

use super::plan::{Frame, Plan};
use super::single::Pad;
use super::{Family, Preprocess};
use crate::{Error, Image, Result};

/// Model input of some images.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelInput {
    /// `pixel_values`, row-major.
    pub values: Values,
    /// Shape of `pixel_values`.
    pub shape: Vec<usize>,
    /// The other arrays, by family, such as `image_grid_thw`, `pixel_attention_mask`, `num_patches`.
    pub extras: Vec<Extra>,
}

/// Floating-point numbers in one of two widths.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// 32 bits.
    F32(Vec<f32>),
    /// The bits of bfloat16.
    Bf16(Vec<u16>),
}

impl Values {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::Bf16(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An array of whole numbers beside the pixel values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extra {
    /// Its key in the Hugging Face processor's result.
    pub name: &'static str,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<i64>,
}

/// Where the values of each image go, known from the images' sizes alone.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Shape of `pixel_values`.
    pub shape: Vec<usize>,
    /// The other arrays, complete.
    pub extras: Vec<Extra>,
    pub(super) slots: Vec<Slot>,
    /// Whether some values belong to no frame; they are 0.
    pub(super) has_gaps: bool,
}

/// One image's place.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    size: (usize, usize),
    pub(super) plan: Plan,
    /// Its first value.
    pub(super) start: usize,
    /// Values from one of its frames to the next.
    pub(super) frame: usize,
}

impl Slot {
    fn frames(&self) -> impl Iterator<Item = (usize, usize)> {
        self.plan.frames.iter().map(|frame| Frame::size(*frame))
    }
}

impl Layout {
    /// Number of pixel values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Height and width of a plane.
    pub(super) fn side(&self) -> (usize, usize) {
        let rank = self.shape.len();
        (self.shape[rank - 2], self.shape[rank - 1])
    }

    pub(super) fn check(&self, images: &[&Image], len: usize) -> Result<()> {
        if len != self.len() {
            let hint = "make it as long as the layout says";
            return Err(Error::argument("out", self.len(), len, hint));
        }
        let size = |image: &Image| (image.height(), image.width());
        let planned = self.slots.iter().map(|slot| slot.size);
        if planned.eq(images.iter().map(|image| size(image))) {
            return Ok(());
        }
        let expected = "those that the layout was made for";
        let got = format!("{:?}", images.iter().map(|i| size(i)).collect::<Vec<_>>());
        Err(Error::argument(
            "images",
            expected,
            got,
            "make a new layout",
        ))
    }
}

impl Preprocess {
    /// Images of each sample where `count` of them are listed without saying: Idefics3 takes a list
    /// for one sample, the others take each image for one.
    pub fn samples_of_list(&self, count: usize) -> Vec<usize> {
        match self.family {
            Family::Idefics3(_) => vec![count],
            _ => vec![1; count],
        }
    }

    /// Where images of these sizes (height, width) go; sample `i` has the next `counts[i]` of them.
    ///
    /// # Errors
    /// As [`Preprocess::apply`].
    pub fn layout(&self, sizes: &[(usize, usize)], counts: &[usize]) -> Result<Layout> {
        if counts.iter().sum::<usize>() != sizes.len() {
            let got = format!("{counts:?}");
            let expected = format!("numbers that add up to {}", sizes.len());
            return Err(Error::argument("counts", expected, got, "count again"));
        }
        let slots = sizes.iter().map(|&size| {
            Ok(Slot {
                size,
                plan: self.plan(size.0, size.1)?,
                start: 0,
                frame: 0,
            })
        });
        let slots: Vec<Slot> = slots.collect::<Result<_>>()?;
        match &self.family {
            Family::Qwen2Vl(patching) => Ok(rows(
                slots,
                patching.layout.patch,
                patching.layout.columns(),
            )),
            Family::Single(single) => match single.pad {
                Some(pad) => fill_up(slots, pad),
                None => stack(slots, None),
            },
            Family::Gemma3(_) => stack(slots, Some(("num_crops", 1))),
            Family::InternVl(_) => stack(slots, Some(("num_patches", 0))),
            Family::Idefics3(idefics3) => nest(slots, counts, idefics3.pads),
            Family::OneVision(_) => any_resolution(slots, counts),
        }
    }
}

/// One patch after the other, and the grid of each image.
fn rows(mut slots: Vec<Slot>, patch: usize, columns: usize) -> Layout {
    let (mut grid, mut patches) = (Vec::with_capacity(slots.len() * 3), 0);
    for slot in &mut slots {
        let (height, width) = slot.plan.sizes[0];
        let (down, across) = (height / patch, width / patch);
        grid.extend([1, down as i64, across as i64]);
        slot.start = patches * columns;
        slot.frame = down * across * columns;
        patches += down * across;
    }
    Layout {
        shape: vec![patches, columns],
        extras: vec![by_image("image_grid_thw", 3, grid)],
        slots,
        has_gaps: false,
    }
}

/// An array of whole numbers of every image.
fn by_image(name: &'static str, width: usize, values: Vec<i64>) -> Extra {
    let images = values.len() / width;
    let shape = if width == 1 {
        vec![images]
    } else {
        vec![images, width]
    };
    Extra {
        name,
        shape,
        values,
    }
}

/// One frame after the other, all of one size; if `counted`, so named, how many each image has
/// beyond so many.
fn stack(mut slots: Vec<Slot>, counted: Option<(&'static str, i64)>) -> Result<Layout> {
    let (height, width) = common_size(&slots)?;
    let frame = 3 * height * width;
    let mut total = 0;
    for slot in &mut slots {
        (slot.start, slot.frame) = (total * frame, frame);
        total += slot.plan.frames.len();
    }
    let extra = |(name, beyond)| {
        let number = |slot: &Slot| slot.plan.frames.len() as i64 - beyond;
        by_image(name, 1, slots.iter().map(number).collect())
    };
    Ok(Layout {
        shape: vec![total, 3, height, width],
        extras: counted.map(extra).into_iter().collect(),
        slots,
        has_gaps: false,
    })
}

/// One frame after the other, each filled up on the right and below.
fn fill_up(mut slots: Vec<Slot>, pad: Pad) -> Result<Layout> {
    let sizes = slots.iter().flat_map(Slot::frames);
    let largest = sizes.fold((0, 0), |(h, w), size| (h.max(size.0), w.max(size.1)));
    let (height, width) = match pad {
        Pad::Largest => largest,
        Pad::To(height, width) => (height, width),
    };
    if largest.0 > height || largest.1 > width {
        return Err(Error::argument(
            "size of each preprocessed image",
            format!("at most the `pad_size`, {height} × {width}"),
            format!("{} × {}", largest.0, largest.1),
            "pass smaller images, or check the configuration",
        ));
    }
    let frame = 3 * height * width;
    for (place, slot) in slots.iter_mut().enumerate() {
        (slot.start, slot.frame) = (place * frame, frame);
    }
    let has_gaps = slots
        .iter()
        .flat_map(Slot::frames)
        .any(|size| size != (height, width));
    Ok(Layout {
        shape: vec![slots.len(), 3, height, width],
        extras: Vec::new(),
        slots,
        has_gaps,
    })
}

/// Frames of each image, filled up to the largest number of them, and the images' own sizes.
fn any_resolution(mut slots: Vec<Slot>, counts: &[usize]) -> Result<Layout> {
    if let Some(more) = counts.iter().find(|&&count| count != 1) {
        let hint = "pass each image as a sample of its own";
        return Err(Error::argument("images of each sample", 1, more, hint));
    }
    let (height, width) = common_size(&slots)?;
    let frame = 3 * height * width;
    let frames = slots.iter().map(|slot| slot.plan.frames.len());
    let (most, fewest) = (frames.clone().max().unwrap_or(0), frames.min().unwrap_or(0));
    for (place, slot) in slots.iter_mut().enumerate() {
        (slot.start, slot.frame) = (place * most * frame, frame);
    }
    let sizes = slots.iter().flat_map(|slot| [slot.size.0, slot.size.1]);
    let extras = vec![
        by_image("image_sizes", 2, sizes.map(|side| side as i64).collect()),
        by_image("batch_num_images", 1, vec![1; slots.len()]),
    ];
    Ok(Layout {
        shape: vec![slots.len(), most, 3, height, width],
        extras,
        slots,
        has_gaps: fewest < most,
    })
}

/// The size that all frames have.
fn common_size(slots: &[Slot]) -> Result<(usize, usize)> {
    let mut sizes = slots.iter().flat_map(Slot::frames);
    let first = sizes.next().unwrap_or((0, 0));
    match sizes.find(|size| *size != first) {
        None => Ok(first),
        Some((height, width)) => Err(Error::argument(
            "size of each preprocessed image",
            format!("{} × {} like the first", first.0, first.1),
            format!("{height} × {width}"),
            "pass images of one size, or one at a time",
        )),
    }
}

/// Samples of frames, both filled up to the largest, and a mask of what is real.
fn nest(mut slots: Vec<Slot>, counts: &[usize], pads: bool) -> Result<Layout> {
    let mut frames = Vec::with_capacity(counts.len());
    let mut rest = &slots[..];
    for &count in counts {
        let (own, others) = rest.split_at(count);
        frames.push(own.iter().map(|slot| slot.plan.frames.len()).sum::<usize>());
        rest = others;
    }
    let most = frames.iter().copied().max().unwrap_or(0);
    let (height, width) = if pads {
        let sizes = slots.iter().flat_map(Slot::frames);
        sizes.fold((0, 0), |(h, w), size| (h.max(size.0), w.max(size.1)))
    } else {
        common_size(&slots)?
    };
    if !pads && let Some(fewer) = frames.iter().find(|&&count| count != most) {
        let hint = "pass one at a time, or let the processor pad";
        return Err(Error::argument("tiles of each sample", most, fewer, hint));
    }
    let frame = 3 * height * width;
    let mut mask = vec![0; counts.len() * most * height * width];
    let mut real = 0;
    let mut rest = &mut slots[..];
    for (sample, &count) in counts.iter().enumerate() {
        let (own, others) = rest.split_at_mut(count);
        let mut place = sample * most;
        for slot in own {
            (slot.start, slot.frame) = (place * frame, frame);
            for (index, (h, w)) in slot.frames().enumerate() {
                let start = (place + index) * height * width;
                let rows = mask[start..start + height * width].chunks_exact_mut(width);
                rows.take(h).for_each(|row| row[..w].fill(1));
                real += h * w;
            }
            place += slot.plan.frames.len();
        }
        rest = others;
    }
    let has_gaps = real < mask.len();
    let mut extras = tilings(&slots, counts);
    if pads {
        extras.push(Extra {
            name: "pixel_attention_mask",
            shape: vec![counts.len(), most, height, width],
            values: mask,
        });
    }
    Ok(Layout {
        shape: vec![counts.len(), most, 3, height, width],
        extras,
        slots,
        has_gaps,
    })
}

/// Tiles down (`rows`) and across (`cols`) of each image of each sample, 0 where there is none.
fn tilings(slots: &[Slot], counts: &[usize]) -> Vec<Extra> {
    let most = counts.iter().copied().max().unwrap_or(0);
    let mut values = [Vec::new(), Vec::new()];
    let mut rest = slots;
    for (sample, &count) in counts.iter().enumerate() {
        let (own, others) = rest.split_at(count);
        for slot in own {
            values[0].push(slot.plan.tiles.0 as i64);
            values[1].push(slot.plan.tiles.1 as i64);
        }
        for each in &mut values {
            each.resize((sample + 1) * most, 0);
        }
        rest = others;
    }
    let named = ["rows", "cols"].into_iter().zip(values);
    let extra = |(name, values)| Extra {
        name,
        shape: vec![counts.len(), most],
        values,
    };
    named.map(extra).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Dtype, Qwen2Vl, Resampler};
    use super::*;

    fn image(height: usize, width: usize) -> Image {
        let pixels = (0..height * width * 3).map(|i| (i * 37 % 256) as u8);
        Image::new(height, width, pixels.collect()).expect("the stated size")
    }

    #[test]
    fn a_callers_buffer_gets_what_apply_returns() {
        let preprocess = Preprocess::qwen2_vl(&Qwen2Vl::default())
            .and_then(|preprocess| preprocess.resizing(Some(Resampler::Pillow)))
            .expect("the default is valid");
        let (one, two) = (image(56, 84), image(90, 61));
        let images = [&one, &two];
        let layout = preprocess
            .layout(&[(56, 84), (90, 61)], &[1, 1])
            .expect("both fit");
        let mut floats = vec![f32::NAN; layout.len()];
        let mut bits = vec![u16::MAX; layout.len()];
        preprocess
            .write_f32(&images, &layout, &mut floats)
            .expect("the layout's length");
        preprocess
            .write_bf16(&images, &layout, &mut bits)
            .expect("the layout's length");
        let applied = preprocess.apply(&images).expect("both fit");
        assert_eq!(
            (applied.shape, applied.extras),
            (layout.shape.clone(), layout.extras.clone())
        );
        assert_eq!(applied.values, Values::F32(floats));
        let applied = preprocess.giving(Dtype::Bf16).apply(&images);
        assert_eq!(applied.expect("both fit").values, Values::Bf16(bits));
    }

    #[test]
    fn a_buffer_or_an_image_of_another_size_is_refused() {
        let preprocess = Preprocess::qwen2_vl(&Qwen2Vl::default()).expect("the default is valid");
        let layout = preprocess.layout(&[(56, 56)], &[1]).expect("it fits");
        let message = |image: &Image, len: usize| {
            let written = preprocess.write_f32(&[image], &layout, &mut vec![0.0; len]);
            written.expect_err("does not fit").to_string()
        };
        let words = message(&image(56, 56), 7);
        assert!(words.contains("`out` to be 18816, got 7"), "{words}");
        let words = message(&image(56, 84), 18816);
        assert!(
            words.contains("got [(56, 84)]; make a new layout"),
            "{words}"
        );
        let error = preprocess.layout(&[(56, 56)], &[2]).expect_err("one image");
        assert!(
            error.to_string().contains("add up to 1, got [2]"),
            "{error}"
        );
    }
}
