//! Rays against boxes: the slab test, and sets of boxes that a screen tile or a shadow can meet.

// A kernel's parts have to be compiled for the body that calls them.
#![allow(clippy::inline_always)]

use super::camera::Viewpoint;
use super::vector::V3;
use crate::scene::{Body, Scene};

/// Side of a screen tile, in pixels.
pub const TILE_PX: usize = 8;

/// A box prepared for rays: its axes as rows, its half sizes, its centre.
pub struct Block {
    pub centre: V3,
    pub axes: [V3; 3],
    half: [f64; 3],
}

/// Where a ray enters a box.
#[derive(Clone, Copy)]
pub struct Hit {
    /// Distance in units of the ray's direction.
    pub t: f64,
    /// Face: twice the axis, plus one on the positive side.
    pub face: usize,
}

impl Block {
    pub fn new(body: &Body) -> Self {
        Self {
            centre: V3::from(body.position_m),
            axes: axes(body.orientation),
            half: body.size_m.map(|s| 0.5 * s),
        }
    }

    /// Half side lengths, in metres.
    pub fn half(&self) -> [f64; 3] {
        self.half
    }

    /// `point` in the box's own frame, from its centre.
    #[inline(always)]
    pub fn local(&self, point: V3) -> [f64; 3] {
        self.turned(point - self.centre)
    }

    /// A point of the box's own frame, in the world.
    pub fn place(&self, local: [f64; 3]) -> V3 {
        self.centre + self.world(local)
    }

    /// A direction in the box's own frame.
    #[inline(always)]
    pub fn turned(&self, direction: V3) -> [f64; 3] {
        let [x, y, z] = self.axes;
        [direction.dot(x), direction.dot(y), direction.dot(z)]
    }

    /// A direction of the box's own frame, in the world.
    #[inline(always)]
    pub fn world(&self, [x, y, z]: [f64; 3]) -> V3 {
        self.axes[0] * x + self.axes[1] * y + self.axes[2] * z
    }

    /// Square of the distance from `point` to the box, in m²; 0 inside.
    #[inline(always)]
    pub fn distance2(&self, point: V3) -> f64 {
        let local = self.local(point);
        let mut out = [0.0; 3];
        for k in 0..3 {
            let beyond = local[k].abs() - self.half[k];
            out[k] = if beyond > 0.0 { beyond } else { 0.0 };
        }
        let [x, y, z] = out;
        x * x + y * y + z * z
    }

    /// Outward unit normal of `face`.
    pub fn normal(&self, face: usize) -> V3 {
        self.axes[face / 2] * if face % 2 == 1 { 1.0 } else { -1.0 }
    }

    /// The eight corners, in metres.
    pub fn corners(&self) -> [V3; 8] {
        std::array::from_fn(|i| {
            let sign = |bit: usize| if i >> bit & 1 == 1 { 1.0 } else { -1.0 };
            (0..3).fold(self.centre, |p, k| {
                p + self.axes[k] * (sign(k) * self.half[k])
            })
        })
    }

    /// Lowest and highest coordinate along `axis`, in metres if that is of unit length.
    pub fn bounds(&self, axis: V3) -> [f64; 2] {
        let along = self.turned(axis);
        let reach = (0..3).fold(0.0, |sum, k| sum + self.half[k] * along[k].abs());
        let middle = self.centre.dot(axis);
        [middle - reach, middle + reach]
    }

    /// Where the ray from `origin` along `direction` enters, if it does ahead of `origin`.
    pub fn enter(&self, origin: V3, direction: V3) -> Option<Hit> {
        let local = origin - self.centre;
        let mut near = Hit {
            t: f64::NEG_INFINITY,
            face: 0,
        };
        let mut far = f64::INFINITY;
        for (k, &axis) in self.axes.iter().enumerate() {
            let inverse = 1.0 / direction.dot(axis);
            let offset = local.dot(axis);
            let a = (-self.half[k] - offset) * inverse;
            let b = (self.half[k] - offset) * inverse;
            // A ray that runs along +axis enters through the negative face.
            let (enter, leave, face) = if a < b {
                (a, b, 2 * k)
            } else {
                (b, a, 2 * k + 1)
            };
            if enter > near.t {
                near = Hit { t: enter, face };
            }
            far = far.min(leave);
        }
        (near.t < far && near.t > 0.0).then_some(near)
    }

    /// Whether the ray from `origin` along `direction` meets the box ahead of `origin`.
    pub fn blocks(&self, origin: V3, direction: V3) -> bool {
        let local = origin - self.centre;
        let (mut near, mut far) = (0.0_f64, f64::INFINITY);
        for (k, &axis) in self.axes.iter().enumerate() {
            let inverse = 1.0 / direction.dot(axis);
            let offset = local.dot(axis);
            let a = (-self.half[k] - offset) * inverse;
            let b = (self.half[k] - offset) * inverse;
            near = near.max(a.min(b));
            far = far.min(a.max(b));
        }
        near < far
    }
}

/// Rows of the rotation matrix's transpose: the body's axes in the world.
fn axes([w, x, y, z]: [f64; 4]) -> [V3; 3] {
    [
        V3::new(
            1.0 - 2.0 * (y * y + z * z),
            2.0 * (x * y + w * z),
            2.0 * (x * z - w * y),
        ),
        V3::new(
            2.0 * (x * y - w * z),
            1.0 - 2.0 * (x * x + z * z),
            2.0 * (y * z + w * x),
        ),
        V3::new(
            2.0 * (x * z + w * y),
            2.0 * (y * z - w * x),
            1.0 - 2.0 * (x * x + y * y),
        ),
    ]
}

/// A set of boxes as bits, so that a pixel visits only those it can meet.
pub type Set = u64;

/// Visits the members of a set, lowest first.
pub fn members(mut set: Set) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (set != 0).then(|| {
            let member = set.trailing_zeros() as usize;
            set &= set - 1;
            member
        })
    })
}

/// The boxes of a scene, with the sets that each tile and each box needs.
pub struct Field {
    pub blocks: Vec<Block>,
    /// Direction to the sun, of unit length.
    pub sun: V3,
    tiles_across: usize,
    /// Per tile: boxes that may be seen, and boxes whose shadow on the ground may be seen.
    tiles: Vec<(Set, Set)>,
    /// Per box: other boxes that may shade it.
    shaders: Vec<Set>,
}

impl Field {
    pub fn new(scene: &Scene, view: &Viewpoint, height_px: usize, width_px: usize) -> Self {
        let blocks: Vec<Block> = scene.bodies.iter().map(Block::new).collect();
        let sun = V3::from(scene.light.toward).normalized();
        let tiles_across = width_px.div_ceil(TILE_PX);
        let mut tiles = vec![(0, 0); tiles_across * height_px.div_ceil(TILE_PX)];
        for (i, block) in blocks.iter().enumerate() {
            let corners = block.corners();
            let shadow = corners.map(|p| p - sun * (p.z / sun.z));
            for_tiles(view, &corners, height_px, width_px, |tile| {
                tiles[tile].0 |= 1 << i;
            });
            for_tiles(view, &shadow, height_px, width_px, |tile| {
                tiles[tile].1 |= 1 << i;
            });
        }
        let shaders = Self::shaders_of(&blocks, sun);
        Self {
            blocks,
            sun,
            tiles_across,
            tiles,
            shaders,
        }
    }

    /// Boxes that may be seen through pixel (`x`, `y`), and boxes that may shade the ground there.
    pub fn tile(&self, x: usize, y: usize) -> (Set, Set) {
        self.tiles[y / TILE_PX * self.tiles_across + x / TILE_PX]
    }

    /// Boxes that may shade box `block`.
    pub fn shaders(&self, block: usize) -> Set {
        self.shaders[block]
    }

    /// The nearest box of `set` on the ray, with the hit.
    pub fn nearest(&self, set: Set, origin: V3, direction: V3) -> Option<(usize, Hit)> {
        let mut best: Option<(usize, Hit)> = None;
        for i in members(set) {
            if let Some(hit) = self.blocks[i].enter(origin, direction)
                && best.is_none_or(|(_, nearest)| hit.t < nearest.t)
            {
                best = Some((i, hit));
            }
        }
        best
    }

    /// Whether a box of `set` stands between `point` and the sun.
    pub fn shaded(&self, set: Set, point: V3) -> bool {
        members(set).any(|i| self.blocks[i].blocks(point, self.sun))
    }

    /// For every box, the others whose outline as seen from the sun overlaps its own.
    pub fn shaders_of(blocks: &[Block], sun: V3) -> Vec<Set> {
        let side = if sun.x.abs() < 0.9 {
            V3::new(1.0, 0.0, 0.0)
        } else {
            V3::new(0.0, 1.0, 0.0)
        };
        let u = sun.cross(side).normalized();
        let v = sun.cross(u);
        // One micrometre of slack covers rounding where faces touch.
        let bound = |block: &Block, axis: V3| {
            let [low, high] = block.bounds(axis);
            [low - 1e-6, high + 1e-6]
        };
        let bounds: Vec<[[f64; 2]; 2]> = blocks
            .iter()
            .map(|block| [bound(block, u), bound(block, v)])
            .collect();
        let overlap = |a: [f64; 2], b: [f64; 2]| a[0] < b[1] && b[0] < a[1];
        (0..blocks.len())
            .map(|i| {
                let others = (0..blocks.len())
                    .filter(|&j| j != i && (0..2).all(|k| overlap(bounds[i][k], bounds[j][k])));
                others.fold(0, |set, j| set | 1 << j)
            })
            .collect()
    }
}

/// Calls `mark` for every tile that the hull of `points` may touch: all tiles if a point lies
/// behind the camera.
fn for_tiles(
    view: &Viewpoint,
    points: &[V3; 8],
    height_px: usize,
    width_px: usize,
    mut mark: impl FnMut(usize),
) {
    let (across, down) = (width_px.div_ceil(TILE_PX), height_px.div_ceil(TILE_PX));
    let mut low = [f64::INFINITY; 2];
    let mut high = [f64::NEG_INFINITY; 2];
    for &point in points {
        let seen = view.project(point);
        for k in 0..2 {
            low[k] = low[k].min(seen.map_or(f64::NEG_INFINITY, |p| p[k]));
            high[k] = high[k].max(seen.map_or(f64::INFINITY, |p| p[k]));
        }
    }
    // A float-to-integer cast saturates, so bounds outside the image need no care; one pixel of
    // slack covers rounding.
    let first = |k: usize| ((low[k] - 1.0).max(0.0) / TILE_PX as f64) as usize;
    let last = |k: usize, n: usize| {
        let bound = (high[k] + 1.0) / TILE_PX as f64;
        if bound < 0.0 {
            0
        } else {
            (bound as usize).saturating_add(1).min(n)
        }
    };
    for row in first(1)..last(1, down) {
        for column in first(0)..last(0, across) {
            mark(row * across + column);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;
    use crate::scene::tests::cubes;

    #[test]
    fn enters_through_the_facing_side() {
        let scene = cubes(&[[0.0, 0.0, 0.5]]);
        let block = Block::new(&scene.bodies[0]);
        let hit = block
            .enter(V3::new(-3.0, 0.1, 0.4), V3::new(1.0, 0.0, 0.0))
            .expect("meets");
        assert!((hit.t - 2.5).abs() < 1e-12 && hit.face == 0);
        assert!(
            block
                .enter(V3::new(-3.0, 0.6, 0.4), V3::new(1.0, 0.0, 0.0))
                .is_none()
        );
        assert!(
            block
                .enter(V3::new(3.0, 0.1, 0.4), V3::new(1.0, 0.0, 0.0))
                .is_none()
        );
    }

    /// Culling only skips work: every ray sees the same box with and without it.
    #[test]
    fn tiles_miss_nothing() {
        let scene = cubes(&[
            [0.0, 0.0, 0.5],
            [0.4, 0.2, 1.5],
            [-1.5, 1.0, 0.5],
            [0.3, -0.4, 2.5],
        ]);
        let (h, w) = (56, 84);
        let view = Viewpoint::new(&scene.camera, h, w);
        let field = Field::new(&scene, &view, h, w);
        let mut stream = Stream::new(3, "test", 0);
        for _ in 0..20_000 {
            let (x, y) = (stream.range(0.0, w as f64), stream.range(0.0, h as f64));
            let (set, shadow) = field.tile(x as usize, y as usize);
            let direction = view.ray(x, y);
            let (culled, all) = (
                field.nearest(set, view.origin, direction),
                field.nearest(!0 >> 60, view.origin, direction),
            );
            assert_eq!(culled.map(|(i, _)| i), all.map(|(i, _)| i));
            if let Some((i, hit)) = all {
                let point =
                    view.origin + direction * hit.t + field.blocks[i].normal(hit.face) * 1e-9;
                assert_eq!(
                    field.shaded(field.shaders(i), point),
                    field.shaded(0xF & !(1 << i), point)
                );
            } else if direction.z < 0.0 {
                let point = view.origin + direction * (-view.origin.z / direction.z);
                assert_eq!(field.shaded(shadow, point), field.shaded(0xF, point));
            }
        }
    }
}
