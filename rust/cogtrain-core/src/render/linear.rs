//! Quantities that are linear in the image: what bounds convex shapes on screen.

use std::ops::{Add, Mul, Sub};

/// `a` · x + `b` · y + `c` at image point (x, y), in pixels from the top left.
#[derive(Clone, Copy, Debug)]
pub struct Linear {
    pub a: f64,
    pub b: f64,
    pub c: f64,
}

impl Add for Linear {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        Self {
            a: self.a + o.a,
            b: self.b + o.b,
            c: self.c + o.c,
        }
    }
}

impl Sub for Linear {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        Self {
            a: self.a - o.a,
            b: self.b - o.b,
            c: self.c - o.c,
        }
    }
}

impl Mul<f64> for Linear {
    type Output = Self;
    fn mul(self, s: f64) -> Self {
        Self {
            a: self.a * s,
            b: self.b * s,
            c: self.c * s,
        }
    }
}
