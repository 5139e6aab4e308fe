//! One pass over an epoch, batch by batch.

use std::time::Duration;

use super::Loader;
use super::batch::Batch;
use crate::Result;

/// What [`Loader::poll`] found.
#[derive(Debug)]
pub enum Poll {
    /// The next batch.
    Batch(Box<Batch>),
    /// It is still being made.
    Waiting,
    /// The epoch is over.
    Finished,
}

/// One pass over an epoch; only the newest one of a loader is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass(pub(super) u64);

/// The batches of one epoch; see [`Loader::epoch`].
#[derive(Debug)]
pub struct Epoch<'a> {
    pub(super) loader: &'a mut Loader,
    pub(super) pass: Pass,
    pub(super) failed: bool,
}

impl Iterator for Epoch<'_> {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        // One error ends the pass, so that a caller who skips errors does not meet it for ever.
        while !self.failed {
            match self.loader.poll(self.pass, Duration::from_secs(3600)) {
                Ok(Poll::Batch(batch)) => return Some(Ok(*batch)),
                Ok(Poll::Waiting) => {}
                Ok(Poll::Finished) => {
                    drop(self.loader.leaving());
                    return None;
                }
                Err(error) => {
                    drop(self.loader.leaving());
                    self.failed = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}
