//! The making wing's face: tasks, styles, scenes and stimuli.

use std::collections::BTreeMap;
use std::sync::Arc;

use cogtrain_core as core;
use numpy::{PyArray3, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::appearance::{Appearance, Shown};
use crate::errors::to_python;
use crate::shard::Stored;

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
        self.0.domain().name()
    }

    /// Question name to its possible answers; of a sequence, what it is made of.
    #[getter]
    fn questions(&self) -> BTreeMap<&'static str, Vec<&'static str>> {
        let questions = self.0.questions().iter();
        questions
            .map(|question| (question.name(), question.options().to_vec()))
            .collect()
    }

    /// Names of the questions that are asked unless a recipe names others.
    #[getter]
    fn main_questions(&self) -> Vec<&'static str> {
        let questions = self.0.main_questions();
        questions.iter().map(|question| question.name()).collect()
    }

    fn __repr__(&self) -> String {
        format!("Task({:?})", self.0.name())
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
///     recipe: The keywords of ``StimulusSet.recipe``; a count is not needed.
///
/// Raises:
///     ValueError: For an unknown name or a factor out of range.
#[pyclass(frozen, module = "cogtrain._core")]
pub struct Generator(Arc<core::Generator>);

#[pymethods]
impl Generator {
    #[new]
    #[pyo3(signature = (**recipe))]
    fn new(py: Python<'_>, recipe: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let endless = PyDict::new(py);
        endless.set_item("count", core::MAX_COUNT)?;
        if let Some(recipe) = recipe {
            endless.update(recipe.as_mapping())?;
        }
        let text = py.import("json")?.call_method1("dumps", (endless,))?;
        generator(text.extract()?).map(Self)
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
#[allow(
    clippy::struct_field_names,
    reason = "the core's value is the thing itself"
)]
pub struct Stimulus {
    stimulus: core::Stimulus,
    made: Option<(Arc<core::Generator>, core::Item)>,
    stored: Stored,
}

impl Stimulus {
    /// Stimulus `index` of a recipe, with the scene behind it.
    pub fn made(generator: &Arc<core::Generator>, index: u64) -> core::Result<Self> {
        let (stimulus, item) = generator.generate(index)?;
        Ok(Self {
            stimulus,
            made: Some((Arc::clone(generator), item)),
            stored: Stored::default(),
        })
    }

    /// A stimulus that was only read: there is no scene behind it.
    pub fn read(stimulus: core::Stimulus) -> Self {
        Self {
            stimulus,
            made: None,
            stored: Stored::default(),
        }
    }

    /// A stimulus from a set on disk, with the record that lay beside its image.
    pub fn stored(stimulus: core::Stimulus, record: core::Record) -> Self {
        Self {
            stored: Stored::new(record),
            ..Self::read(stimulus)
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
        let Some((generator, item)) = &self.made else {
            return Ok(self.stored.part("simulated"));
        };
        py.detach(|| generator.second_opinion(item))
            .map(Some)
            .map_err(to_python)
    }

    /// Factor name to value.
    #[getter]
    fn factors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let factors = PyDict::new(py);
        for (name, value) in &self.stimulus.factors {
            match value {
                core::Factor::Flag(value) => factors.set_item(name, value)?,
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
        self.made
            .as_ref()
            .map(|(_, item)| Scene(item.scene.clone()))
            .or_else(|| self.stored.scene("scene").map(Scene))
    }

    /// The scene whose stability is asked about: ``scene``, or what is left of it after a removal.
    #[getter]
    fn judged(&self) -> Option<Scene> {
        self.made
            .as_ref()
            .map(|(_, item)| Scene(item.judged.clone()))
            .or_else(|| self.stored.scene("judged").map(Scene))
            .or_else(|| self.stored.scene("scene").map(Scene))
    }

    /// How the scene is shown; ``None`` for a photograph.
    #[getter]
    fn appearance(&self) -> Option<Appearance> {
        self.made
            .as_ref()
            .map(|(_, item)| Appearance(item.appearance))
            .or_else(|| self.stored.part("appearance").map(Appearance))
    }

    /// All that a set on disk knows of the stimulus; of others what this value holds.
    #[getter]
    fn record<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.stored.dict(py, &self.stimulus)
    }

    /// The same for stimuli that belong together, such as twins; ``None`` if nothing is declared.
    #[getter]
    fn pair(&self) -> Option<String> {
        let made = self.made.as_ref();
        made.map(|(_, item)| item.kinship.pair.clone())
            .or_else(|| self.stored.part("pair"))
    }

    fn __repr__(&self) -> String {
        format!(
            "Stimulus({:?}, {:?})",
            self.stimulus.id, self.stimulus.answers
        )
    }
}

/// Renders a scene: sRGB, ``(size_px, size_px, 3)`` uint8.
///
/// Args:
///     style: Name of a style, or an ``Appearance``.
#[pyfunction]
#[pyo3(signature = (scene, style=None, size_px=224))]
pub fn render<'py>(
    py: Python<'py>,
    scene: &Scene,
    style: Option<Shown>,
    size_px: usize,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let appearance = style.unwrap_or_default().read().map_err(to_python)?;
    let image = py
        .detach(|| core::render(&scene.0, &appearance, size_px))
        .map_err(to_python)?;
    array(py, image)
}

/// The generator of a recipe in JSON.
pub fn generator(recipe: &str) -> PyResult<Arc<core::Generator>> {
    let read = || {
        let json = serde_json::from_str(recipe).map_err(|error| {
            core::Error::argument("recipe", "a JSON object", error, "write a mapping")
        })?;
        core::Generator::new(core::Recipe::read(&json)?)
    };
    read().map(Arc::new).map_err(to_python)
}

fn array(py: Python<'_>, image: core::Image) -> PyResult<Bound<'_, PyArray3<u8>>> {
    let shape = [image.height(), image.width(), 3];
    numpy::PyArray1::from_vec(py, image.into_pixels()).reshape(shape)
}
