//! The one place where the core's errors become Python's.

use cogtrain_core::Error;
use pyo3::PyErr;
use pyo3::exceptions::{
    PyFileNotFoundError, PyOSError, PyPermissionError, PyRuntimeError, PyValueError,
};

pyo3::create_exception!(
    cogtrain._core,
    CorruptImageError,
    PyValueError,
    "An image file does not hold the image that it promises; the message names the file."
);

pyo3::create_exception!(
    cogtrain._core,
    CorruptSetError,
    PyValueError,
    "A stimulus set on disk is not what was written; the message names the file and the place."
);

/// The Python exception for `error`, with the same words.
pub fn to_python(error: Error) -> PyErr {
    let words = error.to_string();
    match error {
        Error::NotFound { .. } => PyFileNotFoundError::new_err(words),
        Error::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            PyPermissionError::new_err(words)
        }
        Error::Io { .. } | Error::Write { .. } => PyOSError::new_err(words),
        Error::CorruptSet { .. } | Error::CorruptTar { .. } => CorruptSetError::new_err(words),
        Error::CorruptImage { .. } => CorruptImageError::new_err(words),
        Error::Panicked { .. } => PyRuntimeError::new_err(words),
        _ => PyValueError::new_err(words),
    }
}
