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
    /// Whether any body fell: its centre dropped by more than a tenth of its shortest side.
    #[getter]
    fn fell(&self) -> bool {
        self.0.fell
    }

    /// Per body, when it fell, in seconds; ``None`` if it did not.
    #[getter]
    fn fell_s(&self) -> Vec<Option<f64>> {
        self.0.fell_s.clone()
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
        self.array(py, |pose| pose.position_m)
    }

    /// Unit quaternions (w, x, y, z), ``(frames, bodies, 4)`` float32.
    #[getter]
    fn orientations<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray3<f32>>> {
        self.array(py, |pose| pose.orientation)
    }

    /// The scene at a frame, given the scene that was simulated.
    ///
    /// Raises:
    ///     ValueError: If there is no such frame, or ``start`` is another scene.
    fn scene(&self, start: &Scene, frame: usize) -> PyResult<Scene> {
        self.0.scene(&start.0, frame).map(Scene).map_err(to_python)
    }
}

impl Trajectory {
    fn array<'py, const N: usize>(
        &self,
        py: Python<'py>,
        part: impl Fn(&core::Pose) -> [f32; N],
    ) -> PyResult<Bound<'py, PyArray3<f32>>> {
        let frames = &self.0.frames;
        let shape = [frames.len(), frames[0].len(), N];
        let flat: Vec<f32> = frames.iter().flatten().flat_map(part).collect();
        flat.to_pyarray(py).reshape(shape)
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

/// Whether the verdict of statics hangs on friction, which cannot be seen: whether the structure
/// falls without any, yet stands if all bodies are rough.
///
/// Raises:
///     ValueError: As for ``equilibrium``.
#[pyfunction]
pub fn friction_decides(py: Python<'_>, scene: &Scene) -> PyResult<bool> {
    py.detach(|| core::friction_decides(&scene.0))
        .map_err(to_python)
}

/// Simulates a scene from rest for four seconds.
#[pyfunction]
pub fn simulate(py: Python<'_>, scene: &Scene) -> PyResult<Trajectory> {
    py.detach(|| core::simulate(&scene.0))
        .map(Trajectory)
        .map_err(to_python)
}

/// All that is known about what a structure does: statics, simulation, robustness.
///
/// Returns:
///     A dict: ``stands``, ``stands_simulated``, ``disagreement``, ``friction_decides``,
///     ``margin_m``, ``margin_fraction``, ``critical``, ``overhang_m``, ``contacts``,
///     ``displacement_m``, ``fell_s``, ``time_to_fall_s``, ``n_fallen``, ``robustness``,
///     ``mechanism``.
///
/// Raises:
///     ValueError: As for ``equilibrium``.
#[pyfunction]
pub fn verdict<'py>(py: Python<'py>, scene: &Scene) -> PyResult<Bound<'py, PyAny>> {
    let verdict = py.detach(|| core::verdict(&scene.0)).map_err(to_python)?;
    let text = serde_json::to_string(&verdict).expect("plain fields always serialise");
    py.import("json")?.call_method1("loads", (text,))
}

/// Which copies of each scene fall in the head of a noisy-physics observer.
///
/// Args:
///     scenes: What is seen.
///     sigma: Standard deviation of seen positions, in shortest sides of the body.
///     force: Standard deviation of the unseen push, in units of gravity.
///     samples: Copies per scene.
///     seed: Two seeds are two observers.
///     mechanics: ``statics`` or ``simulation``.
///     threads: Scenes judged at once; answers do not depend on it.
///
/// Returns:
///     ``(scenes, samples)`` bool.
///
/// Raises:
///     ValueError: For a noise below zero, no samples, or bodies that are not upright.
#[pyfunction]
#[pyo3(signature = (scenes, *, sigma, force, samples, seed, mechanics, threads))]
#[allow(clippy::too_many_arguments, reason = "keywords of one Python call")]
pub fn noisy_falls<'py>(
    py: Python<'py>,
    scenes: Vec<PyRef<'py, Scene>>,
    sigma: f64,
    force: f64,
    samples: u32,
    seed: u64,
    mechanics: &str,
    threads: usize,
) -> PyResult<Bound<'py, PyArray2<bool>>> {
    let mechanics = core::Mechanics::parse(mechanics).map_err(to_python)?;
    let observer = core::NoisyPhysics {
        sigma,
        force,
        samples,
        seed,
        mechanics,
    };
    let seen: Vec<&core::Scene> = scenes.iter().map(|scene| &scene.0).collect();
    let falls = py
        .detach(|| observer.falls(&seen, threads))
        .map_err(to_python)?;
    let flat: Vec<bool> = falls.into_iter().flatten().collect();
    flat.to_pyarray(py).reshape([seen.len(), samples as usize])
}
