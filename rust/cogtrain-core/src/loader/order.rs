//! Order as arithmetic: where a stimulus comes in an epoch is a function, not a list.

use crate::Stream;

/// Rounds of the Feistel network; four make it indistinguishable from random for a distant
/// observer (Luby and Rackoff 1988), eight leave a margin for the small domains used here.
const ROUNDS: usize = 8;

/// A permutation of `0..count`, keyed by seed and epoch; constant memory, constant-time access.
///
/// A Feistel network permutes the smallest power of four that holds `count` values; a value that
/// lands outside is permuted again until it is inside (cycle walking), fewer than four times on
/// average.
#[derive(Clone, Debug)]
pub(super) struct Order {
    keys: [u64; ROUNDS],
    half_bits: u32,
    count: u64,
}

impl Order {
    /// The order of `epoch` under `seed` for `count` stimuli (> 0).
    pub(super) fn new(seed: u64, epoch: u64, count: u64) -> Self {
        Self::of(seed, "order", epoch, count)
    }

    /// The order `index` for `purpose` under `seed` of `count` (> 0) things.
    pub(super) fn of(seed: u64, purpose: &str, index: u64, count: u64) -> Self {
        let mut stream = Stream::new(seed, purpose, index);
        let bits = u64::BITS - (count - 1).leading_zeros();
        Self {
            keys: std::array::from_fn(|_| stream.next_u64()),
            half_bits: bits.div_ceil(2).max(1),
            count,
        }
    }

    /// The stimulus at `position` (< `count`).
    pub(super) fn at(&self, position: u64) -> u64 {
        let mut value = self.permute(position);
        while value >= self.count {
            value = self.permute(value);
        }
        value
    }

    fn permute(&self, value: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (value >> self.half_bits, value & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        (left << self.half_bits) | right
    }
}

/// Finaliser of `SplitMix64` (Steele, Lea and Flood 2014): each input bit reaches all output bits.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_a_bijection(seed: u64, epoch: u64, count in 1_u64..3000) {
            let order = Order::new(seed, epoch, count);
            let mut seen: Vec<u64> = (0..count).map(|position| order.at(position)).collect();
            seen.sort_unstable();
            prop_assert!(seen.into_iter().eq(0..count));
        }

        #[test]
        fn stays_inside_large_domains(seed: u64, count in 1_u64..=1 << 62, at in 0.0_f64..1.0) {
            let position = ((at * count as f64) as u64).min(count - 1);
            prop_assert!(Order::new(seed, 0, count).at(position) < count);
        }
    }

    #[test]
    fn depends_on_seed_and_epoch() {
        let list = |seed, epoch| -> Vec<u64> {
            let order = Order::new(seed, epoch, 100);
            (0..100).map(|position| order.at(position)).collect()
        };
        assert_eq!(list(1, 2), list(1, 2));
        assert_ne!(list(1, 2), list(1, 3));
        assert_ne!(list(1, 2), list(2, 2));
    }

    #[test]
    fn every_stimulus_is_equally_often_at_every_position() {
        for count in [2_u64, 3, 10, 17] {
            let epochs = 20_000;
            let mut counts = vec![0_u32; (count * count) as usize];
            for epoch in 0..epochs {
                let order = Order::new(0, epoch, count);
                for position in 0..count {
                    counts[(position * count + order.at(position)) as usize] += 1;
                }
            }
            let p = 1.0 / count as f64;
            let expected = epochs as f64 * p;
            let deviation = (expected * (1.0 - p)).sqrt();
            // Five standard deviations of a binomial count, for at most 289 counts.
            let worst = counts
                .iter()
                .map(|&c| (f64::from(c) - expected).abs())
                .fold(0.0, f64::max);
            assert!(
                worst < 5.0 * deviation,
                "{count}: off by {worst}, expected {expected}"
            );
        }
    }

    #[test]
    fn neighbours_are_not_kept_together() {
        let order = Order::new(3, 0, 1000);
        let steps = (0..999).map(|i| (order.at(i) as i64 - order.at(i + 1) as i64).unsigned_abs());
        // Two uniform draws from 0..1000 lie 333 apart on average, with a standard error of 7.5.
        let mean = steps.sum::<u64>() as f64 / 999.0;
        assert!((mean - 333.0).abs() < 40.0, "{mean}");
    }
}
