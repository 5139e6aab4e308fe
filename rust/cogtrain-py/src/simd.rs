//! Which instruction sets there are, and which one is used.

use cogtrain_core as core;
use pyo3::prelude::*;

/// The instruction set in use: the widest of this machine, or the one that the environment variable
/// ``COGTRAIN_SIMD`` named when it was first needed. All give the same bytes.
#[pyfunction]
pub fn instruction_set() -> &'static str {
    core::RenderBody::best().name()
}

/// The instruction sets that can be used here, narrowest first.
#[pyfunction]
pub fn instruction_sets() -> Vec<&'static str> {
    let all = core::RenderBody::all();
    all.into_iter().map(core::RenderBody::name).collect()
}

/// Whether JPEG is decoded by assembler. Without it, as in a build without ``nasm`` on x86, the bits
/// are the same and take about twice as long.
#[pyfunction]
pub fn jpeg_assembler() -> bool {
    core::jpeg_assembler()
}
