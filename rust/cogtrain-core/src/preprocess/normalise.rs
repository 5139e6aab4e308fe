//! Normalisation as a table: an 8-bit value has only 256 outcomes per channel.

use super::Qwen2Vl;
use crate::{Error, Result};

/// Channel × pixel value → model input.
#[derive(Clone, Debug)]
pub(super) struct Table([[f32; 256]; 3]);

impl Table {
    /// Fills the table as the Hugging Face PIL backend computes: the product with the rescale
    /// factor in 64 bits, rounded to 32; then difference and quotient in 32 bits, not fused.
    pub(super) fn new(options: &Qwen2Vl) -> Result<Self> {
        finite("rescale_factor", &[options.rescale_factor])?;
        finite("image_mean", &options.image_mean)?;
        finite("image_std", &options.image_std)?;
        if options.image_std.iter().any(|&std| std as f32 == 0.0) {
            let got = format!("{:?}", options.image_std);
            return Err(Error::argument(
                "image_std",
                "above 0",
                got,
                "check the configuration",
            ));
        }
        let mut table = [[0.0; 256]; 3];
        for (channel, values) in table.iter_mut().enumerate() {
            let mean = options.image_mean[channel] as f32;
            let std = options.image_std[channel] as f32;
            for (pixel, value) in values.iter_mut().enumerate() {
                let rescaled = (pixel as f64 * options.rescale_factor) as f32;
                *value = (rescaled - mean) / std;
            }
        }
        Ok(Self(table))
    }

    /// The 256 outcomes of one channel.
    pub(super) fn channel(&self, channel: usize) -> &[f32; 256] {
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
