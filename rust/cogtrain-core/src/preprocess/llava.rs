//! LLaVA: as CLIP, or first padded to a square in the mean colour.

use super::config::{Config, Defaults};
use super::normalise::Scaling;
use super::single::{Single, Size};
use super::{CLIP_MEAN, CLIP_STD, Family, filter::Filter};
use crate::Result;

/// Defaults of `LlavaImageProcessor`.
pub(super) fn read(config: &Config) -> Result<(Family, Filter, Scaling)> {
    let defaults = Defaults {
        filter: Filter::Bicubic,
        mean: CLIP_MEAN,
        std: CLIP_STD,
    };
    let mean = config.mean(&defaults);
    let color = mean.map(|mean| (mean * 255.0) as u8);
    let steps = Single {
        square: config.do_pad.unwrap_or(false).then_some(color),
        size: config.single_size(Size::Shortest(224))?,
        crop: config.crop(true)?,
        pad: None,
    };
    let (filter, scaling) = config.values(&defaults)?;
    Ok((Family::Single(steps), filter, scaling))
}
