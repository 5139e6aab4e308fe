//! Idefics3 and SmolVLM: tiles of one size and a view of the whole.

use super::config::{Config, Defaults, refuse};
use super::normalise::Scaling;
use super::plan::{Frame, Plan};
use super::single::Size;
use super::{Family, filter::Filter};
use crate::{Error, Result};

/// Smallest side of a tile that is believed: that of a patch.
const MIN_TILE: usize = 14;

/// Longest side that an image may get.
const MAX_SIDE: usize = 4096;

/// Sizes of an Idefics3 image processor.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Idefics3 {
    /// What images are resized to before they are split.
    size: Option<Wanted>,
    /// Side of a tile.
    tile: usize,
    splits: bool,
    /// Whether smaller frames are filled up with zeros, and a mask says so.
    pub(super) pads: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Wanted {
    Longest(usize),
    Exact(usize, usize),
}

/// Defaults of `Idefics3ImageProcessor` and `SmolVLMImageProcessor`.
pub(super) fn read(config: &Config) -> Result<(Family, Filter, Scaling)> {
    let defaults = Defaults {
        filter: Filter::Lanczos,
        mean: [0.5; 3],
        std: [0.5; 3],
    };
    let edge = |value, default| match value {
        None => Ok(default),
        Some(value) => Config::longest_edge(value),
    };
    let size = match config.size.as_ref() {
        Some(size) if size.get("longest_edge").is_none() => match Config::size_of(size, true)? {
            Size::Exact(height, width) => Wanted::Exact(height, width),
            _ => {
                return Err(refuse(
                    "size",
                    "`longest_edge`, or `height` and `width`",
                    size,
                ));
            }
        },
        size => Wanted::Longest(edge(size, 4 * 364)?),
    };
    let tile = edge(config.max_image_size.as_ref(), 364)?;
    if tile < MIN_TILE {
        let expected = format!("at least {MIN_TILE}");
        let hint = "check the configuration";
        return Err(Error::argument("max_image_size", expected, tile, hint));
    }
    let steps = Idefics3 {
        size: config.do_resize.unwrap_or(true).then_some(size),
        tile,
        splits: config.do_image_splitting.unwrap_or(true),
        pads: config.do_pad.unwrap_or(true),
    };
    let (filter, scaling) = config.values(&defaults)?;
    Ok((Family::Idefics3(steps), filter, scaling))
}

impl Idefics3 {
    pub(super) fn plan(&self, height: usize, width: usize) -> Plan {
        let mut size = (height, width);
        let mut sizes = Vec::new();
        if let Some(wanted) = self.size {
            size = match wanted {
                Wanted::Exact(height, width) => (height, width),
                Wanted::Longest(side) => below(to_longest(size, side), MAX_SIDE),
            };
            sizes.push(size);
        }
        if !self.splits {
            sizes.push((self.tile, self.tile));
            let frames = vec![Frame::whole(self.tile, self.tile)];
            return Plan {
                sizes,
                frames,
                ..Plan::default()
            };
        }
        let (down, across) = self.tiles(size);
        sizes.push((down * self.tile, across * self.tile));
        let mut frames = grid(down, across, (self.tile, self.tile));
        let mut tiles = (0, 0);
        if frames.len() > 1 {
            frames.push(Frame::Again(self.tile, self.tile));
            tiles = (down, across);
        }
        Plan {
            sizes,
            frames,
            tiles,
            ..Plan::default()
        }
    }

    /// Tiles down and across that cover an image, stretched a little.
    fn tiles(&self, (height, width): (usize, usize)) -> (usize, usize) {
        let aspect = width as f64 / height as f64;
        if width >= height {
            let across = width.div_ceil(self.tile);
            let height = ((across * self.tile) as f64 / aspect) as usize;
            (height.div_ceil(self.tile), across)
        } else {
            let down = height.div_ceil(self.tile);
            let width = ((down * self.tile) as f64 * aspect) as usize;
            (down, width.div_ceil(self.tile))
        }
    }
}

/// Tiles row by row.
pub(super) fn grid(down: usize, across: usize, (height, width): (usize, usize)) -> Vec<Frame> {
    let tile = |index: usize| Frame::Part {
        top: (index / across * height) as isize,
        left: (index % across * width) as isize,
        height,
        width,
    };
    (0..down * across).map(tile).collect()
}

/// The longer side gets the length `side`, the other one is rounded up to an even number.
fn to_longest((height, width): (usize, usize), side: usize) -> (usize, usize) {
    let aspect = width as f64 / height as f64;
    let even = |exact: f64| (exact as usize).next_multiple_of(2).max(1);
    if width >= height {
        (even(side as f64 / aspect), side)
    } else {
        (side, even(side as f64 * aspect))
    }
}

/// The same size, or one whose longer side is `most`.
fn below((height, width): (usize, usize), most: usize) -> (usize, usize) {
    let aspect = width as f64 / height as f64;
    if width >= height && width > most {
        (((most as f64 / aspect) as usize).max(1), most)
    } else if height > width && height > most {
        (most, ((most as f64 * aspect) as usize).max(1))
    } else {
        (height, width)
    }
}
