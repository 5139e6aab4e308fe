//! From rows of pixels to rows of patches.

#![allow(
    clippy::inline_always,
    reason = "compiled anew for each instruction set"
)]

use super::normalise::{LANES, Table, Value, Way};
use super::qwen2_vl::Qwen2Vl;
use super::strips::{Cut, MARGIN, Row, Strips, stride};
use crate::simd::{Body, Bypass, Kernel};

/// Order of patches and of the values in one.
///
/// Patches: tokens row by row, and inside each token its `merge` × `merge` patches row by row.
/// Values: channel, repetition in time, y, x.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) patch: usize,
    merge: usize,
    repeats: usize,
}

/// Memory that is used again from image to image.
#[derive(Debug, Default)]
pub(super) struct Desk {
    /// The rows of one row of tokens.
    lines: Vec<u8>,
    /// The pixels of one patch.
    pixels: Vec<u8>,
    /// The values of one token.
    pub(super) values: Vec<f32>,
}

impl Layout {
    pub(super) fn new(options: &Qwen2Vl) -> Self {
        Self {
            patch: options.patch_size,
            merge: options.merge_size,
            repeats: options.temporal_patch_size,
        }
    }

    /// Values per patch.
    pub(super) fn columns(&self) -> usize {
        3 * self.repeats * self.patch * self.patch
    }

    /// Values per token.
    fn token(&self) -> usize {
        self.merge * self.merge * self.columns()
    }

    /// Writes all patches of `cut`, whose sides are multiples of a token, into `out`.
    pub(super) fn write<T: Value>(
        &self,
        cut: Cut<'_>,
        table: &Table<T>,
        out: &mut [T],
        (strips, desk): (&mut Strips, &mut Desk),
        bypass: &Bypass,
    ) {
        let (side, width) = (self.patch * self.merge, cut.window.width);
        let stride = stride(width);
        let tall = 3 * stride;
        let Desk {
            lines,
            pixels,
            values,
        } = desk;
        lines.resize(side * tall + MARGIN, 0);
        pixels.resize(3 * self.room(), 0);
        // A step may write beyond the last patch.
        values.resize(self.token() + 2 * LANES, 0.0);
        let body = Body::best();
        let ways = table.ways(body);
        let mut tokens = out.chunks_exact_mut(width / side * self.token());
        let mut held = 0;
        strips.run(cut, |row: Row<'_>| {
            lines[held * tall..][..tall].copy_from_slice(&row.values[..tall]);
            held += 1;
            if held == side {
                held = 0;
                body.run(Tokens {
                    layout: *self,
                    lines,
                    stride,
                    ways,
                    pixels,
                    values: bytemuck::cast_slice_mut(values),
                    out: tokens.next().expect("a place for every token"),
                    bypass,
                });
            }
        });
    }
}

/// Writes one row of tokens: normalised into `values`, and from there, token by token, into `out`.
struct Tokens<'a, T> {
    layout: Layout,
    /// Three lines for each row.
    lines: &'a [u8],
    stride: usize,
    ways: [Way<'a, T>; 3],
    pixels: &'a mut [u8],
    values: &'a mut [T],
    out: &'a mut [T],
    bypass: &'a Bypass,
}

impl<T: Value> Kernel for Tokens<'_, T> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let Layout { patch, merge, .. } = self.layout;
        let columns = self.layout.columns();
        for (token, out) in self.out.chunks_exact_mut(self.layout.token()).enumerate() {
            for inside in 0..merge * merge {
                let top = inside / merge * patch;
                let left = (token * merge + inside % merge) * patch;
                let lines = &self.lines[top * 3 * self.stride + left..];
                self.layout.gather((lines, self.stride), self.pixels);
                let values = &mut self.values[inside * columns..];
                self.layout.write_patch(self.pixels, self.ways, values);
            }
            let values = bytemuck::cast_slice(&self.values[..out.len()]);
            self.bypass.copy(values, bytemuck::cast_slice_mut(out));
        }
    }
}

/// Steps are whole registers, so that the last one of a line or plane goes beyond it: to where the
/// next is written later.
impl Layout {
    /// Pixels that a plane of a patch has room for, in steps and one beyond.
    fn room(&self) -> usize {
        (self.patch * self.patch).next_multiple_of(LANES) + LANES
    }

    /// Copies the patch at the start of `lines` to `pixels`, each plane to room of its own.
    #[inline(always)]
    fn gather(&self, (lines, stride): (&[u8], usize), pixels: &mut [u8]) {
        for (channel, plane) in pixels.chunks_exact_mut(self.room()).enumerate() {
            for y in 0..self.patch {
                let line = &lines[(3 * y + channel) * stride..];
                for x in (0..self.patch).step_by(LANES) {
                    let pixels = line[x..].first_chunk().expect("lines have a margin");
                    *step(plane, y * self.patch + x) = *pixels;
                }
            }
        }
    }

    /// Writes the values of a patch to the start of `out`.
    #[inline(always)]
    fn write_patch<T: Value>(&self, pixels: &[u8], ways: [Way<'_, T>; 3], out: &mut [T]) {
        let area = self.patch * self.patch;
        let whole = area.next_multiple_of(LANES);
        let planes = pixels.chunks_exact(self.room());
        for (channel, (way, pixels)) in ways.into_iter().zip(planes).enumerate() {
            let planes = &mut out[channel * self.repeats * area..];
            way.write(&pixels[..whole], &mut planes[..whole]);
            for repeat in 1..self.repeats {
                for at in (0..area).step_by(LANES) {
                    let values = *step(planes, at);
                    *step(planes, repeat * area + at) = values;
                }
            }
        }
    }
}

/// The values of one step from `at` on.
#[inline(always)]
fn step<T>(values: &mut [T], at: usize) -> &mut [T; LANES] {
    values[at..]
        .first_chunk_mut()
        .expect("values have a margin")
}
