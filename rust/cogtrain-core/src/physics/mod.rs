//! What physics says about a scene: statics decides, simulation gives a second opinion and motion.

mod polygon;
mod simulate;
mod statics;
mod trajectory;

pub use simulate::simulate;
pub use statics::{Equilibrium, column};
pub use trajectory::{Pose, Trajectory};
