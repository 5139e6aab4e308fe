//! Where threads fetch work and put batches: what may be begun, what is finished, whose turn it is.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::batch::Batch;
use super::faults::Fault;
use super::frame::{Bytes, Finished, Part};
use super::plan::{Plan, Slot};
use super::pool::Pool;
use super::shop::{Made, Outcome};
use super::statistics::Tally;
use crate::Result;

/// The desk of one pass over a plan.
#[derive(Debug)]
pub(super) struct Desk {
    plan: Plan,
    /// Batches that may be begun before the oldest is handed out.
    ahead: u64,
    /// Bytes that each stimulus of the next batch is expected to take in it; 0: not known.
    expected: AtomicUsize,
    /// Bytes in flight beyond which only the oldest batch is worked on.
    max_bytes: u64,
    tally: Arc<Tally>,
    state: Mutex<State>,
    work: Condvar,
    news: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Batches begun.
    begun: u64,
    /// The batch being begun, and its stimuli given out to threads.
    open: Option<(Arc<Ticket>, usize)>,
    /// Images that only need a thread to be finished.
    parts: VecDeque<(Part, Instant)>,
    ready: BTreeMap<u64, Finished>,
    handed_out: u64,
    bytes: u64,
    is_over: bool,
    running: usize,
    /// Threads that wait for something to do.
    asleep: usize,
}

/// A batch whose stimuli are being made.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) step: u64,
    pub(super) slots: Vec<Slot>,
    /// Bytes that each stimulus is expected to take; 0: not known.
    expected: usize,
    room: Mutex<Option<Room>>,
    made: Mutex<(usize, Makings)>,
}

/// The memory of a batch, cut before it was known what it is for.
#[derive(Debug)]
struct Room {
    parts: Vec<Option<BytesMut>>,
    rest: BytesMut,
}

/// What became of a batch's slots.
#[derive(Debug, Default)]
pub(super) struct Makings {
    outcomes: Vec<Option<Outcome>>,
    pub(super) bytes: Bytes,
    /// What is left behind the parts that were written at once.
    pub(super) rest: BytesMut,
}

impl Makings {
    /// What was made, in the order of the slots, or the first error in that order, whichever came
    /// first; and all faults.
    pub(super) fn take(&mut self) -> (Result<Vec<Made>>, Vec<Fault>) {
        let (mut made, mut faults) = (Vec::with_capacity(self.outcomes.len()), Vec::new());
        for outcome in self.outcomes.drain(..).flatten() {
            made.push(outcome.made);
            faults.extend(outcome.faults);
        }
        (made.into_iter().collect(), faults)
    }

    /// Bytes that each stimulus takes in the batch, if that is the same for all; else 0.
    pub(super) fn part(&self, is_row_by_row: bool, value_bytes: usize) -> usize {
        let made = self.outcomes.iter().flatten().map(|outcome| &outcome.made);
        let mut values = made.map(|made| made.as_ref().map_or(0, |made| made.values));
        let first = values.next().unwrap_or(0);
        let is_uniform = is_row_by_row && values.all(|other| other == first);
        if is_uniform { first * value_bytes } else { 0 }
    }
}

/// What a thread does next.
#[derive(Debug)]
pub(super) enum Job {
    /// Make the stimulus of a slot.
    Make(Arc<Ticket>, usize),
    /// Write an image into its batch.
    Write(Part),
}

impl Ticket {
    fn new(step: u64, slots: Vec<Slot>, expected: usize) -> Arc<Self> {
        let makings = Makings {
            outcomes: slots.iter().map(|_| None).collect(),
            ..Makings::default()
        };
        Arc::new(Self {
            step,
            made: Mutex::new((slots.len(), makings)),
            slots,
            expected,
            room: Mutex::new(None),
        })
    }

    /// The place of `slot` in the batch, if it is known, and is `length` bytes long.
    pub(super) fn part(&self, slot: usize, length: usize, pool: &Pool) -> Option<BytesMut> {
        if length == 0 || length != self.expected {
            return None;
        }
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        let room = room.get_or_insert_with(|| {
            let mut rest = pool.take(length * self.slots.len());
            let parts = self.slots.iter().map(|_| Some(rest.split_to(length)));
            let parts = parts.collect();
            Room { parts, rest }
        });
        room.parts[slot].take()
    }

    /// Stores what became of `slot`; returns all of them if it was the last one missing.
    pub(super) fn store(&self, slot: usize, outcome: Outcome, bytes: Bytes) -> Option<Makings> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let (missing, makings) = &mut *made;
        makings.outcomes[slot] = Some(outcome);
        makings.bytes.images += bytes.images;
        makings.bytes.values += bytes.values;
        *missing -= 1;
        let is_last = *missing == 0;
        is_last.then(|| {
            let mut makings = std::mem::take(makings);
            let room = self
                .room
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            makings.rest = room.map_or_else(BytesMut::new, |room| room.rest);
            makings
        })
    }
}

impl Desk {
    pub(super) fn new(plan: Plan, threads: usize, max_bytes: u64, tally: Arc<Tally>) -> Self {
        // Two stimuli per thread in flight keep all busy; two batches at least, so that one is
        // made while the other is used.
        let ahead = (2 * threads as u64).div_ceil(plan.batch_size).max(2);
        tally.in_flight(0);
        Self {
            plan,
            ahead,
            expected: AtomicUsize::new(0),
            max_bytes,
            tally,
            state: Mutex::new(State::default()),
            work: Condvar::new(),
            news: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // --- The side of the threads ---

    /// Counts a thread in.
    pub(super) fn enter(&self) {
        self.lock().running += 1;
    }

    /// Counts a thread out.
    pub(super) fn leave(&self) {
        self.lock().running -= 1;
        self.news.notify_all();
    }

    /// What to do next; waits until there is something, and is nothing once the pass is over.
    pub(super) fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        let mut since = None;
        let job = loop {
            if state.is_over {
                break None;
            }
            if let Some((part, queued)) = state.parts.pop_front() {
                self.tally.prepare.waited(queued.elapsed());
                break Some(Job::Write(part));
            }
            if let Some((ticket, slot)) = self.begin(&mut state) {
                break Some(Job::Make(ticket, slot));
            }
            since.get_or_insert_with(Instant::now);
            state.asleep += 1;
            state = self
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.asleep -= 1;
        };
        if let Some(since) = since {
            self.tally.make.waited(since.elapsed());
        }
        job
    }

    /// The next stimulus that may be begun. They are given out in order, so that nobody waits for
    /// room while a stimulus of the oldest batch is not even begun.
    fn begin(&self, state: &mut State) -> Option<(Arc<Ticket>, usize)> {
        let step = state
            .open
            .as_ref()
            .map_or(state.begun, |(ticket, _)| ticket.step);
        let is_within = step < self.plan.steps().min(state.handed_out + self.ahead);
        if !is_within || (step > state.handed_out && state.bytes >= self.max_bytes) {
            return None;
        }
        if state.open.is_none() {
            let expected = self.expected.load(Ordering::Relaxed);
            state.open = Some((Ticket::new(step, self.plan.slots(step), expected), 0));
            state.begun += 1;
        }
        let (ticket, slot) = state.open.as_mut()?;
        let job = (Arc::clone(ticket), *slot);
        *slot += 1;
        if *slot == ticket.slots.len() {
            state.open = None;
        }
        Some(job)
    }

    /// Expects each stimulus of the next batch to take `bytes` in it; 0: nothing is known.
    pub(super) fn expect(&self, bytes: usize) {
        self.expected.store(bytes, Ordering::Relaxed);
    }

    /// Counts what a stimulus takes, and will take in its batch.
    pub(super) fn count(&self, bytes: Bytes) {
        let mut state = self.lock();
        state.bytes += bytes.images + bytes.values;
        self.tally.in_flight(state.bytes);
    }

    /// Queues images to be written into their batch.
    pub(super) fn queue(&self, parts: Vec<Part>) {
        let now = Instant::now();
        self.lock()
            .parts
            .extend(parts.into_iter().map(|part| (part, now)));
        self.work.notify_all();
    }

    /// Puts down a batch that has come to its end.
    pub(super) fn finish(&self, finished: Finished) {
        let mut state = self.lock();
        state.bytes -= finished.bytes.images;
        self.tally.in_flight(state.bytes);
        state.ready.insert(finished.step, finished);
        drop(state);
        self.news.notify_all();
        self.work.notify_all();
    }

    // --- The side of the reader ---

    /// The next batch with the positions consumed after it; nothing if it is not ready in time.
    pub(super) fn take(&self, timeout: Duration) -> Option<(u64, Finished)> {
        let mut state = self.due(timeout);
        let step = state.handed_out;
        let finished = state.ready.remove(&step)?;
        state.bytes -= finished.bytes.values;
        self.tally.in_flight(state.bytes);
        state.handed_out += 1;
        Some((self.plan.consumed_after(step), finished))
    }

    /// Counts a taken batch, and how long it was waited for.
    pub(super) fn delivered(&self, wait: Duration, batch: &Result<Batch>) {
        self.tally.deliver.waited(wait);
        if let Ok(batch) = batch {
            self.tally
                .handed_out(batch.len() as u64, batch.bytes() as u64);
        }
    }

    /// Wakes threads for what a taken batch made room for; a system call, if any sleeps.
    pub(super) fn resume(&self) {
        let state = self.lock();
        let has_work = state.open.is_some() || state.begun < self.plan.steps();
        let is_asleep = state.asleep > 0;
        drop(state);
        if has_work && is_asleep {
            self.work.notify_all();
        }
    }

    fn due(&self, timeout: Duration) -> MutexGuard<'_, State> {
        let is_due =
            |state: &mut State| !state.is_over && !state.ready.contains_key(&state.handed_out);
        let waited = self.news.wait_timeout_while(self.lock(), timeout, is_due);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Ends the pass: threads finish the stimulus that they are at, and no other.
    pub(super) fn close(&self) {
        self.lock().is_over = true;
        self.work.notify_all();
        self.news.notify_all();
    }

    /// Whether every thread has left within `patience`.
    pub(super) fn is_empty_within(&self, patience: Duration) -> bool {
        let is_running = |state: &mut State| state.running > 0;
        let waited = self
            .news
            .wait_timeout_while(self.lock(), patience, is_running);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}
