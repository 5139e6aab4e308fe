//! What physics says about a scene: equilibrium by statics, motion by simulation.

use cogtrain_core as core;
use numpy::{PyArray2, PyArray3, PyArrayMethods, ToPyArray};
use pyo3::prelude::*;

use crate::errors::to_python;
use crate::making::Scene;

/// The verdict of statics on a structure of upright boxes.
#[pyclass(frozen, module = "cogtrain._core")]
pub struct Equilibrium(core::Equilibrium);

#[pymethods]
impl Equilibrium {
    /// Whether the structure stands.
    #[getter]
    fn stands(&self) -> bool {
        self.0.stands()
    }

    /// Largest distance in metres that all centres of pressure can keep from the borders of
    /// their contacts; negative if they lie outside.
    #[getter]
    fn margin_m(&self) -> f64 {
        self.0.margin_m
    }

    /// The margin as a fraction of the narrower face's shorter side at the critical contact.
    #[getter]
    fn margin_fraction(&self) -> f64 {
        self.0.margin_fraction
    }

    /// The contact that limits the margin, as an index into ``contacts``.
    #[getter]
    fn critical(&self) -> usize {
        self.0.critical
    }

    /// Per contact the body carried and the body that carries; ``None`` is the ground.
    #[getter]
    fn contacts(&self) -> Vec<(usize, Option<usize>)> {
        let pair = |contact: &core::Contact| (contact.upper, contact.lower);
        self.0.contacts.iter().map(pair).collect()
    }

    /// How it begins to fall: velocity and spin, ``(bodies, 6)``; ``None`` if it stands.
    #[getter]
    fn mechanism<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyArray2<f64>>>> {
        let Some(twists) = &self.0.mechanism else {
            return Ok(None);
        };
        let row = |twist: &core::Twist| twist.velocity.into_iter().chain(twist.spin);
        let flat: Vec<f64> = twists.iter().flat_map(row).collect();
        flat.to_pyarray(py).reshape([twists.len(), 6]).map(Some)
    }

    fn __repr__(&self) -> String {
        let (stands, margin) = (self.0.stands(), self.0.margin_m);
        format!("Equilibrium(stands={stands}, margin_m={margin})")
    }
}

/// What the simulator says happens to a scene within four seconds.
#[pyclass(frozen, module = "cogtrain._core")]
pub struct Trajectory(core::Trajectory);

#[pymethods]
impl Trajectory {
    /// Whether any body moved by more than a tenth of its shortest side.
    #[getter]
    fn fell(&self) -> bool {
        self.0.fell
    }

    /// Largest displacement of any body's centre, in metres.
    #[getter]
    fn displacement_m(&self) -> f64 {
        self.0.displacement_m
    }

    /// Time between frames, in seconds.
    #[getter]
    fn dt_s(&self) -> f64 {
        self.0.dt_s
    }

    /// Centres in metres, ``(frames, bodies, 3)`` float32.
    #[getter]
    fn positions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray3<f32>>> {
        let frames = &self.0.frames;
        let shape = [frames.len(), frames[0].len(), 3];
        let flat: Vec<f32> = frames
            .iter()
            .flatten()
            .flat_map(|pose| pose.position_m)
            .collect();
        flat.to_pyarray(py).reshape(shape)
    }

    /// ``start`` with every body where it is, and turned as it is, at ``frame``.
    fn scene(&self, start: &Scene, frame: usize) -> PyResult<Scene> {
        let scene = self.0.scene(&start.0, frame);
        scene.map(Scene).map_err(to_python)
    }
}

/// Judges a structure of upright boxes by statics.
///
/// Raises:
///     ValueError: If the scene is empty, or a box is tilted, rests on nothing, or shares space
///         with another one.
#[pyfunction]
pub fn equilibrium(py: Python<'_>, scene: &Scene) -> PyResult<Equilibrium> {
    py.detach(|| core::equilibrium(&scene.0))
        .map(Equilibrium)
        .map_err(to_python)
}

/// Whether a structure stands while pulled sideways by ``tilt`` (x, y), in units of gravity.
///
/// Raises:
///     ValueError: As for ``equilibrium``.
#[pyfunction]
#[pyo3(signature = (scene, tilt=(0.0, 0.0)))]
pub fn stands(py: Python<'_>, scene: &Scene, tilt: (f64, f64)) -> PyResult<bool> {
    py.detach(|| core::stands(&scene.0, tilt.into()))
        .map_err(to_python)
}

/// Simulates a scene from rest for four seconds.
#[pyfunction]
pub fn simulate(py: Python<'_>, scene: &Scene) -> PyResult<Trajectory> {
    py.detach(|| core::simulate(&scene.0))
        .map(Trajectory)
        .map_err(to_python)
}
