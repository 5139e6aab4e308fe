//! Smooth random fields: value noise on a lattice, keyed, with slopes.

// A kernel's parts have to be compiled for the body that calls them.
#![allow(clippy::inline_always)]

use super::swatch::{Lanes, SWATCH};
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

/// A field over the plane whose lattice is drawn once: for many places at little cost. It repeats
/// after 64 cells.
pub struct Tabled(Box<[[f32; 4]; SIDE * SIDE]>);

/// Values of a field at many places, with its slopes.
pub struct Waves {
    pub value: Lanes,
    pub slope: [Lanes; 2],
}

impl Tabled {
    /// A field of its own for every call.
    pub fn draw(stream: &mut Stream) -> Self {
        let noise = Noise::draw(stream);
        let at = |i: usize| noise.at((i % SIDE) as i32, (i / SIDE) as i32, 0);
        let lattice: [f32; SIDE * SIDE] = std::array::from_fn(at);
        let at = |i: usize, j: usize| lattice[j % SIDE * SIDE + i % SIDE];
        let cell = |at_cell: usize| {
            let (i, j) = (at_cell % SIDE, at_cell / SIDE);
            surface([at(i, j), at(i + 1, j), at(i, j + 1), at(i + 1, j + 1)])
        };
        Self(Box::new(std::array::from_fn(cell)))
    }

    /// The field, one lattice cell per unit.
    ///
    /// Cells are fetched one by one, a register each: gathering number by number takes longer.
    #[inline(always)]
    pub fn plane(&self, x: &Lanes, y: &Lanes) -> Waves {
        let mut index = [0_u32; SWATCH];
        let (mut u, mut du) = ([0.0; SWATCH], [0.0; SWATCH]);
        let (mut v, mut dv) = ([0.0; SWATCH], [0.0; SWATCH]);
        for k in 0..SWATCH {
            let (i, j);
            (i, u[k], du[k]) = cell(x[k]);
            (j, v[k], dv[k]) = cell(y[k]);
            let wrap = |i: i32| i as u32 & (SIDE as u32 - 1);
            index[k] = wrap(j) * SIDE as u32 + wrap(i);
        }
        let mut cells = [[0.0; 4]; SWATCH];
        for (cell, &index) in cells.iter_mut().zip(&index) {
            *cell = self.0[index as usize % (SIDE * SIDE)];
        }
        let mut waves = Waves {
            value: [0.0; SWATCH],
            slope: [[0.0; SWATCH]; 2],
        };
        for k in 0..SWATCH {
            let wave = within(cells[k], [u[k], v[k]], [du[k], dv[k]]);
            waves.value[k] = wave.value;
            waves.slope[0][k] = wave.slope[0];
            waves.slope[1][k] = wave.slope[1];
        }
        waves
    }
}

/// Smooth between the four lattice values around a place.
#[inline(always)]
fn between(x: f32, y: f32, at: impl Fn(i32, i32) -> f32) -> Wave {
    let (i, u, du) = cell(x);
    let (j, v, dv) = cell(y);
    let corners = [at(i, j), at(i + 1, j), at(i, j + 1), at(i + 1, j + 1)];
    within(surface(corners), [u, v], [du, dv])
}

/// What a field is in a cell with these values at its corners: the first one, how the others along
/// and across differ from it, and the twist.
#[inline(always)]
fn surface([a, b, c, d]: [f32; 4]) -> [f32; 4] {
    [a, b - a, c - a, a - b - c + d]
}

/// The field within a cell, at these weights and their slopes.
#[inline(always)]
fn within([a, along, across, twist]: [f32; 4], [u, v]: [f32; 2], [du, dv]: [f32; 2]) -> Wave {
    Wave {
        value: a + along * u + across * v + twist * u * v,
        slope: [(along + twist * v) * du, (across + twist * u) * dv],
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
            let at = |x, y| table.plane(&[x; SWATCH], &[y; SWATCH]).value[0];
            assert!((at(x, y) - at(x + 64.0, y - 128.0)).abs() < 1e-4);
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
