//! What becomes of one image before its values are normalised: pads, resizes, cuts.

use std::borrow::Cow;
use std::ops::Range;

use super::filter::Filter;
use super::resample::{Resampler, Window, check_sides};
use super::strips::{Cut, Strips};
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

/// A frame's pixels: a part of an image, black around it.
pub(super) struct Picture<'a> {
    pub(super) cut: Cut<'a>,
    /// Rows above the part.
    pub(super) top: usize,
    /// Columns to the left of it.
    pub(super) left: usize,
    /// Rows in all.
    pub(super) height: usize,
    /// Columns in all.
    pub(super) width: usize,
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
    ///
    /// Of an image that is resized once and shown once, only what is shown is ever made.
    pub(super) fn run(
        &self,
        image: &Image,
        resize: Resize,
        strips: &mut Strips,
        mut take: impl FnMut(&Picture<'_>, &mut Strips),
    ) {
        let padded = match self.square {
            Some(color) if image.height() != image.width() => Cow::Owned(squared(image, color)),
            _ => Cow::Borrowed(image),
        };
        let mut resized = Cow::Borrowed(&*padded);
        let mut size = (padded.height(), padded.width());
        let shown_once = matches!(&*self.frames, [Frame::Part { .. }]);
        for (step, &next) in self.sizes.iter().enumerate() {
            size = next;
            if step + 1 < self.sizes.len() || !shown_once {
                let all = Frame::whole(size.0, size.1);
                let cut = resize.picture(&resized, size, all).cut;
                resized = Cow::Owned(strips.image(cut).into_owned());
            }
        }
        for &frame in &self.frames {
            let whole = |(height, width)| Frame::whole(height, width);
            let picture = match frame {
                Frame::Part { .. } => resize.picture(&resized, size, frame),
                Frame::Again(..) => resize.picture(&resized, frame.size(), whole(frame.size())),
                Frame::Thumbnail(..) => resize.picture(&padded, frame.size(), whole(frame.size())),
            };
            take(&picture, strips);
        }
    }
}

impl Resize {
    /// `part`, of which some is inside, of `image` at `size`; without a resampler it has that size
    /// already.
    fn picture(self, image: &Image, size: (usize, usize), part: Frame) -> Picture<'_> {
        let (top, left) = match part {
            Frame::Part { top, left, .. } => (top, left),
            Frame::Again(..) | Frame::Thumbnail(..) => (0, 0),
        };
        let (height, width) = part.size();
        let (rows, columns) = (inside(top, height, size.0), inside(left, width, size.1));
        Picture {
            cut: Cut {
                image,
                size,
                window: Window {
                    top: rows.start,
                    left: columns.start,
                    height: rows.len(),
                    width: columns.len(),
                },
                filter: self.filter,
                resampler: self.resampler.unwrap_or(Resampler::Pillow),
            },
            top: top.min(0).unsigned_abs(),
            left: left.min(0).unsigned_abs(),
            height,
            width,
        }
    }
}

/// The places of `first..first + count` that lie in `0..side`.
fn inside(first: isize, count: usize, side: usize) -> Range<usize> {
    let place = |at: isize| (at.max(0) as usize).min(side);
    place(first)..place(first + count as isize)
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
