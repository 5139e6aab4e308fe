//! What the background names look like.

use super::Background;

/// sRGB of the ground near the blocks and of what stands behind them.
#[derive(Clone, Copy, Debug)]
pub struct Backdrop {
    /// sRGB of the ground near the camera's target.
    pub ground: [u8; 3],
    /// sRGB of the backdrop, into which the ground fades.
    pub wall: [u8; 3],
}

impl Background {
    /// The colours that the name stands for, as a flat style shows them. A room has a table top
    /// and a wall, but no colour to ask for.
    pub fn backdrop(self) -> Backdrop {
        let (ground, wall) = match self {
            Self::White => ([226, 224, 218], [238, 241, 246]),
            Self::Gray => ([134, 134, 134], [146, 146, 147]),
            Self::Beige => ([208, 186, 148], [222, 203, 170]),
            Self::Blue => ([156, 186, 222], [174, 201, 232]),
            Self::Black => ([46, 46, 48], [34, 34, 36]),
            Self::Room => ([186, 150, 112], [206, 204, 196]),
        };
        Backdrop { ground, wall }
    }
}
