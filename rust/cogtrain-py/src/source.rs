//! Sources: a recipe, a folder of photographs, or a set on disk.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use cogtrain_core as core;
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;

use crate::errors::to_python;
use crate::making::{Stimulus, generator};

/// Anything that gives stimulus ``i``: a recipe, photographs, or a set on disk.
#[pyclass(frozen, module = "cogtrain._core")]
pub struct Source(Kind);

/// The value of a factor as Python gives it; in the order in which it is tried.
#[derive(FromPyObject)]
enum Value {
    Flag(bool),
    Integer(i64),
    Real(f64),
    Text(String),
}

impl From<Value> for core::Factor {
    fn from(value: Value) -> Self {
        match value {
            Value::Flag(value) => Self::Flag(value),
            Value::Integer(value) => Self::Integer(value),
            Value::Real(value) => Self::Real(value),
            Value::Text(value) => Self::Text(value),
        }
    }
}

enum Kind {
    Recipe(Arc<core::Generator>),
    Photographs(Arc<core::Photographs>),
    Shards(Arc<core::Shards>),
}

impl Source {
    /// The core's source.
    pub fn shared(&self) -> Arc<dyn core::Source> {
        match &self.0 {
            Kind::Recipe(generator) => Arc::clone(generator) as _,
            Kind::Photographs(photographs) => Arc::clone(photographs) as _,
            Kind::Shards(shards) => Arc::clone(shards) as _,
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

    /// PNG, JPEG and WebP files, decoded when they are asked for.
    ///
    /// Raises:
    ///     ValueError: For no rows, a repeated id, or lists of different lengths.
    ///     FileNotFoundError: For the first file that is missing.
    #[staticmethod]
    #[pyo3(signature = (ids, paths, answers, factors=None))]
    fn photographs(
        py: Python<'_>,
        ids: Vec<String>,
        paths: Vec<PathBuf>,
        answers: Vec<BTreeMap<String, String>>,
        factors: Option<Vec<BTreeMap<String, Value>>>,
    ) -> PyResult<Self> {
        let factors = factors.unwrap_or_else(|| ids.iter().map(|_| BTreeMap::new()).collect());
        if [paths.len(), answers.len(), factors.len()] != [ids.len(); 3] {
            let got = format!(
                "{} paths, {} answers and {} factors",
                paths.len(),
                answers.len(),
                factors.len()
            );
            let expected = format!("as many as ids ({})", ids.len());
            let hint = "pass one of each per image";
            return Err(to_python(core::Error::argument(
                "photographs",
                expected,
                got,
                hint,
            )));
        }
        let rows = ids.into_iter().zip(paths).zip(answers).zip(factors);
        let rows = rows.map(|(((id, path), answers), factors)| core::Photograph {
            id,
            path,
            answers,
            factors: factors
                .into_iter()
                .map(|(name, value)| (name, value.into()))
                .collect(),
        });
        let rows = rows.collect();
        let photographs = py
            .detach(|| core::Photographs::new(rows))
            .map_err(to_python)?;
        Ok(Self(Kind::Photographs(Arc::new(photographs))))
    }

    /// Stimuli of the set on disk in ``folder``, read when they are asked for.
    ///
    /// Raises:
    ///     CorruptSetError: For a manifest that cannot be true.
    ///     FileNotFoundError: For a missing manifest or shard.
    #[staticmethod]
    fn shards(py: Python<'_>, folder: PathBuf) -> PyResult<Self> {
        let shards = py
            .detach(|| core::Shards::open(&folder))
            .map_err(to_python)?;
        Ok(Self(Kind::Shards(Arc::new(shards))))
    }

    /// All that is known of stimulus ``index`` as JSON, and the shard it lies in, if it is on
    /// disk. Of a set on disk the image is not read.
    fn record(&self, py: Python<'_>, index: usize) -> PyResult<(String, Option<String>)> {
        let read = || match &self.0 {
            Kind::Shards(shards) => {
                let (shard, record) = shards.read_record(index)?;
                Ok((record, Some(shard.to_owned())))
            }
            _ => self
                .shared()
                .record(index)
                .map(|(_, record)| (record, None)),
        };
        let (record, shard) = py.detach(read).map_err(to_python)?;
        Ok((serde_json::Value::from(record).to_string(), shard))
    }

    /// Reads all of shard ``number`` of a set on disk and compares it with what was written.
    ///
    /// Raises:
    ///     CorruptSetError: Naming file and place.
    fn verify(&self, py: Python<'_>, number: usize) -> PyResult<()> {
        match &self.0 {
            Kind::Shards(shards) => py.detach(|| shards.verify(number)).map_err(to_python),
            _ => Ok(()),
        }
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
            Kind::Shards(set) => {
                let (stimulus, record) = core::Source::record(&**set, index)?;
                Ok(Stimulus::stored(stimulus, record))
            }
        })
        .map_err(to_python)
    }
}
