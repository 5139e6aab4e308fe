//! Resizing in whole numbers, bit for bit as Pillow or as torch does.
//!
//! Both libraries weigh pixels with integers, along rows, then along columns, and round to 8 bits
//! in between; see [`Taps`](super::taps::Taps) and [`columns_first`] for where they differ. How the
//! passes are run: [`Strips`].

use std::ops::Range;

use super::filter::Filter;
use super::strips::{Cut, Strips};
use crate::{Error, Image, Result};

/// Longest side of a resized image that is believed.
const MAX_SIDE: usize = 1 << 20;

/// Most pixels of a resized image that are believed: 16,384 × 16,384.
const MAX_AREA: usize = 1 << 28;

/// Whose resized pixels to reproduce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resampler {
    /// Pillow's `Image.resize`: weights of 22 fractional bits.
    Pillow,
    /// `torch.nn.functional.interpolate(antialias=True)` on 8-bit values: weights of 16 bits.
    Torch,
}

impl Resampler {
    /// The resampler called `pillow` or `torch`.
    ///
    /// # Errors
    /// [`Error::Argument`] for another name.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "pillow" => Ok(Self::Pillow),
            "torch" => Ok(Self::Torch),
            _ => Err(Error::unknown_name("resize", name, &["pillow", "torch"])),
        }
    }

    /// Passes a filter that the library offers with antialiasing.
    pub(super) fn check(self, filter: Filter) -> Result<()> {
        if self == Self::Pillow || matches!(filter, Filter::Bilinear | Filter::Bicubic) {
            return Ok(());
        }
        let hint = "resize as `pillow` does";
        Err(Error::argument(
            "filter",
            "bilinear or bicubic, as torch offers",
            format!("`{}`", filter.name()),
            hint,
        ))
    }
}

/// A part of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) top: usize,
    pub(super) left: usize,
    pub(super) height: usize,
    pub(super) width: usize,
}

impl Window {
    /// All of an image.
    pub(super) fn whole(height: usize, width: usize) -> Self {
        Self {
            top: 0,
            left: 0,
            height,
            width,
        }
    }

    /// Its rows and columns.
    pub(super) fn size(self) -> (usize, usize) {
        (self.height, self.width)
    }

    pub(super) fn rows(self) -> Range<usize> {
        self.top..self.top + self.height
    }

    pub(super) fn columns(self) -> Range<usize> {
        self.left..self.left + self.width
    }
}

/// `image` at `height` × `width`, as `resampler` would make it.
///
/// # Errors
/// [`Error::Argument`] if a side is 0 or above 2²⁰, for more than 2²⁸ pixels, or for a filter that
/// torch does not have.
///
/// ```
/// use cogtrain_core::{Filter, Image, Resampler, resize};
/// let image = Image::new(2, 2, vec![0, 0, 0, 90, 90, 90, 0, 0, 0, 90, 90, 90])?;
/// let wide = resize(&image, (1, 4), Filter::Bilinear, Resampler::Pillow)?;
/// assert_eq!(wide.pixels(), [0, 0, 0, 23, 23, 23, 68, 68, 68, 90, 90, 90]);
/// # Ok::<(), cogtrain_core::Error>(())
/// ```
pub fn resize(
    image: &Image,
    (height, width): (usize, usize),
    filter: Filter,
    resampler: Resampler,
) -> Result<Image> {
    resampler.check(filter)?;
    check_sides(height, width)?;
    let cut = Cut {
        image,
        size: (height, width),
        window: Window::whole(height, width),
        filter,
        resampler,
    };
    Ok(Strips::default().image(cut).into_owned())
}

/// Passes sides that an image can have.
pub(super) fn check_sides(height: usize, width: usize) -> Result<()> {
    for (name, side) in [("height", height), ("width", width)] {
        if !(1..=MAX_SIDE).contains(&side) {
            let expected = format!("between 1 and {MAX_SIDE}");
            let name = format!("resized {name}");
            return Err(Error::argument(
                &name,
                expected,
                side,
                "use an image of another shape",
            ));
        }
    }
    if height * width > MAX_AREA {
        let expected = format!("at most {MAX_AREA}");
        let got = format!("{height} × {width}");
        let hint = "use an image of another shape";
        return Err(Error::argument("resized pixels", expected, got, hint));
    }
    Ok(())
}

/// Whether columns are resized before rows: since version 13, Pillow does so where that saves work
/// by its reckoning, which is that the height loses more than twice the pixels of the width.
pub(super) fn columns_first(
    (height, width): (usize, usize),
    (new_height, new_width): (usize, usize),
    resampler: Resampler,
) -> bool {
    let lost = |old: usize, new: usize| old as i64 - new as i64;
    let (rows, columns) = (lost(height, new_height), lost(width, new_width));
    resampler == Resampler::Pillow && rows > 0 && rows > 2 * columns
}

/// Takes the pixel under each centre; centres are stepped to, as Pillow does, not multiplied.
pub(super) fn nearest(image: &Image, (height, width): (usize, usize), window: Window) -> Image {
    let columns = centers(image.width(), width, window.columns());
    let mut pixels = Vec::with_capacity(window.height * window.width * 3);
    for row in centers(image.height(), height, window.rows()) {
        let row = &image.pixels()[row * image.width() * 3..][..image.width() * 3];
        for column in &columns {
            pixels.extend_from_slice(&row[column * 3..column * 3 + 3]);
        }
    }
    Image::new(window.height, window.width, pixels).expect("as many values as the size says")
}

fn centers(input: usize, output: usize, wanted: Range<usize>) -> Vec<usize> {
    let scale = input as f64 / output as f64;
    let steps = std::iter::successors(Some(scale * 0.5), |center| Some(center + scale));
    let inside = steps.map(|center| (center as usize).min(input - 1));
    inside.skip(wanted.start).take(wanted.len()).collect()
}
