//! A disc of light far away: how much of it a point sees past the boxes.
//!
//! From the point, the disc is cut into chords. Along a chord each box covers one interval, exact
//! from the box's corners; the union of the intervals over all boxes is what is dark. Shadows are
//! smooth along chords, and the chords are turned against the scene's own lines so that no edge
//! switches a whole chord at once: no noise, no bands.

use super::cast::Block;
use super::vector::V3;
use crate::scene::Light;

/// Chords across the disc.
const CHORDS: usize = 8;
/// Separate dark stretches that one chord keeps; more are joined, which real scenes never need.
const STRETCHES: usize = 8;
/// Turn of the chords about the light's direction: cosine and sine of 23°.
const TURN: (f64, f64) = (0.920_504_853_452_44, 0.390_731_128_489_274);
/// Boxes nearer than this to a point's own plane, in metres, do not shade it.
const NEAR_M: f64 = 1e-6;

/// The light, and the boxes in its frame: two axes across the disc and one towards it.
pub struct Sun {
    /// Direction to the light's centre, of unit length.
    pub toward: V3,
    across: [V3; 2],
    tan_radius: f64,
    sin_radius: f64,
    boxes: Vec<Caster>,
}

struct Caster {
    corners: [V3; 8],
    low: V3,
    high: V3,
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
        let mut sun = Self {
            toward,
            across,
            tan_radius: libm::tan(radius),
            sin_radius: libm::sin(radius),
            boxes: Vec::new(),
        };
        sun.boxes = blocks.iter().map(|block| sun.caster(block)).collect();
        sun
    }

    /// Whether the light has no extent, so that shadows are hard.
    pub fn is_point(&self) -> bool {
        self.tan_radius <= 0.0
    }

    fn local(&self, p: V3) -> V3 {
        V3::new(
            p.dot(self.across[0]),
            p.dot(self.across[1]),
            p.dot(self.toward),
        )
    }

    fn caster(&self, block: &Block) -> Caster {
        let corners = block.corners().map(|p| self.local(p));
        let bound = |pick: fn(f64, f64) -> f64| {
            corners[1..].iter().fold(corners[0], |a, b| {
                V3::new(pick(a.x, b.x), pick(a.y, b.y), pick(a.z, b.z))
            })
        };
        Caster {
            low: bound(f64::min),
            high: bound(f64::max),
            corners,
        }
    }

    /// Mean of the cosine between `normal` and the directions to the disc, 0 below the horizon.
    pub fn facing(&self, normal: V3) -> f64 {
        let cosine = normal.dot(self.toward);
        if cosine.abs() >= self.sin_radius {
            return cosine.max(0.0);
        }
        let above = cosine + self.sin_radius;
        above * above / (4.0 * self.sin_radius)
    }

    /// Share of the disc that `point` sees, 0 to 1; box `except` is not in the way.
    pub fn visible(&self, point: V3, except: Option<usize>) -> f64 {
        let p = self.local(point);
        let mut dark: Option<[Stretches; CHORDS]> = None;
        for (i, caster) in self.boxes.iter().enumerate() {
            if Some(i) == except || !caster.may_shade(p, self.tan_radius) {
                continue;
            }
            let corners = caster.corners.map(|c| c - p);
            let dark = dark.get_or_insert_default();
            for (k, stretches) in dark.iter_mut().enumerate() {
                let (v, half) = self.chord(k);
                if let Some([a, b]) = interval(&corners, v) {
                    stretches.add(a.max(-half), b.min(half));
                }
            }
        }
        dark.map_or(1.0, |dark| self.share(&dark))
    }

    fn share(&self, dark: &[Stretches; CHORDS]) -> f64 {
        let (mut covered, mut whole) = (0.0, 0.0);
        for (k, stretches) in dark.iter().enumerate() {
            covered += stretches.length();
            whole += 2.0 * self.chord(k).1;
        }
        (1.0 - covered / whole).max(0.0)
    }

    /// Height and half length of chord `k` in units of tangent.
    fn chord(&self, k: usize) -> (f64, f64) {
        let v = (2.0 * k as f64 + 1.0) / CHORDS as f64 - 1.0;
        (v * self.tan_radius, (1.0 - v * v).sqrt() * self.tan_radius)
    }
}

impl Caster {
    /// Whether the box can meet a cone of that opening from `p` towards the light.
    fn may_shade(&self, p: V3, tangent: f64) -> bool {
        let far = self.high.z - p.z;
        let reach = tangent * far;
        far > NEAR_M
            && self.low.x - p.x <= reach
            && self.high.x - p.x >= -reach
            && self.low.y - p.y <= reach
            && self.high.y - p.y >= -reach
    }
}

/// What a box covers of the line at height `v`: its corners are seen from the origin along z.
/// The plane through the origin and the line cuts the box's edges in the points of a polygon.
fn interval(corners: &[V3; 8], v: f64) -> Option<[f64; 2]> {
    let side = corners.map(|c| c.y - v * c.z);
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    let (mut ahead, mut behind) = (None, None);
    for axis in 0..3 {
        for i in (0..8).filter(|i| i >> axis & 1 == 0) {
            let j = i | 1 << axis;
            if (side[i] < 0.0) == (side[j] < 0.0) {
                continue;
            }
            let s = side[i] / (side[i] - side[j]);
            let x = corners[i].x + s * (corners[j].x - corners[i].x);
            let z = corners[i].z + s * (corners[j].z - corners[i].z);
            if z > NEAR_M {
                low = low.min(x / z);
                high = high.max(x / z);
                ahead = Some((x, z));
            } else {
                behind = Some((x, z));
            }
        }
    }
    let (x1, z1) = ahead?;
    if let Some((x0, z0)) = behind {
        // The polygon passes beside the origin: it reaches to infinity on that side.
        if x0 * z1 > x1 * z0 {
            high = f64::INFINITY;
        } else {
            low = f64::NEG_INFINITY;
        }
    }
    Some([low, high])
}

/// Disjoint intervals.
#[derive(Clone, Copy, Default)]
struct Stretches {
    ends: [[f64; 2]; STRETCHES],
    count: usize,
}

impl Stretches {
    fn add(&mut self, mut low: f64, mut high: f64) {
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

    fn length(&self) -> f64 {
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
