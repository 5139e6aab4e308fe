//! Sources: a recipe or a folder of photographs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use cogtrain_core as core;
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;

use crate::errors::to_python;
use crate::making::{Stimulus, generator};

/// Anything that gives stimulus ``i``: a recipe or a folder of photographs.
#[pyclass(frozen, module = "cogtrain._core")]
pub struct Source(Kind);

enum Kind {
    Recipe(Arc<core::Generator>),
    Photographs(Arc<core::Photographs>),
}

impl Source {
    /// The core's source.
    pub fn shared(&self) -> Arc<dyn core::Source> {
        match &self.0 {
            Kind::Recipe(generator) => Arc::clone(generator) as _,
            Kind::Photographs(photographs) => Arc::clone(photographs) as _,
        }
    }
}

#[pymethods]
impl Source {
    /// Stimuli that are made when they are asked for; ``recipe`` is a JSON object.
    #[staticmethod]
    fn recipe(recipe: &str) -> PyResult<Self> {
        Ok(Self(Kind::Recipe(generator(recipe)?)))
    }

    /// PNG and JPEG files, decoded when they are asked for.
    ///
    /// Raises:
    ///     ValueError: For no rows, a repeated id, or lists of different lengths.
    ///     FileNotFoundError: For the first file that is missing.
    #[staticmethod]
    fn photographs(
        py: Python<'_>,
        ids: Vec<String>,
        paths: Vec<PathBuf>,
        answers: Vec<BTreeMap<String, String>>,
    ) -> PyResult<Self> {
        if paths.len() != ids.len() || answers.len() != ids.len() {
            let got = format!("{} paths and {} answers", paths.len(), answers.len());
            let expected = format!("as many as ids ({})", ids.len());
            let hint = "pass one of each per image";
            return Err(to_python(core::Error::argument(
                "photographs",
                expected,
                got,
                hint,
            )));
        }
        let rows = ids.into_iter().zip(paths).zip(answers);
        let rows = rows.map(|((id, path), answers)| core::Photograph { id, path, answers });
        let rows = rows.collect();
        let photographs = py
            .detach(|| core::Photographs::new(rows))
            .map_err(to_python)?;
        Ok(Self(Kind::Photographs(Arc::new(photographs))))
    }

    /// Ids of all stimuli in order, without making or reading an image.
    #[getter]
    fn ids(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let source = self.shared();
        py.detach(|| {
            (0..source.len())
                .map(|index| source.id(index))
                .collect::<core::Result<_>>()
        })
        .map_err(to_python)
    }

    /// Changes whenever any stimulus could have changed.
    #[getter]
    fn fingerprint(&self) -> String {
        self.shared().fingerprint()
    }

    fn __len__(&self) -> usize {
        self.shared().len()
    }

    fn __getitem__(&self, py: Python<'_>, index: i64) -> PyResult<Stimulus> {
        let length = self.shared().len();
        let inside = usize::try_from(index).ok().filter(|&index| index < length);
        let index = inside.ok_or_else(|| {
            PyIndexError::new_err(format!(
                "expected an index from 0 to {}, got {index}",
                length - 1
            ))
        })?;
        py.detach(|| match &self.0 {
            Kind::Recipe(generator) => Stimulus::made(generator, index as u64),
            Kind::Photographs(set) => core::Source::get(&**set, index).map(Stimulus::read),
        })
        .map_err(to_python)
    }
}
