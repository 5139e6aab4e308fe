//! CLIP, and LLaVA checkpoints that use it: shorter side to one length, then the middle.

use super::config::{Config, Defaults};
use super::normalise::Scaling;
use super::single::{Single, Size};
use super::{CLIP_MEAN, CLIP_STD, Family, filter::Filter};
use crate::Result;

/// Defaults of `CLIPImageProcessor`.
pub(super) fn read(config: &Config) -> Result<(Family, Filter, Scaling)> {
    let defaults = Defaults {
        filter: Filter::Bicubic,
        mean: CLIP_MEAN,
        std: CLIP_STD,
    };
    let (size, crop) = (config.single_size(Size::Shortest(224))?, config.crop(true)?);
    let steps = Single {
        square: None,
        size,
        crop,
        pad: config.pad(size, crop)?,
    };
    let (filter, scaling) = config.values(&defaults)?;
    Ok((Family::Single(steps), filter, scaling))
}
