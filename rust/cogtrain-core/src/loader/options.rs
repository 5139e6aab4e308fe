//! How a loader goes through its sets.

use super::faults::BadPolicy;
use super::mixture::Mixture;
use crate::preprocess::Preprocess;
use crate::{Error, Result};

/// Most stimuli in one batch, threads, or ranks: beyond it, a number is a mistake.
const MAX_COUNT: usize = 1 << 20;

/// How a [`Loader`](super::Loader) goes through its sets.
#[derive(Clone, Debug)]
pub struct LoaderOptions {
    /// Stimuli per batch of one rank.
    pub batch_size: usize,
    /// Decides the order.
    pub seed: u64,
    /// What is done to the images; without it, batches hold images of one size.
    pub preprocess: Option<Preprocess>,
    /// This process among `world_size`.
    pub rank: usize,
    /// Processes that share the sequence.
    pub world_size: usize,
    /// Worker threads; default: the processors this process may use, by affinity and by cgroup
    /// quota (versions 1 and 2).
    pub threads: Option<usize>,
    /// Whether each epoch has its own order, or all have that of the sets.
    pub shuffle: bool,
    /// What is done about a stimulus that cannot be made.
    pub on_bad: BadPolicy,
    /// How many different stimuli may be bad before that is an error, if they are replaced. A rank
    /// counts those that it knows of: met by itself, or told by
    /// [`Loader::add_faults`](super::Loader::add_faults).
    pub bad_budget: usize,
    /// Bytes in flight (images and model values made and not yet handed out) beyond which only
    /// the oldest batch is worked on. Each thread may exceed it by the stimulus that it is at.
    pub max_bytes: u64,
    /// Absent: the sets behind one another are one set, and an epoch is all of it once.
    pub mixture: Option<Mixture>,
}

impl Default for LoaderOptions {
    fn default() -> Self {
        Self {
            batch_size: 1,
            seed: 0,
            preprocess: None,
            rank: 0,
            world_size: 1,
            threads: None,
            shuffle: true,
            on_bad: BadPolicy::Raise,
            bad_budget: 10,
            max_bytes: 1 << 30,
            mixture: None,
        }
    }
}

impl LoaderOptions {
    /// Refuses numbers that cannot be meant.
    pub(super) fn check(&self) -> Result<()> {
        check_count("batch_size", self.batch_size)?;
        check_count("world_size", self.world_size)?;
        if let Some(threads) = self.threads {
            check_count("threads", threads)?;
        }
        if self.on_bad != BadPolicy::Raise {
            check_count("bad_budget", self.bad_budget)?;
        }
        if self.rank >= self.world_size {
            let expected = format!("below `world_size` ({})", self.world_size);
            let hint = "ranks count from 0";
            return Err(Error::argument("rank", expected, self.rank, hint));
        }
        Ok(())
    }
}

/// Refuses a count of 0 or beyond reason.
fn check_count(name: &str, count: usize) -> Result<()> {
    if (1..=MAX_COUNT).contains(&count) {
        return Ok(());
    }
    let expected = format!("between 1 and {MAX_COUNT}");
    Err(Error::argument(
        name,
        expected,
        count,
        "pass a positive number",
    ))
}
