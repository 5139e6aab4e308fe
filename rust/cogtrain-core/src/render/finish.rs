//! What blocks and ground are made of.

// A kernel's parts have to be compiled for the body that calls them.
#![allow(clippy::inline_always)]

use super::cloth::Cloth;
use super::noise::ramp;
use super::print::Print;
use super::swatch::{SWATCH, Swatch, Weave};
use super::table::Table;
use super::timber::{Coats, FaceSpots, Timber};
use crate::Stream;
use crate::style::Style;

/// A block's surface.
pub enum Finish {
    /// Painted wood.
    Timber(Box<Timber>),
    /// A pattern on smooth faces.
    Print(Print),
}

impl Finish {
    /// Wood for `wood`; a print or wood for the randomised style.
    pub fn draw(style: Style, stream: &mut Stream) -> Self {
        if style == Style::Wood || stream.below(5) == 0 {
            Self::Timber(Box::new(Timber::draw(stream)))
        } else {
            Self::Print(Print::draw(stream, [1.0, 4.0]))
        }
    }

    /// What a face of the block is like at `spots`.
    #[inline(always)]
    pub fn coats(&self, spots: &FaceSpots, face: usize) -> Coats {
        match self {
            Self::Timber(timber) => timber.coats(spots, face),
            Self::Print(print) => {
                let (u, v) = match face / 2 {
                    0 => (1, 2),
                    1 => (0, 2),
                    _ => (0, 1),
                };
                let mut coats = Coats::new();
                for i in 0..SWATCH {
                    let place = [spots.local[u][i], spots.local[v][i]];
                    coats.shade[i] = print.shade(place, spots.pixel[u][i].max(spots.pixel[v][i]));
                }
                coats
            }
        }
    }
}

/// What floor and backdrop are covered with.
pub enum Cover {
    /// A hanging sheet; the number is where the floor ends, in units.
    Cloth(Cloth, f32),
    /// A table top.
    Table(Table),
    /// A pattern on a smooth floor and wall.
    Print(Print),
}

impl Cover {
    /// A sheet for `wood`, boards in a room; a sheet or a print for the randomised style.
    pub fn draw(style: Style, is_room: bool, stream: &mut Stream, floor_end: f32) -> Self {
        if is_room {
            Self::Table(Table::draw(stream))
        } else if style == Style::Wood || stream.below(4) == 0 {
            Self::Cloth(Cloth::draw(stream, floor_end), floor_end)
        } else {
            Self::Print(Print::draw(stream, [0.25, 1.2]))
        }
    }
}

impl Cover {
    /// What the cover is like at the places of `swatch`.
    #[inline(always)]
    pub fn weave(&self, swatch: &Swatch) -> Weave {
        match self {
            Self::Cloth(cloth, end) => {
                let mut hung = [0.0; SWATCH];
                for (hung, &along) in hung.iter_mut().zip(&swatch.place[1]) {
                    *hung = 0.42 + 0.58 * ramp(end - 1.5, end + 3.0, along);
                }
                cloth.weave(swatch, &hung)
            }
            Self::Table(table) => table.weave(swatch),
            Self::Print(print) => {
                let mut shade = [0.0; SWATCH];
                for (i, shade) in shade.iter_mut().enumerate() {
                    let (place, pixel) = swatch.at(i);
                    *shade = print.shade(place, pixel[0].max(pixel[1]));
                }
                Weave::flat(shade)
            }
        }
    }
}
