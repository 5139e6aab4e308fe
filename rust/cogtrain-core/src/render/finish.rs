//! What blocks and ground are made of.

// A kernel's parts have to be compiled for the body that calls them.
#![allow(clippy::inline_always)]

use super::cloth::Cloth;
use super::noise::ramp;
use super::print::Print;
use super::swatch::{SWATCH, Swatch, Weave};
use super::table::Table;
use super::timber::{Coat, FaceSpot, Timber};
use crate::Stream;
use crate::simd::Kernel;
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

    /// What the surface is like at `spot`.
    pub fn coat(&self, spot: &FaceSpot) -> Coat {
        match self {
            Self::Timber(timber) => timber.coat(spot),
            Self::Print(print) => {
                let (u, v) = match spot.face / 2 {
                    0 => (1, 2),
                    1 => (0, 2),
                    _ => (0, 1),
                };
                let place = [spot.local[u], spot.local[v]];
                Coat {
                    shade: print.shade(place, spot.pixel[u].max(spot.pixel[v])),
                    bare: 0.0,
                    crack: 0.0,
                    tilt: [0.0; 3],
                }
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

/// A look at a cover.
pub struct Look<'a> {
    pub cover: &'a Cover,
    pub swatch: &'a Swatch,
}

impl Kernel for Look<'_> {
    type Out = Weave;

    #[inline(always)]
    fn run(self) -> Weave {
        let (swatch, mut shade) = (self.swatch, [0.0; SWATCH]);
        match self.cover {
            Cover::Cloth(cloth, end) => {
                let mut hung = [0.0; SWATCH];
                for (hung, &along) in hung.iter_mut().zip(&swatch.place[1]) {
                    *hung = 0.42 + 0.58 * ramp(end - 1.5, end + 3.0, along);
                }
                cloth.weave(swatch, &hung)
            }
            Cover::Table(table) => table.weave(swatch),
            Cover::Print(print) => {
                for (i, shade) in shade.iter_mut().enumerate() {
                    let (place, pixel) = swatch.at(i);
                    *shade = print.shade(place, pixel[0].max(pixel[1]));
                }
                Weave::flat(shade)
            }
        }
    }
}
