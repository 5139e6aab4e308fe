//! One pass over an epoch, batch by batch.

use std::time::{Duration, Instant};

use super::Loader;
use super::batch::Batch;
use super::pipeline::{Bell, Taken};
use crate::{Error, Result};

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

impl Loader {
    /// As [`Loader::epoch`], for [`Loader::poll`]. Never waits: see [`Loader::leaving`].
    pub fn begin(&mut self) -> Pass {
        if self.touched || self.consumed >= self.count() {
            self.epoch += 1;
            self.consumed = 0;
        }
        self.renew();
        Pass(self.pass)
    }

    /// Waits up to `timeout` for the next batch of `pass`.
    ///
    /// # Errors
    /// What kept a stimulus of this batch from being made, or [`Error::TooManyBad`]; asking again
    /// tries the same batch again. [`Error::Argument`] if `pass` is not the newest one.
    pub fn poll(&mut self, pass: Pass, timeout: Duration) -> Result<Poll> {
        let Some(bell) = self.approach(pass)? else {
            return Ok(Poll::Finished);
        };
        let taken = bell.take(timeout);
        taken.map_or(Ok(Poll::Waiting), |taken| {
            self.accept(pass, taken).map(Poll::Batch)
        })
    }

    /// Where the next batch of `pass` is to be had, which needs no hold of the loader; nothing once
    /// the epoch is over. What [`Bell::take`] gives is handed out by [`Loader::accept`].
    ///
    /// # Errors
    /// [`Error::Argument`] if `pass` is not the newest one, or for more threads than there may be.
    pub fn approach(&mut self, pass: Pass) -> Result<Option<Bell>> {
        self.check(pass)?;
        if self.consumed >= self.count() {
            self.stop();
            return Ok(None);
        }
        let since = *self.waiting.get_or_insert_with(Instant::now);
        Ok(Some(self.pipeline()?.bell(since)))
    }

    /// Hands out a batch of `pass`: the state goes on behind it.
    ///
    /// # Errors
    /// As [`Loader::poll`].
    pub fn accept(&mut self, pass: Pass, taken: Taken) -> Result<Box<Batch>> {
        self.check(pass)?;
        self.waiting = None;
        let Taken {
            consumed,
            batch,
            mut faults,
        } = taken;
        for fault in &mut faults {
            fault.epoch = self.epoch;
        }
        let batch = self
            .faults
            .add(faults, self.options.bad_budget)
            .and_then(|fresh| {
                self.fresh.extend(fresh);
                batch
            })
            .inspect_err(|_| self.stop())?;
        // Threads that share a pass may come in another order than they took.
        self.consumed = self.consumed.max(consumed);
        self.touched = true;
        Ok(batch)
    }

    fn check(&self, pass: Pass) -> Result<()> {
        if pass.0 == self.pass {
            return Ok(());
        }
        let (expected, got) = ("the newest of its loader", "an older one");
        let hint = "finish with an iterator before you ask for the next or load a state";
        Err(Error::argument("iterator", expected, got, hint))
    }
}
