//! SigLIP: every image at one size.

use super::config::{Config, Defaults};
use super::normalise::Scaling;
use super::single::{Single, Size};
use super::{Family, filter::Filter};
use crate::Result;

/// Defaults of `SiglipImageProcessor`.
pub(super) fn read(config: &Config) -> Result<(Family, Filter, Scaling)> {
    let defaults = Defaults {
        filter: Filter::Bicubic,
        mean: [0.5; 3],
        std: [0.5; 3],
    };
    let (size, crop) = (
        config.single_size(Size::Exact(224, 224))?,
        config.crop(false)?,
    );
    let steps = Single {
        square: None,
        size,
        crop,
        pad: config.pad(size, crop)?,
    };
    let (filter, scaling) = config.values(&defaults)?;
    Ok((Family::Single(steps), filter, scaling))
}
