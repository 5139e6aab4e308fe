//! An image, resized or not, as rows of three lines, made a strip at a time.
//!
//! A strip is as many rows as are weighed along together. No resized image is ever whole in memory:
//! a row is handed on as soon as its last input is there, while it is in the nearest cache.

use std::borrow::Cow;
use std::sync::Arc;

use super::filter::Filter;
use super::resample::{Resampler, Window, columns_first, nearest};
use super::taps::Taps;
use super::weigh::{Across, BLOCK, Down, Join, LANES, Part, Side, Weights};
use crate::Image;
use crate::simd::Body;

/// Weights that are kept for the next image.
const KEPT_TAPS: usize = 8;

/// Values behind the last line that may be read, and mean nothing.
pub(super) const MARGIN: usize = 64;

/// A part of an image at some size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut<'a> {
    pub(super) image: &'a Image,
    /// Height and width that the image is brought to.
    pub(super) size: (usize, usize),
    /// What is wanted of it.
    pub(super) window: Window,
    pub(super) filter: Filter,
    pub(super) resampler: Resampler,
}

/// One row: its red line, its green line, its blue line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    /// The lines, [`Row::stride`] apart, and [`MARGIN`] values that mean nothing.
    pub(super) values: &'a [u8],
    pub(super) stride: usize,
}

impl<'a> Row<'a> {
    /// The first `width` values of a channel.
    pub(super) fn line(self, channel: usize, width: usize) -> &'a [u8] {
        &self.values[channel * self.stride..][..width]
    }
}

/// Values from one line of a row to the next.
pub(super) fn stride(width: usize) -> usize {
    width.next_multiple_of(LANES)
}

/// Memory and weights that are used again from image to image.
#[derive(Debug, Default)]
pub(super) struct Strips {
    side: Side,
    /// Input rows, or sums over them, with channels side by side.
    strip: Vec<u8>,
    /// Rows that were weighed along and wait to be weighed down.
    middle: Vec<u8>,
    /// The row that is handed on.
    row: Vec<u8>,
    taps: Vec<(Axis, Arc<Taps>)>,
}

/// What weights depend on.
type Axis = (usize, usize, Filter, Resampler);

impl Strips {
    /// Hands the rows of `cut` to `take`, from the top.
    pub(super) fn run(&mut self, cut: Cut<'_>, mut take: impl FnMut(Row<'_>)) {
        let whole = (cut.image.height(), cut.image.width());
        if cut.filter == Filter::Nearest && whole != cut.size {
            let image = nearest(cut.image, cut.size, cut.window);
            let size = cut.window.size();
            let window = Window::whole(size.0, size.1);
            let cut = Cut {
                image: &image,
                size,
                window,
                ..cut
            };
            return self.plain(cut, (None, None), &mut take);
        }
        let down = (whole.0 != cut.size.0).then(|| self.taps(cut, whole.0, cut.size.0));
        let across = (whole.1 != cut.size.1).then(|| self.taps(cut, whole.1, cut.size.1));
        match (down, across) {
            (Some(down), Some(across)) if !columns_first(whole, cut.size, cut.resampler) => {
                self.rows_first(cut, (&down, &across), &mut take);
            }
            (down, across) => {
                self.plain(cut, (down.as_deref(), across.as_deref()), &mut take);
            }
        }
    }

    /// `cut` as an image.
    pub(super) fn image<'a>(&mut self, cut: Cut<'a>) -> Cow<'a, Image> {
        let Cut { image, window, .. } = cut;
        if window == Window::whole(image.height(), image.width()) && cut.size == window.size() {
            return Cow::Borrowed(image);
        }
        let (height, width) = window.size();
        let mut pixels = vec![0; height * width * 3];
        let mut rows = pixels.chunks_exact_mut(width * 3);
        self.run(cut, |Row { values, stride }| {
            let row = rows.next().expect("as many rows as the window has");
            Body::best().run(Join {
                lines: values,
                stride,
                row,
            });
        });
        Cow::Owned(Image::new(height, width, pixels).expect("as many values as the size says"))
    }

    fn taps(&mut self, cut: Cut<'_>, input: usize, output: usize) -> Arc<Taps> {
        let axis = (input, output, cut.filter, cut.resampler);
        if let Some((_, taps)) = self.taps.iter().find(|(known, _)| *known == axis) {
            return Arc::clone(taps);
        }
        if self.taps.len() == KEPT_TAPS {
            self.taps.remove(0);
        }
        let taps = Arc::new(Taps::new(input, output, cut.filter, cut.resampler));
        self.taps.push((axis, Arc::clone(&taps)));
        taps
    }

    /// Weighs each output row down, if it must be, and then along, if it must be.
    fn plain(
        &mut self,
        cut: Cut<'_>,
        (down, across): (Option<&Taps>, Option<&Taps>),
        take: &mut impl FnMut(Row<'_>),
    ) {
        let body = Body::best();
        let (rows, columns) = (cut.window.rows(), cut.window.columns());
        let needed = across.map_or(columns.clone(), |across| across.inputs(&columns));
        let (width, length) = (cut.image.width() * 3, needed.len() * 3);
        let stride = stride(columns.len());
        let tall = 3 * stride;
        self.row.resize(BLOCK * tall + MARGIN, 0);
        for first in rows.clone().step_by(BLOCK) {
            let block = first..(first + BLOCK).min(rows.end);
            let count = block.len();
            let (strip, width, left) = if let Some(down) = down {
                self.strip.resize(BLOCK * length, 0);
                for (row, out) in block.zip(self.strip.chunks_exact_mut(length)) {
                    weigh_down(cut.image, down.of(row), needed.start, out);
                }
                (&self.strip[..count * length], length, needed.start)
            } else {
                let strip = &cut.image.pixels()[block.start * width..block.end * width];
                (strip, width, 0)
            };
            let out = &mut self.row[..count * tall];
            if let Some(taps) = across {
                body.run(Across {
                    rows: strip,
                    width,
                    left,
                    taps,
                    columns: columns.clone(),
                    side: &mut self.side,
                    out,
                    stride,
                });
            } else {
                let first = (needed.start - left) * 3;
                for (row, out) in strip.chunks_exact(width).zip(out.chunks_exact_mut(tall)) {
                    let row = &row[first..first + length];
                    body.run(Part { row, out, stride });
                }
            }
            for at in (0..count).map(|row| row * tall) {
                let values = &self.row[at..at + tall + MARGIN];
                take(Row { values, stride });
            }
        }
    }

    /// Weighs strips of input rows along, and down what of them is complete.
    fn rows_first(
        &mut self,
        cut: Cut<'_>,
        (down, across): (&Taps, &Taps),
        take: &mut impl FnMut(Row<'_>),
    ) {
        let body = Body::best();
        let (rows, columns) = (cut.window.rows(), cut.window.columns());
        let needed = down.inputs(&rows);
        let stride = stride(columns.len());
        let tall = 3 * stride;
        self.row.resize(tall + MARGIN, 0);
        // Those that the next output row needs, and as much again, so that moving them is rare.
        self.middle.resize((2 * down.most() + 2 * BLOCK) * tall, 0);
        let width = cut.image.width() * 3;
        let (mut held, mut next) = (needed.start..needed.start, rows.start);
        while next < rows.end {
            let (start, weights) = down.of(next);
            if start + weights.values.len() <= held.end {
                body.run(Down {
                    rows: &self.middle[(start - held.start) * tall..],
                    stride: tall,
                    weights,
                    out: &mut self.row[..tall],
                });
                take(Row {
                    values: &self.row,
                    stride,
                });
                next += 1;
                continue;
            }
            let block = held.end..(held.end + BLOCK).min(needed.end);
            if (block.end - held.start) * tall > self.middle.len() {
                let kept = start.min(held.end)..held.end;
                let from = (kept.start - held.start) * tall..(kept.end - held.start) * tall;
                self.middle.copy_within(from, 0);
                held = kept;
            }
            body.run(Across {
                rows: &cut.image.pixels()[block.start * width..block.end * width],
                width,
                left: 0,
                taps: across,
                columns: columns.clone(),
                side: &mut self.side,
                out: &mut self.middle[(block.start - held.start) * tall..][..block.len() * tall],
                stride,
            });
            held.end = block.end;
        }
    }
}

/// Fills `out` with sums over rows of `image`, from pixel `left` on.
fn weigh_down(image: &Image, (start, weights): (usize, Weights<'_>), left: usize, out: &mut [u8]) {
    let stride = image.width() * 3;
    let rows = &image.pixels()[start * stride + left * 3..];
    let whole = out.len() / LANES * LANES;
    let (steps, last) = out.split_at_mut(whole);
    Body::best().run(Down {
        rows,
        stride,
        weights,
        out: steps,
    });
    // The image may end before another whole step does.
    for (at, value) in last.iter_mut().enumerate() {
        [*value] = weights.sum(rows[whole + at..].chunks(stride));
    }
}
