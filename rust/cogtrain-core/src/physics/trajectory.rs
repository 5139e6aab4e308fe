//! How the bodies of a scene move: poses at equal steps of time.

use crate::scene::{Body, Scene};
use crate::{Error, Result};

/// How far, in parts of its shortest side, the centre of a body drops until it counts as fallen.
/// Standing bodies sink by less than 0.004 with the settings of [`simulate`](super::simulate),
/// falling ones by about a side. What slides or is pushed without dropping has not fallen.
pub const FALL_DROP: f64 = 0.1;

/// Positions of every body at every frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectory {
    /// Time between frames, in seconds.
    pub dt_s: f64,
    /// Per frame, per body: centre (x, y, z) in metres and unit quaternion (w, x, y, z).
    pub frames: Vec<Vec<Pose>>,
    /// Largest distance of any body's centre from where it began, in metres, over all frames.
    pub displacement_m: f64,
    /// Per body, when its centre had first dropped by more than a tenth of its shortest side, in
    /// seconds to the simulation's step; `None` if it never did.
    pub fell_s: Vec<Option<f64>>,
    /// Whether any body fell.
    pub fell: bool,
}

/// Where a body is and how it is turned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pose {
    /// Centre in metres.
    pub position_m: [f32; 3],
    /// Unit quaternion (w, x, y, z).
    pub orientation: [f32; 4],
}

impl Trajectory {
    /// How many bodies fell.
    pub fn n_fallen(&self) -> usize {
        self.fell_s.iter().flatten().count()
    }

    /// The scene at `frame`: that of the start, with its bodies where they are by then.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such frame, or `start` has another number of bodies.
    pub fn scene(&self, start: &Scene, frame: usize) -> Result<Scene> {
        let Some(poses) = self.frames.get(frame) else {
            let expected = format!("below {}", self.frames.len());
            return Err(Error::argument(
                "frame",
                expected,
                frame,
                "stay within the trajectory",
            ));
        };
        if poses.len() != start.bodies.len() {
            let expected = format!("the scene that was simulated, with {} bodies", poses.len());
            return Err(Error::argument(
                "start",
                expected,
                start.bodies.len(),
                "give the scene that this trajectory began with",
            ));
        }
        let mut scene = start.clone();
        for (body, pose) in scene.bodies.iter_mut().zip(poses) {
            pose.place(body);
        }
        Ok(scene)
    }
}

impl Pose {
    /// Moves `body` here. The quaternion gets its unit length back, which single precision blurs.
    fn place(&self, body: &mut Body) {
        body.position_m = self.position_m.map(f64::from);
        let q = self.orientation.map(f64::from);
        let norm = q.iter().map(|x| x * x).sum::<f64>().sqrt();
        body.orientation = q.map(|x| x / norm);
    }
}

#[cfg(test)]
mod tests {
    use super::super::simulate;
    use crate::scene::tests::cubes;

    #[test]
    fn every_frame_is_a_valid_scene() {
        let start = cubes(&[[0.0, 0.0, 0.5], [0.7, 0.0, 1.5]]);
        let trajectory = simulate(&start).expect("valid");
        for frame in 0..trajectory.frames.len() {
            trajectory
                .scene(&start, frame)
                .and_then(|scene| scene.check())
                .expect("valid");
        }
        let last = trajectory.scene(&start, 120).expect("four seconds");
        assert!(last.bodies[1].position_m[2] < 1.0, "{last:?}");
        assert_eq!(last.camera, start.camera);
    }

    #[test]
    fn refuses_other_frames_and_scenes() {
        let start = cubes(&[[0.0, 0.0, 0.5]]);
        let trajectory = simulate(&start).expect("valid");
        let frame = trajectory.scene(&start, 121).expect_err("no such frame");
        assert!(frame.to_string().contains("below 121, got 121"), "{frame}");
        let other = trajectory.scene(&cubes(&[]), 0).expect_err("another scene");
        assert!(
            other.to_string().contains("with 1 bodies, got 0"),
            "{other}"
        );
    }
}
