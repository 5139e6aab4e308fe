//! Normalisation as a table: an 8-bit value has only 256 outcomes per channel.

use crate::{Error, Result};

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
pub(super) struct Table<T>([[T; 256]; 3]);

/// A number that a model reads: `f32`, or the 16 bits of a bfloat16.
pub(super) trait Value: Copy {
    /// Zero.
    const ZERO: Self;
    /// The nearest number of this kind, of two the even one.
    fn nearest(value: f32) -> Self;
}

impl Value for f32 {
    const ZERO: Self = 0.0;

    fn nearest(value: f32) -> Self {
        value
    }
}

impl Value for u16 {
    const ZERO: Self = 0;

    fn nearest(value: f32) -> Self {
        let bits = value.to_bits();
        // Just under half of what is cut off, and half where the last kept bit is odd.
        let rounded = bits + 0x7FFF + (bits >> 16 & 1);
        (rounded >> 16) as Self
    }
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
        let mut table = [[0.0; 256]; 3];
        for (channel, values) in table.iter_mut().enumerate() {
            let mean = scaling.mean[channel] as f32;
            let std = scaling.std[channel] as f32;
            for (pixel, value) in values.iter_mut().enumerate() {
                let rescaled = (pixel as f64 * scaling.rescale_factor) as f32;
                *value = (rescaled - mean) / std;
            }
        }
        Ok(Self(table))
    }

    /// The same, rounded to the nearest number of another kind.
    pub(super) fn rounded<T: Value>(&self) -> Table<T> {
        Table(self.0.map(|channel| channel.map(T::nearest)))
    }
}

impl<T> Table<T> {
    /// The 256 outcomes of one channel.
    pub(super) fn channel(&self, channel: usize) -> &[T; 256] {
        &self.0[channel]
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
}
