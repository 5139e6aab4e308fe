//! What physics says about a scene: statics decides, simulation gives a second opinion and motion.

mod collapse;
mod contact;
mod equilibrium;
mod load;
mod margin;
mod mechanism;
mod polygon;
mod simulate;
mod trajectory;

pub use contact::{Contact, contacts};
pub use equilibrium::{Equilibrium, equilibrium, has_margin, stands};
pub use mechanism::Twist;
pub use simulate::simulate;
pub use trajectory::{Pose, Trajectory};
