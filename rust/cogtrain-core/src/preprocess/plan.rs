//! What becomes of one image before its values are normalised: pads, resizes, cuts.

use std::borrow::Cow;

use super::filter::Filter;
use super::resample::{Resampler, Window, check_sides, resize_window};
use crate::{Error, Image, Result};

/// How to resize, if at all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resize {
    /// Nothing: refuse what would need it.
    pub(super) resampler: Option<Resampler>,
    pub(super) filter: Filter,
}

/// Steps from an image to frames of 8-bit values.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// Colour that fills the image up to a square, before all else.
    pub(super) square: Option<[u8; 3]>,
    /// Sizes, one after the other.
    pub(super) sizes: Vec<(usize, usize)>,
    /// What is handed on.
    pub(super) frames: Vec<Frame>,
    /// Tiles down and across, of a processor that tells a model; 0 without tiles.
    pub(super) tiles: (usize, usize),
}

/// One picture that a model sees.
#[derive(Clone, Copy, Debug)]
pub(super) enum Frame {
    /// A part of the resized image; what lies outside of it is black.
    Part {
        /// Rows from its top, which may be negative.
        top: isize,
        /// Columns from its left, which may be negative.
        left: isize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// The resized image, resized once more.
    Again(usize, usize),
    /// The image before `sizes`, resized in one step.
    Thumbnail(usize, usize),
}

impl Frame {
    /// All of an image.
    pub(super) fn whole(height: usize, width: usize) -> Self {
        Self::Part {
            top: 0,
            left: 0,
            height,
            width,
        }
    }

    /// A part elsewhere by so many rows and columns.
    pub(super) fn moved(mut self, rows: isize, columns: isize) -> Self {
        if let Self::Part { top, left, .. } = &mut self {
            *top += rows;
            *left += columns;
        }
        self
    }

    /// Rows and columns.
    pub(super) fn size(self) -> (usize, usize) {
        match self {
            Self::Part { height, width, .. }
            | Self::Again(height, width)
            | Self::Thumbnail(height, width) => (height, width),
        }
    }
}

/// A frame's pixels: a part of an image, which may reach beyond it.
pub(super) struct Picture<'a> {
    pub(super) image: &'a Image,
    pub(super) top: isize,
    pub(super) left: isize,
    pub(super) height: usize,
    pub(super) width: usize,
}

impl<'a> Picture<'a> {
    fn whole(image: &'a Image) -> Self {
        Self {
            image,
            top: 0,
            left: 0,
            height: image.height(),
            width: image.width(),
        }
    }
}

impl Plan {
    /// Passes an image of this size if no step is impossible, or a resize that nobody asked for.
    pub(super) fn check(&self, size: (usize, usize), resize: Resize) -> Result<()> {
        for frame in &self.frames {
            let (height, width) = frame.size();
            check_sides(height, width)?;
            if resize.resampler.is_none() && !matches!(frame, Frame::Part { .. }) {
                let expected = "`pillow` or `torch` for a processor that shows tiles and the whole";
                let hint = "pass `resize=\"pillow\"`";
                return Err(Error::argument("resize", expected, "nothing", hint));
            }
        }
        let mut size = self.squared(size);
        for &next in &self.sizes {
            check_sides(next.0, next.1)?;
            if resize.resampler.is_none() && size != next {
                let expected = format!("{} × {}", next.0, next.1);
                let got = format!("{} × {}", size.0, size.1);
                let hint = "use that size, or pass `resize=\"pillow\"`";
                return Err(Error::argument("image size", expected, got, hint));
            }
            size = next;
        }
        Ok(())
    }

    fn squared(&self, (height, width): (usize, usize)) -> (usize, usize) {
        let side = height.max(width);
        self.square.map_or((height, width), |_| (side, side))
    }

    /// Hands the frames of `image` to `take`, in order.
    pub(super) fn run(&self, image: &Image, resize: Resize, mut take: impl FnMut(Picture<'_>)) {
        let padded = match self.square {
            Some(color) if image.height() != image.width() => Cow::Owned(squared(image, color)),
            _ => Cow::Borrowed(image),
        };
        if let Some(cut) = self.only_part(&padded, resize) {
            return take(Picture::whole(&cut));
        }
        let mut resized = Cow::Borrowed(&*padded);
        for &size in &self.sizes {
            resized = Cow::Owned(to_size(&resized, size, resize).into_owned());
        }
        for &frame in &self.frames {
            match frame {
                Frame::Part {
                    top,
                    left,
                    height,
                    width,
                } => take(Picture {
                    image: &resized,
                    top,
                    left,
                    height,
                    width,
                }),
                Frame::Again(height, width) => {
                    take(Picture::whole(&to_size(&resized, (height, width), resize)));
                }
                Frame::Thumbnail(height, width) => {
                    take(Picture::whole(&to_size(&padded, (height, width), resize)));
                }
            }
        }
    }

    /// The one frame, if it is a part of a resized image: the rest of that is never made.
    fn only_part<'a>(&self, image: &'a Image, resize: Resize) -> Option<Cow<'a, Image>> {
        let (
            [size],
            [
                Frame::Part {
                    top,
                    left,
                    height,
                    width,
                },
            ],
        ) = (&*self.sizes, &*self.frames)
        else {
            return None;
        };
        let window = Window {
            top: usize::try_from(*top).ok()?,
            left: usize::try_from(*left).ok()?,
            height: *height,
            width: *width,
        };
        let fits = window.top + height <= size.0 && window.left + width <= size.1;
        let resampler = resize.resampler.unwrap_or(Resampler::Pillow);
        fits.then(|| resize_window(image, *size, window, (resize.filter, resampler)))
    }
}

/// `image` at `size`; without a resampler it has that size already.
fn to_size(image: &Image, size: (usize, usize), resize: Resize) -> Cow<'_, Image> {
    let resampler = resize.resampler.unwrap_or(Resampler::Pillow);
    let window = Window::whole(size.0, size.1);
    resize_window(image, size, window, (resize.filter, resampler))
}

/// `image` in the middle of a square of one colour.
fn squared(image: &Image, color: [u8; 3]) -> Image {
    let (height, width) = (image.height(), image.width());
    let side = height.max(width);
    let mut pixels = color.repeat(side * side);
    let (top, left) = ((side - height) / 2, (side - width) / 2);
    let rows = pixels.chunks_exact_mut(side * 3).skip(top);
    for (row, own) in rows.zip(image.pixels().chunks_exact(width * 3)) {
        row[left * 3..(left + width) * 3].copy_from_slice(own);
    }
    Image::new(side, side, pixels).expect("as many values as the size says")
}
