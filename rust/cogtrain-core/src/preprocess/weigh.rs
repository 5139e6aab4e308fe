//! The loops of resizing, compiled for the instruction sets that a processor may have.
//!
//! The same whole-number code throughout: every body gives the same bits.

#![allow(
    clippy::inline_always,
    reason = "compiled anew for each instruction set"
)]

use super::sides::{self, BLOCK};
use crate::simd::{Body, Kernel};

/// Lanes of one step: sixteen rows of one RGB pixel, or 48 values of one row.
pub(super) const LANES: usize = 3 * BLOCK;

/// Weights of one output pixel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weights<'a> {
    pub(super) values: &'a [i32],
    /// Fractional bits.
    pub(super) shift: u32,
}

/// Fills `output`, a multiple of [`LANES`] long, with sums over `rows`, `stride` apart, each times its
/// weight.
pub(super) fn weigh(rows: &[u8], stride: usize, weights: Weights<'_>, output: &mut [u8]) {
    Body::best().run(Weigh {
        rows,
        stride,
        weights,
        output,
    });
}

/// See [`sides::lay_down`].
pub(super) fn lay_down(rows: &[u8], stride: usize, width: usize, columns: &mut [u8]) {
    Body::best().run(LayDown {
        rows,
        stride,
        width,
        columns,
    });
}

/// See [`sides::stand_up`].
pub(super) fn stand_up(columns: &[u8], rows: &mut [u8], stride: usize, width: usize) {
    Body::best().run(StandUp {
        columns,
        rows,
        stride,
        width,
    });
}

struct Weigh<'a> {
    rows: &'a [u8],
    stride: usize,
    weights: Weights<'a>,
    output: &'a mut [u8],
}

impl Kernel for Weigh<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        body(self.rows, self.stride, self.weights, self.output);
    }
}

struct LayDown<'a> {
    rows: &'a [u8],
    stride: usize,
    width: usize,
    columns: &'a mut [u8],
}

impl Kernel for LayDown<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        sides::lay_down(self.rows, self.stride, self.width, self.columns);
    }
}

struct StandUp<'a> {
    columns: &'a [u8],
    rows: &'a mut [u8],
    stride: usize,
    width: usize,
}

impl Kernel for StandUp<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        sides::stand_up(self.columns, self.rows, self.stride, self.width);
    }
}

#[inline(always)]
fn body(rows: &[u8], stride: usize, weights: Weights<'_>, output: &mut [u8]) {
    let half = 1 << (weights.shift - 1);
    for (chunk, output) in output.chunks_exact_mut(LANES).enumerate() {
        let mut sums = [half; LANES];
        for (row, &weight) in rows[chunk * LANES..].chunks(stride).zip(weights.values) {
            let row: &[u8; LANES] = row[..LANES].try_into().expect("a slice of that length");
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += weight * i32::from(value);
            }
        }
        for (value, sum) in output.iter_mut().zip(sums) {
            *value = (sum >> weights.shift).clamp(0, 255) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let (stride, count) = (LANES * 3, 7);
        let rows: Vec<u8> = (0..stride * count).map(|i| (i * 89 % 256) as u8).collect();
        for shift in [22, 14] {
            let one = 1 << shift;
            let values = [
                -one / 9,
                one / 5,
                one / 3,
                one / 2,
                one / 7,
                -one / 11,
                -one / 13,
            ];
            let values: &[i32] = &values;
            let weights = Weights { values, shift };
            let (mut plain, mut chosen) = (vec![0; stride], vec![1; stride]);
            body(&rows, stride, weights, &mut plain);
            weigh(&rows, stride, weights, &mut chosen);
            assert_eq!(plain, chosen);
            let sum: i32 = values
                .iter()
                .zip(rows.iter().step_by(stride))
                .map(|(w, &v)| w * i32::from(v))
                .sum();
            assert_eq!(
                i32::from(plain[0]),
                ((sum + one / 2) >> shift).clamp(0, 255)
            );
        }
    }
}
