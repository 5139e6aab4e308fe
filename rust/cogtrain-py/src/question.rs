//! What can be asked: names, domains, scales, answer sets.

use cogtrain_core as core;
use pyo3::prelude::*;

use crate::errors::to_python;

/// Something that can be asked of an image, by name. Its words are in ``cogtrain.prompts``.
///
/// Raises:
///     ValueError: For an unknown name; the message names the nearest.
#[pyclass(frozen, eq, hash, module = "cogtrain._core")]
#[derive(PartialEq, Eq, Hash)]
pub struct Question(core::Question);

#[pymethods]
impl Question {
    #[new]
    fn new(name: &str) -> PyResult<Self> {
        core::Question::parse(name).map(Self).map_err(to_python)
    }

    /// Every question's name.
    #[staticmethod]
    fn names() -> Vec<&'static str> {
        core::Question::NAMES.to_vec()
    }

    /// The question's name.
    #[getter]
    fn name(&self) -> &'static str {
        self.0.name()
    }

    /// Cognitive domain that it probes: ``physics``, ``causal`` or ``perception``.
    #[getter]
    fn domain(&self) -> &'static str {
        self.0.domain().name()
    }

    /// What kind of answer it takes: ``binary``, ``choice``, ``count`` or ``sequence``.
    #[getter]
    fn scale(&self) -> &'static str {
        self.0.scale().name()
    }

    /// The possible answers, in their fixed order; of a sequence, what it is made of.
    #[getter]
    fn options(&self) -> Vec<&'static str> {
        self.0.options().to_vec()
    }

    fn __repr__(&self) -> String {
        format!("Question({:?})", self.0.name())
    }
}
