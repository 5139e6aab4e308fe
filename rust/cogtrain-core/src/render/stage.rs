//! Where the blocks stand: a floor that curves up into a wall, or a table before a far wall.
//!
//! Only the floor is part of the scene; what lies behind it is for the eye and moves with the
//! camera.

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

/// A point of the stage.
#[derive(Clone, Copy, Debug)]
pub struct Spot {
    pub part: Part,
    pub point: V3,
    /// Distance in units of the ray's direction.
    pub t: f64,
    /// Unit vectors: across, along the surface away from the camera or up, out of it.
    pub frame: [V3; 3],
    /// Place on the unrolled surface, across and along, in metres.
    pub place: [f64; 2],
}

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

    /// What the ray from `origin` along `direction` meets; `None` if it leaves over the top.
    pub fn meet(&self, origin: V3, direction: V3) -> Option<Spot> {
        let from = origin - self.origin;
        let start = [from.dot(self.forward), from.z];
        let step = [direction.dot(self.forward), direction.z];
        if step[1] < 0.0 {
            let t = -start[1] / step[1];
            if t > 0.0 && start[0] + t * step[0] <= self.edge_m {
                return Some(self.spot(Part::Floor, origin + direction * t, t));
            }
        }
        let t = (self.wall_m - start[0]) / step[0];
        if !(step[0] > 0.0 && t > 0.0) {
            return None;
        }
        let height = start[1] + t * step[1];
        if self.bend_m <= 0.0 || height >= self.bend_m {
            return Some(self.spot(Part::Wall, origin + direction * t, t));
        }
        // From inside the curve: the far root of a quadratic.
        let (s, z) = (start[0] - self.edge_m, start[1] - self.bend_m);
        let a = step[0] * step[0] + step[1] * step[1];
        let b = s * step[0] + z * step[1];
        let c = s * s + z * z - self.bend_m * self.bend_m;
        let t = ((b * b - a * c).max(0.0).sqrt() - b) / a;
        Some(self.spot(Part::Bend, origin + direction * t, t))
    }

    /// The frame and place of `point` on `part`.
    fn spot(&self, part: Part, point: V3, t: f64) -> Spot {
        let from = point - self.origin;
        let (s, up) = (from.dot(self.forward), V3::new(0.0, 0.0, 1.0));
        let quarter = std::f64::consts::FRAC_PI_2 * self.bend_m;
        let (along, out, distance) = match part {
            Part::Floor => (self.forward, up, s),
            Part::Wall => (
                up,
                self.forward * -1.0,
                self.edge_m + quarter + from.z - self.bend_m,
            ),
            Part::Bend => {
                let (x, y) = (s - self.edge_m, self.bend_m - from.z);
                let r = 1.0 / (x * x + y * y).sqrt();
                let (sin, cos) = (x * r, y * r);
                (
                    self.forward * cos + up * sin,
                    up * cos - self.forward * sin,
                    self.edge_m + self.bend_m * libm::atan2(x, y),
                )
            }
        };
        Spot {
            part,
            point,
            t,
            frame: [self.side, along, out],
            place: [from.dot(self.side), distance],
        }
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
        let mut last: Option<Spot> = None;
        let mut parts = Vec::new();
        for y in 0..4000 {
            let ray = view.ray(200.0, f64::from(y) * 0.1);
            let spot = stage.meet(view.origin, ray).expect("a wall behind");
            if let Some(before) = last {
                let moved = (before.point - spot.point)
                    .dot(before.point - spot.point)
                    .sqrt();
                let unrolled = (before.place[1] - spot.place[1]).abs();
                assert!(moved < 0.1 && (moved - unrolled).abs() < 1e-3 * moved + 1e-5);
                let turn = before.frame[2].dot(spot.frame[2]);
                assert!(turn > 0.999, "{turn}");
            }
            if last.is_none_or(|before| before.part != spot.part) {
                parts.push(spot.part);
            }
            last = Some(spot);
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
