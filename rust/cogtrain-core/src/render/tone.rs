//! The sRGB curve over a narrow range of light, as a polynomial: for many values at a time.

// A kernel's parts have to be compiled for the body that calls them.
#![allow(clippy::inline_always)]

use std::f64::consts::PI;
use std::sync::OnceLock;

/// Degree of the polynomial.
const DEGREE: usize = 9;
/// Largest error that is let through, in 8-bit levels: far below what can be seen, and the rare
/// value this near to a rounding edge moves by one level.
const TOLERANCE: f64 = 4e-3;

/// From linear light to 8-bit levels, between two bounds.
#[derive(Clone, Copy)]
pub struct Tone {
    scale: f32,
    offset: f32,
    powers: [f32; DEGREE + 1],
}

impl Tone {
    /// Fits the curve for light from `low` to `high`; `None` if a polynomial cannot follow it,
    /// because the range reaches into the dark.
    pub fn fit(low: f64, high: f64) -> Option<Self> {
        let (middle, half) = (0.5 * (low + high), (0.5 * (high - low)).max(1e-4));
        let level = |u: f64| level(middle + half * u);
        let (cosines, count) = (cosines(), DEGREE + 1);
        let values = cosines[1].map(level);
        let series: [f64; DEGREE + 1] = std::array::from_fn(|k| {
            let term = |i: usize| values[i] * cosines[k][i];
            let share = if k == 0 { 1.0 } else { 2.0 } / count as f64;
            (0..count).map(term).sum::<f64>() * share
        });
        let powers = powers(&series);
        let at = |u: f64| powers.iter().rev().fold(0.0, |sum, p| sum * u + p);
        let is_near = |i: i32| {
            let u = f64::from(i) / 8.0;
            (at(u) - level(u)).abs() < TOLERANCE
        };
        (-8..=8).all(is_near).then(|| Self {
            scale: (1.0 / half) as f32,
            offset: (-middle / half) as f32,
            powers: powers.map(|p| p as f32),
        })
    }

    /// The 8-bit level of light within the bounds.
    #[inline(always)]
    pub fn level(&self, light: f32) -> u32 {
        let u = light * self.scale + self.offset;
        let mut sum = self.powers[DEGREE];
        for k in (0..DEGREE).rev() {
            sum = sum * u + self.powers[k];
        }
        // Adding 1.5 · 2²³ leaves the whole number in the lowest bits, rounded to nearest.
        (sum + 12_582_912.0).to_bits() & 0xFF
    }
}

/// Chebyshev's polynomials, degree by degree, at the zeros of the one after them.
fn cosines() -> &'static [[f64; DEGREE + 1]; DEGREE + 1] {
    static COSINES: OnceLock<[[f64; DEGREE + 1]; DEGREE + 1]> = OnceLock::new();
    let angle = |i: usize| PI * (i as f64 + 0.5) / (DEGREE + 1) as f64;
    COSINES.get_or_init(|| {
        std::array::from_fn(|k| std::array::from_fn(|i| libm::cos(k as f64 * angle(i))))
    })
}

/// The level of `light` before rounding (IEC 61966-2-1); the curve goes on above 1.
fn level(light: f64) -> f64 {
    255.0
        * if light <= 0.003_130_8 {
            12.92 * light
        } else {
            1.055 * libm::pow(light, 1.0 / 2.4) - 0.055
        }
}

/// The same polynomial in powers, from Chebyshev's series.
fn powers(series: &[f64; DEGREE + 1]) -> [f64; DEGREE + 1] {
    let mut sum = [0.0; DEGREE + 1];
    let (mut before, mut now) = ([0.0; DEGREE + 1], [0.0; DEGREE + 1]);
    before[0] = 1.0;
    now[1] = 1.0;
    for &weight in series {
        for k in 0..=DEGREE {
            sum[k] += weight * before[k];
        }
        // T(n + 1) = 2 u T(n) − T(n − 1).
        let next = std::array::from_fn(|k| {
            let shifted = if k > 0 { now[k - 1] } else { 0.0 };
            2.0 * shifted - before[k]
        });
        (before, now) = (now, next);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::srgb::Srgb;

    /// A level is the table's, or the value lies within the tolerance of a rounding edge.
    #[test]
    fn levels_are_the_tables() {
        for (low, high) in [(0.2, 1.0), (0.006, 0.025), (0.5, 0.5), (0.13, 0.64)] {
            let tone = Tone::fit(low, high).expect("a usual range");
            let mut others = 0;
            for i in 0..2000_u16 {
                let light = low + (high - low) * f64::from(i) / 1999.0;
                let found = tone.level(light as f32) as u8;
                let [exact, ..] = Srgb::tables().encode([light as f32; 3]);
                others += i32::from(found != exact);
                assert!((f64::from(found) - level(light)).abs() < 0.5 + 2.0 * TOLERANCE);
            }
            assert!(others < 10, "{others} of 2,000 in {low} … {high}");
        }
    }

    #[test]
    fn the_dark_is_refused() {
        assert!(Tone::fit(0.0, 1.0).is_none());
        assert!(Tone::fit(1e-3, 0.9).is_none());
    }
}
