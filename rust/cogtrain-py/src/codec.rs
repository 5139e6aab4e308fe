//! Image files in memory to arrays.

use cogtrain_core as core;
use numpy::{PyReadwriteArray3, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::arrays::array;
use crate::errors::to_python;

/// Decodes a PNG, JPEG or WebP file in memory to (height, width, 3) uint8.
///
/// The pixels are those of Pillow's ``Image.open(..).convert("RGB")``.
///
/// Args:
///     content: The bytes of the file.
///     upright: Turn by the EXIF orientation, as ``ImageOps.exif_transpose`` does; as Pillow, not
///         unless asked.
///     at_least: (height, width) that suffice: JPEG is decoded at 1/1, 1/2, 1/4 or 1/8 of its size,
///         the smallest that keeps them, as Pillow's ``draft`` does.
///     out: C-contiguous array to decode into; it is returned.
///
/// Raises:
///     CorruptImageError: If the file is damaged, too large, of another format, or does not have
///         the shape of ``out``.
#[pyfunction]
#[pyo3(signature = (content, *, upright=false, at_least=None, out=None))]
pub fn decode_image<'py>(
    py: Python<'py>,
    content: &[u8],
    upright: bool,
    at_least: Option<(usize, usize)>,
    out: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let decoding = decoding(upright, at_least);
    let Some(out) = out else {
        let image = py.detach(|| core::decode_image(content, &decoding));
        let image = image.map_err(to_python)?;
        let shape = [image.height(), image.width(), 3];
        return Ok(array(py, image.into_pixels(), shape)?.into_any());
    };
    let mut target: PyReadwriteArray3<'_, u8> = out.extract()?;
    let shape = target.shape().to_vec();
    let size = core::image_size(content, &decoding).map_err(to_python)?;
    let pixels = target.as_slice_mut().ok();
    let pixels = pixels.filter(|_| shape == [size.0, size.1, 3]);
    let pixels = pixels.ok_or_else(|| {
        let expected = format!("C-contiguous uint8 of shape ({}, {}, 3)", size.0, size.1);
        let hint = "make it with `image_size`";
        to_python(core::Error::argument(
            "out",
            expected,
            format!("{shape:?}"),
            hint,
        ))
    })?;
    py.detach(|| core::decode_image_into(content, &decoding, pixels))
        .map_err(to_python)?;
    drop(target);
    Ok(out)
}

/// (height, width) that ``decode_image`` would give, from the header alone.
///
/// Raises:
///     CorruptImageError: If the header is damaged or claims too much.
#[pyfunction]
#[pyo3(signature = (content, *, upright=false, at_least=None))]
pub fn image_size(
    content: &[u8],
    upright: bool,
    at_least: Option<(usize, usize)>,
) -> PyResult<(usize, usize)> {
    core::image_size(content, &decoding(upright, at_least)).map_err(to_python)
}

fn decoding(upright: bool, at_least: Option<(usize, usize)>) -> core::Decoding {
    core::Decoding {
        upright,
        at_least,
        ..core::Decoding::default()
    }
}
