//! Threads that make stimuli out of order and hand over batches in order.
//!
//! Work is cut by stimulus; whichever thread finishes a batch's last stimulus assembles the
//! batch. The consumer submits a few batches ahead and no more, which bounds memory. Threads know
//! nothing of Python and hold no lock while they work.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::batch::Batch;
use super::plan::{Plan, Slot};
use super::sources::Sources;
use crate::preprocess::Preprocess;
use crate::{Error, Result, Stimulus};

/// How long the end of a pass waits for its threads: well below what a person who pressed Ctrl-C
/// notices, well above what one stimulus takes.
const PATIENCE: Duration = Duration::from_millis(300);

/// What all threads share.
#[derive(Debug)]
pub(super) struct Shop {
    pub(super) sources: Sources,
    pub(super) preprocess: Option<Preprocess>,
}

/// The running threads of one pass over a plan.
#[derive(Debug)]
pub(super) struct Pipeline {
    plan: Plan,
    ahead: u64,
    submitted: u64,
    delivered: u64,
    ready: BTreeMap<u64, Result<Batch>>,
    jobs: Option<Sender<Job>>,
    done: Receiver<(u64, Result<Batch>)>,
    cancelled: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Pipeline {
    /// Starts `threads` threads for the batches of `plan`.
    pub(super) fn start(plan: Plan, shop: &Arc<Shop>, threads: usize) -> Result<Self> {
        // Two stimuli per thread in flight keep all busy; two batches at least, so that one is
        // made while the other is used.
        let ahead = (2 * threads as u64).div_ceil(plan.batch_size).max(2);
        let (jobs, waiting) = bounded((ahead * plan.batch_size) as usize);
        let (finished, done) = bounded(ahead as usize);
        let cancelled = Arc::new(AtomicBool::new(false));
        let spawn = |number: usize| {
            let (waiting, finished) = (waiting.clone(), finished.clone());
            let (shop, cancelled) = (Arc::clone(shop), Arc::clone(&cancelled));
            std::thread::Builder::new()
                .name(format!("cogtrain-{number}"))
                .spawn(move || work(&shop, &cancelled, &waiting, &finished))
        };
        let threads = (0..threads)
            .map(spawn)
            .collect::<std::io::Result<_>>()
            .map_err(|error| {
                let hint = format!("pass fewer `threads` ({error})");
                Error::argument("threads", "at most what the system allows", threads, hint)
            })?;
        let (submitted, delivered, ready) = (0, 0, BTreeMap::new());
        let jobs = Some(jobs);
        Ok(Self {
            plan,
            ahead,
            submitted,
            delivered,
            ready,
            jobs,
            done,
            cancelled,
            threads,
        })
    }

    /// The next batch with the positions consumed after it; `None` if it is not ready in time.
    pub(super) fn next(&mut self, timeout: Duration) -> Option<(u64, Result<Batch>)> {
        self.submit();
        while !self.ready.contains_key(&self.delivered) {
            let (step, batch) = self.done.recv_timeout(timeout).ok()?;
            self.ready.insert(step, batch);
        }
        let batch = self.ready.remove(&self.delivered)?;
        let consumed = self.plan.consumed_after(self.delivered);
        self.delivered += 1;
        // What the taken batch made room for is begun now, not when the next one is asked for.
        self.submit();
        Some((consumed, batch))
    }

    fn submit(&mut self) {
        let limit = self.plan.steps().min(self.delivered + self.ahead);
        let Some(jobs) = &self.jobs else { return };
        while self.submitted < limit {
            let order = Arc::new(Ticket::new(self.submitted, self.plan.slots(self.submitted)));
            for slot in 0..order.slots.len() {
                // The channel holds every stimulus of `ahead` batches: this never waits.
                let _ = jobs.send(Job {
                    ticket: Arc::clone(&order),
                    slot,
                });
            }
            self.submitted += 1;
        }
    }

    /// Gives up the threads without touching them: after a fork they exist only in the parent.
    pub(super) fn abandon(self) {
        std::mem::forget(self);
    }
}

impl Drop for Pipeline {
    /// Waits for the stimuli being made at this moment, but not for a disk that does not answer.
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
        self.jobs = None;
        let deadline = Instant::now() + PATIENCE;
        let end = loop {
            if let Err(end) = self.done.recv_deadline(deadline) {
                break end;
            }
        };
        // Disconnected: every thread is past its work. Otherwise one is stuck in the system; it
        // ends by itself once it gets an answer, and touches nothing of ours but memory it shares.
        if end == RecvTimeoutError::Disconnected {
            for thread in self.threads.drain(..) {
                // A thread catches the panics of its work; its end has nothing to tell.
                let _ = thread.join();
            }
        }
    }
}

/// One batch on its way.
#[derive(Debug)]
struct Ticket {
    step: u64,
    slots: Vec<Slot>,
    made: Mutex<Made>,
}

type Made = Vec<Option<Result<(usize, Stimulus)>>>;

impl Ticket {
    fn new(step: u64, slots: Vec<Slot>) -> Self {
        let made = Mutex::new(slots.iter().map(|_| None).collect());
        Self { step, slots, made }
    }

    /// Stores the stimulus of `slot`; returns all of them if it was the last one missing.
    fn store(&self, slot: usize, stimulus: Result<(usize, Stimulus)>) -> Option<Made> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made[slot] = Some(stimulus);
        made.iter()
            .all(Option::is_some)
            .then(|| std::mem::take(&mut *made))
    }
}

/// One stimulus of one batch.
#[derive(Debug)]
struct Job {
    ticket: Arc<Ticket>,
    slot: usize,
}

impl Job {
    fn run(self, shop: &Shop) -> Option<(u64, Result<Batch>)> {
        let Self { ticket, slot } = self;
        let index = ticket.slots[slot].index as usize;
        let make = || shop.sources.get(index);
        let stimulus = catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|panic| {
            Err(Error::Panicked {
                index,
                reason: words(&*panic),
            })
        });
        let made = ticket.store(slot, stimulus)?;
        let assemble = || {
            // The first error in the batch's order is the one reported, whichever came first.
            let stimuli = made.into_iter().flatten().collect::<Result<Vec<_>>>()?;
            Batch::assemble(&ticket.slots, stimuli, shop.preprocess.as_ref())
        };
        let batch = catch_unwind(AssertUnwindSafe(assemble)).unwrap_or_else(|panic| {
            Err(Error::Panicked {
                index,
                reason: words(&*panic),
            })
        });
        Some((ticket.step, batch))
    }
}

/// What each thread does until there are no more jobs or nobody waits for them.
fn work(
    shop: &Shop,
    cancelled: &AtomicBool,
    jobs: &Receiver<Job>,
    done: &Sender<(u64, Result<Batch>)>,
) {
    for job in jobs {
        if cancelled.load(Ordering::Relaxed) {
            return;
        }
        if let Some(finished) = job.run(shop)
            && done.send(finished).is_err()
        {
            return;
        }
    }
}

/// The message of a panic.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
