//! Python objects that fetch: shards as local files, image files as bytes.

use std::fs::File;
use std::path::{Path, PathBuf};

use cogtrain_core as core;
use pyo3::exceptions::PyFileNotFoundError;
use pyo3::prelude::*;

/// How often a file that another process removed before it was opened is fetched again.
const TRIES: usize = 8;

/// An object with ``locate(name) -> path``, ``release(name)`` once that is open, and
/// ``stamp(name) -> (bytes, version)``.
#[derive(Debug)]
pub struct Shelf(pub Py<PyAny>);

impl core::Shelf for Shelf {
    fn open(&self, name: &str) -> core::Result<(PathBuf, File)> {
        let mut last = None;
        for _ in 0..TRIES {
            let path: PathBuf = ask(name, |py| {
                self.0.call_method1(py, "locate", (name,))?.extract(py)
            })?;
            let file = File::open(&path);
            ask(name, |py| self.0.call_method1(py, "release", (name,)))?;
            match file {
                Ok(file) => return Ok((path, file)),
                Err(error) => last = Some(core::Error::io(&path, error)),
            }
        }
        Err(last.expect("at least one try"))
    }

    fn stamp(&self, name: &str) -> core::Result<(u64, String)> {
        ask(name, |py| {
            self.0.call_method1(py, "stamp", (name,))?.extract(py)
        })
    }
}

/// An object with ``content(index) -> bytes`` and ``place(index) -> str``.
pub struct Contents(pub Py<PyAny>);

impl core::Contents for Contents {
    fn content(&self, index: usize) -> core::Result<Vec<u8>> {
        ask(&self.place(index), |py| {
            self.0.call_method1(py, "content", (index,))?.extract(py)
        })
    }

    fn place(&self, index: usize) -> String {
        let told = Python::try_attach(|py| {
            let place = self.0.call_method1(py, "place", (index,));
            place.and_then(|place| place.extract(py))
        });
        told.and_then(Result::ok)
            .unwrap_or_else(|| format!("row {index}"))
    }
}

/// Calls Python from any thread; an exception becomes the core's error about `name`.
fn ask<T>(name: &str, call: impl FnOnce(Python<'_>) -> PyResult<T>) -> core::Result<T> {
    let told = Python::try_attach(|py| {
        call(py).map_err(|error| {
            let kind = if error.is_instance_of::<PyFileNotFoundError>(py) {
                std::io::ErrorKind::NotFound
            } else {
                std::io::ErrorKind::Other
            };
            std::io::Error::new(kind, error.value(py).to_string())
        })
    });
    let told = told.unwrap_or_else(|| Err(std::io::Error::other("the interpreter is ending")));
    told.map_err(|source| core::Error::io(Path::new(name), source))
}
