//! The making wing's face: tasks, styles, scenes and stimuli.

use std::collections::BTreeMap;
use std::sync::Arc;

use cogtrain_core as core;
use numpy::{PyArray3, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::to_python;

/// A question family whose truth physics decides, by name.
///
/// Raises:
///     ValueError: For an unknown name; the message names the nearest.
#[pyclass(frozen, eq, module = "cogtrain._core")]
#[derive(PartialEq)]
pub struct Task(core::Task);

#[pymethods]
impl Task {
    #[new]
    fn new(name: &str) -> PyResult<Self> {
        core::Task::parse(name).map(Self).map_err(to_python)
    }

    /// Every task's name.
    #[staticmethod]
    fn names() -> Vec<&'static str> {
        core::Task::NAMES.to_vec()
    }

    /// The task's name.
    #[getter]
    fn name(&self) -> &'static str {
        self.0.name()
    }

    /// Cognitive domain, e.g. ``physics``.
    #[getter]
    fn domain(&self) -> &'static str {
        self.0.domain()
    }

    /// Question name to its possible answers.
    #[getter]
    fn questions(&self) -> BTreeMap<&'static str, Vec<&'static str>> {
        self.0
            .questions()
            .iter()
            .map(|(name, answers)| (*name, answers.to_vec()))
            .collect()
    }

    fn __repr__(&self) -> String {
        format!("Task({:?})", self.0.name())
    }
}

/// How a scene looks, by name.
///
/// Raises:
///     ValueError: For an unknown name; the message names the nearest.
#[pyclass(frozen, eq, module = "cogtrain._core")]
#[derive(PartialEq)]
pub struct Style(core::Style);

#[pymethods]
impl Style {
    #[new]
    fn new(name: &str) -> PyResult<Self> {
        core::Style::parse(name).map(Self).map_err(to_python)
    }

    /// Every style's name.
    #[staticmethod]
    fn names() -> Vec<&'static str> {
        core::Style::NAMES.to_vec()
    }

    /// The style's name.
    #[getter]
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn __repr__(&self) -> String {
        format!("Style({:?})", self.0.name())
    }
}

/// Declared arrangement of bodies, camera and light; metres, z up. A value.
#[pyclass(frozen, eq, module = "cogtrain._core")]
#[derive(Clone, PartialEq)]
pub struct Scene(pub core::Scene);

#[pymethods]
impl Scene {
    /// Reads a scene and checks it.
    #[staticmethod]
    fn from_json(text: &str) -> PyResult<Self> {
        core::Scene::from_json(text).map(Self).map_err(to_python)
    }

    /// Canonical JSON: equal scenes give equal text.
    fn to_json(&self) -> String {
        self.0.to_json()
    }

    fn __repr__(&self) -> String {
        format!("Scene({} bodies)", self.0.bodies.len())
    }
}

/// Makes any stimulus of a design by its index, in any order, on any thread.
///
/// Args:
///     task: Question family.
///     style: Look.
///     seed: Two seeds share no stimulus.
///     split: ``train``, ``val`` or ``test``; splits share no stimulus.
///     factors: JSON object of the task's factors; what is not named takes its default.
///     size_px: Side of the square image, in pixels.
///
/// Raises:
///     ValueError: For an unknown name or a factor out of range.
#[pyclass(frozen, module = "cogtrain._core")]
pub struct Generator(Arc<core::Generator>);

#[pymethods]
impl Generator {
    #[new]
    #[pyo3(signature = (task="tower", style="cubeworld", seed=0, split="test", factors="{}", size_px=224))]
    fn new(
        task: &str,
        style: &str,
        seed: u64,
        split: &str,
        factors: &str,
        size_px: usize,
    ) -> PyResult<Self> {
        let count = core::MAX_COUNT;
        generator(&RecipeArguments {
            task,
            style,
            seed,
            count,
            split,
            factors,
            size_px,
        })
        .map(Self)
    }

    /// The scene of stimulus ``index``, without drawing it.
    fn scene(&self, py: Python<'_>, index: u64) -> PyResult<Scene> {
        let item = py.detach(|| self.0.item(index)).map_err(to_python)?;
        Ok(Scene(item.scene))
    }

    /// Stimulus ``index``, drawn.
    fn stimulus(&self, py: Python<'_>, index: u64) -> PyResult<Stimulus> {
        py.detach(|| Stimulus::made(&self.0, index))
            .map_err(to_python)
    }

    fn __repr__(&self) -> String {
        let recipe = self.0.recipe();
        format!(
            "Generator({:?}, {:?}, seed={})",
            recipe.task.name(),
            recipe.style.name(),
            recipe.seed
        )
    }
}

/// One record: image, answers, factors, provenance.
#[pyclass(frozen, module = "cogtrain._core")]
pub struct Stimulus {
    stimulus: core::Stimulus,
    made: Option<(Arc<core::Generator>, core::Scene)>,
}

impl Stimulus {
    /// Stimulus `index` of a recipe, with the scene behind it.
    pub fn made(generator: &Arc<core::Generator>, index: u64) -> core::Result<Self> {
        let (stimulus, item) = generator.generate(index)?;
        Ok(Self {
            stimulus,
            made: Some((Arc::clone(generator), item.scene)),
        })
    }

    /// A stimulus that was only read: there is no scene behind it.
    pub fn read(stimulus: core::Stimulus) -> Self {
        Self {
            stimulus,
            made: None,
        }
    }
}

#[pymethods]
impl Stimulus {
    /// Content hash of scene, style and generator version; or the id that a table gives.
    #[getter]
    fn id(&self) -> &str {
        &self.stimulus.id
    }

    /// sRGB, ``(height, width, 3)`` uint8.
    #[getter]
    fn image<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray3<u8>>> {
        array(py, self.stimulus.image.clone())
    }

    /// Question name to true answer, by statics or by the table.
    #[getter]
    fn answers(&self) -> BTreeMap<String, String> {
        self.stimulus.answers.clone()
    }

    /// The simulator's answers to the same questions (about 20 ms); ``None`` without a scene.
    #[getter]
    fn simulated(&self, py: Python<'_>) -> PyResult<Option<BTreeMap<String, String>>> {
        let Some((generator, scene)) = &self.made else {
            return Ok(None);
        };
        py.detach(|| generator.second_opinion(scene))
            .map(Some)
            .map_err(to_python)
    }

    /// Factor name to value.
    #[getter]
    fn factors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let factors = PyDict::new(py);
        for (name, value) in &self.stimulus.factors {
            match value {
                core::Factor::Integer(value) => factors.set_item(name, value)?,
                core::Factor::Real(value) => factors.set_item(name, value)?,
                core::Factor::Text(value) => factors.set_item(name, value)?,
            }
        }
        Ok(factors)
    }

    /// Signed margin in metres, positive if it stands; ``None`` if physics did not decide.
    #[getter]
    fn margin(&self) -> Option<f64> {
        self.stimulus.margin
    }

    /// The scene behind the image; ``None`` for a photograph.
    #[getter]
    fn scene(&self) -> Option<Scene> {
        self.made.as_ref().map(|(_, scene)| Scene(scene.clone()))
    }

    fn __repr__(&self) -> String {
        format!(
            "Stimulus({:?}, {:?})",
            self.stimulus.id, self.stimulus.answers
        )
    }
}

/// Renders a scene: sRGB, ``(size_px, size_px, 3)`` uint8.
#[pyfunction]
#[pyo3(signature = (scene, style="cubeworld", size_px=224))]
pub fn render<'py>(
    py: Python<'py>,
    scene: &Scene,
    style: &str,
    size_px: usize,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let style = core::Style::parse(style).map_err(to_python)?;
    let image = py
        .detach(|| core::render(&scene.0, style, size_px))
        .map_err(to_python)?;
    array(py, image)
}

/// The generator of a recipe; `factors` is a JSON object.
pub fn generator(recipe: &RecipeArguments<'_>) -> PyResult<Arc<core::Generator>> {
    let read = || {
        let factors = serde_json::from_str(recipe.factors).map_err(|error| {
            core::Error::argument(
                "factors",
                "a JSON object",
                error,
                "write e.g. {\"size\": \"small\"}",
            )
        })?;
        core::Generator::new(core::Recipe {
            task: core::Task::parse(recipe.task)?,
            style: core::Style::parse(recipe.style)?,
            seed: recipe.seed,
            count: recipe.count,
            split: core::Split::parse(recipe.split)?,
            factors,
            size_px: recipe.size_px,
        })
    };
    read().map(Arc::new).map_err(to_python)
}

/// The arguments of `Source.recipe`, as they come from Python.
pub struct RecipeArguments<'a> {
    /// Task name.
    pub task: &'a str,
    /// Style name.
    pub style: &'a str,
    /// Seed of the recipe.
    pub seed: u64,
    /// Number of stimuli.
    pub count: u64,
    /// Split name.
    pub split: &'a str,
    /// JSON object.
    pub factors: &'a str,
    /// Side of the image in pixels.
    pub size_px: usize,
}

fn array(py: Python<'_>, image: core::Image) -> PyResult<Bound<'_, PyArray3<u8>>> {
    let shape = [image.height(), image.width(), 3];
    numpy::PyArray1::from_vec(py, image.into_pixels()).reshape(shape)
}
