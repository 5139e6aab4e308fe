//! The Python face of `cogtrain-core`: converts, detaches from the interpreter, maps errors.

#![allow(
    clippy::doc_markdown,
    reason = "comments on exported items are Python docstrings"
)]
#![allow(
    clippy::needless_pass_by_value,
    reason = "arguments come from Python by value"
)]

mod appearance;
mod arrays;
mod batch;
mod codec;
mod errors;
mod loader;
mod making;
mod passes;
mod physics;
mod preprocess;
mod question;
mod shard;
mod shelf;
mod simd;
mod source;

/// Native core of cogtrain: makes stimuli, reads images, prepares them, and loads batches.
///
/// Arrays go out without a copy; the interpreter lock is not held while anything is computed or
/// waited for.
#[pyo3::pymodule]
mod _core {
    #[pymodule_export]
    use crate::appearance::{Appearance, Style};
    #[pymodule_export]
    use crate::arrays::encode_png;
    #[pymodule_export]
    use crate::batch::Batch;
    #[pymodule_export]
    use crate::codec::{decode_image, image_size};
    #[pymodule_export]
    use crate::errors::{CorruptImageError, CorruptSetError};
    #[pymodule_export]
    use crate::loader::LoaderCore;
    #[pymodule_export]
    use crate::making::{Generator, Scene, Stimulus, Task, render};
    #[pymodule_export]
    use crate::passes::{Flow, Passes, flow, passes};
    #[pymodule_export]
    use crate::physics::{
        Equilibrium, Trajectory, equilibrium, friction_decides, noisy_falls, simulate, stands,
        verdict,
    };
    #[pymodule_export]
    use crate::preprocess::{Preprocess, resize};
    #[pymodule_export]
    use crate::question::Question;
    #[pymodule_export]
    use crate::shard::{SetWriter, read_manifest};
    #[pymodule_export]
    use crate::simd::{instruction_set, instruction_sets, jpeg_assembler};
    #[pymodule_export]
    use crate::source::Source;
}
