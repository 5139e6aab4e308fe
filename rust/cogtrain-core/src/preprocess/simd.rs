//! The loops of resizing, compiled for the instruction sets that a processor may have.
//!
//! The same whole-number code throughout: every body gives the same bits.

use super::sides::{self, BLOCK};

/// Lanes of one step: sixteen rows of one RGB pixel, or 48 values of one row.
pub(super) const LANES: usize = 3 * BLOCK;

/// Weights of one output pixel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weights<'a> {
    pub(super) values: &'a [i32],
    /// Fractional bits.
    pub(super) shift: u32,
}

/// Defines a function that runs the body for what the processor has.
macro_rules! compiled {
    ($(#[$doc:meta])* $name:ident = $body:path: ($($argument:ident: $type:ty),*)) => {
        $(#[$doc])*
        #[allow(unsafe_code)]
        pub(super) fn $name($($argument: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512bw,avx512vl,avx2")]
                fn with_avx512($($argument: $type),*) {
                    $body($($argument),*);
                }

                #[target_feature(enable = "avx2")]
                fn with_avx2($($argument: $type),*) {
                    $body($($argument),*);
                }

                if is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vl") {
                    // SAFETY: the processor has what the body was compiled for.
                    return unsafe { with_avx512($($argument),*) };
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor has what the body was compiled for.
                    return unsafe { with_avx2($($argument),*) };
                }
            }
            $body($($argument),*);
        }
    };
}

compiled! {
    /// Fills `output`, a multiple of [`LANES`] long, with sums over `rows`, `stride` apart, each
    /// times its weight.
    weigh = body: (rows: &[u8], stride: usize, weights: Weights<'_>, output: &mut [u8])
}

compiled! {
    /// See [`sides::lay_down`].
    lay_down = sides::lay_down: (rows: &[u8], stride: usize, width: usize, columns: &mut [u8])
}

compiled! {
    /// See [`sides::stand_up`].
    stand_up = sides::stand_up: (columns: &[u8], rows: &mut [u8], stride: usize, width: usize)
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "compiled anew for each instruction set"
)]
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
