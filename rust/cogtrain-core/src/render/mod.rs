//! Ray casting of boxes on a ground plane: exact edges, one sun with hard shadows, smooth sky.
//!
//! One ray per pixel finds what is seen and whether the sun reaches it; pixels whose answer
//! differs from a neighbour's are cast again on a 4 × 4 grid. Only IEEE basic operations and
//! square roots are used per pixel, in a fixed order, so the same scene has the same bytes on
//! every machine.

mod ambient;
mod camera;
mod cast;
mod cloth;
mod edge;
mod finish;
mod flow;
mod light;
mod mood;
mod noise;
mod paint;
mod passes;
mod photo;
mod print;
mod room;
mod screen;
mod sensor;
mod shade;
mod srgb;
mod stage;
mod studio;
mod table;
mod timber;
mod vector;

pub use flow::{Flow, flow};
pub use paint::render;
pub use passes::{Passes, passes};
pub use screen::{is_framed, screen_point};
