//! Scenes, labels, rendering, preprocessing and deterministic loading for visual-cognition
//! studies.
//!
//! Two wings meet in one record. The *making* wing goes from a task's factors to a [`Stimulus`]:
//! draw a [`Scene`], let statics decide what is true of it, [`render`] it. The *serving* wing
//! takes anything that can give stimulus `i` (a [`Source`]) and hands out batches.
//!
//! ```
//! use cogtrain_core::{Generator, Recipe, Source, Task};
//!
//! let recipe = Recipe { count: 100, size_px: 56, ..Recipe::new(Task::Tower) };
//! let generator = Generator::new(recipe)?;
//! let stimulus = generator.get(3)?;
//! assert_eq!(stimulus.answers["will_fall"], "yes");
//! assert_eq!(stimulus.image.width(), 56);
//! # Ok::<(), cogtrain_core::Error>(())
//! ```
//!
//! The feature `libjpeg-turbo`, on by default, needs a C compiler. Where there is none,
//! `--no-default-features --features pure-rust` builds all in Rust; values of JPEG files are then a
//! few levels off.

mod error;
#[cfg(test)]
mod fuzz;
mod image;
mod naming;
mod rng;
mod simd;
mod stimulus;

mod generate;
mod physics;
mod recipe;
mod render;
mod scene;
mod style;
mod task;

mod codec;
mod encoded;
mod loader;
mod photographs;
mod preprocess;
mod shard;

pub use error::{Error, Result};
pub use image::Image;
pub use rng::Stream;
pub use stimulus::{Factor, Record, Source, Stimulus};

pub use generate::{GENERATOR_VERSION, Generator, stimulus_id};
pub use physics::{
    Contact, Equilibrium, Link, Mechanics, NoisyPhysics, Pose, ROUGH, Robustness, Trajectory,
    Twist, Verdict, contacts, equilibrium, friction_decides, has_margin, simulate, stands, verdict,
};
pub use recipe::{MAX_COUNT, Recipe, Split};
#[doc(hidden)]
pub use render::{Body as RenderBody, render_with};
pub use render::{Flow, Passes, flow, is_framed, passes, render, render_into, screen_point};
pub use scene::{Body, Camera, Color, Light, Scene, Vec3};
pub use style::{Appearance, Backdrop, Background, Lights, Look, Palette, Rgb, Style};
pub use task::{
    Assignment, Crossing, Design, Domain, Item, Kinship, Part, Place, Question, Scale, Task, Twin,
};

pub use codec::{
    Decoding, decode_image, decode_image_into, encode_png, image_size, jpeg_assembler, read_image,
};
pub use encoded::{Contents, Encoded, Labelled};
pub use loader::{
    Answers, BadPolicy, Batch, Bell, Epoch, EpochEnd, Fault, Floats, Leaving, Lent, Loader,
    LoaderOptions, LoaderState, Mixture, Pass, Pixels, Poll, PoolStatistics, Stage, Statistics,
    Taken, Texts,
};
pub use photographs::{Photograph, Photographs};
pub use preprocess::{
    Dtype, Extra, Filter, Layout, ModelInput, Preprocess, Qwen2Vl, Resampler, Values, resize,
};
pub use shard::{
    Asked, FORMAT_VERSION, Fields, Folder, Manifest, Progress, Request, SHARD_STIMULI, SetWriter,
    Shards, Shelf, Tally, WebDataset, tally,
};
