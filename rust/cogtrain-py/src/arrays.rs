//! Numpy arrays in and out.

use cogtrain_core as core;
use numpy::ndarray::{Dim, Dimension, IntoDimension};
use numpy::{
    Element, PyArray, PyArray1, PyArrayMethods, PyReadonlyArray3, PyReadonlyArray4, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};

use crate::errors::to_python;

/// Encodes an image, (height, width, 3) uint8, as PNG; the same pixels give the same bytes.
#[pyfunction]
pub fn encode_png<'py>(
    py: Python<'py>,
    image: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyBytes>> {
    let image = read_image(image)?;
    let bytes = py.detach(|| core::encode_png(&image)).map_err(to_python)?;
    Ok(PyBytes::new(py, &bytes))
}

/// Hands `values` to numpy without a copy.
pub fn array<T: Element, const N: usize>(
    py: Python<'_>,
    values: Vec<T>,
    shape: [usize; N],
) -> PyResult<Bound<'_, PyArray<T, Dim<[usize; N]>>>>
where
    [usize; N]: IntoDimension<Dim = Dim<[usize; N]>>,
    Dim<[usize; N]>: Dimension,
{
    PyArray1::from_vec(py, values).reshape(shape)
}

/// The dictionary that the Hugging Face processor would return.
pub fn patch_arrays(py: Python<'_>, patches: core::Patches) -> PyResult<Py<PyDict>> {
    let rows = patches.values.len() / patches.columns;
    let images = patches.grid.len();
    let dict = PyDict::new(py);
    dict.set_item(
        "pixel_values",
        array(py, patches.values, [rows, patches.columns])?,
    )?;
    dict.set_item(
        "image_grid_thw",
        array(py, patches.grid.into_flattened(), [images, 3])?,
    )?;
    Ok(dict.unbind())
}

/// One image, a sequence of images, or an array of them.
pub fn read_images(images: &Bound<'_, PyAny>) -> PyResult<Vec<core::Image>> {
    if images.is_instance_of::<PyList>() || images.is_instance_of::<PyTuple>() {
        return images
            .try_iter()?
            .map(|image| read_image(&image?))
            .collect();
    }
    if images.extract::<PyReadonlyArray4<'_, u8>>().is_ok() {
        return images
            .try_iter()?
            .map(|image| read_image(&image?))
            .collect();
    }
    Ok(vec![read_image(images)?])
}

/// One image: an array, or what numpy makes one of.
pub fn read_image(image: &Bound<'_, PyAny>) -> PyResult<core::Image> {
    let array = image
        .py()
        .import("numpy")?
        .call_method1("asarray", (image,))?;
    let Ok(pixels) = array.extract::<PyReadonlyArray3<'_, u8>>() else {
        return Err(refuse_image(&array));
    };
    let &[height, width, 3] = pixels.shape() else {
        return Err(refuse_image(&array));
    };
    // Only rows that lie one after the other can be copied whole.
    let values = match pixels.as_array().as_slice() {
        Some(slice) => slice.to_vec(),
        None => pixels.as_array().iter().copied().collect(),
    };
    core::Image::new(height, width, values).map_err(to_python)
}

fn refuse_image(array: &Bound<'_, PyAny>) -> PyErr {
    let got = match array.cast::<PyUntypedArray>() {
        Ok(array) => format!("{} of shape {:?}", array.dtype(), array.shape()),
        Err(_) => array.to_string(),
    };
    let expected = "uint8 of shape (height, width, 3)";
    to_python(core::Error::argument(
        "image",
        expected,
        got,
        "convert it to 8-bit RGB",
    ))
}
