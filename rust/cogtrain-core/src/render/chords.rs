//! Where a box covers the chords of the light's disc, for many points at a time.

// A kernel's parts have to be compiled for the body that calls them, and have no branches.
#![allow(
    clippy::inline_always,
    clippy::needless_bitwise_bool,
    clippy::needless_range_loop
)]

use super::cast::{Set, members};
use super::light::{CHORDS, EDGES, NEAR_M};
use super::vector::V3;

/// Points that are looked at together.
pub const LANES: usize = 32;

type Lanes = [f32; LANES];
/// One number per chord and point.
type Chords = [Lanes; CHORDS];

/// Up to as many points as are looked at together, in the light's frame.
pub struct Eyes {
    pub count: usize,
    /// Their places in a swatch.
    pub place: [usize; LANES],
    /// Per point, the boxes that may hide some of the disc from it.
    pub sets: [Set; LANES],
    point: [[f64; LANES]; 3],
}

impl Eyes {
    pub fn new() -> Self {
        Self {
            count: 0,
            place: [0; LANES],
            sets: [0; LANES],
            point: [[0.0; LANES]; 3],
        }
    }

    #[inline(always)]
    pub fn push(&mut self, place: usize, point: V3, set: Set) {
        let i = self.count;
        (self.place[i], self.sets[i]) = (place, set);
        let [x, y, z] = &mut self.point;
        (x[i], y[i], z[i]) = (point.x, point.y, point.z);
        self.count += 1;
    }
}

impl Eyes {
    pub fn at(&self, i: usize) -> V3 {
        let [x, y, z] = &self.point;
        V3::new(x[i], y[i], z[i])
    }
}

/// A box's corners, seen from some points.
struct Corners {
    x: [Lanes; 8],
    y: [Lanes; 8],
    z: [Lanes; 8],
}

/// From and to where a box covers every chord; the first is beyond the second where that is
/// nothing.
struct Interval {
    low: Chords,
    high: Chords,
}

impl Interval {
    const NOTHING: Self = Self {
        low: [[f32::INFINITY; LANES]; CHORDS],
        high: [[f32::NEG_INFINITY; LANES]; CHORDS],
    };

    /// What a box with these corners, the lowest at `lowest` along z, covers of chords at these
    /// heights, for those eyes that have `bit` in their sets.
    #[inline(always)]
    fn new(
        (corners, lowest): (&[V3; 8], f64),
        (eyes, bit): (&Eyes, Set),
        heights: &[f32; CHORDS],
    ) -> Self {
        let seen = Corners::new(corners, eyes);
        let (mut is_ahead, mut is_amidst) = ([false; LANES], [false; LANES]);
        for i in 0..LANES {
            let is_asked = eyes.sets[i] & bit != 0;
            // Rounding keeps order: the lowest corner is ahead if and only if all are.
            let is_before = (lowest - eyes.point[2][i]) as f32 > NEAR_M;
            is_ahead[i] = is_asked & is_before;
            is_amidst[i] = is_asked & !is_before;
        }
        let (mut outlined, mut found) = (Self::NOTHING, Self::NOTHING);
        if is_ahead.contains(&true) {
            outline(&seen, heights, &mut outlined);
        }
        if is_amidst.contains(&true) {
            cut(&seen, heights, &mut found);
        }
        let mut all = Self::NOTHING;
        for k in 0..CHORDS {
            for i in 0..LANES {
                let low = if is_amidst[i] {
                    found.low[k][i]
                } else {
                    f32::INFINITY
                };
                let high = if is_amidst[i] {
                    found.high[k][i]
                } else {
                    f32::NEG_INFINITY
                };
                all.low[k][i] = if is_ahead[i] { outlined.low[k][i] } else { low };
                all.high[k][i] = if is_ahead[i] {
                    outlined.high[k][i]
                } else {
                    high
                };
            }
        }
        all
    }
}

impl Corners {
    #[inline(always)]
    fn new(corners: &[V3; 8], eyes: &Eyes) -> Self {
        let mut seen = Self {
            x: [[0.0; LANES]; 8],
            y: [[0.0; LANES]; 8],
            z: [[0.0; LANES]; 8],
        };
        let [x, y, z] = &eyes.point;
        for (k, corner) in corners.iter().enumerate() {
            for i in 0..LANES {
                seen.x[k][i] = (corner.x - x[i]) as f32;
                seen.y[k][i] = (corner.y - y[i]) as f32;
                seen.z[k][i] = (corner.z - z[i]) as f32;
            }
        }
        seen
    }
}

/// For a box that is all ahead: where its edges, seen flat, cross the chords.
#[inline(always)]
fn outline(corners: &Corners, heights: &[f32; CHORDS], found: &mut Interval) {
    let (mut x, mut y) = (corners.x, corners.y);
    for k in 0..8 {
        for i in 0..LANES {
            let inverse = 1.0 / corners.z[k][i];
            x[k][i] *= inverse;
            y[k][i] *= inverse;
        }
    }
    let mut slopes = [[0.0; LANES]; EDGES.len()];
    for (slope, (a, b)) in slopes.iter_mut().zip(EDGES) {
        for i in 0..LANES {
            slope[i] = (x[b][i] - x[a][i]) / (y[b][i] - y[a][i]);
        }
    }
    for (k, &v) in heights.iter().enumerate() {
        for i in 0..LANES {
            let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
            // Unrolled, so that both ends stay in registers.
            for e in 0..EDGES.len() {
                let (a, b) = EDGES[e];
                let crosses = (y[a][i] < v) != (y[b][i] < v);
                let u = x[a][i] + (v - y[a][i]) * slopes[e][i];
                let below = if crosses { u } else { f32::INFINITY };
                let above = if crosses { u } else { f32::NEG_INFINITY };
                low = if below < low { below } else { low };
                high = if above > high { above } else { high };
            }
            found.low[k][i] = low;
            found.high[k][i] = high;
        }
    }
}

/// For any box: the plane through the origin and a chord cuts the box's edges in the corners of a
/// polygon, some of which may lie behind.
#[inline(always)]
fn cut(corners: &Corners, heights: &[f32; CHORDS], found: &mut Interval) {
    for (k, &v) in heights.iter().enumerate() {
        let (low, high) = (&mut found.low[k], &mut found.high[k]);
        // The last corner ahead and the last one behind: none yet.
        let mut ahead = [[0.0; LANES]; 2];
        let mut behind = [[0.0; LANES], [f32::INFINITY; LANES]];
        for (a, b) in EDGES {
            let (xa, ya, za) = (&corners.x[a], &corners.y[a], &corners.z[a]);
            let (xb, yb, zb) = (&corners.x[b], &corners.y[b], &corners.z[b]);
            // Most planes pass most edges by.
            let mut is_cut = false;
            for i in 0..LANES {
                let (side, other) = (ya[i] - v * za[i], yb[i] - v * zb[i]);
                is_cut |= (side < 0.0) != (other < 0.0);
            }
            if !is_cut {
                continue;
            }
            for i in 0..LANES {
                let (side, other) = (ya[i] - v * za[i], yb[i] - v * zb[i]);
                let crosses = (side < 0.0) != (other < 0.0);
                let s = side / (side - other);
                let (x, z) = (xa[i] + s * (xb[i] - xa[i]), za[i] + s * (zb[i] - za[i]));
                let (is_ahead, is_behind) = (crosses & (z > NEAR_M), crosses & (z <= NEAR_M));
                let u = x / z;
                low[i] = low[i].min(if is_ahead { u } else { f32::INFINITY });
                high[i] = high[i].max(if is_ahead { u } else { f32::NEG_INFINITY });
                ahead[0][i] = if is_ahead { x } else { ahead[0][i] };
                ahead[1][i] = if is_ahead { z } else { ahead[1][i] };
                behind[0][i] = if is_behind { x } else { behind[0][i] };
                behind[1][i] = if is_behind { z } else { behind[1][i] };
            }
        }
        for i in 0..LANES {
            let ([x1, z1], [x0, z0]) = ([ahead[0][i], ahead[1][i]], [behind[0][i], behind[1][i]]);
            // The polygon passes beside the origin: it reaches to infinity on that side.
            let is_beside = (z1 > NEAR_M) & (z0 <= NEAR_M);
            let is_right = x0 * z1 > x1 * z0;
            high[i] = if is_beside & is_right {
                f32::INFINITY
            } else {
                high[i]
            };
            low[i] = if is_beside & !is_right {
                f32::NEG_INFINITY
            } else {
                low[i]
            };
        }
    }
}

/// Up to two dark stretches of every chord for some points, and whether there are more.
pub struct Darkness {
    /// From and to, the last one first; from is beyond to where there is none.
    last: [Chords; 2],
    other: [Chords; 2],
    is_over: [u32; LANES],
}

impl Darkness {
    fn new() -> Self {
        let none = [f32::INFINITY, f32::NEG_INFINITY].map(|end| [[end; LANES]; CHORDS]);
        Self {
            last: none,
            other: none,
            is_over: [0; LANES],
        }
    }

    /// Length of what all boxes that eyes ask for hide of chords at these heights and as long to
    /// either side, and whether that is in more than two stretches of one.
    #[inline(always)]
    pub fn length<'a>(
        eyes: &Eyes,
        [heights, halves]: [&[f32; CHORDS]; 2],
        corners: impl Fn(usize) -> (&'a [V3; 8], f64),
    ) -> (Lanes, [u32; LANES]) {
        let (mut dark, mut next) = (&mut Self::new(), &mut Self::new());
        let all = eyes.sets.iter().fold(0, |all, set| all | set);
        for i in members(all) {
            let interval = Interval::new(corners(i), (eyes, 1 << i), heights);
            dark.add(&interval, halves, next);
            std::mem::swap(&mut dark, &mut next);
        }
        (dark.sum(), dark.is_over)
    }

    /// Into `next`: this and what a box covers, as an [`Interval`] has it, of chords that reach
    /// as far as `halves` to both sides; joined with what it meets.
    ///
    /// Not in place: a choice between a new value and the old one would become a store that a
    /// comparison decides on, which is slow.
    #[inline(always)]
    fn add(&self, Interval { low, high }: &Interval, halves: &[f32; CHORDS], next: &mut Self) {
        next.is_over = self.is_over;
        for (k, &half) in halves.iter().enumerate() {
            let ([a0, a1], [b0, b1]) = (&self.last, &self.other);
            let (a0, a1, b0, b1) = (&a0[k], &a1[k], &b0[k], &b1[k]);
            let ([c0, c1], [d0, d1]) = (&mut next.last, &mut next.other);
            let (c0, c1, d0, d1) = (&mut c0[k], &mut c1[k], &mut d0[k], &mut d1[k]);
            for i in 0..LANES {
                let from = if low[k][i] > -half { low[k][i] } else { -half };
                let to = if high[k][i] < half { high[k][i] } else { half };
                let is_there = to > from;
                let meets_a = (a0[i] <= to) & (from <= a1[i]);
                let meets_b = (b0[i] <= to) & (from <= b1[i]);
                let from = if meets_a & (a0[i] < from) {
                    a0[i]
                } else {
                    from
                };
                let to = if meets_a & (a1[i] > to) { a1[i] } else { to };
                let from = if meets_b & (b0[i] < from) {
                    b0[i]
                } else {
                    from
                };
                let to = if meets_b & (b1[i] > to) { b1[i] } else { to };
                let (keeps_a, keeps_b) = (!meets_a & (a0[i] < a1[i]), !meets_b);
                let is_over = is_there & keeps_a & keeps_b & (b0[i] < b1[i]);
                next.is_over[i] |= u32::from(is_over);
                let rest0 = if keeps_b { b0[i] } else { f32::INFINITY };
                let rest1 = if keeps_b { b1[i] } else { f32::NEG_INFINITY };
                let rest0 = if keeps_a { a0[i] } else { rest0 };
                let rest1 = if keeps_a { a1[i] } else { rest1 };
                c0[i] = if is_there { from } else { a0[i] };
                c1[i] = if is_there { to } else { a1[i] };
                d0[i] = if is_there { rest0 } else { b0[i] };
                d1[i] = if is_there { rest1 } else { b1[i] };
            }
        }
    }

    /// Length of all stretches together.
    #[inline(always)]
    fn sum(&self) -> Lanes {
        let mut all = [0.0; LANES];
        for k in 0..CHORDS {
            for i in 0..LANES {
                let last = self.last[1][k][i] - self.last[0][k][i];
                let other = self.other[1][k][i] - self.other[0][k][i];
                let last = if last > 0.0 { last } else { 0.0 };
                all[i] += last + if other > 0.0 { other } else { 0.0 };
            }
        }
        all
    }
}
