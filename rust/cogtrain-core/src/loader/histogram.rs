//! How long things take, at the cost of one addition: counts over the logarithm of time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Bins per doubling: the middle of a bin is within 1/16 of all that it holds.
const STEPS: u64 = 8;
/// What takes longer than 2⁴⁰ ns (18 minutes) is counted as that.
const LONGEST: u64 = (1 << 40) - 1;
const BINS: usize = bin(LONGEST) + 1;

/// Durations that threads count into, each with one addition and without a lock.
#[derive(Debug)]
pub(super) struct Histogram([AtomicU64; BINS]);

impl Default for Histogram {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; BINS])
    }
}

/// Linear below `STEPS` nanoseconds, then `STEPS` bins per doubling.
const fn bin(nanoseconds: u64) -> usize {
    if nanoseconds < STEPS {
        return nanoseconds as usize;
    }
    let doublings = (nanoseconds.ilog2() - STEPS.ilog2()) as u64;
    (doublings * STEPS + (nanoseconds >> doublings)) as usize
}

/// The middle of a bin, in nanoseconds.
fn middle(bin: usize) -> f64 {
    let bin = bin as u64;
    if bin < STEPS {
        return bin as f64;
    }
    let doublings = bin / STEPS - 1;
    let width = 1_u64 << doublings;
    ((STEPS + bin % STEPS) * width) as f64 + (width - 1) as f64 / 2.0
}

impl Histogram {
    pub(super) fn add(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(LONGEST);
        self.0[bin(nanoseconds.min(LONGEST))].fetch_add(1, Ordering::Relaxed);
    }

    /// The duration in seconds that a share of `q` of all reach at most; `None` if there are none.
    pub(super) fn quantile_s(&self, q: f64) -> Option<f64> {
        let counts = self.0.each_ref().map(|count| count.load(Ordering::Relaxed));
        let total: u64 = counts.iter().sum();
        let rank = ((q * total as f64).ceil() as u64).max(1);
        let mut below = 0;
        let found = counts.iter().position(|count| {
            below += count;
            below >= rank
        });
        found.map(|bin| middle(bin) * 1e-9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn quantiles_are_those_of_the_sorted_durations(
            mut times in prop::collection::vec((0_u64..1 << 40, 0_u32..40), 1..200), q in 0.0_f64..=1.0,
        ) {
            let histogram = Histogram::default();
            for (time, shift) in &mut times {
                *time >>= *shift;
                histogram.add(Duration::from_nanos(*time));
            }
            times.sort_unstable_by_key(|(time, _)| *time);
            let rank = ((q * times.len() as f64).ceil() as usize).max(1);
            let exact = times[rank - 1].0 as f64;
            let found = histogram.quantile_s(q).expect("not empty") * 1e9;
            prop_assert!((found - exact).abs() <= exact / 16.0 + 1e-6, "{} {}", found, exact);
        }
    }

    #[test]
    fn bins_follow_each_other_and_hold_anything() {
        let edges = (1..LONGEST.ilog2()).flat_map(|k| [(1_u64 << k), (1 << k) + 1, (2 << k) - 1]);
        let bins: Vec<usize> = edges.map(bin).collect();
        assert!(bins.is_sorted());
        assert_eq!((bin(0), bin(7), bin(8), bin(16)), (0, 7, 8, 16));
        let histogram = Histogram::default();
        assert_eq!(histogram.quantile_s(0.5), None);
        histogram.add(Duration::MAX);
        assert!(histogram.quantile_s(0.5).expect("one") > 1000.0);
    }
}
