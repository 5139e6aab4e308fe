//! Sources: a recipe, photographs, a set on disk, or what others keep in tars and tables.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use cogtrain_core as core;
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;

use crate::errors::to_python;
use crate::making::{Stimulus, generator};
use crate::shelf::{Contents, Shelf};

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
    Shards(Arc<core::Shards>),
    /// Images that were not made here, with their labels and nothing else.
    Foreign(Arc<dyn core::Source>),
}

impl Source {
    /// The core's source.
    pub fn shared(&self) -> Arc<dyn core::Source> {
        match &self.0 {
            Kind::Recipe(generator) => Arc::clone(generator) as _,
            Kind::Shards(shards) => Arc::clone(shards) as _,
            Kind::Foreign(source) => Arc::clone(source),
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
        let labels = labelled(ids, answers, factors)?;
        if paths.len() != labels.len() {
            return Err(uneven(labels.len(), &format!("{} paths", paths.len())));
        }
        let rows = labels.into_iter().zip(paths);
        let rows = rows.map(|(label, path)| core::Photograph {
            id: label.id,
            path,
            answers: label.answers,
            factors: label.factors,
        });
        let rows = rows.collect();
        let photographs = py
            .detach(|| core::Photographs::new(rows))
            .map_err(to_python)?;
        Ok(Self(Kind::Foreign(Arc::new(photographs))))
    }

    /// Stimuli of the set on disk in ``folder``, read when they are asked for.
    ///
    /// Args:
    ///     folder: Where the manifest is.
    ///     shelf: Where the shards are, if not in the folder: an object with ``locate(name)``,
    ///         which gives the path of a local file.
    ///
    /// Raises:
    ///     CorruptSetError: For a manifest that cannot be true.
    ///     FileNotFoundError: For a missing manifest or shard.
    #[staticmethod]
    #[pyo3(signature = (folder, shelf=None))]
    fn shards(py: Python<'_>, folder: PathBuf, shelf: Option<Py<PyAny>>) -> PyResult<Self> {
        let open = || match shelf {
            None => core::Shards::open(&folder),
            Some(shelf) => core::Shards::open_on(&folder, Arc::new(Shelf(shelf))),
        };
        let shards = py.detach(open).map_err(to_python)?;
        Ok(Self(Kind::Shards(Arc::new(shards))))
    }

    /// Samples of tars that others wrote, in the WebDataset convention.
    ///
    /// Args:
    ///     names: The tars: paths, or names that ``shelf`` knows.
    ///     fields: JSON: ``image``, ``id``, ``answers`` and ``factors``, and where each stands.
    ///     cache: Folder that keeps what the headers say; ``None`` keeps nothing.
    ///     shelf: An object with ``locate(name)`` and ``stamp(name)``.
    ///
    /// Raises:
    ///     CorruptSetError: Naming file and byte.
    ///     ValueError: For no samples or an id that occurs twice.
    #[staticmethod]
    #[pyo3(signature = (names, fields, cache=None, shelf=None))]
    fn webdataset(
        py: Python<'_>,
        names: Vec<String>,
        fields: &str,
        cache: Option<PathBuf>,
        shelf: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let open = || {
            let fields: core::Fields = serde_json::from_str(fields).map_err(|error| {
                core::Error::argument("fields", "JSON of fields", error, "correct it")
            })?;
            let shelf: Arc<dyn core::Shelf> = match shelf {
                None => Arc::new(core::Folder(PathBuf::new())),
                Some(shelf) => Arc::new(Shelf(shelf)),
            };
            core::WebDataset::open(shelf, names, fields, cache.as_deref())
        };
        let set = py.detach(open).map_err(to_python)?;
        Ok(Self(Kind::Foreign(Arc::new(set))))
    }

    /// Image files that ``reader`` gives: ``content(index) -> bytes``, ``place(index) -> str``.
    ///
    /// Args:
    ///     ids, answers, factors: One of each per image.
    ///     reader: Asked from any thread.
    ///     version: Text that changes whenever any image could have changed.
    ///
    /// Raises:
    ///     ValueError: For no rows, a repeated id, or lists of different lengths.
    #[staticmethod]
    fn encoded(
        py: Python<'_>,
        ids: Vec<String>,
        answers: Vec<BTreeMap<String, String>>,
        factors: Vec<BTreeMap<String, Value>>,
        reader: Py<PyAny>,
        version: &str,
    ) -> PyResult<Self> {
        let rows = labelled(ids, answers, Some(factors))?;
        let contents = Arc::new(Contents(reader));
        let set = py.detach(|| core::Encoded::new(rows, contents, version));
        Ok(Self(Kind::Foreign(Arc::new(set.map_err(to_python)?))))
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
            Kind::Foreign(set) => set.get(index).map(Stimulus::read),
            Kind::Shards(set) => {
                let (stimulus, record) = core::Source::record(&**set, index)?;
                Ok(Stimulus::stored(stimulus, record))
            }
        })
        .map_err(to_python)
    }
}

/// Ids, answers and factors put together; no factors at all stand for none of any.
fn labelled(
    ids: Vec<String>,
    answers: Vec<BTreeMap<String, String>>,
    factors: Option<Vec<BTreeMap<String, Value>>>,
) -> PyResult<Vec<core::Labelled>> {
    let factors = factors.unwrap_or_else(|| ids.iter().map(|_| BTreeMap::new()).collect());
    if [answers.len(), factors.len()] != [ids.len(); 2] {
        let got = format!("{} answers and {} factors", answers.len(), factors.len());
        return Err(uneven(ids.len(), &got));
    }
    let rows = ids.into_iter().zip(answers).zip(factors);
    let rows = rows.map(|((id, answers), factors)| core::Labelled {
        id,
        answers,
        factors: factors
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect(),
    });
    Ok(rows.collect())
}

fn uneven(ids: usize, got: &str) -> PyErr {
    let expected = format!("as many as ids ({ids})");
    let hint = "pass one of each per image";
    to_python(core::Error::argument("rows", expected, got, hint))
}
