//! Which input pixels make each output pixel along one axis, with whole-number weights.

use std::ops::Range;

use super::filter::Filter;
use super::resample::Resampler;
use super::weigh::Weights;

/// Fractional bits of Pillow's weights: 32 less 8 of the pixel and 2 of head room.
const PILLOW_BITS: u32 = 22;

/// Weights of one axis, `per_output` places for each output pixel.
#[derive(Debug)]
pub(super) struct Taps {
    /// First input pixel and number of weights, per output pixel.
    spans: Vec<(usize, usize)>,
    weights: Vec<i32>,
    per_output: usize,
    /// Fractional bits of the weights.
    shift: u32,
}

impl Taps {
    /// Weights from `input` pixels to `output` pixels.
    ///
    /// Both libraries place the filter alike in 64 bits and divide by the sum of the weights; they
    /// differ in how many bits they keep of the quotients.
    pub(super) fn new(input: usize, output: usize, filter: Filter, resampler: Resampler) -> Self {
        let scale = input as f64 / output as f64;
        // An enlarged image keeps the filter's own width.
        let stretch = scale.max(1.0);
        let support = filter.support() * stretch;
        let per_output = support.ceil() as usize * 2 + 1;
        let mut exact = vec![0.0; output * per_output];
        let spans = exact
            .chunks_exact_mut(per_output)
            .enumerate()
            .map(|(index, weights)| {
                let center = (index as f64 + 0.5) * scale;
                // A cast from a negative number is 0, which is where the image begins.
                let start = (center - support + 0.5) as usize;
                let end = ((center + support + 0.5) as usize).min(input);
                let count = end.saturating_sub(start).min(per_output);
                fill(&mut weights[..count], |tap| {
                    filter.at(((tap + start) as f64 - center + 0.5) * (1.0 / stretch))
                });
                (start, count)
            })
            .collect();
        let shift = match resampler {
            Resampler::Pillow => PILLOW_BITS,
            Resampler::Torch => widest_in_16_bits(&exact),
        };
        let one = f64::from(1 << shift);
        let weights = exact.iter().map(|&weight| away_from_zero(weight * one));
        Self {
            spans,
            weights: weights.collect(),
            per_output,
            shift,
        }
    }

    /// First input pixel and weights of output pixel `index`.
    pub(super) fn of(&self, index: usize) -> (usize, Weights<'_>) {
        let (start, count) = self.spans[index];
        let first = index * self.per_output;
        let weights = Weights {
            values: &self.weights[first..first + count],
            shift: self.shift,
        };
        (start, weights)
    }

    /// Most input pixels that an output pixel has.
    pub(super) fn most(&self) -> usize {
        self.per_output
    }

    /// The input pixels that the output pixels `wanted` need.
    pub(super) fn inputs(&self, wanted: &Range<usize>) -> Range<usize> {
        let (last, count) = self.spans[wanted.end - 1];
        self.spans[wanted.start].0..last + count
    }
}

/// Fills in the filter's values, divided by their sum.
fn fill(weights: &mut [f64], value: impl Fn(usize) -> f64) {
    let mut total = 0.0;
    for (tap, weight) in weights.iter_mut().enumerate() {
        *weight = value(tap);
        total += *weight;
    }
    if total != 0.0 {
        for weight in weights {
            *weight /= total;
        }
    }
}

/// As many fractional bits, up to 22, as leave the largest weight in 16 bits.
fn widest_in_16_bits(weights: &[f64]) -> u32 {
    let largest = weights.iter().copied().fold(0.0, f64::max);
    let fits = |bits: &u32| (0.5 + largest * f64::from(1 << (bits + 1))) < f64::from(1 << 15);
    (0..PILLOW_BITS).take_while(fits).count() as u32
}

/// To the nearest whole number, halves away from zero.
fn away_from_zero(value: f64) -> i32 {
    (value + 0.5f64.copysign(value)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_add_up_to_one_and_stay_inside_the_image() {
        for (input, output) in [(1, 1), (1, 9), (9, 1), (7, 3), (3, 7), (2000, 2), (100, 99)] {
            for resampler in [Resampler::Pillow, Resampler::Torch] {
                let taps = Taps::new(input, output, Filter::Bicubic, resampler);
                for index in 0..output {
                    let (start, weights) = taps.of(index);
                    let weights = weights.values;
                    assert!(start + weights.len() <= input && !weights.is_empty());
                    let sum: i32 = weights.iter().sum();
                    let error = (sum - (1 << taps.shift)).unsigned_abs() as usize;
                    assert!(error <= weights.len(), "{input} → {output}: off by {error}");
                }
            }
        }
    }

    #[test]
    fn torch_keeps_what_fits_in_16_bits() {
        let taps = Taps::new(100, 50, Filter::Bilinear, Resampler::Torch);
        assert!(
            taps.weights
                .iter()
                .all(|&weight| i16::try_from(weight).is_ok())
        );
        assert!(taps.weights.iter().any(|&weight| weight >= 1 << 14));
        assert_eq!(
            Taps::new(9, 9, Filter::Bilinear, Resampler::Torch).shift,
            14
        );
    }
}
