//! What a loader's threads have done and waited for. Nothing that a batch holds depends on it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::histogram::Histogram;
use super::pool::PoolStatistics;

/// Counts of one stage; times are summed over threads.
///
/// Percentiles are per piece of work: a stimulus made, a part of a batch prepared, a batch
/// delivered; of waits, those that there were. They are within 1/16 of the true ones, and absent
/// while there is nothing to count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Stage {
    /// Stimuli that passed it; padding counts.
    pub samples: u64,
    /// Bytes that it made.
    pub bytes: u64,
    /// Seconds that threads worked on it.
    pub busy_s: f64,
    /// Seconds of waiting: what for, the field of [`Statistics`] says.
    pub wait_s: f64,
    /// Share of all thread time that went into it.
    pub occupancy: f64,
    /// Seconds of work that half of the pieces take at most.
    pub busy_p50_s: Option<f64>,
    /// Seconds of work that 99 % of the pieces take at most.
    pub busy_p99_s: Option<f64>,
    /// Seconds that half of the waits last at most.
    pub wait_p50_s: Option<f64>,
    /// Seconds that 99 % of the waits last at most.
    pub wait_p99_s: Option<f64>,
}

/// What a loader has done since it was made, over all its passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Statistics {
    /// Worker threads of a pass.
    pub threads: usize,
    /// Making stimuli: rendering, or reading and decoding. It waits when a thread finds nothing
    /// that may be begun: the batches ahead are full, by count or by bytes.
    pub make: Stage,
    /// Preprocessing each image into its batch. It waits when an image is made and no thread is
    /// free.
    pub prepare: Stage,
    /// Handing out batches. It waits when the reader asks for a batch that is not finished; it is
    /// busy for as long as [`Loader::handed_over`](super::Loader::handed_over) is told.
    pub deliver: Stage,
    /// Batches handed out.
    pub batches: u64,
    /// Bytes of what was made and not yet handed out: images, and values for the model.
    pub in_flight_bytes: u64,
    /// The most that ever was.
    pub peak_in_flight_bytes: u64,
    /// Memory of batches.
    pub pool: PoolStatistics,
}

/// Counters that threads write to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) make: Counter,
    pub(super) prepare: Counter,
    pub(super) deliver: Counter,
    batches: AtomicU64,
    in_flight: AtomicU64,
    peak: AtomicU64,
}

#[derive(Debug, Default)]
pub(super) struct Counter {
    samples: AtomicU64,
    bytes: AtomicU64,
    busy_ns: AtomicU64,
    wait_ns: AtomicU64,
    busy_times: Histogram,
    wait_times: Histogram,
}

impl Counter {
    pub(super) fn passed(&self, samples: u64, bytes: u64) {
        self.samples.fetch_add(samples, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn busy(&self, since: Instant) {
        self.worked(since.elapsed());
    }

    pub(super) fn worked(&self, time: Duration) {
        self.busy_ns.fetch_add(nanoseconds(time), Ordering::Relaxed);
        self.busy_times.add(time);
    }

    pub(super) fn waited(&self, time: Duration) {
        self.wait_ns.fetch_add(nanoseconds(time), Ordering::Relaxed);
        self.wait_times.add(time);
    }

    fn stage(&self, thread_s: f64) -> Stage {
        let seconds = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64 * 1e-9;
        let busy_s = seconds(&self.busy_ns);
        Stage {
            samples: self.samples.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            busy_s,
            wait_s: seconds(&self.wait_ns),
            occupancy: if thread_s > 0.0 {
                busy_s / thread_s
            } else {
                0.0
            },
            busy_p50_s: self.busy_times.quantile_s(0.5),
            busy_p99_s: self.busy_times.quantile_s(0.99),
            wait_p50_s: self.wait_times.quantile_s(0.5),
            wait_p99_s: self.wait_times.quantile_s(0.99),
        }
    }
}

impl Tally {
    pub(super) fn handed_out(&self, samples: u64, bytes: u64) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.deliver.passed(samples, bytes);
    }

    /// Notes how many bytes are in flight now.
    pub(super) fn in_flight(&self, bytes: u64) {
        self.in_flight.store(bytes, Ordering::Relaxed);
        self.peak.fetch_max(bytes, Ordering::Relaxed);
    }

    pub(super) fn statistics(&self, threads: usize, pool: PoolStatistics) -> Statistics {
        let seconds = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64 * 1e-9;
        let worked_s = seconds(&self.make.busy_ns) + seconds(&self.prepare.busy_ns);
        let thread_s = worked_s + seconds(&self.make.wait_ns);
        Statistics {
            threads,
            make: self.make.stage(thread_s),
            prepare: self.prepare.stage(thread_s),
            deliver: self.deliver.stage(0.0),
            batches: self.batches.load(Ordering::Relaxed),
            in_flight_bytes: self.in_flight.load(Ordering::Relaxed),
            peak_in_flight_bytes: self.peak.load(Ordering::Relaxed),
            pool,
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
