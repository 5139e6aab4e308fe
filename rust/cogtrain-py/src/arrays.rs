//! Numpy arrays in and out.

use std::any::Any;
use std::ops::DerefMut;

use cogtrain_core as core;
use numpy::ndarray::{ArrayViewMut, Dim, Dimension, IntoDimension};
use numpy::{
    Element, PyArray, PyArray1, PyArrayDyn, PyArrayMethods, PyReadonlyArray3, PyReadonlyArray4,
    PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::intern;
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

/// Memory of a batch that an array reads; it goes back to its loader with the last such array.
#[pyclass(frozen, module = "cogtrain._core")]
struct Lease(#[expect(dead_code, reason = "held to be dropped")] Box<dyn Any + Send + Sync>);

/// Hands `values` of exactly this `shape` to numpy without a copy, as memory that is only lent.
pub fn lend<T, V>(
    py: Python<'_>,
    mut values: V,
    shape: Vec<usize>,
) -> PyResult<Bound<'_, PyArrayDyn<T>>>
where
    T: Element,
    V: DerefMut<Target = [T]> + Any + Send + Sync,
{
    assert_eq!(
        values.len(),
        shape.iter().product::<usize>(),
        "a value for each place"
    );
    let memory = values.as_mut_ptr();
    let lease = Bound::new(py, Lease(Box::new(values)))?;
    // SAFETY: `memory` holds as many values as `shape` has places; they lie on the heap, so that
    // moving their owner into `lease` did not move them; nothing else refers to them, and `lease`,
    // which the array keeps alive, never touches them again but to free them.
    #[expect(unsafe_code, reason = "numpy cannot be lent memory otherwise")]
    unsafe {
        let view = ArrayViewMut::from_shape_ptr(shape, memory);
        Ok(PyArray::borrow_from_array(&view, lease.into_any()))
    }
}

/// The dictionary that the Hugging Face processor would return.
pub fn input_arrays(py: Python<'_>, input: core::ModelInput) -> PyResult<Py<PyDict>> {
    let values = match input.values {
        core::Values::F32(values) => shaped(py, values, input.shape)?.into_any(),
        core::Values::Bf16(bits) => shaped(py, bits, input.shape)?.into_any(),
    };
    input_dict(&values, input.extras)
}

/// As [`input_arrays`], of values that are already an array.
pub fn input_dict(values: &Bound<'_, PyAny>, extras: Vec<core::Extra>) -> PyResult<Py<PyDict>> {
    let py = values.py();
    let dict = PyDict::new(py);
    dict.set_item(intern!(py, "pixel_values"), values)?;
    for extra in extras {
        dict.set_item(extra.name, shaped(py, extra.values, extra.shape)?)?;
    }
    Ok(dict.unbind())
}

fn shaped<T: Element>(
    py: Python<'_>,
    values: Vec<T>,
    shape: Vec<usize>,
) -> PyResult<Bound<'_, PyArrayDyn<T>>> {
    PyArray1::from_vec(py, values).reshape(shape)
}

/// Images, and of a nested sequence how many each sample has.
pub fn read_samples(images: &Bound<'_, PyAny>) -> PyResult<(Vec<core::Image>, Option<Vec<usize>>)> {
    let parts: Vec<Bound<'_, PyAny>> = if is_sequence(images) {
        images.try_iter()?.collect::<PyResult<_>>()?
    } else {
        Vec::new()
    };
    if parts.is_empty() || !parts.iter().all(is_sequence) {
        return Ok((read_images(images)?, None));
    }
    let samples = parts
        .iter()
        .map(read_images)
        .collect::<PyResult<Vec<_>>>()?;
    let counts = samples.iter().map(Vec::len).collect();
    Ok((samples.into_iter().flatten().collect(), Some(counts)))
}

/// Refuses images of Pillow's that are not RGB, for a processor that does not convert them.
pub fn refuse_other_modes(images: &Bound<'_, PyAny>) -> PyResult<()> {
    if is_sequence(images) {
        return images
            .try_iter()?
            .try_for_each(|image| refuse_other_modes(&image?));
    }
    match images.getattr("mode") {
        Ok(mode) if mode.to_string() != "RGB" => {
            let hint = "convert it: `do_convert_rgb` of the processor's configuration is false";
            Err(to_python(core::Error::argument(
                "image mode",
                "RGB",
                mode,
                hint,
            )))
        }
        _ => Ok(()),
    }
}

fn is_sequence(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>()
}

/// One image, a sequence of images, or an array of them.
fn read_images(images: &Bound<'_, PyAny>) -> PyResult<Vec<core::Image>> {
    if is_sequence(images) || images.extract::<PyReadonlyArray4<'_, u8>>().is_ok() {
        return images
            .try_iter()?
            .map(|image| read_image(&image?))
            .collect();
    }
    Ok(vec![read_image(images)?])
}

/// An image of Pillow's in RGB: over white where it is transparent, as Hugging Face does; any
/// other value as it is.
fn to_rgb<'py>(image: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let Ok(bands) = image.call_method0("getbands") else {
        return Ok(image.clone());
    };
    let key = image
        .getattr("info")?
        .call_method1("get", ("transparency",))?;
    if !bands.contains("A")? && key.is_none() {
        return image.call_method1("convert", ("RGB",));
    }
    let module = image.py().import("PIL.Image")?;
    let size = image.getattr("size")?;
    let white = module.call_method1("new", ("RGBA", size, (255, 255, 255, 255)))?;
    let image = image.call_method1("convert", ("RGBA",))?;
    let over = module.call_method1("alpha_composite", (white, image))?;
    over.call_method1("convert", ("RGB",))
}

/// One image: an array, or what numpy makes one of.
pub fn read_image(image: &Bound<'_, PyAny>) -> PyResult<core::Image> {
    let array = image
        .py()
        .import("numpy")?
        .call_method1("asarray", (to_rgb(image)?,))?;
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
