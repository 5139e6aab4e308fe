//! A table top of oiled boards.

// A kernel's parts have to be compiled for the body that calls them.
#![allow(clippy::inline_always)]

use super::noise::{Noise, resolved};
use super::swatch::{SWATCH, Swatch, Weave};
use crate::Stream;

/// Boards that run across the view; lengths are in units of a usual block's side.
pub struct Table {
    grain: Noise,
    boards: Noise,
    width: f32,
}

impl Table {
    pub fn draw(stream: &mut Stream) -> Self {
        Self {
            grain: Noise::draw(stream),
            boards: Noise::draw(stream),
            width: stream.range(1.3, 2.4) as f32,
        }
    }

    /// The boards at the places of `swatch`.
    #[inline(always)]
    pub fn weave(&self, swatch: &Swatch) -> Weave {
        let mut shade = [0.0; SWATCH];
        for (i, shade) in shade.iter_mut().enumerate() {
            let (place, pixel) = swatch.at(i);
            *shade = self.shade(place, pixel);
        }
        Weave::flat(shade)
    }

    #[inline(always)]
    fn shade(&self, [x, y]: [f32; 2], pixel: [f32; 2]) -> f32 {
        let board = y / self.width;
        let index = board.floor();
        let tone = self.boards.line(index * 1.618) * 0.09;
        let shift = index * 13.7;
        let streak = |along: f32, across: f32| {
            let cells = (along * pixel[0]).max(across * pixel[1]);
            self.grain.plane(along * x + shift, across * y).value * resolved(cells)
        };
        let gap = (board - index).min(1.0 - board + index) * self.width;
        let blur = 0.03_f32.max(pixel[1]);
        let joint = 0.45 * (0.03 / blur) * (1.0 - gap / blur).max(0.0);
        let streaked = 1.0
            + tone
            + 0.10 * streak(0.35, 5.0)
            + 0.09 * streak(0.8, 17.0)
            + 0.06 * streak(0.22, 1.3);
        streaked * (1.0 - joint)
    }
}
