//! What physics says about a scene: statics decides, simulation gives a second opinion and motion.

mod bounds;
mod contact;
mod equilibrium;
mod joint;
mod load;
mod margin;
mod mechanism;
mod noise;
mod observer;
mod polygon;
mod program;
mod simulate;
mod structure;
mod trajectory;
mod verdict;

pub use contact::{Contact, contacts};
pub use equilibrium::{Equilibrium, ROUGH, equilibrium, friction_decides, has_margin, stands};
pub use mechanism::Twist;
pub use observer::{Mechanics, NoisyPhysics};
pub use simulate::simulate;
pub use trajectory::{Pose, Trajectory};
pub use verdict::{Link, Robustness, Verdict, verdict};
