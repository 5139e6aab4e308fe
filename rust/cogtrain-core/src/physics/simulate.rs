//! Rigid-body simulation of a scene: the second opinion on a label, and the motion.
//!
//! What stands should stand here, too, however close it is to falling. Four things see to it, and
//! `benchmarks/labels.py` shows what is left:
//!
//! - Contacts are stiff (240 Hz, damping ratio 2) and steps short (1/240 s): with softer settings
//!   tall towers lean until they topple.
//! - Each step is solved once, by many iterations: split into the engine's usual four small steps,
//!   the blocks on a wall of ten or more jitter, and one that just stands walks over the edge.
//! - Weight sets in over a quarter of a second, as when a hand lets go: all at once, forces have not
//!   found their balance in the first steps, and the jolt topples what just stands.
//! - Faces that are exactly flush are made a hair smaller than those they rest on: along edges that
//!   coincide the engine loses corners of the contact, and a block tips over the missing one.
//!
//! Sleep is off, because a slow fall can be put to sleep; contacts are never recycled, for the same
//! reason.

use rapier3d::prelude::{
    ColliderBuilder, IntegrationParameters, PhysicsWorld, RigidBodyBuilder, RigidBodyHandle,
    Rotation, SpringCoefficients, Vector,
};

use super::contact::{CONTACT_SLOP_M, bottom};
use super::trajectory::{FALL_DROP, Pose, Trajectory};
use crate::Result;
use crate::scene::{Body, Scene};

const STEPS_PER_SECOND: usize = 240;
const DURATION_S: usize = 4;
const GRAVITY: f32 = 9.81;
const SMALL_STEPS_PER_STEP: usize = 1;
const ITERATIONS_PER_SMALL_STEP: usize = 16;
const STABILIZATION_ITERATIONS: usize = 4;
/// Steps over which weight sets in: a quarter of a second.
const RELEASE_STEPS: usize = 60;
/// By how much of their size the boxes of every second storey are smaller across.
const FLUSH_GAP: f32 = 2e-4;
/// Steps per stored frame: 30 frames a second.
const STEPS_PER_FRAME: usize = 8;

/// Simulates `scene` for four seconds from rest, letting go of it in the first quarter second.
///
/// Single precision with the engine's platform-independent arithmetic: the same scene gives the
/// same bits on every machine.
///
/// # Errors
/// [`Error::Argument`](crate::Error::Argument) if the scene is not valid.
pub fn simulate(scene: &Scene) -> Result<Trajectory> {
    simulate_tilted(scene, [0.0; 2])
}

/// The same while everything is pulled sideways by `tilt`, in units of gravity.
pub(super) fn simulate_tilted(scene: &Scene, tilt: [f64; 2]) -> Result<Trajectory> {
    scene.check()?;
    let (mut world, handles) = build(scene);
    let pull = Vector::new(tilt[0] as f32, tilt[1] as f32, -1.0) * GRAVITY;
    let mut frames = vec![poses(&world, &handles)];
    let mut fell_s = vec![None; handles.len()];
    for step in 1..=STEPS_PER_SECOND * DURATION_S {
        world.gravity = pull * (step as f32 / RELEASE_STEPS as f32).min(1.0);
        world.step();
        let time_s = step as f64 / STEPS_PER_SECOND as f64;
        note_falls(scene, &world, &handles, time_s, &mut fell_s);
        if step % STEPS_PER_FRAME == 0 {
            frames.push(poses(&world, &handles));
        }
    }
    Ok(Trajectory {
        dt_s: STEPS_PER_FRAME as f64 / STEPS_PER_SECOND as f64,
        displacement_m: displacement(&frames),
        fell: fell_s.iter().any(Option::is_some),
        frames,
        fell_s,
    })
}

fn build(scene: &Scene) -> (PhysicsWorld, Vec<RigidBodyHandle>) {
    let mut world = PhysicsWorld::new();
    let stiff = SpringCoefficients::new(240.0, 2.0);
    let length_unit = scene
        .bodies
        .iter()
        .flat_map(|body| body.size_m)
        .fold(f64::INFINITY, f64::min);
    world.integration_parameters = IntegrationParameters {
        dt: 1.0 / STEPS_PER_SECOND as f32,
        contact_softness: stiff,
        static_contact_softness: stiff,
        contact_recycling: false,
        num_solver_iterations: SMALL_STEPS_PER_STEP,
        num_internal_pgs_iterations: ITERATIONS_PER_SMALL_STEP,
        num_internal_stabilization_iterations: STABILIZATION_ITERATIONS,
        length_unit: if length_unit.is_finite() {
            length_unit as f32
        } else {
            1.0
        },
        ..IntegrationParameters::default()
    };
    let friction = scene
        .bodies
        .iter()
        .map(|body| body.friction)
        .fold(0.0, f64::max);
    let extent = 1.0e3;
    let ground = ColliderBuilder::cuboid(extent, extent, 1.0)
        .translation(Vector::new(0.0, 0.0, -1.0))
        .friction(friction as f32);
    world.insert_collider(ground, None);
    let scales = storeys(&scene.bodies).map(|storey| 1.0 - FLUSH_GAP * (storey % 2) as f32);
    let handles = scene
        .bodies
        .iter()
        .zip(scales)
        .map(|(body, scale)| insert(&mut world, body, scale))
        .collect();
    (world, handles)
}

/// Per body, how many different heights lie below its bottom.
fn storeys(bodies: &[Body]) -> impl Iterator<Item = usize> {
    let mut heights: Vec<f64> = bodies.iter().map(bottom).collect();
    heights.sort_by(f64::total_cmp);
    heights.dedup_by(|a, b| (*a - *b).abs() <= CONTACT_SLOP_M);
    bodies
        .iter()
        .map(move |body| heights.partition_point(|height| *height < bottom(body) - CONTACT_SLOP_M))
}

/// Adds `body`, with its sides across scaled by `scale`.
fn insert(world: &mut PhysicsWorld, body: &Body, scale: f32) -> RigidBodyHandle {
    let [w, x, y, z] = body.orientation.map(|q| q as f32);
    let [px, py, pz] = body.position_m.map(|p| p as f32);
    let [hx, hy, hz] = body.size_m.map(|s| (0.5 * s) as f32);
    let rigid = RigidBodyBuilder::dynamic()
        .pose((Vector::new(px, py, pz), Rotation::from_xyzw(x, y, z, w)).into())
        .can_sleep(false);
    let shape = ColliderBuilder::cuboid(scale * hx, scale * hy, hz)
        .density(body.density as f32)
        .friction(body.friction as f32);
    world.insert(rigid, shape).0
}

fn poses(world: &PhysicsWorld, handles: &[RigidBodyHandle]) -> Vec<Pose> {
    let pose = |handle: &RigidBodyHandle| {
        let body = &world.bodies[*handle];
        let (p, q) = (body.translation(), body.rotation());
        Pose {
            position_m: [p.x, p.y, p.z],
            orientation: [q.w, q.x, q.y, q.z],
        }
    };
    handles.iter().map(pose).collect()
}

/// Writes down the time for every body that has just dropped far enough.
fn note_falls(
    scene: &Scene,
    world: &PhysicsWorld,
    handles: &[RigidBodyHandle],
    time_s: f64,
    fell_s: &mut [Option<f64>],
) {
    for ((body, handle), fell) in scene.bodies.iter().zip(handles).zip(fell_s) {
        let side = body.size_m.iter().copied().fold(f64::INFINITY, f64::min);
        let drop = body.position_m[2] - f64::from(world.bodies[*handle].translation().z);
        if fell.is_none() && drop > FALL_DROP * side {
            *fell = Some(time_s);
        }
    }
}

/// Largest displacement of any body in metres, over all frames.
fn displacement(frames: &[Vec<Pose>]) -> f64 {
    let moved = |frame: &Vec<Pose>| {
        let distance = |(pose, start): (&Pose, &Pose)| {
            let squares =
                (0..3).map(|k| f64::from(pose.position_m[k] - start.position_m[k]).powi(2));
            squares.sum::<f64>().sqrt()
        };
        frame
            .iter()
            .zip(&frames[0])
            .map(distance)
            .fold(0.0, f64::max)
    };
    frames.iter().map(moved).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::tests::cubes;

    #[test]
    fn a_straight_tower_stands_and_a_wide_overhang_falls() {
        let straight =
            simulate(&cubes(&[[0.0, 0.0, 0.5], [0.0, 0.0, 1.5], [0.0, 0.0, 2.5]])).expect("valid");
        assert!(
            !straight.fell && straight.displacement_m < 0.01,
            "{}",
            straight.displacement_m
        );
        let overhang = simulate(&cubes(&[[0.0, 0.0, 0.5], [0.7, 0.0, 1.5]])).expect("valid");
        assert!(
            overhang.fell && overhang.displacement_m > 0.5,
            "{}",
            overhang.displacement_m
        );
    }

    /// The lowest of three that lean falls last, if at all; the foot never does.
    #[test]
    fn tells_when_each_body_fell() {
        let leaning = cubes(&[[0.0, 0.0, 0.5], [0.7, 0.0, 1.5], [1.4, 0.0, 2.5]]);
        let trajectory = simulate(&leaning).expect("valid");
        let [foot, middle, top] = trajectory.fell_s[..] else {
            panic!("three bodies")
        };
        assert_eq!(foot, None);
        assert!(
            top < middle && top > Some(0.1) && middle < Some(1.0),
            "{:?}",
            trajectory.fell_s
        );
    }

    /// Blocks that are flush all around, and one that stands by 1 % of its side.
    #[test]
    fn what_just_stands_on_a_wall_stays() {
        let wall = cubes(&[
            [-1.767_68, 0.0, 0.5],
            [-0.571_59, 0.0, 0.5],
            [0.598_73, 0.0, 0.5],
            [1.850_89, 0.0, 0.5],
            [-1.261_95, 0.0, 1.5],
            [0.006_17, 0.0, 1.5],
            [1.198_63, 0.0, 1.5],
            [-0.547_93, 0.0, 2.5],
            [-0.057_93, 0.0, 3.5],
        ]);
        let trajectory = simulate(&wall).expect("valid");
        assert!(
            !trajectory.fell && trajectory.displacement_m < 1e-3,
            "{:?}",
            trajectory.fell_s
        );
    }

    #[test]
    fn storeys_count_heights() {
        let scene = cubes(&[
            [0.0, 0.0, 1.5],
            [0.0, 0.0, 0.5],
            [2.0, 0.0, 0.5],
            [0.0, 0.0, 2.5],
        ]);
        assert_eq!(storeys(&scene.bodies).collect::<Vec<_>>(), [1, 0, 0, 2]);
    }

    #[test]
    fn sliding_is_no_fall() {
        let block = cubes(&[[0.0, 0.0, 0.5]]);
        let trajectory = simulate_tilted(&block, [0.7, 0.0]).expect("valid");
        assert!(
            trajectory.displacement_m > 1.0 && !trajectory.fell,
            "{}",
            trajectory.displacement_m
        );
    }

    #[test]
    fn same_scene_same_bits() {
        let scene = cubes(&[[0.0, 0.0, 0.5], [0.55, 0.2, 1.5], [0.3, 0.4, 2.5]]);
        assert_eq!(
            simulate(&scene).expect("valid"),
            simulate(&scene).expect("valid")
        );
    }

    #[test]
    fn energy_never_rises() {
        let scene = cubes(&[[0.0, 0.0, 0.5], [0.6, 0.0, 1.5], [0.9, 0.1, 2.5]]);
        let trajectory = simulate(&scene).expect("valid");
        let height = |frame: &Vec<Pose>| frame.iter().map(|pose| pose.position_m[2]).sum::<f32>();
        let start = height(&trajectory.frames[0]);
        assert!(
            trajectory
                .frames
                .iter()
                .all(|frame| height(frame) <= start + 0.01)
        );
    }
}
