//! Ray casting of boxes before a backdrop, and the ground truth of every pixel.
//!
//! A flat picture under a point of light is painted, not cast (`plan`, `sheet`, `flat`): through a
//! pinhole, faces of boxes and their shadows on planes are bounded by half-planes of the image
//! (`facet`), so that on every line of a 4 × 4 grid of samples each is one span. Spans are painted
//! from back to front (`order`); a pixel whose samples agree has one colour, and the others the mean
//! of their samples. Pixels between two ends of spans are alike and are written as one. Only the
//! ground's colour is worked out pixel by pixel (`floor`), and coded by a polynomial (`tone`).
//!
//! Everything else is cast: one ray per pixel finds what is seen, and pixels on an edge are cast
//! again on a 4 × 4 grid. Flat pictures with soft shadows, rooms or boxes that overlap colour each
//! ray at once (`shade`, `light`). The textured styles (`photo`, `studio`) shade each surface that a
//! pixel sees (`finish`: wood, prints, cloth, boards), many at a time (`swatch`), and a camera
//! (`sensor`) adds what cameras add.
//!
//! Only IEEE basic operations and square roots are used per pixel, in a fixed order, and other
//! functions come from `libm`: the same scene has the same bytes on every machine and for any
//! number of threads. Outlines are cut in double precision. Loops over rows are compiled for several
//! instruction sets (`crate::simd`), none of which changes a result.

mod ambient;
mod bounds;
mod camera;
mod cast;
mod chords;
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
mod sight;
mod silhouette;
mod srgb;
mod stage;
mod studio;
mod swatch;
mod table;
mod timber;
mod tone;
mod vector;

pub use crate::simd::Body;
pub use flow::{Flow, flow};
pub use paint::{render, render_into, render_with};
pub use passes::{MAX_SIDE_PX, Passes, passes};
pub use screen::{is_framed, screen_point};
