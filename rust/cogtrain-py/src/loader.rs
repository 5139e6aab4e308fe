//! The loader and its batches.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cogtrain_core as core;
use numpy::{PyArray1, PyArray4};
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::arrays::{array, input_arrays};
use crate::errors::to_python;
use crate::preprocess::Preprocess;
use crate::source::Source;

/// How long to wait for a batch before looking whether the user pressed Ctrl-C.
const SLICE: Duration = Duration::from_millis(50);

/// Stimuli of one step of one rank.
#[pyclass(frozen, module = "cogtrain._core")]
pub struct Batch {
    ids: Py<PyList>,
    answers: Vec<BTreeMap<String, String>>,
    sets: Py<PyArray1<i64>>,
    positions: Py<PyArray1<i64>>,
    weights: Py<PyArray1<f32>>,
    images: Option<Py<PyArray4<u8>>>,
    arrays: Py<PyDict>,
}

impl Batch {
    fn new(py: Python<'_>, batch: core::Batch) -> PyResult<Self> {
        let count = batch.len();
        let (images, arrays) = match batch.pixels {
            core::Pixels::Images {
                height,
                width,
                values,
            } => {
                let images = array(py, values, [count, height, width, 3])?;
                (Some(images.unbind()), PyDict::new(py).unbind())
            }
            core::Pixels::Patches(patches) => (None, input_arrays(py, patches)?),
        };
        Ok(Self {
            ids: PyList::new(py, batch.ids)?.unbind(),
            answers: batch.answers,
            sets: PyArray1::from_vec(py, batch.sets).unbind(),
            positions: PyArray1::from_vec(py, batch.positions).unbind(),
            weights: PyArray1::from_vec(py, batch.weights).unbind(),
            images,
            arrays,
        })
    }
}

#[pymethods]
impl Batch {
    /// Stimulus ids.
    #[getter]
    fn ids(&self, py: Python<'_>) -> Py<PyList> {
        self.ids.clone_ref(py)
    }

    /// Per stimulus: question name to true answer.
    #[getter]
    fn answers(&self) -> Vec<BTreeMap<String, String>> {
        self.answers.clone()
    }

    /// Per stimulus: which of the loader's sets it is from, int64 (stimuli,).
    #[getter]
    fn sets(&self, py: Python<'_>) -> Py<PyArray1<i64>> {
        self.sets.clone_ref(py)
    }

    /// Per stimulus: its place in the epoch's global sequence, int64 (stimuli,).
    #[getter]
    fn positions(&self, py: Python<'_>) -> Py<PyArray1<i64>> {
        self.positions.clone_ref(py)
    }

    /// 1 for a real stimulus, 0 for one that only fills the last batch, float32 (stimuli,).
    #[getter]
    fn weights(&self, py: Python<'_>) -> Py<PyArray1<f32>> {
        self.weights.clone_ref(py)
    }

    /// sRGB, uint8 (stimuli, height, width, 3); only from a loader without ``preprocess``.
    #[getter]
    fn images(&self, py: Python<'_>) -> PyResult<Py<PyArray4<u8>>> {
        let words = "expected a loader without `preprocess`, got one with it; use `arrays`";
        let images = self
            .images
            .as_ref()
            .ok_or_else(|| PyAttributeError::new_err(words))?;
        Ok(images.clone_ref(py))
    }

    /// What the preprocess made; empty without one.
    #[getter]
    fn arrays(&self, py: Python<'_>) -> Py<PyDict> {
        self.arrays.clone_ref(py)
    }

    fn __len__(&self) -> usize {
        self.answers.len()
    }
}

/// The native loader behind ``cogtrain.Loader``.
#[pyclass(frozen, module = "cogtrain._core")]
pub struct LoaderCore(Mutex<core::Loader>);

impl LoaderCore {
    /// The loader; waiting for it lets other Python threads run.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        f: impl FnOnce(MutexGuard<'_, core::Loader>) -> T + Send,
    ) -> T {
        py.detach(|| f(self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

#[pymethods]
impl LoaderCore {
    #[new]
    #[pyo3(signature = (sources, batch_size, seed, preprocess, rank, world_size, threads, shuffle))]
    #[expect(
        clippy::too_many_arguments,
        reason = "called from one place, `cogtrain.Loader`"
    )]
    fn new(
        sources: Vec<Py<Source>>,
        batch_size: i64,
        seed: u64,
        preprocess: Option<Py<Preprocess>>,
        rank: i64,
        world_size: i64,
        threads: Option<i64>,
        shuffle: bool,
    ) -> PyResult<Self> {
        let options = core::LoaderOptions {
            batch_size: count("batch_size", batch_size)?,
            seed,
            preprocess: preprocess.map(|preprocess| preprocess.get().0.clone()),
            rank: count("rank", rank)?,
            world_size: count("world_size", world_size)?,
            threads: threads
                .map(|threads| count("threads", threads))
                .transpose()?,
            shuffle,
        };
        let sources = sources.iter().map(|source| source.get().shared()).collect();
        core::Loader::new(sources, options)
            .map(|loader| Self(Mutex::new(loader)))
            .map_err(to_python)
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.with(py, |loader| loader.len())
    }

    fn __iter__(slf: Py<Self>, py: Python<'_>) -> BatchIterator {
        let pass = slf.get().with(py, |mut loader| loader.begin());
        BatchIterator { loader: slf, pass }
    }

    /// What has been handed out, as plain integers and text; the same on every rank.
    fn state_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let state = self.with(py, |loader| loader.state());
        let dict = PyDict::new(py);
        dict.set_item("version", state.version)?;
        dict.set_item("fingerprint", state.fingerprint)?;
        dict.set_item("seed", state.seed)?;
        dict.set_item("epoch", state.epoch)?;
        dict.set_item("consumed", state.consumed)?;
        Ok(dict)
    }

    /// Goes to a saved state, from any number of ranks.
    ///
    /// Raises:
    ///     ValueError: For a state of other data or another seed; the message names the field.
    fn load_state_dict(&self, py: Python<'_>, state: &Bound<'_, PyDict>) -> PyResult<()> {
        let state = core::LoaderState {
            version: field(state, "version")?,
            fingerprint: field(state, "fingerprint")?,
            seed: field(state, "seed")?,
            epoch: field(state, "epoch")?,
            consumed: field(state, "consumed")?,
        };
        self.with(py, |mut loader| loader.load_state(&state))
            .map_err(to_python)
    }
}

/// One pass of a loader.
#[pyclass(frozen, module = "cogtrain._core")]
struct BatchIterator {
    loader: Py<LoaderCore>,
    pass: core::Pass,
}

#[pymethods]
impl BatchIterator {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Batch>> {
        loop {
            let poll = |mut loader: MutexGuard<'_, core::Loader>| loader.poll(self.pass, SLICE);
            match self.loader.get().with(py, poll).map_err(to_python)? {
                core::Poll::Batch(batch) => return Batch::new(py, *batch).map(Some),
                core::Poll::Finished => return Ok(None),
                core::Poll::Waiting => py.check_signals()?,
            }
        }
    }
}

fn count(name: &str, value: i64) -> PyResult<usize> {
    let refuse = |_| core::Error::argument(name, "at least 0", value, "pass a positive number");
    usize::try_from(value).map_err(refuse).map_err(to_python)
}

fn field<T>(state: &Bound<'_, PyDict>, name: &str) -> PyResult<T>
where
    T: for<'a, 'py> FromPyObject<'a, 'py>,
{
    let refuse = |expected: &str, got: String| {
        let (field, expected) = (name.to_owned(), expected.to_owned());
        to_python(core::Error::State {
            field,
            expected,
            got,
        })
    };
    let value = state
        .get_item(name)?
        .ok_or_else(|| refuse("present", "nothing".to_owned()))?;
    value
        .extract()
        .map_err(|_| refuse("as `state_dict` gives it", value.to_string()))
}
