//! Boxes along the axes that hold a set of points.

// A kernel's parts have to be compiled for the body that calls them.
#![allow(clippy::inline_always)]

use super::swatch::Vectors;
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
        let mut bounds = Self {
            low: V3::new(f64::INFINITY, f64::INFINITY, f64::INFINITY),
            high: V3::new(f64::NEG_INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY),
        };
        for &p in points {
            bounds.hold(p);
        }
        bounds
    }

    /// Of the first `count` places.
    #[inline(always)]
    pub fn of_first(points: &Vectors, count: usize) -> Self {
        const LANES: usize = 32;
        let mut ends = [[[f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]]; 3];
        for (x, [low, high]) in points.by_axis().iter().zip(&mut ends) {
            let (whole, rest) = x[..count].split_at(count - count % LANES);
            for x in whole.chunks_exact(LANES) {
                for i in 0..LANES {
                    low[i] = low[i].min(x[i]);
                    high[i] = high[i].max(x[i]);
                }
            }
            for &x in rest {
                low[0] = low[0].min(x);
                high[0] = high[0].max(x);
            }
        }
        let low = ends.map(|[low, _]| low.into_iter().fold(f64::INFINITY, f64::min));
        let high = ends.map(|[_, high]| high.into_iter().fold(f64::NEG_INFINITY, f64::max));
        Self {
            low: V3::from(low),
            high: V3::from(high),
        }
    }

    #[inline(always)]
    fn hold(&mut self, p: V3) {
        let Self { low, high } = self;
        let ends = [
            (&mut low.x, &mut high.x, p.x),
            (&mut low.y, &mut high.y, p.y),
            (&mut low.z, &mut high.z, p.z),
        ];
        for (low, high, x) in ends {
            *low = if x < *low { x } else { *low };
            *high = if x > *high { x } else { *high };
        }
    }

    /// Largest distance along an axis between a point within and one within `other`.
    #[inline(always)]
    pub fn reach(&self, other: &Self) -> f64 {
        let (a, b) = (other.high - self.low, self.high - other.low);
        let ends = [a.x, a.y, a.z, b.x, b.y, b.z];
        ends.into_iter().fold(0.0, f64::max)
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
