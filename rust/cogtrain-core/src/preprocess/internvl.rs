//! InternVL (`GotOcr2`): the grid of tiles whose shape is nearest, and a thumbnail.

use super::config::{Config, Defaults, refuse};
use super::idefics3::grid;
use super::normalise::Scaling;
use super::plan::{Frame, Plan};
use super::single::Size;
use super::{CLIP_MEAN, CLIP_STD, Family, filter::Filter};
use crate::{Error, Result};

/// Most tiles that are believed.
const MAX_TILES: usize = 1024;

/// Tiling of an InternVL image processor.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct InternVl {
    /// Height and width of a tile.
    tile: (usize, usize),
    resizes: bool,
    /// Fewest and most tiles, if images are tiled at all.
    tiles: Option<(usize, usize)>,
}

/// Defaults of `GotOcr2ImageProcessor`.
pub(super) fn read(config: &Config) -> Result<(Family, Filter, Scaling)> {
    let defaults = Defaults {
        filter: Filter::Bicubic,
        mean: CLIP_MEAN,
        std: CLIP_STD,
    };
    let tile = match config.size.as_ref() {
        None => (384, 384),
        Some(size) => match Config::size_of(size, true)? {
            Size::Exact(height, width) => (height, width),
            _ => return Err(refuse("size", "`height` and `width`", size)),
        },
    };
    let (fewest, most) = (
        config.min_patches.unwrap_or(1),
        config.max_patches.unwrap_or(12),
    );
    if most > MAX_TILES || fewest > most {
        let expected = format!("between `min_patches` ({fewest}) and {MAX_TILES}");
        return Err(Error::argument(
            "max_patches",
            expected,
            most,
            "check the configuration",
        ));
    }
    let steps = InternVl {
        tile,
        resizes: config.do_resize.unwrap_or(true),
        tiles: (config.crop_to_patches.unwrap_or(false) && most > 1).then_some((fewest, most)),
    };
    let (filter, scaling) = config.values(&defaults)?;
    Ok((Family::InternVl(steps), filter, scaling))
}

impl InternVl {
    pub(super) fn plan(&self, height: usize, width: usize) -> Plan {
        let Some(limits) = self.tiles else {
            let size = if self.resizes {
                self.tile
            } else {
                (height, width)
            };
            return Plan {
                sizes: vec![size],
                frames: vec![Frame::whole(size.0, size.1)],
                ..Plan::default()
            };
        };
        let (across, down) = best_grid((height, width), self.tile, limits);
        let mut frames = grid(down, across, self.tile);
        if frames.len() > 1 {
            frames.push(Frame::Thumbnail(self.tile.0, self.tile.1));
        }
        Plan {
            sizes: vec![(down * self.tile.0, across * self.tile.1)],
            frames,
            ..Plan::default()
        }
    }
}

/// Tiles across and down with the aspect ratio nearest to the image's; of equally near ones the
/// later, larger one if the image has more than half of its pixels.
fn best_grid(
    (height, width): (usize, usize),
    tile: (usize, usize),
    (fewest, most): (usize, usize),
) -> (usize, usize) {
    let mut grids: Vec<(usize, usize)> = (1..=most)
        .flat_map(|across| (1..=most / across).map(move |down| (across, down)))
        .filter(|(across, down)| across * down >= fewest)
        .collect();
    grids.sort_by_key(|(across, down)| across * down);
    let aspect = width as f64 / height as f64;
    let area = (width * height) as f64;
    let (mut best, mut least) = ((1, 1), f64::INFINITY);
    for (across, down) in grids {
        let distance = (aspect - across as f64 / down as f64).abs();
        let half = 0.5 * (tile.0 * tile.1 * across * down) as f64;
        // Equality is meant: ratios of small whole numbers recur exactly.
        if distance < least || distance <= least && area > half {
            best = (across, down);
        }
        least = least.min(distance);
    }
    best
}
