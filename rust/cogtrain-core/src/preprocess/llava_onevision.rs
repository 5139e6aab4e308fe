//! LLaVA-OneVision: a view of the whole, and tiles of it at the best of several resolutions.

use serde_json::Value;

use super::config::{Config, Defaults, refuse};
use super::idefics3::grid;
use super::normalise::Scaling;
use super::plan::{Frame, Plan};
use super::single::Size;
use super::{CLIP_MEAN, CLIP_STD, Family, filter::Filter};
use crate::Result;

/// Tiles per side of the default resolutions.
const MOST_TILES: usize = 6;

/// Sizes of a LLaVA-OneVision image processor.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OneVision {
    /// Side of a tile, and of the view of the whole.
    tile: usize,
    /// Height and width of what an image may be tiled at, multiples of the tile.
    resolutions: Vec<(usize, usize)>,
}

/// Defaults of `LlavaOnevisionImageProcessor`.
pub(super) fn read(config: &Config) -> Result<(Family, Filter, Scaling)> {
    let defaults = Defaults {
        filter: Filter::Bicubic,
        mean: CLIP_MEAN,
        std: CLIP_STD,
    };
    let tile = match config.size.as_ref() {
        None => 384,
        Some(size) => match Config::size_of(size, true)? {
            Size::Exact(height, width) if height == width => height,
            _ => return Err(refuse("size", "an equal `height` and `width`", size)),
        },
    };
    let named = |name: &str, step: Option<bool>, wanted: bool| match step {
        Some(step) if step != wanted => Err(refuse(name, &wanted.to_string(), &Value::Bool(step))),
        _ => Ok(()),
    };
    named("do_resize", config.do_resize, true)?;
    named("do_pad", config.do_pad, true)?;
    let steps = OneVision {
        tile,
        resolutions: resolutions(config.image_grid_pinpoints.as_ref(), tile)?,
    };
    let (filter, scaling) = config.values(&defaults)?;
    Ok((Family::OneVision(steps), filter, scaling))
}

/// The configured resolutions, or those of up to 6 × 6 tiles.
fn resolutions(given: Option<&Value>, tile: usize) -> Result<Vec<(usize, usize)>> {
    let Some(given) = given else {
        let sides = || (1..=MOST_TILES).map(|count| count * tile);
        return Ok(sides().flat_map(|h| sides().map(move |w| (h, w))).collect());
    };
    let pairs: Option<Vec<(usize, usize)>> = serde_json::from_value(given.clone()).ok();
    let fits = |side: usize| side > 0 && side.is_multiple_of(tile);
    pairs
        .filter(|pairs| !pairs.is_empty() && pairs.iter().all(|&(h, w)| fits(h) && fits(w)))
        .ok_or_else(|| {
            let expected = format!("pairs of height and width in multiples of {tile}");
            refuse("image_grid_pinpoints", &expected, given)
        })
}

impl OneVision {
    pub(super) fn plan(&self, height: usize, width: usize) -> Plan {
        let (tall, wide) = self.best((height, width));
        let size = fitted((height, width), (tall, wide));
        let (top, left) = ((tall - size.0) / 2, (wide - size.1) / 2);
        let mut frames = vec![Frame::Thumbnail(self.tile, self.tile)];
        let tiles = grid(tall / self.tile, wide / self.tile, (self.tile, self.tile));
        // What the image does not fill is black: its tiles reach beyond it.
        frames.extend(
            tiles
                .into_iter()
                .map(|tile| tile.moved(-(top as isize), -(left as isize))),
        );
        Plan {
            sizes: vec![size],
            frames,
            ..Plan::default()
        }
    }

    /// The resolution that keeps most of the image's pixels and, of those, wastes fewest.
    fn best(&self, (height, width): (usize, usize)) -> (usize, usize) {
        let mut best = (self.resolutions[0], 0, usize::MAX);
        for &(tall, wide) in &self.resolutions {
            let scale = (wide as f64 / width as f64).min(tall as f64 / height as f64);
            let scaled = |side: usize| (side as f64 * scale) as usize;
            let kept = (scaled(width) * scaled(height)).min(width * height);
            let wasted = wide * tall - kept;
            if kept > best.1 || (kept == best.1 && wasted < best.2) {
                best = ((tall, wide), kept, wasted);
            }
        }
        best.0
    }
}

/// The largest size of an image within another one.
fn fitted((height, width): (usize, usize), (tall, wide): (usize, usize)) -> (usize, usize) {
    let (across, down) = (wide as f64 / width as f64, tall as f64 / height as f64);
    let side =
        |side: usize, scale: f64, most: usize| ((side as f64 * scale).ceil() as usize).min(most);
    if across < down {
        (side(height, across, tall), wide)
    } else {
        (tall, side(width, down, wide))
    }
}
