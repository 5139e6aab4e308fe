//! A disc of light far away: how much of it a point sees past the boxes.
//!
//! From the point, the disc is cut into chords. Along a chord each box covers one interval, exact
//! from the box's corners; the union of the intervals over all boxes is what is dark. Shadows are
//! smooth along chords, and the chords are turned against the scene's own lines so that no edge
//! switches a whole chord at once: no noise, no bands.

// A kernel's parts have to be compiled for the body that calls them, and have no branches.
#![allow(clippy::inline_always, clippy::needless_bitwise_bool)]

use super::bounds::Bounds;
use super::cast::{Block, Set, members};
use super::chords::{Darkness, Eyes, LANES};
use super::silhouette::{Silhouette, Verdicts};
use super::swatch::{SWATCH, Vectors, Wide};
use super::vector::V3;
use crate::scene::Light;

/// Chords across the disc.
pub const CHORDS: usize = 8;
/// Separate dark stretches that one chord keeps; more are joined, which real scenes never need.
const STRETCHES: usize = 8;
/// Turn of the chords about the light's direction: cosine and sine of 23°.
const TURN: (f64, f64) = (0.920_504_853_452_44, 0.390_731_128_489_274);
/// Boxes nearer than this to a point's own plane, in metres, do not shade it.
pub const NEAR_M: f32 = 1e-5;
/// Pairs of corners that an edge joins; bit k of a corner's number is its side along axis k.
pub const EDGES: [(usize, usize); 12] = [
    (0, 1),
    (2, 3),
    (4, 5),
    (6, 7),
    (0, 2),
    (1, 3),
    (4, 6),
    (5, 7),
    (0, 4),
    (1, 5),
    (2, 6),
    (3, 7),
];

/// What a light without extent is given where the disc is needed, in radians.
const POINT_RADIUS: f64 = 1e-3;

/// The light, and the boxes in its frame: two axes across the disc and one towards it.
pub struct Sun {
    /// Direction to the light's centre, of unit length.
    pub toward: V3,
    across: [V3; 2],
    tan_radius: f64,
    sin_radius: f64,
    is_point: bool,
    boxes: Vec<Caster>,
    /// Bounds of all boxes together.
    all: Bounds,
    /// Heights and half lengths of the chords, in units of tangent.
    heights: [f32; CHORDS],
    halves: [f32; CHORDS],
}

struct Caster {
    corners: [V3; 8],
    bounds: Bounds,
    silhouette: Silhouette,
}

impl Sun {
    pub fn new(light: &Light, blocks: &[Block]) -> Self {
        let toward = V3::from(light.toward).normalized();
        let side = if toward.x.abs() < 0.9 {
            V3::new(1.0, 0.0, 0.0)
        } else {
            V3::new(0.0, 1.0, 0.0)
        };
        let u = toward.cross(side).normalized();
        let v = toward.cross(u);
        let across = [u * TURN.0 + v * TURN.1, v * TURN.0 - u * TURN.1];
        let radius = light.radius_deg.to_radians();
        let tan_radius = libm::tan(radius.max(POINT_RADIUS));
        let height = |k: usize| (2.0 * k as f64 + 1.0) / CHORDS as f64 - 1.0;
        let mut sun = Self {
            toward,
            across,
            tan_radius,
            sin_radius: libm::sin(radius),
            is_point: light.radius_deg <= 0.0,
            boxes: Vec::new(),
            all: Bounds::of(&[]),
            heights: std::array::from_fn(|k| (height(k) * tan_radius) as f32),
            halves: std::array::from_fn(|k| {
                ((1.0 - height(k) * height(k)).sqrt() * tan_radius) as f32
            }),
        };
        sun.boxes = blocks.iter().map(|block| sun.caster(block)).collect();
        let corners: Vec<V3> = sun.boxes.iter().flat_map(|b| b.corners).collect();
        sun.all = Bounds::of(&corners);
        sun
    }

    /// Whether the light has no extent, so that shadows are hard.
    pub fn is_point(&self) -> bool {
        self.is_point
    }

    /// A point in the light's frame.
    #[inline(always)]
    pub fn local(&self, p: V3) -> V3 {
        V3::new(
            p.dot(self.across[0]),
            p.dot(self.across[1]),
            p.dot(self.toward),
        )
    }

    fn caster(&self, block: &Block) -> Caster {
        let corners = block.corners().map(|p| self.local(p));
        let (bounds, middle) = (Bounds::of(&corners), self.local(block.centre));
        Caster {
            silhouette: Silhouette::new(block, |v| self.local(v), middle, &bounds),
            bounds,
            corners,
        }
    }

    /// Mean of the cosine between `normal` and the directions to the disc, 0 below the horizon.
    #[inline(always)]
    pub fn facing(&self, normal: V3) -> f64 {
        let cosine = normal.dot(self.toward);
        let above = cosine + self.sin_radius;
        let partial = above * above / (4.0 * self.sin_radius);
        let whole = if cosine > 0.0 { cosine } else { 0.0 };
        if cosine.abs() >= self.sin_radius {
            whole
        } else {
            partial
        }
    }

    /// Share of the disc that `point` sees, 0 to 1; box `except` is not in the way.
    pub fn visible(&self, point: V3, except: Option<usize>) -> f64 {
        let p = self.local(point);
        let casters = self.casters(&Bounds { low: p, high: p });
        self.visible_past(casters, p, except)
    }

    /// The boxes that may shade a point within `bounds`, which are in the light's frame.
    pub fn casters(&self, bounds: &Bounds) -> Set {
        if !may_shade(&self.all, bounds, self.tan_radius) {
            return 0;
        }
        let boxes = (0..self.boxes.len())
            .filter(|&i| may_shade(&self.boxes[i].bounds, bounds, self.tan_radius));
        boxes.fold(0, |set, i| set | 1 << i)
    }

    /// Share of the disc that is seen from the first `count` points, in the light's frame.
    #[inline(always)]
    pub fn shares(&self, points: &Vectors, count: usize, except: Option<usize>) -> Wide {
        // Most swatches are far from all boxes.
        let within = Bounds::of_first(points, count);
        let casters = self.casters(&within);
        let (mut shares, mut verdicts) = ([1.0; SWATCH], Verdicts::new());
        for i in members(casters).filter(|&i| Some(i) != except) {
            let Caster {
                silhouette, bounds, ..
            } = &self.boxes[i];
            let reach = within.reach(bounds);
            silhouette.judge(points, (reach, self.tan_radius), 1 << i, &mut verdicts);
            self.keep_near(i, points, &mut verdicts.unsure);
        }
        for (i, share) in shares[..count].iter_mut().enumerate() {
            if verdicts.is_dark[i] != 0 {
                (*share, verdicts.unsure[i]) = (0.0, 0);
            }
        }
        let mut eyes = Eyes::new();
        for at in (0..count).filter(|&at| verdicts.unsure[at] != 0) {
            eyes.push(at, points.at(at), verdicts.unsure[at]);
            if eyes.count == LANES {
                self.cover(&eyes, except, &mut shares);
                eyes = Eyes::new();
            }
        }
        if eyes.count > 0 {
            self.cover(&eyes, except, &mut shares);
        }
        shares
    }

    /// Takes box `i` off points that it is too far from to shade.
    #[inline(always)]
    fn keep_near(&self, i: usize, points: &Vectors, unsure: &mut [u64; SWATCH]) {
        let (bounds, bit) = (&self.boxes[i].bounds, 1 << i);
        for (at, unsure) in unsure.iter_mut().enumerate() {
            let p = points.at(at);
            let at = Bounds { low: p, high: p };
            let kept = if may_shade(bounds, &at, self.tan_radius) {
                bit
            } else {
                0
            };
            *unsure &= !bit | kept;
        }
    }

    /// The shares that some of the points see past boxes.
    #[inline(always)]
    fn cover(&self, eyes: &Eyes, except: Option<usize>, shares: &mut Wide) {
        let corners = |i: usize| (&self.boxes[i].corners, self.boxes[i].bounds.low.z);
        let chords = [&self.heights, &self.halves];
        let (hidden, is_over) = Darkness::length(eyes, chords, corners);
        let whole = self.whole();
        for (i, &at) in eyes.place[..eyes.count].iter().enumerate() {
            shares[at] = if is_over[i] == 0 {
                f64::from((1.0 - hidden[i] / whole).max(0.0))
            } else {
                self.visible_past(eyes.sets[i], eyes.at(i), except)
            };
        }
    }

    /// Length of all chords.
    #[inline(always)]
    fn whole(&self) -> f32 {
        self.halves.iter().map(|half| 2.0 * half).sum()
    }

    /// Share of the disc that is seen from `p`, in the light's frame, past the boxes of a set.
    #[inline(always)]
    pub fn visible_past(&self, casters: Set, p: V3, except: Option<usize>) -> f64 {
        let mut dark: Option<[Stretches; CHORDS]> = None;
        for i in members(casters) {
            let caster = &self.boxes[i];
            let at = Bounds { low: p, high: p };
            if Some(i) == except || !may_shade(&caster.bounds, &at, self.tan_radius) {
                continue;
            }
            let [low, high] = covered(&caster.corners, p, &self.heights);
            let dark = dark.get_or_insert_default();
            for (k, stretches) in dark.iter_mut().enumerate() {
                let half = self.halves[k];
                stretches.add(low[k].max(-half), high[k].min(half));
            }
        }
        dark.map_or(1.0, |dark| self.share(&dark))
    }

    #[inline(always)]
    fn share(&self, dark: &[Stretches; CHORDS]) -> f64 {
        let covered: f32 = dark.iter().map(Stretches::length).sum();
        f64::from((1.0 - covered / self.whole()).max(0.0))
    }
}

/// Whether something within `bounds` can meet a cone of that opening from a point of `from`
/// towards the light.
#[inline(always)]
fn may_shade(bounds: &Bounds, from: &Bounds, tangent: f64) -> bool {
    let far = bounds.high.z - from.low.z;
    let reach = tangent * far;
    (far > f64::from(NEAR_M))
        & (bounds.low.x - from.high.x <= reach)
        & (bounds.high.x - from.low.x >= -reach)
        & (bounds.low.y - from.high.y <= reach)
        & (bounds.high.y - from.low.y >= -reach)
}

/// From and to where a box covers every chord; the first is beyond the second where that is nothing.
/// The box's corners, `from`, are seen from `eye` along z.
#[inline(always)]
fn covered(from: &[V3; 8], eye: V3, heights: &[f32; CHORDS]) -> [[f32; CHORDS]; 2] {
    // Loops, here and below: closures over arrays would stay calls.
    let mut corners = [[0.0; 3]; 8];
    for (corner, &c) in corners.iter_mut().zip(from) {
        let c = c - eye;
        *corner = [c.x as f32, c.y as f32, c.z as f32];
    }
    if corners.iter().all(|c| c[2] > NEAR_M) {
        outline(&corners, heights)
    } else {
        cut(&corners, heights)
    }
}

/// For a box that is all ahead: where its edges, seen flat, cross the chords. Chords are lanes, so
/// that no branch depends on one.
#[inline(always)]
fn outline(corners: &[[f32; 3]; 8], heights: &[f32; CHORDS]) -> [[f32; CHORDS]; 2] {
    let mut seen = [[0.0; 2]; 8];
    for (seen, [x, y, z]) in seen.iter_mut().zip(corners) {
        let inverse = 1.0 / z;
        *seen = [x * inverse, y * inverse];
    }
    let (mut low, mut high) = ([f32::INFINITY; CHORDS], [f32::NEG_INFINITY; CHORDS]);
    for (i, j) in EDGES {
        let ([xi, yi], [xj, yj]) = (seen[i], seen[j]);
        let slope = (xj - xi) / (yj - yi);
        for (k, v) in heights.iter().enumerate() {
            let crosses = (yi < *v) != (yj < *v);
            let u = xi + (v - yi) * slope;
            let (below, above) = if crosses {
                (u, u)
            } else {
                (f32::INFINITY, f32::NEG_INFINITY)
            };
            low[k] = if below < low[k] { below } else { low[k] };
            high[k] = if above > high[k] { above } else { high[k] };
        }
    }
    [low, high]
}

/// For any box: the plane through the origin and a chord cuts the box's edges in the corners of a
/// polygon, some of which may lie behind.
#[inline(always)]
fn cut(corners: &[[f32; 3]; 8], heights: &[f32; CHORDS]) -> [[f32; CHORDS]; 2] {
    let (mut low, mut high) = ([f32::INFINITY; CHORDS], [f32::NEG_INFINITY; CHORDS]);
    // Per chord, the last corner ahead and the last one behind: none yet.
    let mut ahead = [[0.0; CHORDS], [0.0; CHORDS]];
    let mut behind = [[0.0; CHORDS], [f32::INFINITY; CHORDS]];
    for (i, j) in EDGES {
        let ([xi, yi, zi], [xj, yj, zj]) = (corners[i], corners[j]);
        for (k, v) in heights.iter().enumerate() {
            let (side, other) = (yi - v * zi, yj - v * zj);
            let crosses = (side < 0.0) != (other < 0.0);
            let s = side / (side - other);
            let (x, z) = (xi + s * (xj - xi), zi + s * (zj - zi));
            let (is_ahead, is_behind) = (crosses && z > NEAR_M, crosses && z <= NEAR_M);
            let u = x / z;
            low[k] = if is_ahead && u < low[k] { u } else { low[k] };
            high[k] = if is_ahead && u > high[k] { u } else { high[k] };
            ahead[0][k] = if is_ahead { x } else { ahead[0][k] };
            ahead[1][k] = if is_ahead { z } else { ahead[1][k] };
            behind[0][k] = if is_behind { x } else { behind[0][k] };
            behind[1][k] = if is_behind { z } else { behind[1][k] };
        }
    }
    for k in 0..CHORDS {
        let ([x1, z1], [x0, z0]) = ([ahead[0][k], ahead[1][k]], [behind[0][k], behind[1][k]]);
        if z1 > NEAR_M && z0 <= NEAR_M {
            // The polygon passes beside the origin: it reaches to infinity on that side.
            if x0 * z1 > x1 * z0 {
                high[k] = f32::INFINITY;
            } else {
                low[k] = f32::NEG_INFINITY;
            }
        }
    }
    [low, high]
}

/// Disjoint intervals.
#[derive(Clone, Copy, Default)]
struct Stretches {
    ends: [[f32; 2]; STRETCHES],
    count: usize,
}

impl Stretches {
    #[inline(always)]
    fn add(&mut self, mut low: f32, mut high: f32) {
        if high <= low {
            return;
        }
        let mut i = 0;
        while i < self.count {
            let [a, b] = self.ends[i];
            if (a <= high && low <= b) || self.count == STRETCHES {
                (low, high) = (low.min(a), high.max(b));
                self.count -= 1;
                self.ends[i] = self.ends[self.count];
            } else {
                i += 1;
            }
        }
        self.ends[self.count] = [low, high];
        self.count += 1;
    }

    #[inline(always)]
    fn length(&self) -> f32 {
        self.ends[..self.count].iter().map(|[a, b]| b - a).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;
    use crate::scene::tests::cubes;

    /// The share agrees with 4,000 rays to random points of the disc.
    #[test]
    fn chords_agree_with_rays() {
        let scene = cubes(&[
            [0.0, 0.0, 0.5],
            [0.3, 0.1, 1.5],
            [-0.4, 0.2, 2.5],
            [1.6, 0.4, 0.5],
        ]);
        let mut light = scene.light.clone();
        light.radius_deg = 14.0;
        let blocks: Vec<Block> = scene.bodies.iter().map(Block::new).collect();
        let sun = Sun::new(&light, &blocks);
        let mut stream = Stream::new(2, "test", 0);
        let mut partial = 0;
        for _ in 0..150 {
            let point = V3::new(stream.range(-1.0, 4.0), stream.range(-1.0, 4.0), 0.0);
            let share = sun.visible(point, None);
            let (mut seen, mut all) = (0, 0);
            while all < 4000 {
                let (u, v) = (stream.range(-1.0, 1.0), stream.range(-1.0, 1.0));
                if u * u + v * v < 1.0 {
                    let ray = sun.toward
                        + sun.across[0] * (u * sun.tan_radius)
                        + sun.across[1] * (v * sun.tan_radius);
                    all += 1;
                    seen += i32::from(!blocks.iter().any(|b| b.blocks(point, ray)));
                }
            }
            partial += i32::from(share > 0.05 && share < 0.95);
            assert!(
                (share - f64::from(seen) / 4000.0).abs() < 0.06,
                "{share} {seen} at {point:?}"
            );
        }
        assert!(partial > 15, "{partial} points in the penumbra");
    }

    /// Points of a swatch see, to the bit, what they see one by one past all boxes: leaving out
    /// boxes, and taking for dark what is, changes nothing.
    #[test]
    fn swatches_see_what_single_points_see() {
        let mut scene = cubes(&[
            [0.0, 0.0, 0.5],
            [0.3, 0.1, 1.5],
            [-0.4, 0.2, 2.5],
            [1.6, 0.4, 0.5],
            [1.5, 0.3, 1.5],
        ]);
        scene.bodies[1].orientation = [0.96, 0.0, 0.0, 0.28];
        scene.bodies[4].orientation = [0.8, 0.6, 0.0, 0.0];
        let blocks: Vec<Block> = scene.bodies.iter().map(Block::new).collect();
        let (mut stream, mut seen) = (Stream::new(5, "test", 0), [0; 3]);
        for round in 0..400 {
            let mut light = scene.light.clone();
            light.radius_deg = [0.0, 4.0, 17.0, 40.0][round % 4];
            let (sun, reach) = (Sun::new(&light, &blocks), [0.2, 1.0, 6.0][round % 3]);
            let [x, y, z] =
                [(-3.0, 3.0), (-3.0, 3.0), (-0.5, 3.0)].map(|(a, b)| stream.range(a, b));
            let (mut points, mut ones) = (Vectors::new(), Vec::new());
            let (count, except) = (1 + round % SWATCH, [None, Some(0), Some(4)][round / 4 % 3]);
            for i in 0..count {
                let [u, v, w] = [(); 3].map(|()| stream.range(-reach, reach));
                let on_ground = if round % 5 == 0 { 0.0 } else { 1.0 };
                let point = V3::new(x + u, y + v, on_ground * (z + 0.3 * w));
                points.put(i, sun.local(point));
                ones.push(sun.visible(point, except));
            }
            for body in crate::simd::Body::all() {
                let many = body.run(Shares(&sun, &points, count, except));
                for (one, many) in ones.iter().zip(many) {
                    assert_eq!(one.to_bits(), many.to_bits(), "{one} {many} in {round}");
                }
            }
            for one in ones {
                seen[usize::from(one > 0.0) + usize::from(one >= 1.0)] += 1;
            }
        }
        assert!(
            seen.iter().all(|&n| n > 500),
            "dark, half dark, lit: {seen:?}"
        );
    }

    struct Shares<'a>(&'a Sun, &'a Vectors, usize, Option<usize>);

    impl crate::simd::Kernel for Shares<'_> {
        type Out = Wide;

        #[inline(always)]
        fn run(self) -> Wide {
            self.0.shares(self.1, self.2, self.3)
        }
    }

    #[test]
    fn facing_is_smooth_at_the_horizon() {
        let light = Light {
            toward: [0.0, 0.0, 1.0],
            radius_deg: 20.0,
        };
        let sun = Sun::new(&light, &[]);
        let mut last = 0.0;
        for i in -90..=90 {
            let angle = f64::from(i).to_radians();
            let facing = sun.facing(V3::new(libm::cos(angle), 0.0, libm::sin(angle)));
            assert!(facing >= last && facing - last < 0.02, "{i}");
            last = facing;
        }
        assert!((last - 1.0).abs() < 1e-12);
    }
}
