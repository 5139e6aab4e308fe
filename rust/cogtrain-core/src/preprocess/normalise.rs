//! Normalisation as a table: an 8-bit value has only 256 outcomes per channel.
//!
//! Looking up is slow next to arithmetic on whole registers, so a [`Formula`] stands in for a
//! channel's table wherever it was found to give every one of the 256 outcomes, bit for bit.

#![allow(
    clippy::inline_always,
    reason = "compiled anew for each instruction set"
)]

use bytemuck::Pod;

use crate::simd::{Body, Kernel};
use crate::{Error, Result};

/// Values that are worked on together.
pub(super) const LANES: usize = 16;

/// How 8-bit values become what a model reads.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scaling {
    /// Takes 0–255 to 0–1.
    pub(super) rescale_factor: f64,
    /// Subtracted per channel, after rescaling.
    pub(super) mean: [f64; 3],
    /// Divided by per channel.
    pub(super) std: [f64; 3],
}

/// Channel × pixel value → model input.
#[derive(Clone, Debug)]
pub(super) struct Table<T>([Channel<T>; 3]);

/// The outcomes of one channel.
#[derive(Clone, Debug)]
pub(super) struct Channel<T> {
    outcomes: [T; 256],
    formula: Option<Formula>,
}

/// A number that a model reads: `f32`, or the 16 bits of a bfloat16.
pub(super) trait Value: Pod {
    /// Zero.
    const ZERO: Self;
    /// The nearest number of this kind, of two the even one.
    fn nearest(value: f32) -> Self;
}

impl Value for f32 {
    const ZERO: Self = 0.0;

    #[inline(always)]
    fn nearest(value: f32) -> Self {
        value
    }
}

impl Value for u16 {
    const ZERO: Self = 0;

    #[inline(always)]
    fn nearest(value: f32) -> Self {
        let bits = value.to_bits();
        // Just under half of what is cut off, and half where the last kept bit is odd.
        let rounded = bits + 0x7FFF + (bits >> 16 & 1);
        (rounded >> 16) as Self
    }
}

/// A channel's outcomes by 32-bit arithmetic: products with 48-bit constants, each kept as a number
/// and the rest that it leaves, so that they are rounded as a quotient would be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Formula {
    scale: [f32; 2],
    mean: f32,
    inverse: [f32; 2],
}

impl Formula {
    /// The formula of one channel, if it gives `outcomes`.
    fn of(outcomes: &[f32; 256], factor: f64, mean: f32, std: f32) -> Option<Self> {
        let halves = |exact: f64| [exact as f32, (exact - f64::from(exact as f32)) as f32];
        let formula = Self {
            scale: halves(factor),
            mean,
            inverse: halves(1.0 / f64::from(std)),
        };
        let holds = |(pixel, value): (u8, &f32)| formula.at(pixel).to_bits() == value.to_bits();
        (0..=255).zip(outcomes).all(holds).then_some(formula)
    }

    #[inline(always)]
    fn at(self, pixel: u8) -> f32 {
        times(
            times(f32::from(pixel), self.scale) - self.mean,
            self.inverse,
        )
    }
}

/// The product with a number and the rest that it leaves.
#[inline(always)]
fn times(x: f32, [high, low]: [f32; 2]) -> f32 {
    x.mul_add(high, x * low)
}

impl Table<f32> {
    /// Fills the table as the Hugging Face PIL backend computes: the product with the rescale
    /// factor in 64 bits, rounded to 32; then difference and quotient in 32 bits, not fused.
    pub(super) fn new(scaling: &Scaling) -> Result<Self> {
        finite("rescale_factor", &[scaling.rescale_factor])?;
        finite("image_mean", &scaling.mean)?;
        finite("image_std", &scaling.std)?;
        if scaling.std.iter().any(|&std| std as f32 == 0.0) {
            let got = format!("{:?}", scaling.std);
            return Err(Error::argument(
                "image_std",
                "above 0",
                got,
                "check the configuration",
            ));
        }
        Ok(Self(std::array::from_fn(|channel| {
            let (mean, std) = (scaling.mean[channel] as f32, scaling.std[channel] as f32);
            let outcomes = std::array::from_fn(|pixel| {
                let rescaled = (pixel as f64 * scaling.rescale_factor) as f32;
                (rescaled - mean) / std
            });
            let formula = Formula::of(&outcomes, scaling.rescale_factor, mean, std);
            Channel { outcomes, formula }
        })))
    }

    /// The same, rounded to the nearest number of another kind.
    pub(super) fn rounded<T: Value>(&self) -> Table<T> {
        Table(self.0.clone().map(|channel| Channel {
            outcomes: channel.outcomes.map(T::nearest),
            formula: channel.formula,
        }))
    }
}

impl<T: Value> Table<T> {
    /// The outcomes of one channel.
    pub(super) fn channel(&self, channel: usize) -> &Channel<T> {
        &self.0[channel]
    }

    /// All channels, as `body` is to work them out.
    pub(super) fn ways(&self, body: Body) -> [Way<'_, T>; 3] {
        [0, 1, 2].map(|channel| self.0[channel].way(body))
    }
}

impl<T: Value> Channel<T> {
    /// What becomes of black.
    pub(super) fn black(&self) -> T {
        self.outcomes[0]
    }

    /// Writes the outcomes of `pixels` into `out`, of the same length.
    pub(super) fn write(&self, pixels: &[u8], out: &mut [T]) {
        let body = Body::best();
        body.run(Line {
            pixels,
            way: self.way(body),
            out,
        });
    }

    fn way(&self, body: Body) -> Way<'_, T> {
        match self.formula {
            Some(formula) if body.fuses() => Way::Formula(formula),
            _ => Way::Outcomes(&self.outcomes),
        }
    }
}

/// How outcomes are come by.
#[derive(Clone, Copy)]
pub(super) enum Way<'a, T> {
    Formula(Formula),
    Outcomes(&'a [T; 256]),
}

impl<T: Value> Way<'_, T> {
    /// Writes the outcomes of `pixels` into `out`. Plain loops: what `map` is given need not be
    /// inlined, and so not be compiled anew.
    #[inline(always)]
    pub(super) fn write(self, pixels: &[u8], out: &mut [T]) {
        match self {
            Self::Formula(formula) => {
                for (value, &pixel) in out.iter_mut().zip(pixels) {
                    *value = T::nearest(formula.at(pixel));
                }
            }
            Self::Outcomes(outcomes) => {
                for (value, &pixel) in out.iter_mut().zip(pixels) {
                    *value = outcomes[usize::from(pixel)];
                }
            }
        }
    }
}

struct Line<'a, T> {
    pixels: &'a [u8],
    way: Way<'a, T>,
    out: &'a mut [T],
}

impl<T: Value> Kernel for Line<'_, T> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        self.way.write(self.pixels, self.out);
    }
}

fn finite(name: &str, values: &[f64]) -> Result<()> {
    match values.iter().find(|value| !value.is_finite()) {
        None => Ok(()),
        Some(value) => Err(Error::argument(
            name,
            "finite",
            value,
            "check the configuration",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stream;
    use crate::preprocess::{CLIP_MEAN, CLIP_STD};

    fn bits<T: Value>(values: &[T]) -> &[u8] {
        bytemuck::cast_slice(values)
    }

    #[test]
    fn bfloat16_is_the_nearest_and_of_two_the_even_one() {
        for (value, bits) in [
            (1.0, 0x3F80),
            (f32::from_bits(0x3F80_8000), 0x3F80),
            (f32::from_bits(0x3F81_8000), 0x3F82),
            (f32::from_bits(0x3F80_8001), 0x3F81),
            (f32::from_bits(0xBF80_7FFF), 0xBF80),
            (-0.0, 0x8000),
        ] {
            assert_eq!(u16::nearest(value), bits, "{value}");
        }
    }

    #[test]
    fn the_statistics_that_checkpoints_use_have_a_formula() {
        let imagenet = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
        for (mean, std) in [(CLIP_MEAN, CLIP_STD), ([0.5; 3], [0.5; 3]), imagenet] {
            let scaling = Scaling {
                rescale_factor: 1.0 / 255.0,
                mean,
                std,
            };
            let table = Table::new(&scaling).expect("finite");
            assert!(table.0.iter().all(|channel| channel.formula.is_some()));
        }
    }

    /// Odd statistics included, for which the formula may fail and the table takes its place.
    #[test]
    fn every_body_gives_the_outcomes_bit_for_bit() {
        let mut stream = Stream::new(0, "test", 0);
        let pixels: Vec<u8> = (0..=255).chain(0..=99).collect();
        let mut found = 0;
        for case in 0..300 {
            // Below 2⁻¹²⁶ a number's rest is lost, and the formula with it.
            let least = if case % 3 == 0 { 1e-42 } else { 1.0 };
            let scaling = Scaling {
                rescale_factor: stream.range(1e-4, 1.0) * least,
                mean: [stream.range(-2.0, 2.0), 0.0, 0.0],
                std: [stream.range(1e-3, 3.0), 1e30, -0.3],
            };
            let table = Table::new(&scaling).expect("finite");
            let short = table.rounded::<u16>();
            for channel in 0..3 {
                let (table, short) = (table.channel(channel), short.channel(channel));
                found += usize::from(table.formula.is_some());
                for body in Body::all() {
                    let mut values = vec![0.0; pixels.len()];
                    let mut halves = vec![0; pixels.len()];
                    let (way, half) = (table.way(body), short.way(body));
                    body.run(Line {
                        pixels: &pixels,
                        way,
                        out: &mut values,
                    });
                    body.run(Line {
                        pixels: &pixels,
                        way: half,
                        out: &mut halves,
                    });
                    let expected = pixels.iter().map(|&pixel| table.outcomes[pixel as usize]);
                    let expected: Vec<f32> = expected.collect();
                    let rounded: Vec<u16> = expected.iter().map(|&v| u16::nearest(v)).collect();
                    assert_eq!(bits(&values), bits(&expected), "{} in {case}", body.name());
                    assert_eq!(halves, rounded, "{} in {case}", body.name());
                }
            }
        }
        assert!((600..900).contains(&found), "{found}");
    }
}
