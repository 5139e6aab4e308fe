//! Image processors of checkpoints.

use std::path::PathBuf;

use cogtrain_core as core;
use numpy::PyArray3;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::{array, input_arrays, read_image, read_samples, refuse_other_modes};
use crate::errors::to_python;

/// What a checkpoint's own image processor does, bit for bit.
///
/// Equal to the Hugging Face PIL processors of Qwen2-VL (also 2.5 and 3), SigLIP, CLIP, LLaVA,
/// LLaVA-OneVision, Idefics3, SmolVLM, InternVL and Gemma 3. An image that would have to be resized is refused, with the
/// size to use, unless ``resize`` says how: ``"pillow"`` as that processor does, or ``"torch"``
/// with the pixels of torch's antialiased 8-bit path (bilinear and bicubic).
#[pyclass(frozen, module = "cogtrain._core")]
pub struct Preprocess(pub core::Preprocess);

impl Preprocess {
    fn new(
        made: core::Result<core::Preprocess>,
        resize: Option<&str>,
        dtype: &str,
    ) -> PyResult<Self> {
        let finish = |made: core::Preprocess| {
            let resampler = resize.map(core::Resampler::named).transpose()?;
            Ok(made.resizing(resampler)?.giving(core::Dtype::named(dtype)?))
        };
        made.and_then(finish).map(Self).map_err(to_python)
    }
}

#[pymethods]
impl Preprocess {
    /// The processor of a checkpoint folder, from its own configuration file.
    ///
    /// Args:
    ///     path: The folder, or the file.
    ///     resize: ``"pillow"``, ``"torch"``, or nothing to refuse images that need it.
    ///     dtype: ``"float32"``, or ``"bfloat16"`` for its bits in a uint16 array.
    ///
    /// Raises:
    ///     FileNotFoundError: Without ``preprocessor_config.json``.
    ///     ValueError: For a processor of another family; the message names those that are known.
    #[staticmethod]
    #[pyo3(signature = (path, *, resize=None, dtype="float32"))]
    fn from_pretrained(path: PathBuf, resize: Option<&str>, dtype: &str) -> PyResult<Self> {
        Self::new(core::Preprocess::from_pretrained(&path), resize, dtype)
    }

    /// The processor of the Qwen2-VL family; the defaults are those of Qwen2-VL checkpoints.
    #[staticmethod]
    #[pyo3(signature = (*, patch_size=14, merge_size=2, temporal_patch_size=2, min_pixels=3136,
        max_pixels=1_003_520, image_mean=core::Qwen2Vl::default().image_mean,
        image_std=core::Qwen2Vl::default().image_std, rescale_factor=1.0 / 255.0, resize=None,
        dtype="float32"))]
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
        resize: Option<&str>,
        dtype: &str,
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
        Self::new(core::Preprocess::qwen2_vl(&options), resize, dtype)
    }

    /// The arrays of the Hugging Face processor with ``return_tensors="np"``, by the same keys.
    ///
    /// ``pixel_values`` float32 (or the bits of bfloat16 as uint16), and of Qwen2-VL
    /// ``image_grid_thw``, of Idefics3 ``rows``, ``cols`` and ``pixel_attention_mask``, of InternVL
    /// ``num_patches``, of LLaVA-OneVision ``image_sizes`` and ``batch_num_images``, of Gemma 3
    /// ``num_crops``, int64.
    ///
    /// Args:
    ///     images: One image, a sequence of images, an array (images, height, width, 3), or a
    ///         sequence of sequences, one for each sample, which Idefics3 tells apart. An image is
    ///         one of Pillow's, in any mode, or (height, width, 3) uint8, or becomes it by
    ///         ``numpy.asarray``.
    ///
    /// Raises:
    ///     ValueError: For an image of another type, or of a size that would need a resize; for one
    ///         of Pillow's that is not RGB where ``do_convert_rgb`` of the configuration is false.
    fn __call__<'py>(&self, py: Python<'py>, images: &Bound<'py, PyAny>) -> PyResult<Py<PyDict>> {
        if !self.0.converts_to_rgb() {
            refuse_other_modes(images)?;
        }
        let (images, counts) = read_samples(images)?;
        let borrowed: Vec<&core::Image> = images.iter().collect();
        let counts = counts.unwrap_or_else(|| self.0.samples_of_list(borrowed.len()));
        let work = || self.0.apply_grouped(&borrowed, &counts);
        let input = py.detach(work).map_err(to_python)?;
        input_arrays(py, input)
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
