//! What a checkpoint's own image processor does, bit for bit.
//!
//! Families: Qwen2-VL (also 2.5 and 3), SigLIP, CLIP, LLaVA, LLaVA-OneVision, Idefics3 and SmolVLM,
//! InternVL, Gemma 3. Each says in a [`plan::Plan`] how an image is padded, resized and cut; the rest is common. Resizing
//! is that of Pillow or of torch ([`Resampler`]), and only where it was asked for: otherwise an
//! image that the Hugging Face processor would resize is refused. Normalisation is a table of
//! 3 × 256 values, filled with the arithmetic of the Hugging Face PIL backend, as `f32` or
//! bfloat16. Values are written straight into the buffer that the model reads.

#![allow(clippy::doc_markdown, reason = "the models' names are no code")]

mod clip;
mod config;
mod filter;
mod gemma3;
mod idefics3;
mod in_place;
mod input;
mod internvl;
mod llava;
mod llava_onevision;
mod normalise;
mod patchify;
mod plan;
mod planes;
mod qwen2_vl;
mod resample;
mod siglip;
mod single;
mod smart_resize;
mod strips;
mod taps;
mod weigh;

use std::path::Path;

use crate::simd::bypassing;
use crate::{Error, Image, Result};
pub use filter::Filter;
pub use input::{Extra, Layout, ModelInput, Values};
use normalise::{Scaling, Table, Value};
use patchify::Desk;
use plan::{Plan, Resize};
use qwen2_vl::Patching;
pub use qwen2_vl::Qwen2Vl;
pub use resample::{Resampler, resize};
use strips::Strips;

/// Mean of the images that CLIP was trained on.
const CLIP_MEAN: [f64; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
/// Standard deviation of the images that CLIP was trained on.
const CLIP_STD: [f64; 3] = [0.268_629_54, 0.261_302_58, 0.275_777_11];

/// Numbers that a model reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dtype {
    /// 32-bit floating point, as Hugging Face makes.
    #[default]
    F32,
    /// The upper 16 bits of it, rounded to the nearest, of two to the even one.
    Bf16,
}

impl Dtype {
    /// The kind called `float32` or `bfloat16`.
    ///
    /// # Errors
    /// [`Error::Argument`] for another name.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "float32" => Ok(Self::F32),
            "bfloat16" => Ok(Self::Bf16),
            _ => Err(Error::unknown_name("dtype", name, &["float32", "bfloat16"])),
        }
    }

    /// Bytes of one.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::F32 => size_of::<f32>(),
            Self::Bf16 => size_of::<u16>(),
        }
    }
}

/// What sets the image processors apart.
#[derive(Clone, Debug)]
enum Family {
    Qwen2Vl(Patching),
    Single(single::Single),
    Gemma3(single::Single),
    OneVision(llava_onevision::OneVision),
    Idefics3(idefics3::Idefics3),
    InternVl(internvl::InternVl),
}

/// An image processor; see the module for what it promises.
///
/// ```
/// use cogtrain_core::{Image, Preprocess, Qwen2Vl, Resampler, Values};
/// let preprocess = Preprocess::qwen2_vl(&Qwen2Vl::default())?;
/// let image = Image::new(224, 224, vec![128; 224 * 224 * 3])?;
/// let input = preprocess.apply(&[&image])?;
/// assert_eq!(input.shape, [256, 1176]);
/// assert_eq!(input.extras[0].values, [1, 16, 16]);
///
/// // 250 is no multiple of 28: refused, unless it was said how to resize.
/// let image = Image::new(250, 224, vec![128; 250 * 224 * 3])?;
/// assert!(preprocess.apply(&[&image]).is_err());
/// let preprocess = preprocess.resizing(Some(Resampler::Pillow))?;
/// assert_eq!(preprocess.apply(&[&image])?.shape, [288, 1176]);
/// # Ok::<(), cogtrain_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Preprocess {
    family: Family,
    resize: Resize,
    dtype: Dtype,
    table: Table<f32>,
    short_table: Table<u16>,
    converts_to_rgb: bool,
}

impl Preprocess {
    /// The processor of the Qwen2-VL family with `options`.
    ///
    /// # Errors
    /// [`Error::Argument`] if a size is 0 or above 256, `min_pixels` exceeds `max_pixels`, or a
    /// number for normalisation is not finite or a deviation is 0.
    pub fn qwen2_vl(options: &Qwen2Vl) -> Result<Self> {
        let family = Family::Qwen2Vl(Patching::new(options)?);
        Self::new(family, Filter::Bicubic, &options.scaling())
    }

    /// The processor of the checkpoint at `path`: its folder, or the configuration file itself.
    ///
    /// Reads the `image_processor` part of `processor_config.json` if there is one, else
    /// `preprocessor_config.json`, as Hugging Face does.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such a file; [`Error::Argument`] for another family (it names
    /// those that are known) or a value that is not understood.
    pub fn from_pretrained(path: &Path) -> Result<Self> {
        let found = config::read(path)?;
        Ok(Self {
            converts_to_rgb: found.converts_to_rgb,
            ..Self::new(found.family, found.filter, &found.scaling)?
        })
    }

    fn new(family: Family, filter: Filter, scaling: &Scaling) -> Result<Self> {
        let table = Table::new(scaling)?;
        let resampler = None;
        Ok(Self {
            family,
            resize: Resize { resampler, filter },
            dtype: Dtype::F32,
            short_table: table.rounded(),
            table,
            converts_to_rgb: true,
        })
    }

    /// Whether an image of another kind may be converted to RGB first; `do_convert_rgb` of the
    /// configuration. [`Image`]s are always RGB.
    pub fn converts_to_rgb(&self) -> bool {
        self.converts_to_rgb
    }

    /// The same processor, resizing as `resampler` does; with none it refuses to.
    ///
    /// # Errors
    /// [`Error::Argument`] for torch if the processor's filter is one that it does not have.
    pub fn resizing(mut self, resampler: Option<Resampler>) -> Result<Self> {
        if let Some(resampler) = resampler {
            resampler.check(self.resize.filter)?;
        }
        self.resize.resampler = resampler;
        Ok(self)
    }

    /// The same processor, giving another kind of numbers.
    #[must_use]
    pub fn giving(mut self, dtype: Dtype) -> Self {
        self.dtype = dtype;
        self
    }

    /// Passes an image size that the processor takes.
    ///
    /// # Errors
    /// [`Error::Argument`] if the size would need a resize that nobody asked for (it names the
    /// size to use), or is too slim for the processor.
    pub fn check(&self, height: usize, width: usize) -> Result<()> {
        self.plan(height, width).map(drop)
    }

    fn plan(&self, height: usize, width: usize) -> Result<Plan> {
        let plan = match &self.family {
            Family::Qwen2Vl(patching) => patching.plan(height, width, self.resize)?,
            Family::Single(single) | Family::Gemma3(single) => single.plan(height, width),
            Family::OneVision(onevision) => onevision.plan(height, width),
            Family::Idefics3(idefics3) => idefics3.plan(height, width),
            Family::InternVl(internvl) => internvl.plan(height, width),
        };
        plan.check((height, width), self.resize)?;
        Ok(plan)
    }

    /// Model input of `images`, in order, each a sample of its own.
    ///
    /// # Errors
    /// As [`Preprocess::check`], for the first image that does not fit; [`Error::Argument`] if the
    /// images give arrays of different sizes that no batch can hold.
    pub fn apply(&self, images: &[&Image]) -> Result<ModelInput> {
        self.apply_grouped(images, &vec![1; images.len()])
    }

    /// Model input of samples of several images: the first `counts[0]` of `images`, and so on.
    ///
    /// Only Idefics3 and SmolVLM tell samples apart.
    ///
    /// # Errors
    /// As [`Preprocess::apply`].
    pub fn apply_grouped(&self, images: &[&Image], counts: &[usize]) -> Result<ModelInput> {
        let sizes: Vec<_> = images.iter().map(|i| (i.height(), i.width())).collect();
        let layout = self.layout(&sizes, counts)?;
        let mut scratch = Scratch::default();
        let values = match self.dtype {
            Dtype::F32 => {
                let mut values = vec![0.0; layout.len()];
                let table = (&self.table, &mut *values);
                self.fill(images, &layout, table, &mut scratch);
                Values::F32(values)
            }
            Dtype::Bf16 => {
                let mut values = vec![0; layout.len()];
                let table = (&self.short_table, &mut *values);
                self.fill(images, &layout, table, &mut scratch);
                Values::Bf16(values)
            }
        };
        Ok(ModelInput {
            values,
            shape: layout.shape,
            extras: layout.extras,
        })
    }

    /// Writes the values of `images` into `out`, which has the layout of their sizes.
    ///
    /// # Errors
    /// [`Error::Argument`] if `out` has another length, or an image another size.
    pub fn write_f32(&self, images: &[&Image], layout: &Layout, out: &mut [f32]) -> Result<()> {
        layout.check(images, out.len())?;
        self.fill(images, layout, (&self.table, out), &mut Scratch::default());
        Ok(())
    }

    /// Writes the values of `images` into `out` as bfloat16, whose 16 bits are the `u16`'s.
    ///
    /// # Errors
    /// As [`Preprocess::write_f32`].
    pub fn write_bf16(&self, images: &[&Image], layout: &Layout, out: &mut [u16]) -> Result<()> {
        layout.check(images, out.len())?;
        self.fill(
            images,
            layout,
            (&self.short_table, out),
            &mut Scratch::default(),
        );
        Ok(())
    }

    fn fill<T: Value>(
        &self,
        images: &[&Image],
        layout: &Layout,
        (table, out): (&Table<T>, &mut [T]),
        scratch: &mut Scratch,
    ) {
        if layout.has_gaps {
            out.fill(T::ZERO);
        }
        let Scratch { strips, desk } = scratch;
        // What is written now is read by others, and much later: it would only fill the caches.
        bypassing(|bypass| {
            for (image, slot) in images.iter().zip(&layout.slots) {
                let mut rest = &mut out[slot.start..];
                slot.plan
                    .run(image, self.resize, strips, |picture, strips| {
                        let (frame, others) = std::mem::take(&mut rest).split_at_mut(slot.frame);
                        rest = others;
                        if let Family::Qwen2Vl(patching) = &self.family {
                            let work = (strips, &mut *desk);
                            patching
                                .layout
                                .write(picture.cut, table, frame, work, bypass);
                        } else {
                            let place = (frame, layout.side());
                            let work = (strips, &mut desk.values);
                            planes::write(picture, table, place, work, bypass);
                        }
                    });
            }
        });
    }
}

/// Memory that is used again from image to image.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    strips: Strips,
    desk: Desk,
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
        assert_eq!(patches.extras[0].values, [1, 4, 6, 1, 4, 6]);
        assert_eq!(patches.shape, [2 * 24, 1176]);
        let Values::F32(values) = patches.values else {
            panic!("32 bits unless asked otherwise");
        };
        assert_eq!(values[..24 * 1176], values[24 * 1176..]);
        for (row, patch) in values[..24 * 1176].chunks_exact(1176).enumerate() {
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
