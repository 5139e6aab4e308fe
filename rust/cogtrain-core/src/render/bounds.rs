//! Boxes along the axes that hold a set of points.

// A kernel's parts have to be compiled for the body that calls them.
#![allow(clippy::inline_always)]

use super::vector::V3;

/// Lowest and highest coordinates of some points.
#[derive(Clone, Copy)]
pub struct Bounds {
    pub low: V3,
    pub high: V3,
}

impl Bounds {
    #[inline(always)]
    pub fn of(points: &[V3]) -> Self {
        let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
        for p in points {
            for (k, x) in [p.x, p.y, p.z].into_iter().enumerate() {
                low[k] = if x < low[k] { x } else { low[k] };
                high[k] = if x > high[k] { x } else { high[k] };
            }
        }
        Self {
            low: V3::from(low),
            high: V3::from(high),
        }
    }

    /// Square of the distance to a point; 0 inside.
    pub fn distance2(&self, p: V3) -> f64 {
        let out = |low: f64, high: f64, x: f64| (low - x).max(x - high).max(0.0);
        let x = out(self.low.x, self.high.x, p.x);
        let y = out(self.low.y, self.high.y, p.y);
        let z = out(self.low.z, self.high.z, p.z);
        x * x + y * y + z * z
    }
}
