//! How a scene looks: style, palette, background, and the seed of all that physics does not see.

mod backdrop;
mod look;
mod palette;

use serde::{Deserialize, Serialize};

use crate::naming::named;
pub use backdrop::Backdrop;
pub use look::{Lights, Look, Rgb};

named! {
    /// A named look.
    pub enum Style as "style" {
        /// Flat coloured cubes on a pale ground, one sun, soft sky.
        Cubeworld = "cubeworld",
        /// Painted wooden blocks as a camera sees them: grain, worn edges, soft shadow, noise.
        Wood = "wood",
        /// Domain randomisation: textures, lights and backdrops drawn anew for every seed.
        Randomised = "randomised",
    }
}

named! {
    /// What the colour names look like.
    pub enum Palette as "palette" {
        /// Vivid colours that people name alike.
        Default = "default",
        /// Told apart with any common colour vision deficiency.
        ColorBlindSafe = "color_blind_safe",
        /// Equal in luminance: only hue and chroma tell them apart.
        Equiluminant = "equiluminant",
    }
}

named! {
    /// What stands behind and under the blocks. All but `room` have a colour that can be asked for.
    pub enum Background as "background" {
        /// White.
        White = "white",
        /// Middle grey.
        Gray = "gray",
        /// Pale warm brown.
        Beige = "beige",
        /// Pale blue.
        Blue = "blue",
        /// Near black.
        Black = "black",
        /// A cluttered room: no single colour.
        Room = "room",
    }
}

/// How a scene is shown. Physics does not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Appearance {
    /// Named look.
    pub style: Style,
    /// What the colour names look like.
    pub palette: Palette,
    /// What stands behind the blocks.
    pub background: Background,
    /// Decides grain, wear, clutter and sensor noise; `cubeworld` has none of them.
    pub texture_seed: u64,
}

impl Appearance {
    /// `style` with the default palette on white.
    pub fn new(style: Style) -> Self {
        Self {
            style,
            palette: Palette::Default,
            background: Background::White,
            texture_seed: 0,
        }
    }
}
