//! A batch as Python sees it: what it is asked for is made when it is asked for.

use std::sync::{Mutex, PoisonError};

use cogtrain_core as core;
use numpy::{Element, PyArray1, PyArrayDyn};
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyString};

use crate::arrays::{input_dict, lend};

/// Stimuli of one step of one rank.
///
/// To hand it over costs one allocation: objects of Python, of which even the first array takes
/// longer than all else where caches are cold, are made for what is looked at.
#[pyclass(frozen, module = "cogtrain._core")]
pub struct Batch {
    /// Its pixels only until Python asks for them.
    made: Mutex<Box<core::Batch>>,
    ids: PyOnceLock<Py<PyList>>,
    sets: PyOnceLock<Py<PyArray1<i64>>>,
    positions: PyOnceLock<Py<PyArray1<i64>>>,
    weights: PyOnceLock<Py<PyArray1<f32>>>,
    pixels: PyOnceLock<Pixels>,
}

/// What the model sees, lent to numpy.
enum Pixels {
    Images(Py<PyArrayDyn<u8>>),
    Arrays(Py<PyDict>),
}

impl Batch {
    pub fn new(made: Box<core::Batch>) -> Self {
        Self {
            made: Mutex::new(made),
            ids: PyOnceLock::new(),
            sets: PyOnceLock::new(),
            positions: PyOnceLock::new(),
            weights: PyOnceLock::new(),
            pixels: PyOnceLock::new(),
        }
    }

    /// Looks at what was made, for a moment: the interpreter's lock is held meanwhile.
    fn look<T>(&self, at: impl FnOnce(&mut core::Batch) -> T) -> T {
        at(&mut self.made.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn pixels(&self, py: Python<'_>) -> PyResult<&Pixels> {
        self.pixels.get_or_try_init(py, || {
            let (count, pixels) = self.look(|made| (made.len(), made.pixels.take()));
            shown(py, count, pixels)
        })
    }

    /// One number per stimulus.
    fn column<T: Element + Copy>(
        &self,
        py: Python<'_>,
        kept: &PyOnceLock<Py<PyArray1<T>>>,
        of: impl FnOnce(&core::Batch) -> &[T],
    ) -> Py<PyArray1<T>> {
        let make = || self.look(|made| PyArray1::from_slice(py, of(made)).unbind());
        kept.get_or_init(py, make).clone_ref(py)
    }
}

fn shown(py: Python<'_>, count: usize, pixels: core::Pixels) -> PyResult<Pixels> {
    match pixels {
        core::Pixels::Images {
            height,
            width,
            values,
        } => {
            let images = lend(py, values, vec![count, height, width, 3])?;
            Ok(Pixels::Images(images.unbind()))
        }
        core::Pixels::Input {
            values,
            shape,
            extras,
        } => {
            let values = match values {
                core::Floats::F32(values) => lend(py, values, shape)?.into_any(),
                core::Floats::Bf16(bits) => lend(py, bits, shape)?.into_any(),
            };
            Ok(Pixels::Arrays(input_dict(&values, extras)?))
        }
    }
}

#[pymethods]
impl Batch {
    /// Stimulus ids.
    #[getter]
    fn ids(&self, py: Python<'_>) -> PyResult<Py<PyList>> {
        let list = || self.look(|made| PyList::new(py, made.ids.iter()).map(Bound::unbind));
        Ok(self.ids.get_or_try_init(py, list)?.clone_ref(py))
    }

    /// Per stimulus: question name to true answer.
    #[getter]
    fn answers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.look(|made| {
            let words = made.answers.words().iter();
            let words: Vec<_> = words.map(|word| PyString::new(py, word)).collect();
            let list = PyList::empty(py);
            for pairs in (0..made.len()).filter_map(|place| made.answers.pairs(place)) {
                let answered = PyDict::new(py);
                for &(question, answer) in pairs {
                    answered.set_item(&words[question], &words[answer])?;
                }
                list.append(answered)?;
            }
            Ok(list)
        })
    }

    /// Per stimulus: which of the loader's sets it is from, int64 (stimuli,).
    #[getter]
    fn sets(&self, py: Python<'_>) -> Py<PyArray1<i64>> {
        self.column(py, &self.sets, |made| &made.sets)
    }

    /// Per stimulus: its place in the epoch's global sequence, int64 (stimuli,).
    #[getter]
    fn positions(&self, py: Python<'_>) -> Py<PyArray1<i64>> {
        self.column(py, &self.positions, |made| &made.positions)
    }

    /// 1 for a stimulus that counts, 0 for one that only fills up, float32 (stimuli,).
    #[getter]
    fn weights(&self, py: Python<'_>) -> Py<PyArray1<f32>> {
        self.column(py, &self.weights, |made| &made.weights)
    }

    /// sRGB, uint8 (stimuli, height, width, 3); only from a loader without ``preprocess``.
    #[getter]
    fn images(&self, py: Python<'_>) -> PyResult<Py<PyArrayDyn<u8>>> {
        match self.pixels(py)? {
            Pixels::Images(images) => Ok(images.clone_ref(py)),
            Pixels::Arrays(_) => Err(PyAttributeError::new_err(
                "expected a loader without `preprocess`, got one with it; use `arrays`",
            )),
        }
    }

    /// What the preprocess made; empty without one.
    #[getter]
    fn arrays(&self, py: Python<'_>) -> PyResult<Py<PyDict>> {
        match self.pixels(py)? {
            Pixels::Arrays(arrays) => Ok(arrays.clone_ref(py)),
            Pixels::Images(_) => Ok(PyDict::new(py).unbind()),
        }
    }

    fn __len__(&self) -> usize {
        self.look(|made| made.len())
    }
}
