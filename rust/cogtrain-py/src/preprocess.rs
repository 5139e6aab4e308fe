//! Image processors of checkpoints.

use std::path::PathBuf;

use cogtrain_core as core;
use numpy::PyArray3;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::{array, patch_arrays, read_image, read_images};
use crate::errors::to_python;

/// What a checkpoint's own image processor does, bit for bit.
///
/// Equal to the Hugging Face PIL processor of the Qwen2-VL family for images that need no resize;
/// others are refused with the size to use.
#[pyclass(frozen, module = "cogtrain._core")]
pub struct Preprocess(pub core::Preprocess);

#[pymethods]
impl Preprocess {
    /// The processor of a checkpoint folder, from its own configuration file.
    ///
    /// Raises:
    ///     FileNotFoundError: Without ``preprocessor_config.json``.
    ///     ValueError: For a processor of another family.
    #[staticmethod]
    fn from_pretrained(path: PathBuf) -> PyResult<Self> {
        core::Preprocess::from_pretrained(&path)
            .map(Self)
            .map_err(to_python)
    }

    /// The processor of the Qwen2-VL family; the defaults are those of Qwen2-VL checkpoints.
    #[staticmethod]
    #[pyo3(signature = (*, patch_size=14, merge_size=2, temporal_patch_size=2, min_pixels=3136,
        max_pixels=1_003_520, image_mean=core::Qwen2Vl::default().image_mean,
        image_std=core::Qwen2Vl::default().image_std, rescale_factor=1.0 / 255.0))]
    #[expect(
        clippy::too_many_arguments,
        reason = "the keywords of the Hugging Face processor"
    )]
    fn qwen2_vl(
        patch_size: usize,
        merge_size: usize,
        temporal_patch_size: usize,
        min_pixels: usize,
        max_pixels: usize,
        image_mean: [f64; 3],
        image_std: [f64; 3],
        rescale_factor: f64,
    ) -> PyResult<Self> {
        let options = core::Qwen2Vl {
            patch_size,
            merge_size,
            temporal_patch_size,
            min_pixels,
            max_pixels,
            image_mean,
            image_std,
            rescale_factor,
        };
        core::Preprocess::qwen2_vl(&options)
            .map(Self)
            .map_err(to_python)
    }

    /// ``pixel_values`` float32 (patches, values) and ``image_grid_thw`` int64 (images, 3).
    ///
    /// Args:
    ///     images: One image, a sequence of images, or an array (images, height, width, 3); an
    ///         image is (height, width, 3) uint8 or becomes it by ``numpy.asarray``.
    ///
    /// Raises:
    ///     ValueError: For an image of another type or of a size that would need a resize.
    fn __call__<'py>(&self, py: Python<'py>, images: &Bound<'py, PyAny>) -> PyResult<Py<PyDict>> {
        let images = read_images(images)?;
        let borrowed: Vec<&core::Image> = images.iter().collect();
        let patches = py.detach(|| self.0.apply(&borrowed)).map_err(to_python)?;
        patch_arrays(py, patches)
    }
}

/// ``image``, (height, width, 3) uint8, at another size, bit for bit as Pillow or torch makes it.
///
/// Args:
///     image: An array, or what ``numpy.asarray`` makes one of.
///     height: Rows of the result.
///     width: Columns of the result.
///     filter: ``nearest``, ``box``, ``bilinear``, ``hamming``, ``bicubic`` or ``lanczos``.
///     resampler: ``pillow`` is ``Image.resize``; ``torch`` is ``interpolate(antialias=True)`` on
///         uint8, which has ``bilinear`` and ``bicubic``.
#[pyfunction]
#[pyo3(signature = (image, height, width, *, filter="bicubic", resampler="pillow"))]
pub fn resize<'py>(
    py: Python<'py>,
    image: &Bound<'py, PyAny>,
    height: usize,
    width: usize,
    filter: &str,
    resampler: &str,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let image = read_image(image)?;
    let work = || {
        let (filter, resampler) = (
            core::Filter::named(filter)?,
            core::Resampler::named(resampler)?,
        );
        core::resize(&image, (height, width), filter, resampler)
    };
    let resized = py.detach(work).map_err(to_python)?;
    array(py, resized.into_pixels(), [height, width, 3])
}
