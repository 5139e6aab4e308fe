//! The numbers behind an appearance: palettes, ground, backdrop and the strength of the lights.

use super::Appearance;
use crate::scene::Color;

/// Linear-light RGB.
pub type Rgb = [f32; 3];

impl Appearance {
    /// What the renderer needs to know of the appearance.
    pub fn look(&self) -> Look {
        CUBEWORLD
    }
}

/// The numbers behind a style; colours are 8-bit sRGB as a designer would write them.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// sRGB of each colour, in the order of [`Color::ALL`].
    pub palette: [[u8; 3]; 8],
    /// sRGB of the ground near the camera's target.
    pub ground: [u8; 3],
    /// sRGB of the backdrop, into which the ground fades.
    pub backdrop: [u8; 3],
    /// Distance from the target at which the ground has half faded, in metres.
    pub fade_m: f32,
    /// Light of the sun on a face that looks straight at it.
    pub sun: Rgb,
    /// Light of the sky on a face that looks up; half of it reaches a vertical face.
    pub sky: Rgb,
    /// Light thrown back by the ground on a face that looks down.
    pub bounce: Rgb,
    /// How much darker the ground is where a block touches it, 0 to 1.
    pub contact_shade: f32,
}

impl Look {
    /// sRGB of `color`.
    pub fn color(&self, color: Color) -> [u8; 3] {
        self.palette[color as usize]
    }
}

const CUBEWORLD: Look = Look {
    palette: [
        [206, 46, 48],
        [240, 138, 36],
        [246, 208, 60],
        [66, 160, 74],
        [64, 190, 196],
        [48, 96, 190],
        [128, 70, 168],
        [236, 130, 176],
    ],
    ground: [226, 224, 218],
    backdrop: [238, 241, 246],
    fade_m: 16.0,
    sun: [0.80, 0.77, 0.70],
    sky: [0.38, 0.41, 0.46],
    bounce: [0.20, 0.195, 0.18],
    contact_shade: 0.35,
};
