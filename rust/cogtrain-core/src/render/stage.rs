//! Where the blocks stand: a floor that curves up into a wall, or a table before a far wall.
//!
//! Only the floor is part of the scene; what lies behind it is for the eye and moves with the
//! camera.

// A kernel's parts have to be compiled for the body that calls them, and have no branches.
#![allow(
    clippy::inline_always,
    clippy::needless_bitwise_bool,
    clippy::float_cmp
)]

use super::vector::V3;
use crate::scene::{Camera, Scene};

/// Distance from the target to the wall, as a share of the camera's distance.
const WALL_SHARE: f64 = 0.42;
/// Radius of the curve between floor and wall, as a share of the same.
const BEND_SHARE: f64 = 0.10;
/// Distance from the target to a table's edge and to the wall behind it, likewise.
const TABLE_SHARE: (f64, f64) = (0.27, 0.75);
/// Smallest clearance behind the farthest body, in metres.
const CLEARANCE_M: f64 = 0.6;

/// The surfaces that surround the blocks.
pub struct Stage {
    /// Point of the floor below the camera's target.
    origin: V3,
    /// Level direction away from the camera.
    forward: V3,
    side: V3,
    /// Where the floor ends, and where the wall stands, along `forward`.
    edge_m: f64,
    wall_m: f64,
    /// Radius of the curve; 0 for a table.
    bend_m: f64,
}

/// Part of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Level ground.
    Floor,
    /// The curve between floor and wall.
    Bend,
    /// What stands behind.
    Wall,
}

impl Part {
    /// In the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Floor, Self::Bend, Self::Wall];
}

/// The number of what is no part.
pub const NOTHING: u16 = Part::ALL.len() as u16;

impl Stage {
    /// A floor that curves up into a wall.
    pub fn sweep(scene: &Scene) -> Self {
        let (mut stage, far) = Self::behind(scene);
        stage.bend_m = BEND_SHARE * far;
        stage.wall_m = (WALL_SHARE * far).max(stage.wall_m + stage.bend_m);
        stage.edge_m = stage.wall_m - stage.bend_m;
        stage
    }

    /// A table with an edge, and a wall far behind it.
    pub fn table(scene: &Scene) -> Self {
        let (mut stage, far) = Self::behind(scene);
        stage.edge_m = (TABLE_SHARE.0 * far).max(stage.wall_m);
        stage.wall_m = stage.edge_m + (TABLE_SHARE.1 - TABLE_SHARE.0) * far;
        stage
    }

    /// A stage whose wall is just behind all bodies, and the camera's distance.
    fn behind(scene: &Scene) -> (Self, f64) {
        let Camera {
            position_m,
            target_m,
            ..
        } = scene.camera;
        let mut away = V3::from(target_m) - V3::from(position_m);
        let far = away.dot(away).sqrt();
        away.z = 0.0;
        let forward = away.normalized();
        let origin = V3::new(target_m[0], target_m[1], 0.0);
        let reach = scene.bodies.iter().map(|body| {
            let half = 0.5 * body.size_m.iter().map(|s| s * s).sum::<f64>().sqrt();
            (V3::from(body.position_m) - origin).dot(forward) + half
        });
        let stage = Self {
            origin,
            forward,
            side: forward.cross(V3::new(0.0, 0.0, 1.0)),
            edge_m: 0.0,
            wall_m: reach.fold(0.0, f64::max) + CLEARANCE_M,
            bend_m: 0.0,
        };
        (stage, far)
    }

    /// Where the level floor ends, in metres from the target's foot.
    pub fn floor_end_m(&self) -> f64 {
        self.edge_m
    }

    /// The part that the ray from `origin` along `direction` meets, and the distance in units of the
    /// direction; `None` if it leaves over the top.
    pub fn meet(&self, origin: V3, direction: V3) -> Option<(Part, f64)> {
        let (part, t) = self.ahead(self.seen_from(origin), direction);
        Part::ALL.get(part as usize).map(|&part| (part, t))
    }

    /// Unit vector across.
    pub fn side(&self) -> V3 {
        self.side
    }

    /// A point as distance from the target's foot away from the camera, and height.
    pub fn seen_from(&self, point: V3) -> [f64; 2] {
        let from = point - self.origin;
        [from.dot(self.forward), from.z]
    }

    /// As [`Stage::meet`], seen from `start` and without a branch: the part's number, or
    /// [`NOTHING`] and 0.
    #[inline(always)]
    pub fn ahead(&self, start: [f64; 2], direction: V3) -> (f64, f64) {
        let step = [direction.dot(self.forward), direction.z];
        let down = -start[1] / step[1];
        let is_floor = (step[1] < 0.0) & (down > 0.0) & (start[0] + down * step[0] <= self.edge_m);
        let level = (self.wall_m - start[0]) / step[0];
        let is_ahead = (step[0] > 0.0) & (level > 0.0);
        let height = start[1] + level * step[1];
        let is_wall = (self.bend_m <= 0.0) | (height >= self.bend_m);
        let (s, z) = (start[0] - self.edge_m, start[1] - self.bend_m);
        let a = step[0] * step[0] + step[1] * step[1];
        let b = s * step[0] + z * step[1];
        let c = s * s + z * z - self.bend_m * self.bend_m;
        let inside = b * b - a * c;
        let inside = if inside > 0.0 { inside } else { 0.0 };
        let bent = (inside.sqrt() - b) / a;
        let [floor, bend, wall, nothing] = [0.0, 1.0, 2.0, f64::from(NOTHING)];
        let (part, t) = if is_wall { (wall, level) } else { (bend, bent) };
        let (part, t) = if is_ahead { (part, t) } else { (nothing, 0.0) };
        if is_floor { (floor, down) } else { (part, t) }
    }

    /// The place on floor or wall of a point of that part; 0 elsewhere.
    #[inline(always)]
    pub fn flat_place(&self, part: f64, point: V3) -> [f64; 2] {
        let from = point - self.origin;
        let quarter = std::f64::consts::FRAC_PI_2 * self.bend_m;
        let (side, away) = (from.dot(self.side), from.dot(self.forward));
        let up = self.edge_m + quarter + from.z - self.bend_m;
        let along = if part == 2.0 { up } else { 0.0 };
        let along = if part == 0.0 { away } else { along };
        [if part < f64::from(NOTHING) { side } else { 0.0 }, along]
    }

    /// On the bend: cosine and sine of how far it has turned, and the place along.
    pub fn bent(&self, point: V3) -> ([f64; 2], f64) {
        let from = point - self.origin;
        let (x, y) = (from.dot(self.forward) - self.edge_m, self.bend_m - from.z);
        let r = 1.0 / (x * x + y * y).sqrt();
        (
            [y * r, x * r],
            self.edge_m + self.bend_m * libm::atan2(x, y),
        )
    }

    /// Unit vectors on `part`: across, along the surface away from the camera or up, out of it.
    /// `turn` is cosine and sine of how far a bend has turned.
    #[inline(always)]
    pub fn frame(&self, part: Part, [cos, sin]: [f64; 2]) -> [V3; 3] {
        let up = V3 {
            x: 0.0,
            y: 0.0,
            z: 1.0,
        };
        let (along, out) = match part {
            Part::Floor => (self.forward, up),
            Part::Wall => (up, self.forward * -1.0),
            Part::Bend => (self.forward * cos + up * sin, up * cos - self.forward * sin),
        };
        [self.side, along, out]
    }

    /// A level frame for places on the wall: across, and height above the floor, in metres.
    pub fn wall_place(&self, point: V3) -> [f64; 2] {
        let from = point - self.origin;
        [from.dot(self.side), from.z]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::camera::Viewpoint;
    use crate::rng::Stream;
    use crate::scene::tests::cubes;

    /// The unrolled place moves with the point: no jump between floor, curve and wall.
    #[test]
    fn surface_is_continuous() {
        let scene = cubes(&[[0.0, 0.0, 0.5]]);
        let view = Viewpoint::new(&scene.camera, 400, 400);
        let stage = Stage::sweep(&scene);
        let mut last: Option<(Part, V3, f64, V3)> = None;
        let mut parts = Vec::new();
        for y in 0..4000 {
            let ray = view.ray(200.0, f64::from(y) * 0.1);
            let (part, t) = stage.meet(view.origin, ray).expect("a wall behind");
            let point = view.origin + ray * t;
            let (turn, bent) = stage.bent(point);
            let [_, flat] = stage.flat_place(f64::from(part as u8), point);
            let place = if part == Part::Bend { bent } else { flat };
            let [.., out] = stage.frame(part, turn);
            if let Some((before, from, from_place, from_out)) = last {
                let moved = (from - point).dot(from - point).sqrt();
                let unrolled = (from_place - place).abs();
                assert!(moved < 0.1 && (moved - unrolled).abs() < 1e-3 * moved + 1e-5);
                let turn = from_out.dot(out);
                assert!(turn > 0.999, "{turn}");
                if before != part {
                    parts.push(part);
                }
            } else {
                parts.push(part);
            }
            last = Some((part, point, place, out));
        }
        assert_eq!(parts, [Part::Wall, Part::Bend, Part::Floor]);
    }

    #[test]
    fn bodies_stand_before_the_wall() {
        let mut stream = Stream::new(0, "test", 0);
        for _ in 0..50 {
            let at = [stream.range(-9.0, 9.0), stream.range(-5.0, 30.0), 0.5];
            let scene = cubes(&[at]);
            let stage = Stage::sweep(&scene);
            assert!((V3::from(at) - stage.origin).dot(stage.forward) + 0.5 < stage.edge_m);
        }
    }
}
