//! Threads that make stimuli out of order and hand over batches in order.
//!
//! Work is cut by stimulus: it is made, and its image is written into its place in the batch at
//! once, while it is in the thread's cache, if it takes the room that was expected (that of the
//! batch before). Otherwise the place is known once all of the batch are made, and writing is work
//! of its own. What is finished sooner is done first. Threads know nothing of Python and hold no
//! lock while they work.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::batch::Batch;
use super::desk::{Desk, Job, Ticket};
use super::faults::Fault;
use super::frame::{Bytes, Cut, Frame};
use super::plan::Plan;
use super::pool::Pool;
use super::shop::{Kit, Outcome, Shop};
use super::statistics::Tally;
use crate::{Error, Result};

/// How long the end of a pass waits for its threads: well below what a person who pressed Ctrl-C
/// notices, well above what one stimulus takes.
const PATIENCE: Duration = Duration::from_millis(300);

/// What the threads of a loader use in every pass.
#[derive(Clone, Debug)]
pub(super) struct Workplace {
    pub(super) shop: Arc<Shop>,
    pub(super) pool: Arc<Pool>,
    pub(super) tally: Arc<Tally>,
    pub(super) threads: usize,
    pub(super) max_bytes: u64,
}

/// The running threads of one pass over a plan.
#[derive(Debug)]
pub(super) struct Pipeline {
    desk: Arc<Desk>,
    threads: Vec<JoinHandle<()>>,
}

/// Where the next batch of a pass is waited for without holding its loader.
#[derive(Clone, Debug)]
pub struct Bell {
    desk: Arc<Desk>,
    /// Since when the batch is waited for.
    since: Instant,
}

/// A batch on its way from the threads to its reader: see [`Loader::accept`](super::Loader::accept).
#[derive(Debug)]
pub struct Taken {
    /// Positions consumed after it.
    pub(super) consumed: u64,
    pub(super) batch: Result<Box<Batch>>,
    pub(super) faults: Vec<Fault>,
}

impl Bell {
    /// Waits up to `timeout` for the next batch; nothing if it is not finished by then, or if the
    /// pass is given up. Threads begin at once what it made room for.
    ///
    /// All that needs no loader is done here, so that whoever holds one does not hold it for long.
    pub fn take(&self, timeout: Duration) -> Option<Taken> {
        let (consumed, finished) = self.desk.take(timeout)?;
        self.desk.delivered(self.since.elapsed(), &finished.batch);
        self.desk.resume();
        Some(Taken {
            consumed,
            batch: finished.batch.map(Box::new),
            faults: finished.faults,
        })
    }
}

impl Pipeline {
    /// Starts threads for the batches of `plan`.
    pub(super) fn start(plan: Plan, place: &Workplace) -> Result<Self> {
        let tally = Arc::clone(&place.tally);
        let desk = Arc::new(Desk::new(plan, place.threads, place.max_bytes, tally));
        let mut pipeline = Self {
            desk,
            threads: Vec::with_capacity(place.threads.min(1024)),
        };
        for number in 0..place.threads {
            pipeline.spawn(number, place).map_err(|error| {
                let hint = format!("pass fewer `threads` ({error})");
                Error::argument(
                    "threads",
                    "at most what the system allows",
                    place.threads,
                    hint,
                )
            })?;
        }
        Ok(pipeline)
    }

    fn spawn(&mut self, number: usize, place: &Workplace) -> std::io::Result<()> {
        let (desk, place) = (Arc::clone(&self.desk), place.clone());
        let named = std::thread::Builder::new().name(format!("cogtrain-{number}"));
        self.desk.enter();
        let thread = named.spawn(move || {
            work(&desk, &place);
            drop(place);
            desk.leave();
        });
        match thread {
            Ok(thread) => self.threads.push(thread),
            Err(error) => {
                self.desk.leave();
                return Err(error);
            }
        }
        Ok(())
    }

    pub(super) fn bell(&self, since: Instant) -> Bell {
        let desk = Arc::clone(&self.desk);
        Bell { desk, since }
    }

    /// Ends the pass without waiting for its threads, which dropping does.
    pub(super) fn close(&self) {
        self.desk.close();
    }

    /// Gives up the threads without touching them: after a fork they exist only in the parent.
    pub(super) fn abandon(self) {
        std::mem::forget(self);
    }
}

impl Drop for Pipeline {
    /// Waits for the stimuli being made at this moment, but not for a disk that does not answer.
    fn drop(&mut self) {
        self.desk.close();
        // A thread that is stuck in the system ends by itself once it gets an answer, and touches
        // nothing of ours but memory that it shares.
        if self.desk.is_empty_within(PATIENCE) {
            for thread in self.threads.drain(..) {
                // A thread catches the panics of its work; its end has nothing to tell.
                let _ = thread.join();
            }
        }
    }
}

/// What each thread does until the pass is over.
fn work(desk: &Desk, place: &Workplace) {
    let mut kit = Kit::default();
    while let Some(job) = desk.next() {
        let since = Instant::now();
        match job {
            Job::Make(ticket, slot) => {
                let mut outcome = place.shop.fill(ticket.slots[slot], &mut kit);
                let width = place.shop.value_bytes();
                place
                    .tally
                    .make
                    .passed(1, Bytes::of(&outcome, width).images);
                place.tally.make.busy(since);
                write_at_once(&ticket, slot, &mut outcome, place, &mut kit);
                let since = Instant::now();
                let bytes = Bytes::of(&outcome, width);
                desk.count(bytes);
                if let Some(makings) = ticket.store(slot, outcome, bytes) {
                    desk.expect(makings.part(place.shop.is_row_by_row(), width));
                    let named = (ticket.step, ticket.slots.as_slice());
                    match Frame::cut(named, makings, &place.shop, &place.pool) {
                        Cut::Parts(parts) => desk.queue(parts),
                        Cut::Finished(finished) => desk.finish(*finished),
                    }
                }
                place.tally.make.busy(since);
            }
            Job::Write(part) => {
                let (samples, bytes) = part.size();
                place.tally.prepare.passed(samples as u64, bytes as u64);
                let finished = part.write(&place.shop, &place.pool, &mut kit);
                place.tally.prepare.busy(since);
                if let Some(finished) = finished {
                    desk.finish(finished);
                }
            }
        }
    }
}

/// Writes a made image into its place in the batch, if that is known already.
fn write_at_once(
    ticket: &Ticket,
    slot: usize,
    outcome: &mut Outcome,
    place: &Workplace,
    kit: &mut Kit,
) {
    let Ok(made) = &mut outcome.made else { return };
    let since = Instant::now();
    let length = made.values * place.shop.value_bytes();
    let Some(part) = ticket.part(slot, length, &place.pool) else {
        return;
    };
    place.tally.prepare.passed(1, length as u64);
    let written = place.shop.write(made, part, kit);
    place.tally.prepare.busy(since);
    if let Err(error) = written {
        outcome.made = Err(error);
    }
}
