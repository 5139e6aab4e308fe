//! What the colour names look like under each palette, in 8-bit sRGB.

use super::{Palette, Style};
use crate::scene::Color;

/// sRGB of each colour, in the order of [`Color::ALL`].
type Colors = [[u8; 3]; 8];

/// Vivid, easily named.
const VIVID: Colors = [
    [206, 46, 48],
    [240, 138, 36],
    [246, 208, 60],
    [66, 160, 74],
    [64, 190, 196],
    [48, 96, 190],
    [128, 70, 168],
    [236, 130, 176],
];

/// Matte paints, modelled on photographs of painted toy blocks under a dim room light.
const PAINTS: Colors = [
    [152, 16, 26],
    [206, 96, 26],
    [231, 224, 70],
    [28, 92, 48],
    [44, 142, 152],
    [34, 60, 128],
    [112, 48, 136],
    [214, 124, 146],
];

/// At least 28 apart in CIELAB (ΔE*ab, D65) for normal vision and for simulated protanopia,
/// deuteranopia and tritanopia (Machado, Oliveira & Fernandes 2009, severity 1); found by
/// annealing within the hue, chroma and lightness that people call by each name.
const SAFE: Colors = [
    [172, 6, 5],
    [247, 110, 23],
    [250, 238, 115],
    [38, 142, 80],
    [37, 244, 255],
    [70, 74, 204],
    [64, 34, 109],
    [231, 137, 172],
];

/// CIE L* = 55.0 ± 0.1, what 8 bits allow, and at least 45 apart in CIELAB. Lighter, red turns
/// pink; darker, yellow turns brown.
const EQUILUMINANT: Colors = [
    [254, 34, 88],
    [212, 99, 2],
    [149, 132, 5],
    [4, 153, 24],
    [3, 147, 145],
    [9, 134, 232],
    [164, 94, 252],
    [247, 6, 173],
];

impl Palette {
    /// sRGB of `color` as `style` paints it: only the default palette depends on the style.
    pub(super) fn color(self, style: Style, color: Color) -> [u8; 3] {
        let colors = match (self, style) {
            (Self::Default, Style::Wood) => &PAINTS,
            (Self::Default, _) => &VIVID,
            (Self::ColorBlindSafe, _) => &SAFE,
            (Self::Equiluminant, _) => &EQUILUMINANT,
        };
        colors[color as usize]
    }
}
