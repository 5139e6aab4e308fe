//! The numbers behind a flat look: colours, and the strength of the lights.

use super::{Appearance, Palette};
use crate::scene::Color;

/// Linear-light RGB.
pub type Rgb = [f32; 3];

/// Relative luminance of linear sRGB (IEC 61966-2-1).
const LUMINANCE: Rgb = [0.2126, 0.7152, 0.0722];

impl Appearance {
    /// sRGB of `color` under this palette, as declared: in full light and without texture.
    pub fn color(&self, color: Color) -> [u8; 3] {
        self.palette.color(self.style, color)
    }

    /// What the renderer needs to know of a flat look.
    pub fn look(&self) -> Look {
        let backdrop = self.background.backdrop();
        let lights = if self.palette == Palette::Equiluminant {
            LIGHTS.neutral()
        } else {
            LIGHTS
        };
        Look {
            colors: std::array::from_fn(|i| self.color(Color::ALL[i])),
            ground: backdrop.ground,
            backdrop: backdrop.wall,
            fade_m: 16.0,
            lights,
            contact_shade: 0.35,
        }
    }
}

/// The numbers behind a flat look; colours are 8-bit sRGB as a designer would write them.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// sRGB of each colour, in the order of [`Color::ALL`].
    pub colors: [[u8; 3]; 8],
    /// sRGB of the ground near the camera's target.
    pub ground: [u8; 3],
    /// sRGB of the backdrop, into which the ground fades.
    pub backdrop: [u8; 3],
    /// Distance from the target at which the ground has half faded, in metres.
    pub fade_m: f32,
    /// What shines.
    pub lights: Lights,
    /// How much darker the ground is where a block touches it, 0 to 1.
    pub contact_shade: f32,
}

/// Light from above, all around and below, in units that show a white face as 1.
#[derive(Clone, Copy, Debug)]
pub struct Lights {
    /// Light of the sun on a face that looks straight at it.
    pub sun: Rgb,
    /// Light of the sky on a face that looks up; half of it reaches a vertical face.
    pub sky: Rgb,
    /// Light thrown back by the ground on a face that looks down.
    pub bounce: Rgb,
}

impl Lights {
    /// The same luminance without a tint, so that equal luminance stays equal in any light.
    #[must_use]
    pub fn neutral(&self) -> Self {
        let gray = |light: Rgb| [light.iter().zip(LUMINANCE).map(|(l, w)| l * w).sum(); 3];
        Self {
            sun: gray(self.sun),
            sky: gray(self.sky),
            bounce: gray(self.bounce),
        }
    }
}

const LIGHTS: Lights = Lights {
    sun: [0.80, 0.77, 0.70],
    sky: [0.38, 0.41, 0.46],
    bounce: [0.20, 0.195, 0.18],
};
