//! Places on a surface that are looked at together, a register of them at a time.

// A kernel's parts have to be compiled for the body that calls them.
#![allow(clippy::inline_always)]

/// Places that are looked at together: arrays of their numbers fit into the nearest cache.
pub const SWATCH: usize = 64;

/// One number per place.
pub type Lanes = [f32; SWATCH];

/// Places on a cover, in units of a usual block's side.
pub struct Swatch {
    /// Across and along.
    pub place: [Lanes; 2],
    /// How far a pixel reaches, across and along.
    pub pixel: [Lanes; 2],
}

/// What the cover is like there: slopes across and along, and a factor on its colour.
pub struct Weave {
    pub slope: [Lanes; 2],
    pub shade: Lanes,
}

impl Swatch {
    pub fn new() -> Self {
        Self {
            place: [[0.0; SWATCH]; 2],
            pixel: [[0.0; SWATCH]; 2],
        }
    }

    /// One place, and how far a pixel reaches there.
    #[inline(always)]
    pub fn at(&self, i: usize) -> ([f32; 2], [f32; 2]) {
        let (place, pixel) = (&self.place, &self.pixel);
        ([place[0][i], place[1][i]], [pixel[0][i], pixel[1][i]])
    }
}

impl Weave {
    /// Without folds.
    #[inline(always)]
    pub fn flat(shade: Lanes) -> Self {
        Self {
            slope: [[0.0; SWATCH]; 2],
            shade,
        }
    }
}
