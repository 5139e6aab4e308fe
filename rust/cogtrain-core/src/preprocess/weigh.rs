//! The loops of resizing, compiled for the instruction sets that a processor may have.
//!
//! The same whole-number code throughout: every body gives the same bits. Pixels arrive with their
//! channels side by side and leave as three lines, one per channel, so that all that follows is a
//! loop over contiguous values.

#![allow(
    clippy::inline_always,
    reason = "compiled anew for each instruction set"
)]

use std::ops::Range;

use super::taps::Taps;
use crate::simd::{Kernel, Tile, transpose};

/// Rows that are weighed along together, one in each lane.
pub(super) const BLOCK: usize = 16;

/// Values of a line that are weighed together; lines are a multiple of it long.
pub(super) const LANES: usize = 64;

/// Weights of one output pixel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weights<'a> {
    pub(super) values: &'a [i32],
    /// Fractional bits.
    pub(super) shift: u32,
}

impl Weights<'_> {
    /// Sums over `rows`, each times its weight, rounded to 8 bits.
    #[inline(always)]
    pub(super) fn sum<'a, const N: usize>(self, rows: impl Iterator<Item = &'a [u8]>) -> [u8; N] {
        let mut sums = [1 << (self.shift - 1); N];
        for (row, &weight) in rows.zip(self.values) {
            let row: [u8; N] = *row.first_chunk().expect("rows are long enough");
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += weight * i32::from(value);
            }
        }
        let mut rounded = [0; N];
        for (value, sum) in rounded.iter_mut().zip(sums) {
            *value = (sum >> self.shift).clamp(0, 255) as u8;
        }
        rounded
    }
}

/// Fills `out`, a multiple of [`LANES`] long, with sums over `rows`, `stride` apart.
pub(super) struct Down<'a> {
    pub(super) rows: &'a [u8],
    pub(super) stride: usize,
    pub(super) weights: Weights<'a>,
    pub(super) out: &'a mut [u8],
}

impl Kernel for Down<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let (chunks, last) = self.out.as_chunks_mut::<LANES>();
        assert!(last.is_empty(), "lines are padded");
        for (chunk, out) in chunks.iter_mut().enumerate() {
            let rows = self.rows[chunk * LANES..].chunks(self.stride);
            *out = self.weights.sum(rows);
        }
    }
}

/// Fills `out`, three lines for each of up to [`BLOCK`] rows, with sums along `rows`.
///
/// Rows are laid on their side, so that a loop along a row becomes one over contiguous lanes.
pub(super) struct Across<'a> {
    /// Pixels with their channels side by side.
    pub(super) rows: &'a [u8],
    /// Values from one row to the next.
    pub(super) width: usize,
    /// Input pixel that rows begin with.
    pub(super) left: usize,
    pub(super) taps: &'a Taps,
    /// Output pixels that are wanted.
    pub(super) columns: Range<usize>,
    pub(super) side: &'a mut Side,
    pub(super) out: &'a mut [u8],
    /// From one line of `out` to the next.
    pub(super) stride: usize,
}

/// Rows on their side: [`BLOCK`] values for each column.
#[derive(Debug, Default)]
pub(super) struct Side {
    laid: Vec<u8>,
    made: Vec<u8>,
}

impl Kernel for Across<'_> {
    type Out = ();

    #[inline(always)]
    fn run(mut self) {
        let inputs = self.taps.inputs(&self.columns);
        self.lay_down(&inputs);
        let room = self.columns.len().next_multiple_of(BLOCK) * BLOCK;
        let Side { laid, made } = &mut *self.side;
        made.resize(3 * room, 0);
        let [red, green, blue] = thirds(made);
        let lanes = red.as_chunks_mut::<BLOCK>().0.iter_mut();
        let lanes = lanes.zip(green.as_chunks_mut::<BLOCK>().0);
        let lanes = lanes.zip(blue.as_chunks_mut::<BLOCK>().0);
        for (column, ((red, green), blue)) in self.columns.clone().zip(lanes) {
            let (start, weights) = self.taps.of(column);
            let pixels = laid[(start - inputs.start) * 3 * BLOCK..].chunks_exact(3 * BLOCK);
            let sums: [u8; 3 * BLOCK] = weights.sum(pixels);
            *red = *sums.first_chunk().expect("three channels");
            *green = *sums[BLOCK..].first_chunk().expect("three channels");
            *blue = *sums[2 * BLOCK..].first_chunk().expect("three channels");
        }
        for (channel, made) in made.chunks_exact(room).enumerate() {
            stand_up(
                made,
                &mut self.out[channel * self.stride..],
                3 * self.stride,
            );
        }
    }
}

impl Across<'_> {
    /// Lays the pixels `inputs` of all rows down; what is missing of a block is anything.
    #[inline(always)]
    fn lay_down(&mut self, inputs: &Range<usize>) {
        let width = inputs.len() * 3;
        let laid = &mut self.side.laid;
        laid.resize(width.next_multiple_of(BLOCK) * BLOCK, 0);
        for (index, turned) in laid
            .as_chunks_mut::<{ BLOCK * BLOCK }>()
            .0
            .iter_mut()
            .enumerate()
        {
            let left = (inputs.start - self.left) * 3 + index * BLOCK;
            let mut tile: Tile = [[0; BLOCK]; BLOCK];
            for (row, line) in self.rows.chunks(self.width).zip(&mut tile) {
                match row[left..].first_chunk() {
                    Some(chunk) => *line = *chunk,
                    None => line[..row.len() - left].copy_from_slice(&row[left..]),
                }
            }
            turned.copy_from_slice(transpose(tile).as_flattened());
        }
    }
}

/// Writes columns of sixteen as rows, `stride` apart, as many as `out` holds.
#[inline(always)]
fn stand_up(columns: &[u8], out: &mut [u8], stride: usize) {
    for (index, columns) in columns
        .as_chunks::<{ BLOCK * BLOCK }>()
        .0
        .iter()
        .enumerate()
    {
        let mut tile: Tile = [[0; BLOCK]; BLOCK];
        tile.as_flattened_mut().copy_from_slice(columns);
        for (row, line) in out.chunks_mut(stride).zip(transpose(tile)) {
            row[index * BLOCK..][..BLOCK].copy_from_slice(&line);
        }
    }
}

/// Parts `row`, pixels with their channels side by side, into three lines, `stride` apart in `out`.
pub(super) struct Part<'a> {
    pub(super) row: &'a [u8],
    pub(super) out: &'a mut [u8],
    pub(super) stride: usize,
}

impl Kernel for Part<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let (red, rest) = self.out.split_at_mut(self.stride);
        let (green, blue) = rest.split_at_mut(self.stride);
        let lines = red.iter_mut().zip(green).zip(blue);
        for (pixel, ((red, green), blue)) in self.row.chunks_exact(3).zip(lines) {
            *red = pixel[0];
            *green = pixel[1];
            *blue = pixel[2];
        }
    }
}

/// Puts three lines, `stride` apart in `lines`, together as one row.
pub(super) struct Join<'a> {
    pub(super) lines: &'a [u8],
    pub(super) stride: usize,
    pub(super) row: &'a mut [u8],
}

impl Kernel for Join<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let (red, rest) = self.lines.split_at(self.stride);
        let (green, blue) = rest.split_at(self.stride);
        let lines = red.iter().zip(green).zip(blue);
        for (pixel, ((red, green), blue)) in self.row.chunks_exact_mut(3).zip(lines) {
            pixel[0] = *red;
            pixel[1] = *green;
            pixel[2] = *blue;
        }
    }
}

#[inline(always)]
fn thirds(values: &mut [u8]) -> [&mut [u8]; 3] {
    let (first, rest) = values.split_at_mut(values.len() / 3);
    let (second, third) = rest.split_at_mut(first.len());
    [first, second, third]
}

#[cfg(test)]
mod tests {
    use super::super::filter::Filter;
    use super::super::resample::Resampler;
    use super::*;
    use crate::Stream;
    use crate::simd::Body;

    fn noise(count: usize) -> Vec<u8> {
        let mut stream = Stream::new(1, "test", 0);
        (0..count).map(|_| stream.next_u64() as u8).collect()
    }

    #[test]
    fn every_body_weighs_down_to_the_same_bits() {
        let (stride, count) = (LANES * 3, 7);
        let rows = noise(stride * count);
        for shift in [22, 14] {
            let one = 1 << shift;
            let values = [-9, 5, 3, 2, 7, -11, -13].map(|part| one / part);
            let weights = Weights {
                values: &values,
                shift,
            };
            for body in Body::all() {
                let mut out = vec![1; stride];
                body.run(Down {
                    rows: &rows,
                    stride,
                    weights,
                    out: &mut out,
                });
                for (column, &got) in out.iter().enumerate() {
                    let column = rows[column..].iter().step_by(stride);
                    let sum: i32 = values
                        .iter()
                        .zip(column)
                        .map(|(w, &v)| w * i32::from(v))
                        .sum();
                    let expected = ((sum + one / 2) >> shift).clamp(0, 255);
                    assert_eq!(i32::from(got), expected, "{}", body.name());
                }
            }
        }
    }

    #[test]
    fn every_body_weighs_along_to_the_same_bits() {
        for (count, before, after) in [(1, 3, 7), (5, 40, 9), (16, 33, 30), (16, 50, 64)] {
            let rows = noise(count * before * 3);
            let taps = Taps::new(before, after, Filter::Bicubic, Resampler::Pillow);
            let columns = after / 4..after;
            let stride = LANES;
            for body in Body::all() {
                let mut out = vec![1; count * 3 * stride];
                body.run(Across {
                    rows: &rows,
                    width: before * 3,
                    left: 0,
                    taps: &taps,
                    columns: columns.clone(),
                    side: &mut Side::default(),
                    out: &mut out,
                    stride,
                });
                for at in 0..count * 3 * columns.len() {
                    let (row, channel) = (at / columns.len() / 3, at / columns.len() % 3);
                    let column = at % columns.len();
                    let (start, weights) = taps.of(columns.start + column);
                    let pixels = rows[(row * before + start) * 3 + channel..]
                        .iter()
                        .step_by(3);
                    let sum: i32 = weights
                        .values
                        .iter()
                        .zip(pixels)
                        .map(|(w, &v)| w * i32::from(v))
                        .sum();
                    let half = 1 << (weights.shift - 1);
                    let expected = ((sum + half) >> weights.shift).clamp(0, 255);
                    let got = out[(row * 3 + channel) * stride + column];
                    assert_eq!(i32::from(got), expected, "{} at {at}", body.name());
                }
            }
        }
    }

    #[test]
    fn every_body_parts_and_joins() {
        for pixels in [1, 5, 16, 100, 129] {
            let row = noise(pixels * 3);
            let stride = pixels.next_multiple_of(LANES);
            for body in Body::all() {
                let mut lines = vec![0; 3 * stride];
                body.run(Part {
                    row: &row,
                    out: &mut lines,
                    stride,
                });
                for (at, &value) in row.iter().enumerate() {
                    assert_eq!(lines[at % 3 * stride + at / 3], value, "{}", body.name());
                }
                let mut joined = vec![0; pixels * 3];
                body.run(Join {
                    lines: &lines,
                    stride,
                    row: &mut joined,
                });
                assert_eq!(joined, row, "{}", body.name());
            }
        }
    }
}
