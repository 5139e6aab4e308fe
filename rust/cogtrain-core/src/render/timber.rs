//! A block sawn from boards, painted by hand and used: grain, seams, checks, brush marks, wear.
//!
//! Lengths are in units of a usual block's side, so that small blocks are made of finer wood.

// A kernel's parts have to be compiled for the body that calls them.
#![allow(clippy::inline_always, clippy::needless_range_loop)]

use super::noise::{Noise, ramp, resolved};
use super::swatch::{Lanes, SWATCH};
use crate::Stream;

/// Half the width over which an edge is rounded.
const BEVEL: f32 = 0.035;
/// Checks (drying cracks) that one face can have.
const CHECKS: usize = 2;

/// Places on a face, in the block's own frame.
pub struct FaceSpots {
    /// From the block's centre.
    pub local: [Lanes; 3],
    /// How far one pixel reaches along each axis.
    pub pixel: [Lanes; 3],
    /// Half sides.
    half: [f32; 3],
}

impl FaceSpots {
    pub fn new(half: [f32; 3]) -> Self {
        Self {
            local: [[0.0; SWATCH]; 3],
            pixel: [[0.0; SWATCH]; 3],
            half,
        }
    }

    /// One place, each axis in units of its own.
    #[inline(always)]
    fn scaled(&self, i: usize, [x, y, z]: [f32; 3]) -> [f32; 3] {
        let [a, b, c] = &self.local;
        [a[i] * x, b[i] * y, c[i] * z]
    }
}

/// What the surface is like at some places.
pub struct Coats {
    /// Factor on the paint's colour.
    pub shade: Lanes,
    /// Share of bare wood that shows.
    pub bare: Lanes,
    /// Share of light that a crack swallows.
    pub crack: Lanes,
    /// Turn of the normal, in the block's own frame.
    pub tilt: [Lanes; 3],
}

impl Coats {
    /// Plain and new.
    pub fn new() -> Self {
        Self {
            shade: [1.0; SWATCH],
            bare: [0.0; SWATCH],
            crack: [0.0; SWATCH],
            tilt: [[0.0; SWATCH]; 3],
        }
    }
}

/// One painted block.
pub struct Timber {
    grain: Noise,
    brush: Noise,
    chips: Noise,
    /// Axis along which the fibres run, and the axis across which boards are joined.
    along: usize,
    across: usize,
    /// Where two boards meet, if the block is made of two; and how open the joint is.
    seam: Option<[f32; 2]>,
    pith: [f32; 2],
    rings: f32,
    /// Brightness of the whole block and of each face.
    tone: [f32; 6],
    /// Paint is thinner (positive) or thicker on edges.
    edge: f32,
    wear: f32,
    checks: [[Check; CHECKS]; 6],
}

/// A crack along the fibres: place across, start, end, width.
#[derive(Clone, Copy, Debug, Default)]
struct Check {
    across: f32,
    from: f32,
    to: f32,
    width: f32,
}

impl Timber {
    /// Sawn and painted anew for every stream.
    pub fn draw(stream: &mut Stream) -> Self {
        let along = stream.below(3) as usize;
        let across = (along + 1 + stream.below(2) as usize) % 3;
        let mut range = |low: f64, high: f64| stream.range(low, high) as f32;
        let whole = range(0.92, 1.06);
        let tone = [(); 6].map(|()| whole * range(0.95, 1.05));
        let seam = (range(0.0, 1.0) < 0.55).then(|| [range(-0.24, 0.24), range(0.006, 0.02)]);
        let checks = [(); 6].map(|()| [(); CHECKS].map(|()| Check::draw(&mut range)));
        Self {
            along,
            across,
            seam,
            pith: [range(-1.6, 1.6), range(-1.6, 1.6)],
            rings: range(7.0, 13.0),
            tone,
            edge: range(-0.14, 0.20),
            wear: range(0.1, 1.0),
            checks,
            grain: Noise::draw(stream),
            brush: Noise::draw(stream),
            chips: Noise::draw(stream),
        }
    }

    /// What a face is like at `spots`.
    ///
    /// Loops of few steps each: the compiler makes registers of neighbours.
    #[inline(always)]
    pub fn coats(&self, spots: &FaceSpots, face: usize) -> Coats {
        let mut coats = Coats::new();
        let near = edges(spots, face / 2, &mut coats.tilt);
        let (mut brushed, mut line) = ([0.0; SWATCH], [0.0; SWATCH]);
        self.brush(spots, &mut brushed);
        self.ring(spots, &mut brushed);
        self.join(spots, face / 2, &mut line);
        self.split(spots, face, &mut line);
        for i in 0..SWATCH {
            let chips = self.chips.solid(spots.scaled(i, [9.0; 3]));
            let widest = spots.pixel[0][i]
                .max(spots.pixel[1][i])
                .max(spots.pixel[2][i]);
            let pit = 0.22 * ramp(0.70, 0.85, chips) * resolved(9.0 * widest);
            let worn = self.wear * ramp(0.30, 0.75, chips) * near[i];
            coats.bare[i] = worn.clamp(0.0, 0.8);
            coats.crack[i] = 1.0 - (1.0 - line[i]) * (1.0 - pit);
            coats.shade[i] = self.tone[face] * brushed[i] * (1.0 + self.edge * near[i]);
        }
        coats
    }

    /// One, and uneven paint: blotches, and streaks along the fibres.
    #[inline(always)]
    fn brush(&self, spots: &FaceSpots, brushed: &mut Lanes) {
        let mut scale = [26.0; 3];
        scale[self.along] = 2.0;
        for i in 0..SWATCH {
            let [x, y, z] = spots.scaled(i, [2.3; 3]);
            let blotch = self.brush.solid([x + 7.0, y + 7.0, z + 7.0]);
            let stretched = spots.scaled(i, scale);
            let mut cells = [0.0; 3];
            for k in 0..3 {
                cells[k] = spots.pixel[k][i] * scale[k];
            }
            let widest = cells[0].max(cells[1]).max(cells[2]);
            let streak = self.grain.solid(stretched) * resolved(widest);
            let [x, y, z] = stretched;
            let coarse = [x * 0.31, y * 0.31, z * 0.31];
            let broad = self.grain.solid(coarse) * resolved(0.31 * widest);
            brushed[i] = 1.0 + (0.05 * blotch + 0.10 * streak + 0.07 * broad);
        }
    }

    /// Adds year rings under the paint, around a pith outside the block.
    #[inline(always)]
    fn ring(&self, spots: &FaceSpots, brushed: &mut Lanes) {
        let (u, v) = ((self.along + 1) % 3, (self.along + 2) % 3);
        let (local, pixel) = ([&spots.local[u], &spots.local[v]], &spots.pixel);
        for i in 0..SWATCH {
            let warp = 0.12 * self.grain.solid(spots.scaled(i, [1.7; 3]));
            let y = local[0][i] - self.pith[0] + warp;
            let z = local[1][i] - self.pith[1] + warp;
            let radius = (y * y + z * z).sqrt() * self.rings;
            let phase = radius - radius.floor();
            let late = ramp(0.45, 0.95, phase) * (1.0 - ramp(0.95, 1.0, phase));
            let cells = self.rings * pixel[u][i].max(pixel[v][i]);
            brushed[i] += -0.11 * (late - 0.25) * resolved(2.0 * cells);
        }
    }

    /// Darkness of the joint between two boards.
    #[inline(always)]
    fn join(&self, spots: &FaceSpots, axis: usize, dark: &mut Lanes) {
        let (Some([offset, width]), true) = (self.seam, axis != self.across) else {
            return;
        };
        let (local, pixel) = (&spots.local[self.across], &spots.pixel[self.across]);
        for i in 0..SWATCH {
            let [x, y, z] = spots.scaled(i, [3.1; 3]);
            let uneven = self.chips.solid([x + 3.0, y + 3.0, z + 3.0]);
            let width = width * (0.75 + 0.6 * uneven).max(0.1);
            let gap = (local[i] - offset + 0.004 * uneven).abs();
            dark[i] = dark[i].max(line(gap, width, pixel[i]));
        }
    }

    /// Darkness of the face's checks.
    #[inline(always)]
    fn split(&self, spots: &FaceSpots, face: usize, dark: &mut Lanes) {
        let axis = face / 2;
        let (u, v) = if axis == self.along {
            (self.across, 3 - axis - self.across)
        } else {
            (self.along, 3 - axis - self.along)
        };
        let (along, across, pixel) = (&spots.local[u], &spots.local[v], &spots.pixel[v]);
        let half = [spots.half[u], spots.half[v]];
        for check in self.checks[face].iter().filter(|check| check.width > 0.0) {
            let Check { from, to, .. } = *check;
            for i in 0..SWATCH {
                let x = along[i] / half[0];
                let inside = ramp(from - 0.08, from, x) * ramp(to, to - 0.5, x);
                let wander = 0.035 * self.grain.line(2.5 * along[i] + 17.0 * check.across);
                let gap = (across[i] - check.across * half[1] + wander).abs();
                let darkness = line(gap, check.width * inside, pixel[i]);
                dark[i] = dark[i].max(if inside > 0.0 { darkness } else { 0.0 });
            }
        }
    }
}

/// How near the block's edges are, and how their rounding turns the surface.
#[inline(always)]
fn edges(spots: &FaceSpots, axis: usize, tilt: &mut [Lanes; 3]) -> Lanes {
    let mut nearest = [0.0_f32; SWATCH];
    for k in (0..3).filter(|&k| k != axis) {
        let (local, pixel, tilt) = (&spots.local[k], &spots.pixel[k], &mut tilt[k]);
        for i in 0..SWATCH {
            let gap = spots.half[k] - local[i].abs();
            let width = BEVEL.max(pixel[i]);
            let near = (1.0 - gap / width).clamp(0.0, 1.0) * (BEVEL / width);
            nearest[i] = nearest[i].max(near);
            tilt[i] = 0.7 * near * local[i].signum();
        }
    }
    nearest
}

impl Check {
    fn draw(range: &mut impl FnMut(f64, f64) -> f32) -> Self {
        let is_there = range(0.0, 1.0) < 0.45;
        let length = range(0.5, 2.2);
        let from_start = range(0.0, 1.0) < 0.5;
        Self {
            across: range(-0.75, 0.75),
            from: if from_start { -1.2 } else { 1.1 - length },
            to: if from_start { length - 1.0 } else { 1.6 },
            width: if is_there { range(0.004, 0.016) } else { 0.0 },
        }
    }
}

/// Darkness of a line of `width` at distance `gap`, averaged over a pixel that reaches `pixel`.
#[inline(always)]
fn line(gap: f32, width: f32, pixel: f32) -> f32 {
    let blur = width.max(pixel);
    0.9 * (width / blur) * (1.0 - gap / blur).max(0.0)
}
