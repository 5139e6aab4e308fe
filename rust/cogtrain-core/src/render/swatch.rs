//! Places on a surface that are looked at together, a register of them at a time.

// A kernel's parts have to be compiled for the body that calls them.
#![allow(clippy::inline_always)]

use std::ops::Range;

use super::sight::Sight;
use super::vector::V3;

/// Places that are looked at together: arrays of their numbers fit into the nearest cache.
pub const SWATCH: usize = 64;

/// One number per place.
pub type Lanes = [f32; SWATCH];
/// The same in double precision.
pub type Wide = [f64; SWATCH];

/// One vector per place.
pub struct Vectors([Wide; 3]);

impl Vectors {
    pub fn new() -> Self {
        Self([[0.0; SWATCH]; 3])
    }

    pub fn by_axis(&self) -> &[Wide; 3] {
        &self.0
    }

    #[inline(always)]
    pub fn at(&self, i: usize) -> V3 {
        let [x, y, z] = &self.0;
        V3 {
            x: x[i],
            y: y[i],
            z: z[i],
        }
    }

    #[inline(always)]
    pub fn put(&mut self, i: usize, v: V3) {
        let [x, y, z] = &mut self.0;
        (x[i], y[i], z[i]) = (v.x, v.y, v.z);
    }
}

/// Up to a swatch of fragments of one surface: parts of pixels that show it.
pub struct Fragments {
    pub count: usize,
    /// Image point of the pixel's middle.
    pub pixel: [Wide; 2],
    /// Distance along the ray through it, in units of the ray's direction.
    pub t: Wide,
    pub point: Vectors,
    /// On the stage: the place on the unrolled surface, in metres.
    pub place: [Wide; 2],
    /// On a bend: cosine and sine of how far it has turned.
    pub turn: [Wide; 2],
    /// Where the colours go.
    pub target: [usize; SWATCH],
}

impl Fragments {
    pub fn new() -> Self {
        Self {
            count: 0,
            pixel: [[0.0; SWATCH]; 2],
            t: [0.0; SWATCH],
            point: Vectors::new(),
            place: [[0.0; SWATCH]; 2],
            turn: [[0.0; SWATCH]; 2],
            target: [0; SWATCH],
        }
    }

    /// Takes what some of the rays in `seen` see, as many as there is room for, and returns how many
    /// that were. The rays go through the row of pixels from image point `from` on; colours go to
    /// `target` and what follows it.
    pub fn take(
        &mut self,
        (sight, seen): (&Sight, Range<usize>),
        from: [f64; 2],
        target: usize,
    ) -> usize {
        let taken = seen.len().min(SWATCH - self.count);
        let (own, seen) = (
            self.count..self.count + taken,
            seen.start..seen.start + taken,
        );
        let pairs = [(&mut self.t, &sight.t)]
            .into_iter()
            .chain(self.point.0.iter_mut().zip(&sight.point))
            .chain(self.place.iter_mut().zip(&sight.place))
            .chain(self.turn.iter_mut().zip(&sight.turn));
        for (to, from) in pairs {
            to[own.clone()].copy_from_slice(&from[seen.clone()]);
        }
        for (k, i) in own.enumerate() {
            self.pixel[0][i] = from[0] + k as f64;
            self.pixel[1][i] = from[1];
            self.target[i] = target + k;
        }
        self.count += taken;
        taken
    }
}

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
