//! A checkpoint's image processor configuration, in each of its spellings.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::filter::Filter;
use super::normalise::Scaling;
use super::single::{Pad, Size};
use super::{Family, clip, gemma3, idefics3, internvl, llava, llava_onevision, qwen2_vl, siglip};
use crate::{Error, Result};

/// Reads the defaults of one family from a configuration.
type Reader = fn(&Config) -> Result<(Family, Filter, Scaling)>;

/// What `image_processor_type` may be; `Fast` or `Pil` may follow.
const FAMILIES: [(&str, Reader); 9] = [
    ("Qwen2VLImageProcessor", qwen2_vl::read),
    ("SiglipImageProcessor", siglip::read),
    ("CLIPImageProcessor", clip::read),
    ("LlavaImageProcessor", llava::read),
    ("LlavaOnevisionImageProcessor", llava_onevision::read),
    ("Idefics3ImageProcessor", idefics3::read),
    ("SmolVLMImageProcessor", idefics3::read),
    ("GotOcr2ImageProcessor", internvl::read),
    ("Gemma3ImageProcessor", gemma3::read),
];

/// The keys that matter here.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Config {
    pub(super) do_resize: Option<bool>,
    do_center_crop: Option<bool>,
    do_rescale: Option<bool>,
    do_normalize: Option<bool>,
    pub(super) do_pad: Option<bool>,
    pad_size: Option<Value>,
    do_convert_rgb: Option<bool>,
    pub(super) size: Option<Value>,
    crop_size: Option<Value>,
    default_to_square: Option<bool>,
    resample: Option<i64>,
    rescale_factor: Option<f64>,
    image_mean: Option<PerChannel>,
    image_std: Option<PerChannel>,
    pub(super) min_pixels: Option<usize>,
    pub(super) max_pixels: Option<usize>,
    pub(super) patch_size: Option<usize>,
    pub(super) merge_size: Option<usize>,
    pub(super) temporal_patch_size: Option<usize>,
    pub(super) do_image_splitting: Option<bool>,
    pub(super) max_image_size: Option<Value>,
    pub(super) crop_to_patches: Option<bool>,
    pub(super) min_patches: Option<usize>,
    pub(super) max_patches: Option<usize>,
    pub(super) image_grid_pinpoints: Option<Value>,
    pub(super) do_pan_and_scan: Option<bool>,
}

/// One number for all channels, or one for each.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
enum PerChannel {
    Same(f64),
    Own([f64; 3]),
}

/// What a family does where its configuration is silent.
pub(super) struct Defaults {
    pub(super) filter: Filter,
    pub(super) mean: [f64; 3],
    pub(super) std: [f64; 3],
}

/// A processor as its configuration describes it.
pub(super) struct Described {
    pub(super) family: Family,
    pub(super) filter: Filter,
    pub(super) scaling: Scaling,
    /// Whether it takes images that are not RGB.
    pub(super) converts_to_rgb: bool,
}

/// Reads the processor of the checkpoint at `path` (a folder, or the file itself).
pub(super) fn read(path: &Path) -> Result<Described> {
    let joint = path.join("processor_config.json");
    if path.is_file() {
        return family(path, parse(path)?);
    }
    if joint.is_file() {
        let value = parse(&joint)?;
        if value.get("image_processor").is_some() {
            return family(&joint, value);
        }
    }
    let own = path.join("preprocessor_config.json");
    family(&own, parse(&own)?)
}

fn parse(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::io(path, source))?;
    serde_json::from_str(&text).map_err(|error| malformed(path, "JSON", &error))
}

/// Keeps the family's default where the file is silent, as Hugging Face does.
fn family(path: &Path, value: Value) -> Result<Described> {
    let class = value.get("processor_class").cloned();
    let own = value.get("image_processor").cloned().unwrap_or(value);
    let reader = reader(path, own.get("image_processor_type"))?;
    let mut config: Config = serde_json::from_value(own)
        .map_err(|error| malformed(path, "an image processor configuration", &error))?;
    // This processor tiles whatever its image processor was told.
    if class.is_some_and(|class| class == "InternVLProcessor") {
        config.crop_to_patches = Some(true);
    }
    let (family, filter, scaling) = reader(&config)?;
    Ok(Described {
        family,
        filter,
        scaling,
        converts_to_rgb: config.do_convert_rgb != Some(false),
    })
}

fn reader(path: &Path, name: Option<&Value>) -> Result<Reader> {
    let text = name.and_then(Value::as_str).unwrap_or_default();
    let is_named = |known: &str| matches!(text.strip_prefix(known), Some("" | "Fast" | "Pil"));
    if let Some((_, reader)) = FAMILIES.iter().find(|(known, _)| is_named(known)) {
        return Ok(*reader);
    }
    let names = FAMILIES.map(|(name, _)| format!("`{name}`")).join(", ");
    Err(Error::argument(
        &format!("image_processor_type of {}", path.display()),
        format!("one of {names} (also with `Fast` or `Pil`)"),
        name.map_or("nothing".to_owned(), Value::to_string),
        "use a checkpoint of one of these families",
    ))
}

impl Config {
    /// Filter and numbers for normalisation; a step that is switched off is the same step with
    /// neutral numbers.
    pub(super) fn values(&self, defaults: &Defaults) -> Result<(Filter, Scaling)> {
        let filter = self
            .resample
            .map_or(Ok(defaults.filter), Filter::numbered)?;
        let is_on = |step: Option<bool>| step != Some(false);
        let mut scaling = Scaling {
            rescale_factor: 1.0,
            mean: [0.0; 3],
            std: [1.0; 3],
        };
        if is_on(self.do_rescale) {
            scaling.rescale_factor = self.rescale_factor.unwrap_or(1.0 / 255.0);
        }
        if is_on(self.do_normalize) {
            scaling.mean = self.mean(defaults);
            scaling.std = self.image_std.map_or(defaults.std, PerChannel::all);
        }
        Ok((filter, scaling))
    }

    pub(super) fn mean(&self, defaults: &Defaults) -> [f64; 3] {
        self.image_mean.map_or(defaults.mean, PerChannel::all)
    }

    /// The size of a family that makes one picture of each image, if it resizes.
    pub(super) fn single_size(&self, default: Size) -> Result<Option<Size>> {
        if self.do_resize == Some(false) {
            return Ok(None);
        }
        let is_square = self.default_to_square.unwrap_or(false);
        let size = self.size.as_ref();
        size.map_or(Ok(default), |size| Self::size_of(size, is_square))
            .map(Some)
    }

    /// Height and width of the middle that is kept, if one is.
    pub(super) fn crop(&self, by_default: bool) -> Result<Option<(usize, usize)>> {
        if !self.do_center_crop.unwrap_or(by_default) {
            return Ok(None);
        }
        let Some(crop) = self.crop_size.as_ref() else {
            return Ok(Some((224, 224)));
        };
        match Self::size_of(crop, true)? {
            Size::Exact(height, width) => Ok(Some((height, width))),
            _ => Err(refuse("crop_size", "`height` and `width`", crop)),
        }
    }

    /// What pictures are filled up to, if at all; `size` and `crop` are the steps before. What all
    /// have one size for cannot differ from the largest.
    pub(super) fn pad(
        &self,
        size: Option<Size>,
        crop: Option<(usize, usize)>,
    ) -> Result<Option<Pad>> {
        if self.do_pad != Some(true) {
            return Ok(None);
        }
        if let Some(wanted) = self.pad_size.as_ref() {
            return match Self::size_of(wanted, true)? {
                Size::Exact(height, width) => Ok(Some(Pad::To(height, width))),
                _ => Err(refuse("pad_size", "`height` and `width`", wanted)),
            };
        }
        let is_one_size = crop.is_some() || matches!(size, Some(Size::Exact(..)));
        Ok((!is_one_size).then_some(Pad::Largest))
    }

    /// A size in one of its spellings: a number, a pair, or names.
    pub(super) fn size_of(size: &Value, is_square: bool) -> Result<Size> {
        let number = |value: &Value| value.as_u64().filter(|&side| side > 0).map(|n| n as usize);
        let named = |name: &str| size.get(name).and_then(number);
        let found = if let Some(side) = number(size) {
            let square = Size::Exact(side, side);
            Some(if is_square {
                square
            } else {
                Size::Shortest(side)
            })
        } else if let Some([height, width]) = size.as_array().map(Vec::as_slice) {
            number(height)
                .zip(number(width))
                .map(|(h, w)| Size::Exact(h, w))
        } else if let Some(shortest) = named("shortest_edge") {
            let between = named("longest_edge").map(|longest| Size::Between(shortest, longest));
            Some(between.unwrap_or(Size::Shortest(shortest)))
        } else if let Some(pair) = named("max_height").zip(named("max_width")) {
            Some(Size::Within(pair.0, pair.1))
        } else {
            let pair = named("height").zip(named("width"));
            pair.map(|(height, width)| Size::Exact(height, width))
        };
        found.ok_or_else(|| {
            let names = "`height` and `width`, `shortest_edge`, or `max_height` and `max_width`";
            refuse("size", names, size)
        })
    }

    /// A number, or the one called `longest_edge`.
    pub(super) fn longest_edge(size: &Value) -> Result<usize> {
        let edge = size.get("longest_edge").and_then(Value::as_u64);
        edge.filter(|&edge| edge > 0)
            .map(|edge| edge as usize)
            .ok_or_else(|| refuse("max_image_size", "a positive `longest_edge`", size))
    }

    /// Padding to the batch's largest image, which this family's checkpoints do not ask for.
    pub(super) fn refuse_padding(&self) -> Result<()> {
        match self.do_pad {
            Some(true) => Err(refuse(
                "do_pad",
                "false for this family",
                &Value::Bool(true),
            )),
            _ => Ok(()),
        }
    }
}

/// A value of the configuration that has no meaning.
pub(super) fn refuse(name: &str, expected: &str, got: &Value) -> Error {
    Error::argument(name, expected, got, "check the configuration")
}

impl PerChannel {
    fn all(self) -> [f64; 3] {
        match self {
            Self::Same(value) => [value; 3],
            Self::Own(values) => values,
        }
    }
}

fn malformed(path: &Path, expected: &str, error: &serde_json::Error) -> Error {
    Error::argument(
        &path.display().to_string(),
        expected,
        error,
        "repair or re-download the file",
    )
}
