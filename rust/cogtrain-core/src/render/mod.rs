//! Ray casting of boxes on a ground plane: exact edges, one sun with hard shadows, smooth sky.
//!
//! One ray per pixel finds what is seen and whether the sun reaches it; pixels whose answer
//! differs from a neighbour's are cast again on a 4 × 4 grid. Only IEEE basic operations and
//! square roots are used per pixel, in a fixed order, so the same scene has the same bytes on
//! every machine.

mod camera;
mod cast;
mod paint;
mod screen;
mod shade;
mod srgb;
mod vector;

pub use paint::render;
pub use screen::{is_framed, screen_point};
