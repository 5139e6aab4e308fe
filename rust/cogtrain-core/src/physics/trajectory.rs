//! How the bodies of a scene move: poses at equal steps of time.

use crate::scene::Scene;
use crate::{Error, Result};

/// Distance, in metres per metre of block side, beyond which a body counts as fallen. Standing
/// towers drift by less than 0.004 with the settings of [`simulate`](super::simulate), falling
/// ones drop by about a side.
pub const FALL_DISPLACEMENT: f64 = 0.1;

/// Positions of every body at every frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectory {
    /// Time between frames, in seconds.
    pub dt_s: f64,
    /// Per frame, per body: centre (x, y, z) in metres and unit quaternion (w, x, y, z).
    pub frames: Vec<Vec<Pose>>,
    /// Largest distance of any body's centre from where it began, in metres.
    pub displacement_m: f64,
    /// Whether any body moved by more than a tenth of its shortest side.
    pub fell: bool,
}

impl Trajectory {
    /// How many bodies have dropped by more than a tenth of a metre.
    pub fn n_fallen(&self) -> usize {
        let z = |frame: &Vec<Pose>, i: usize| frame[i].position_m[2];
        let dropped = |i: &usize| {
            self.frames
                .iter()
                .any(|f| z(f, *i) < z(&self.frames[0], *i) - 0.1)
        };
        (0..self.frames[0].len()).filter(dropped).count()
    }

    /// `start` with every body where it is, and turned as it is, at `frame`.
    ///
    /// # Errors
    /// [`Error::Argument`] for a frame beyond the end.
    pub fn scene(&self, start: &Scene, frame: usize) -> Result<Scene> {
        let poses = self.frames.get(frame).ok_or_else(|| {
            let expected = format!("below {}", self.frames.len());
            Error::argument("frame", expected, frame, "stay within the simulated time")
        })?;
        let mut scene = start.clone();
        for (body, pose) in scene.bodies.iter_mut().zip(poses) {
            body.position_m = pose.position_m.map(f64::from);
            // Single precision leaves a length that is not quite one.
            let turn = pose.orientation.map(f64::from);
            let norm = turn.iter().map(|q| q * q).sum::<f64>().sqrt();
            body.orientation = turn.map(|q| q / norm);
        }
        Ok(scene)
    }
}

/// Where a body is and how it is turned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pose {
    /// Centre in metres.
    pub position_m: [f32; 3],
    /// Unit quaternion (w, x, y, z).
    pub orientation: [f32; 4],
}
