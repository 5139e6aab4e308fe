//! Ray casting of boxes before a backdrop, and the ground truth of every pixel.
//!
//! One ray per pixel finds what is seen; pixels on an edge are cast again on a 4 × 4 grid. Two
//! ways lead on. The flat style (`paint`, `shade`) colours each ray at once, with hard shadows for
//! a point of light and smooth ones for a disc (`light`). The textured styles (`photo`, `studio`)
//! shade each surface that a pixel sees (`finish`: wood, prints, cloth, boards), and a camera
//! (`sensor`) adds what cameras add.
//!
//! Only IEEE basic operations and square roots are used per pixel, in a fixed order, and other
//! functions come from `libm`: the same scene has the same bytes on every machine and for any
//! number of threads. There is one path, scalar; no instruction set changes a result.

mod ambient;
mod camera;
mod cast;
mod cloth;
mod edge;
mod facet;
mod finish;
mod flat;
mod floor;
mod flow;
mod light;
mod linear;
mod mood;
mod noise;
mod order;
mod paint;
mod passes;
mod photo;
mod plan;
mod print;
mod room;
mod screen;
mod sensor;
mod shade;
mod sheet;
mod simd;
mod srgb;
mod stage;
mod studio;
mod table;
mod timber;
mod tone;
mod vector;

pub use flow::{Flow, flow};
pub use paint::{render, render_into, render_with};
pub use passes::{Passes, passes};
pub use screen::{is_framed, screen_point};
pub use simd::Body;
