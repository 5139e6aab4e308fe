//! Qwen2-VL, 2.5 and 3: the nearest size that whole tokens cover, as patches.

use super::config::{Config, Defaults};
use super::filter::Filter;
use super::normalise::Scaling;
use super::patchify::Layout;
use super::plan::{Frame, Plan, Resize};
use super::smart_resize::SizeRule;
use super::{CLIP_MEAN, CLIP_STD, Family};
use crate::{Error, Result};

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
            image_mean: CLIP_MEAN,
            image_std: CLIP_STD,
            rescale_factor: 1.0 / 255.0,
        }
    }
}

/// Sizes and patches of a Qwen2-VL image processor.
#[derive(Clone, Debug)]
pub(super) struct Patching {
    size: SizeRule,
    resizes: bool,
    pub(super) layout: Layout,
}

impl Patching {
    pub(super) fn new(options: &Qwen2Vl) -> Result<Self> {
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
            resizes: true,
            layout: Layout::new(options),
        })
    }

    pub(super) fn plan(&self, height: usize, width: usize, resize: Resize) -> Result<Plan> {
        if resize.resampler.is_none() || !self.resizes {
            // Its message is more to the point than that of a plan.
            self.size.check(height, width)?;
        }
        SizeRule::check_aspect(height, width)?;
        let size = self.size.nearest(height, width);
        Ok(Plan {
            square: None,
            sizes: vec![size],
            frames: vec![Frame::whole(size.0, size.1)],
            ..Plan::default()
        })
    }
}

impl Qwen2Vl {
    pub(super) fn scaling(&self) -> Scaling {
        Scaling {
            rescale_factor: self.rescale_factor,
            mean: self.image_mean,
            std: self.image_std,
        }
    }
}

/// Defaults of `Qwen2VLImageProcessor`. Despite their names, the edges are areas in pixels.
pub(super) fn read(config: &Config) -> Result<(Family, Filter, Scaling)> {
    let options = options(config);
    let (filter, scaling) = config.values(&Defaults {
        filter: Filter::Bicubic,
        mean: CLIP_MEAN,
        std: CLIP_STD,
    })?;
    let patching = Patching {
        resizes: config.do_resize.unwrap_or(true),
        ..Patching::new(&options)?
    };
    Ok((Family::Qwen2Vl(patching), filter, scaling))
}

fn options(config: &Config) -> Qwen2Vl {
    let default = Qwen2Vl::default();
    let area = |names: [&str; 2]| {
        let size = config.size.as_ref()?;
        let found = names.iter().find_map(|name| size.get(*name))?;
        found.as_u64().map(|area| area as usize)
    };
    let mut options = Qwen2Vl {
        patch_size: config.patch_size.unwrap_or(default.patch_size),
        merge_size: config.merge_size.unwrap_or(default.merge_size),
        temporal_patch_size: config
            .temporal_patch_size
            .unwrap_or(default.temporal_patch_size),
        min_pixels: config
            .min_pixels
            .or_else(|| area(["shortest_edge", "min_pixels"]))
            .unwrap_or(default.min_pixels),
        max_pixels: config
            .max_pixels
            .or_else(|| area(["longest_edge", "max_pixels"]))
            .unwrap_or(default.max_pixels),
        ..default
    };
    if config.do_resize == Some(false) {
        (options.min_pixels, options.max_pixels) = (0, usize::MAX);
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Qwen2Vl {
        options(&serde_json::from_str(text).expect("a valid configuration"))
    }

    #[test]
    fn both_spellings_of_the_area_are_read() {
        let edges = parsed(r#"{"size": {"shortest_edge": 784, "longest_edge": 78400}}"#);
        let pixels = parsed(r#"{"min_pixels": 784, "max_pixels": 78400, "size": null}"#);
        assert_eq!((edges.min_pixels, edges.max_pixels), (784, 78400));
        assert_eq!(edges, pixels);
        assert_eq!(parsed("{}"), Qwen2Vl::default());
        let fixed = parsed(r#"{"do_resize": false}"#);
        assert_eq!((fixed.min_pixels, fixed.max_pixels), (0, usize::MAX));
    }
}
