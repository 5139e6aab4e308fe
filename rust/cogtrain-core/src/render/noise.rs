//! Smooth random fields: value noise on a lattice, keyed, with slopes.

// A kernel's parts have to be compiled for the body that calls them.
#![allow(clippy::inline_always)]

use crate::Stream;
use crate::simd::cut;

/// A random field; equal keys are equal fields.
#[derive(Clone, Copy, Debug)]
pub struct Noise(u32);

/// Value of a field over the plane, −1 to 1, with its slopes.
#[derive(Clone, Copy, Debug)]
pub struct Wave {
    pub value: f32,
    pub slope: [f32; 2],
}

impl Noise {
    /// A field of its own for every call.
    pub fn draw(stream: &mut Stream) -> Self {
        Self(stream.next_u64() as u32)
    }

    /// 32 random bits of a lattice point.
    #[inline(always)]
    pub fn bits(self, x: i32, y: i32, z: i32) -> u32 {
        let h = self.mixed(x, y, z);
        h ^ h >> 16
    }

    /// Well mixed in the upper bits.
    #[inline(always)]
    fn mixed(self, x: i32, y: i32, z: i32) -> u32 {
        let mut h = self.0
            ^ (x as u32).wrapping_mul(0x8DA6_B343)
            ^ (y as u32).wrapping_mul(0xD816_3841)
            ^ (z as u32).wrapping_mul(0xCB1A_B31F);
        h = (h ^ h >> 16).wrapping_mul(0x7FEB_352D);
        (h ^ h >> 15).wrapping_mul(0x846C_A68B)
    }

    #[inline(always)]
    fn at(self, x: i32, y: i32, z: i32) -> f32 {
        (self.mixed(x, y, z) >> 8) as f32 * (2.0 / 16_777_216.0) - 1.0
    }

    /// The field over the plane, one lattice cell per unit.
    #[inline(always)]
    pub fn plane(self, x: f32, y: f32) -> Wave {
        between(x, y, |i, j| self.at(i, j, 0))
    }

    /// The field over space, one lattice cell per unit.
    #[inline(always)]
    pub fn solid(self, [x, y, z]: [f32; 3]) -> f32 {
        let (i, u, _) = cell(x);
        let (j, v, _) = cell(y);
        let (k, w, _) = cell(z);
        let row = |j, k| {
            let (a, b) = (self.at(i, j, k), self.at(i + 1, j, k));
            a + (b - a) * u
        };
        let sheet = |k| {
            let (a, b) = (row(j, k), row(j + 1, k));
            a + (b - a) * v
        };
        let (a, b) = (sheet(k), sheet(k + 1));
        a + (b - a) * w
    }

    /// The field along a line, one lattice cell per unit.
    #[inline(always)]
    pub fn line(self, x: f32) -> f32 {
        let (i, u, _) = cell(x);
        let (a, b) = (self.at(i, 0, 0), self.at(i + 1, 0, 0));
        a + (b - a) * u
    }
}

/// Side of a table of lattice values: a power of two.
const SIDE: usize = 64;

/// A field over the plane whose lattice values are drawn once: for many places at little cost. It
/// repeats after 64 cells.
pub struct Tabled(Box<[f32; SIDE * SIDE]>);

impl Tabled {
    /// A field of its own for every call.
    pub fn draw(stream: &mut Stream) -> Self {
        let noise = Noise::draw(stream);
        let at = |i: usize| noise.at((i % SIDE) as i32, (i / SIDE) as i32, 0);
        Self(Box::new(std::array::from_fn(at)))
    }

    /// The field, one lattice cell per unit.
    #[inline(always)]
    pub fn plane(&self, x: f32, y: f32) -> Wave {
        let wrap = |i: i32| i as usize & (SIDE - 1);
        between(x, y, |i, j| self.0[wrap(j) * SIDE + wrap(i)])
    }
}

/// Smooth between the four lattice values around a place.
#[inline(always)]
fn between(x: f32, y: f32, at: impl Fn(i32, i32) -> f32) -> Wave {
    let (i, u, du) = cell(x);
    let (j, v, dv) = cell(y);
    let (a, b) = (at(i, j), at(i + 1, j));
    let (c, d) = (at(i, j + 1), at(i + 1, j + 1));
    let twist = a - b - c + d;
    Wave {
        value: a + (b - a) * u + (c - a) * v + twist * u * v,
        slope: [(b - a + twist * v) * du, (c - a + twist * u) * dv],
    }
}

/// Lattice index, weight of the next lattice point, and the weight's slope.
#[inline(always)]
fn cell(x: f32) -> (i32, f32, f32) {
    // Towards zero; below zero, one less is the floor.
    let whole = cut(x);
    let i = whole - i32::from(x < whole as f32);
    let t = x - i as f32;
    let weight = t * t * t * (t * (t * 6.0 - 15.0) + 10.0);
    (i, weight, 30.0 * t * t * (t * (t - 2.0) + 1.0))
}

/// Share of a detail that survives a pixel which spans `cells` of its lattice cells: all of it
/// below half a cell, none above one and a half, so that nothing aliases.
#[inline(always)]
pub fn resolved(cells: f32) -> f32 {
    ramp(1.5, 0.5, cells)
}

/// Straight from 0 at `from` to 1 at `to`, clipped; smooth at both ends.
#[inline(always)]
pub fn ramp(from: f32, to: f32, x: f32) -> f32 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_the_values_slopes() {
        let noise = Noise(7);
        let mut stream = Stream::new(0, "test", 0);
        for _ in 0..500 {
            let (x, y) = (
                stream.range(-20.0, 20.0) as f32,
                stream.range(-20.0, 20.0) as f32,
            );
            let h = 1e-2;
            let dx = (noise.plane(x + h, y).value - noise.plane(x - h, y).value) / (2.0 * h);
            let dy = (noise.plane(x, y + h).value - noise.plane(x, y - h).value) / (2.0 * h);
            let wave = noise.plane(x, y);
            assert!((dx - wave.slope[0]).abs() < 0.02 && (dy - wave.slope[1]).abs() < 0.02);
            assert!(wave.value.abs() <= 1.0);
        }
    }

    #[test]
    fn a_table_repeats_after_its_side() {
        let table = Tabled::draw(&mut Stream::new(0, "test", 0));
        for k in 0..50 {
            let (x, y) = (k as f32 * 0.625 - 9.0, k as f32 * 0.375);
            let (one, other) = (table.plane(x, y), table.plane(x + 64.0, y - 128.0));
            assert!((one.value - other.value).abs() < 1e-4);
        }
    }

    /// Lattice values are uniform: mean 0, variance 1/3.
    #[test]
    fn lattice_is_uniform() {
        let values: Vec<f32> = (0..10_000)
            .map(|i| Noise(1).at(i % 100 - 50, i / 100 - 50, 3))
            .collect();
        let mean = values.iter().sum::<f32>() / 1e4;
        let variance = values.iter().map(|v| v * v).sum::<f32>() / 1e4;
        assert!(mean.abs() < 0.02 && (variance - 1.0 / 3.0).abs() < 0.01);
    }
}
