//! A stimulus set on disk: POSIX tar shards in the `WebDataset` convention, and a manifest.
//!
//! ```text
//! SET/<name>-000000.tar …   per stimulus `<id>.png` and `<id>.json` (its record, keys sorted)
//! SET/manifest.json         versions, recipe, counts, and where every member lies
//! ```
//!
//! Any program that reads tar reads the stimuli. The manifest adds what a tar lacks: random access
//! and proof against damage. It begins with a hash of the rest of itself, and holds the BLAKE3 of
//! every shard and the CRC32C of every member.
//!
//! Tars of others have no manifest: [`WebDataset`] lists their members by the headers, once, and
//! reads labels from where they are declared to stand.
//!
//! The bytes are a function of the source and the request: no time, no owner, no trace of threads
//! or interruptions.

mod archive;
mod asked_for;
#[cfg(test)]
mod attacks;
mod catalogue;
mod crew;
mod draft;
mod fields;
#[cfg(test)]
mod fuzz;
mod index;
mod manifest;
mod reader;
mod samples;
mod shelf;
mod tally;
mod tar;
mod webdataset;
mod writer;

pub use draft::{Progress, Request, SetWriter};
pub use fields::{Asked, Fields};
pub use manifest::{FORMAT_VERSION, Manifest};
pub use reader::Shards;
pub use shelf::{Folder, Shelf};
pub use tally::{Tally, tally};
pub use webdataset::WebDataset;

/// Stimuli per shard: 2 to 50 MB at 224 px, and little to make again after an interruption.
pub const SHARD_STIMULI: usize = 500;

/// Name of the file that describes a set.
const MANIFEST: &str = "manifest.json";
