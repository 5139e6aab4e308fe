//! How a scene looks: palette, ground, backdrop and the strength of its lights.

use serde::Serialize;

use crate::scene::Color;
use crate::{Error, Result};

/// Linear-light RGB.
pub type Rgb = [f32; 3];

/// A named look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// Flat coloured cubes on a pale ground, one sun, soft sky.
    Cubeworld,
}

impl Style {
    /// Every style's name.
    pub const NAMES: [&'static str; 1] = ["cubeworld"];

    /// The style called `name`.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "cubeworld" => Ok(Self::Cubeworld),
            _ => Err(Error::unknown_name("style", name, &Self::NAMES)),
        }
    }

    /// The style's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cubeworld => Self::NAMES[0],
        }
    }

    /// What the renderer needs to know of the style.
    pub fn look(self) -> Look {
        match self {
            Self::Cubeworld => CUBEWORLD,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for name in Style::NAMES {
            assert_eq!(Style::parse(name).expect("listed").name(), name);
        }
        let error = Style::parse("cubewrld").expect_err("misspelt").to_string();
        assert!(
            error.contains("`cubewrld`") && error.contains("`cubeworld`"),
            "{error}"
        );
    }
}
