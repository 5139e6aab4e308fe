//! Sets on disk: writing them and reading their manifests.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Mutex;

use cogtrain_core as core;
use pyo3::prelude::*;

use crate::errors::to_python;
use crate::source::Source;

/// Writes a set on disk aside, goes on after an interruption, and puts it in its place at the end.
///
/// Args:
///     source: The stimuli.
///     out: The folder that the set becomes.
///     name: What the shards are called.
///     recipe: JSON that says how the set can be made again; ``null`` if it cannot.
///     version: Version of this package.
///
/// Raises:
///     ValueError: If a half-made set of another request is in the way; names the field.
///     OSError: If the disk refuses.
#[pyclass(frozen, module = "cogtrain._core")]
pub struct SetWriter(Mutex<Option<core::SetWriter>>);

#[pymethods]
impl SetWriter {
    #[new]
    fn new(
        py: Python<'_>,
        source: &Source,
        out: PathBuf,
        name: String,
        recipe: &str,
        version: String,
    ) -> PyResult<Self> {
        let request = request(name, recipe, version)?;
        Self::on(py, || {
            core::SetWriter::open(&out, &request, source.shared())
        })
    }

    /// Joins the process that has opened the set ``out``, on any machine, to assist it.
    #[staticmethod]
    fn join(
        py: Python<'_>,
        source: &Source,
        out: PathBuf,
        name: String,
        recipe: &str,
        version: String,
    ) -> PyResult<Self> {
        let request = request(name, recipe, version)?;
        Self::on(py, || {
            core::SetWriter::join(&out, &request, source.shared())
        })
    }

    /// Where the set grows.
    #[getter]
    fn folder(&self) -> PyResult<PathBuf> {
        self.with(|writer| Ok(writer.folder()))
    }

    /// Writes shards and manifest; ``progress`` gets the stimuli done and the total.
    fn shards(&self, py: Python<'_>, threads: usize, progress: Py<PyAny>) -> PyResult<()> {
        let mut watch = Watch::new(progress);
        let done = py.detach(|| self.with(|writer| writer.shards(threads, &mut watch.ask())));
        watch.raised.map_or(done.map(|_| ()), Err)
    }

    /// Numbers of the shards that are not finished.
    fn missing(&self, py: Python<'_>) -> PyResult<Vec<usize>> {
        py.detach(|| self.with(|writer| Ok(writer.missing())))
    }

    /// Writes those of ``numbers`` that are not finished, for whoever calls ``shards`` afterwards.
    fn assist(
        &self,
        py: Python<'_>,
        numbers: Vec<usize>,
        threads: usize,
        progress: Py<PyAny>,
    ) -> PyResult<()> {
        let mut watch = Watch::new(progress);
        let assist = |writer: &core::SetWriter| writer.assist(&numbers, threads, &mut watch.ask());
        let done = py.detach(|| self.with(assist));
        watch.raised.map_or(done.map(|_| ()), Err)
    }

    /// Writes a manifest without shards, with the counts of the stimuli of ``sample``.
    fn recipe(
        &self,
        py: Python<'_>,
        sample: &Source,
        threads: usize,
        progress: Py<PyAny>,
    ) -> PyResult<()> {
        let mut watch = Watch::new(progress);
        let done = py.detach(|| {
            let counts = core::tally(&sample.shared(), threads, &mut watch.ask());
            match counts.map_err(to_python)? {
                Some(counts) => self.with(|writer| writer.recipe(&counts)),
                None => Ok(()),
            }
        });
        watch.raised.map_or(done, Err)
    }

    /// Puts the set in its place.
    fn publish(&self, py: Python<'_>) -> PyResult<()> {
        let writer = self.take()?;
        py.detach(|| writer.publish()).map_err(to_python)
    }

    /// Removes what was written so far.
    fn discard(&self, py: Python<'_>) -> PyResult<()> {
        let writer = self.take()?;
        py.detach(|| writer.discard()).map_err(to_python)
    }
}

impl SetWriter {
    /// What `begin` gives, without the interpreter lock.
    fn on(
        py: Python<'_>,
        begin: impl FnOnce() -> core::Result<core::SetWriter> + Send,
    ) -> PyResult<Self> {
        let writer = py.detach(begin).map_err(to_python)?;
        Ok(Self(Mutex::new(Some(writer))))
    }

    fn take(&self) -> PyResult<core::SetWriter> {
        let writer = self.0.try_lock().ok().and_then(|mut writer| writer.take());
        writer.ok_or_else(unusable)
    }

    // Never waits: whoever holds the writer may itself be waiting for the interpreter.
    fn with<T>(&self, act: impl FnOnce(&core::SetWriter) -> core::Result<T>) -> PyResult<T> {
        let writer = self.0.try_lock().map_err(|_| unusable())?;
        act(writer.as_ref().ok_or_else(unusable)?).map_err(to_python)
    }
}

fn request(name: String, recipe: &str, version: String) -> PyResult<core::Request> {
    let recipe = serde_json::from_str(recipe).map_err(|error| {
        let hint = "pass json.dumps(recipe)";
        to_python(core::Error::argument("recipe", "JSON", error, hint))
    })?;
    Ok(core::Request {
        name,
        cogtrain_version: version,
        generator_version: core::GENERATOR_VERSION,
        recipe,
    })
}

fn unusable() -> PyErr {
    let (expected, got) = ("unfinished and used by one thread", "one that is not");
    let hint = "make a new one";
    to_python(core::Error::argument("SetWriter", expected, got, hint))
}

/// Tells Python how far the core is, and the core whether Python raised.
struct Watch {
    progress: Py<PyAny>,
    raised: Option<PyErr>,
}

impl Watch {
    fn new(progress: Py<PyAny>) -> Self {
        Self {
            progress,
            raised: None,
        }
    }

    fn ask(&mut self) -> impl FnMut(core::Progress) -> ControlFlow<()> {
        |at| {
            if self.raised.is_some() {
                return ControlFlow::Break(());
            }
            let told = Python::attach(|py| {
                py.check_signals()?;
                self.progress.call1(py, (at.done, at.total))
            });
            match told {
                Ok(_) => ControlFlow::Continue(()),
                Err(error) => {
                    self.raised = Some(error);
                    ControlFlow::Break(())
                }
            }
        }
    }
}

/// What lay beside an image on disk; nothing for a stimulus that was made or is a photograph.
#[derive(Default)]
pub struct Stored(Option<core::Record>);

impl Stored {
    /// The record of a stimulus on disk.
    pub fn new(record: core::Record) -> Self {
        Self(Some(record))
    }

    /// What the record holds under `key`; `None` if nothing, or not what it should be.
    pub fn part<T: serde::de::DeserializeOwned>(&self, key: &str) -> Option<T> {
        serde_json::from_value(self.0.as_ref()?.get(key)?.clone()).ok()
    }

    /// The scene under `key`, if it can be simulated and drawn.
    pub fn scene(&self, key: &str) -> Option<core::Scene> {
        let scene: core::Scene = self.part(key)?;
        scene.check().is_ok().then_some(scene)
    }

    /// The record, or that of `stimulus` alone, as a dictionary.
    pub fn dict<'py>(
        &self,
        py: Python<'py>,
        stimulus: &core::Stimulus,
    ) -> PyResult<Bound<'py, PyAny>> {
        let record = self.0.clone().unwrap_or_else(|| stimulus.record());
        let text = serde_json::Value::from(record).to_string();
        py.import("json")?.call_method1("loads", (text,))
    }
}

/// The manifest of the set in ``folder`` as JSON, without the places of its members.
///
/// Raises:
///     CorruptSetError: If it cannot be true.
///     FileNotFoundError: If there is none.
#[pyfunction]
pub fn read_manifest(py: Python<'_>, folder: PathBuf) -> PyResult<String> {
    let manifest = py
        .detach(|| core::Manifest::read(&folder))
        .map_err(to_python)?;
    Ok(serde_json::Value::from(manifest.summary()).to_string())
}
