//! Ground truth per pixel: passes and optical flow, as numpy arrays.

use cogtrain_core as core;
use numpy::{PyArray1, PyArray2, PyArray3};
use pyo3::prelude::*;

use crate::arrays::array;
use crate::errors::to_python;
use crate::making::Scene;

/// Depth, instance ids, normals and visibility of a scene, at pixel centres.
///
/// They show bodies and ground alone; a style's backdrop is decoration and in none of them.
#[pyclass(frozen, get_all, module = "cogtrain._core")]
pub struct Passes {
    /// Distance along the optical axis in metres, ``(size_px, size_px)`` float32; infinite where
    /// nothing is met.
    depth_m: Py<PyArray2<f32>>,
    /// 0 for ground and sky, else one more than the body's place; ``(size_px, size_px)`` uint8.
    instance: Py<PyArray2<u8>>,
    /// Unit normals in the world's frame, ``(size_px, size_px, 3)`` float32; zero for the sky.
    normal: Py<PyArray3<f32>>,
    /// Where each body is seen, ``(bodies, size_px, size_px)`` bool.
    modal: Py<PyArray3<bool>>,
    /// Where each body would be seen alone, ``(bodies, size_px, size_px)`` bool.
    amodal: Py<PyArray3<bool>>,
    /// Pixels where each body is seen, ``(bodies,)`` uint32.
    visible_px: Py<PyArray1<u32>>,
    /// Pixels where each body would be seen alone, ``(bodies,)`` uint32.
    amodal_px: Py<PyArray1<u32>>,
    /// Share of each body that others hide, ``(bodies,)`` float64; NaN outside the image.
    occlusion: Py<PyArray1<f64>>,
}

/// Ground-truth passes of a scene on a ``size_px`` × ``size_px`` grid.
///
/// Raises:
///     ValueError: For a size that is not in 1 … 4096.
#[pyfunction]
#[pyo3(signature = (scene, size_px=224))]
pub fn passes(py: Python<'_>, scene: &Scene, size_px: usize) -> PyResult<Passes> {
    let found = py
        .detach(|| core::passes(&scene.0, size_px))
        .map_err(to_python)?;
    let (visible_px, amodal_px) = (found.visible_px(), found.amodal_px());
    let occlusion = found.occlusion();
    let (n, m) = (size_px, found.bodies);
    Ok(Passes {
        depth_m: array(py, found.depth_m, [n, n])?.unbind(),
        instance: array(py, found.instance, [n, n])?.unbind(),
        normal: array(py, found.normal, [n, n, 3])?.unbind(),
        modal: array(py, found.modal, [m, n, n])?.unbind(),
        amodal: array(py, found.amodal, [m, n, n])?.unbind(),
        visible_px: array(py, visible_px, [m])?.unbind(),
        amodal_px: array(py, amodal_px, [m])?.unbind(),
        occlusion: array(py, occlusion, [m])?.unbind(),
    })
}

/// Forward optical flow between two scenes of the same bodies.
#[pyclass(frozen, get_all, module = "cogtrain._core")]
pub struct Flow {
    /// Movement to the right and down in pixels, ``(size_px, size_px, 2)`` float32, of the point
    /// that the first scene shows; NaN if it ends up behind the camera.
    shift_px: Py<PyArray3<f32>>,
    /// The point ends up outside the second image, ``(size_px, size_px)`` bool.
    outside: Py<PyArray2<bool>>,
    /// The point ends up inside the second image but hidden, ``(size_px, size_px)`` bool.
    occluded: Py<PyArray2<bool>>,
}

/// Optical flow from ``first`` to ``second``: the same bodies, moved; the camera may move too.
///
/// Raises:
///     ValueError: If bodies differ in number or size, or for a size that is not in 1 … 4096.
#[pyfunction]
#[pyo3(signature = (first, second, size_px=224))]
pub fn flow(py: Python<'_>, first: &Scene, second: &Scene, size_px: usize) -> PyResult<Flow> {
    let found = py
        .detach(|| core::flow(&first.0, &second.0, size_px))
        .map_err(to_python)?;
    let n = size_px;
    Ok(Flow {
        shift_px: array(py, found.shift_px, [n, n, 2])?.unbind(),
        outside: array(py, found.outside, [n, n])?.unbind(),
        occluded: array(py, found.occluded, [n, n])?.unbind(),
    })
}
