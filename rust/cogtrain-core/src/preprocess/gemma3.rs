//! Gemma 3: every image at one size, as SigLIP, and how many crops there are beside it.

use super::config::{Config, Defaults, refuse};
use super::normalise::Scaling;
use super::single::{Single, Size};
use super::{Family, filter::Filter};
use crate::Result;

/// Defaults of `Gemma3ImageProcessor`; its "pan and scan" is off in every checkpoint.
pub(super) fn read(config: &Config) -> Result<(Family, Filter, Scaling)> {
    let defaults = Defaults {
        filter: Filter::Bilinear,
        mean: [0.5; 3],
        std: [0.5; 3],
    };
    config.refuse_padding()?;
    if config.do_pan_and_scan == Some(true) {
        let got = serde_json::Value::Bool(true);
        return Err(refuse("do_pan_and_scan", "false", &got));
    }
    let steps = Single {
        square: None,
        size: config.single_size(Size::Exact(224, 224))?,
        crop: None,
        pad: None,
    };
    let (filter, scaling) = config.values(&defaults)?;
    Ok((Family::Gemma3(steps), filter, scaling))
}
