//! What a checkpoint's own image processor does, bit for bit.
//!
//! One family so far: Qwen2-VL (also used by Qwen2.5-VL and, with other numbers, Qwen3-VL).
//! Normalisation is a table of 3 × 256 values, filled with the arithmetic of the Hugging Face PIL
//! backend; patches are written straight into the buffer that the model reads. Nothing is ever
//! resized: an image that the Hugging Face processor would resize is refused.

mod config;
mod filter;
mod normalise;
mod patchify;
mod resample;
mod sides;
mod simd;
mod size;
mod taps;

use std::path::Path;

use crate::{Error, Image, Result};
pub use filter::Filter;
use normalise::Table;
use patchify::Layout;
pub use resample::{Resampler, resize};
use size::SizeRule;

/// Largest patch side, merge side or temporal depth that is believed.
const MAX_SIDE: usize = 256;

/// Parameters of a Qwen2-VL image processor; the default is that of Qwen2-VL checkpoints.
#[derive(Clone, Debug, PartialEq)]
pub struct Qwen2Vl {
    /// Side of a patch in pixels.
    pub patch_size: usize,
    /// Patches per side of one token.
    pub merge_size: usize,
    /// How often a still image is repeated in time.
    pub temporal_patch_size: usize,
    /// Smallest area in pixels.
    pub min_pixels: usize,
    /// Largest area in pixels.
    pub max_pixels: usize,
    /// Subtracted per channel, after rescaling.
    pub image_mean: [f64; 3],
    /// Divided by per channel.
    pub image_std: [f64; 3],
    /// Takes 0–255 to 0–1.
    pub rescale_factor: f64,
}

impl Default for Qwen2Vl {
    fn default() -> Self {
        Self {
            patch_size: 14,
            merge_size: 2,
            temporal_patch_size: 2,
            min_pixels: 56 * 56,
            max_pixels: 28 * 28 * 1280,
            // Mean and standard deviation of the images that CLIP was trained on.
            image_mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
            image_std: [0.268_629_54, 0.261_302_58, 0.275_777_11],
            rescale_factor: 1.0 / 255.0,
        }
    }
}

/// Model input of some images.
#[derive(Clone, Debug, PartialEq)]
pub struct Patches {
    /// All patches, one after the other, `columns` values each.
    pub values: Vec<f32>,
    /// Values per patch: 3 · `temporal_patch_size` · `patch_size`².
    pub columns: usize,
    /// Per image: (1, patches down, patches across).
    pub grid: Vec<[i64; 3]>,
}

/// An image processor; see the module for what it promises.
///
/// ```
/// use cogtrain_core::{Image, Preprocess, Qwen2Vl};
/// let preprocess = Preprocess::qwen2_vl(&Qwen2Vl::default())?;
/// let image = Image::new(224, 224, vec![128; 224 * 224 * 3])?;
/// let patches = preprocess.apply(&[&image])?;
/// assert_eq!((patches.columns, patches.grid), (1176, vec![[1, 16, 16]]));
/// # Ok::<(), cogtrain_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Preprocess {
    size: SizeRule,
    layout: Layout,
    table: Table,
}

impl Preprocess {
    /// The processor of the Qwen2-VL family with `options`.
    ///
    /// # Errors
    /// [`Error::Argument`] if a size is 0 or above 256, `min_pixels` exceeds `max_pixels`, or a
    /// number for normalisation is not finite or a deviation is 0.
    pub fn qwen2_vl(options: &Qwen2Vl) -> Result<Self> {
        for (name, side) in [
            ("patch_size", options.patch_size),
            ("merge_size", options.merge_size),
            ("temporal_patch_size", options.temporal_patch_size),
        ] {
            if !(1..=MAX_SIDE).contains(&side) {
                let expected = format!("between 1 and {MAX_SIDE}");
                return Err(Error::argument(
                    name,
                    expected,
                    side,
                    "use the checkpoint's value",
                ));
            }
        }
        Ok(Self {
            size: SizeRule::new(options)?,
            layout: Layout::new(options),
            table: Table::new(options)?,
        })
    }

    /// The processor of the checkpoint at `path`: its folder, or the configuration file itself.
    ///
    /// Reads the `image_processor` part of `processor_config.json` if there is one, else
    /// `preprocessor_config.json`, as Hugging Face does.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such a file; [`Error::Argument`] for another family or a value
    /// that is not understood.
    pub fn from_pretrained(path: &Path) -> Result<Self> {
        Self::qwen2_vl(&config::read(path)?)
    }

    /// Patches down and across for an image of this size.
    ///
    /// # Errors
    /// [`Error::Argument`] if the size would need a resize; it names the size to use.
    pub fn grid(&self, height: usize, width: usize) -> Result<(usize, usize)> {
        self.size.check(height, width)?;
        Ok((height / self.layout.patch, width / self.layout.patch))
    }

    /// Values per patch.
    pub fn columns(&self) -> usize {
        self.layout.columns()
    }

    /// Model input of `images`, in order.
    ///
    /// # Errors
    /// As [`Preprocess::grid`], for the first image that does not fit.
    pub fn apply(&self, images: &[&Image]) -> Result<Patches> {
        let mut grid = Vec::with_capacity(images.len());
        let mut patches = 0;
        for image in images {
            let (down, across) = self.grid(image.height(), image.width())?;
            grid.push([1, down as i64, across as i64]);
            patches += down * across;
        }
        let columns = self.columns();
        let mut values = vec![0.0; patches * columns];
        let mut rest = values.as_mut_slice();
        for (image, [_, down, across]) in images.iter().zip(&grid) {
            let (own, others) = rest.split_at_mut((down * across) as usize * columns);
            self.layout.write(image, &self.table, own);
            rest = others;
        }
        Ok(Patches {
            values,
            columns,
            grid,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_where_the_formula_puts_them() {
        let (height, width) = (56, 84);
        let pixels: Vec<u8> = (0..height * width * 3)
            .map(|i| (i * 31 % 251) as u8)
            .collect();
        let image = Image::new(height, width, pixels.clone()).expect("the stated size");
        let options = Qwen2Vl::default();
        let preprocess = Preprocess::qwen2_vl(&options).expect("the default is valid");
        let patches = preprocess.apply(&[&image, &image]).expect("56 × 84 fits");
        assert_eq!(patches.grid, [[1, 4, 6], [1, 4, 6]]);
        assert_eq!(patches.values.len(), 2 * 24 * 1176);
        assert_eq!(patches.values[..24 * 1176], patches.values[24 * 1176..]);
        for (row, patch) in patches.values[..24 * 1176].chunks_exact(1176).enumerate() {
            // Rows count merged tokens first, then the patches inside one.
            let (token, inside) = (row / 4, row % 4);
            let top = ((token / 3) * 2 + inside / 2) * 14;
            let left = ((token % 3) * 2 + inside % 2) * 14;
            for (column, &value) in patch.iter().enumerate() {
                let (channel, y, x) = (column / 392, column % 196 / 14, column % 14);
                let pixel = pixels[((top + y) * width + left + x) * 3 + channel];
                let rescaled = (f64::from(pixel) * options.rescale_factor) as f32;
                let expected = (rescaled - options.image_mean[channel] as f32)
                    / options.image_std[channel] as f32;
                assert_eq!(
                    value.to_bits(),
                    expected.to_bits(),
                    "row {row}, column {column}"
                );
            }
        }
    }

    #[test]
    fn refuses_impossible_options() {
        let message = |change: fn(&mut Qwen2Vl)| {
            let mut options = Qwen2Vl::default();
            change(&mut options);
            Preprocess::qwen2_vl(&options)
                .expect_err("invalid options")
                .to_string()
        };
        assert!(
            message(|o| o.patch_size = 0).contains("`patch_size` to be between 1 and 256, got 0")
        );
        assert!(message(|o| o.merge_size = 999).contains("`merge_size`"));
        assert!(message(|o| o.min_pixels = o.max_pixels + 1).contains("got 1003521"));
        assert!(message(|o| o.image_std[1] = 0.0).contains("`image_std`"));
        assert!(message(|o| o.image_mean[2] = f64::NAN).contains("got NaN"));
    }
}
