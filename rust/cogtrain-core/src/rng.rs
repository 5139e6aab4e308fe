//! Counter-based randomness: a stream is a pure function of (seed, purpose, index).

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of random numbers that belongs to one (seed, purpose, index).
///
/// `ChaCha` with 8 rounds, keyed by BLAKE3 of seed and purpose, with the index as its stream
/// number: no stream depends on how far another one was read.
///
/// ```
/// use cogtrain_core::Stream;
/// let mut a = Stream::new(7, "tower", 3);
/// let mut b = Stream::new(7, "tower", 3);
/// assert_eq!(a.next_u64(), b.next_u64());
/// ```
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream of `index` for `purpose` under `seed`.
    pub fn new(seed: u64, purpose: &str, index: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes());
        hasher.update(purpose.as_bytes());
        let mut rng = ChaCha8Rng::from_seed(*hasher.finalize().as_bytes());
        rng.set_stream(index);
        Self(rng)
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in [0, 1), 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// Uniform in [`low`, `high`).
    pub fn range(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Uniform integer below `n` (`n` > 0), without modulo bias (Lemire 2019).
    pub fn below(&mut self, n: u64) -> u64 {
        let threshold = n.wrapping_neg() % n;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(n);
            if product as u64 >= threshold {
                return (product >> 64) as u64;
            }
        }
    }

    /// Puts `items` into a random order (Fisher & Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_seed_purpose_and_index() {
        let first = |seed, purpose, index| Stream::new(seed, purpose, index).next_u64();
        let reference = first(1, "a", 0);
        assert_ne!(reference, first(2, "a", 0));
        assert_ne!(reference, first(1, "b", 0));
        assert_ne!(reference, first(1, "a", 1));
    }

    #[test]
    fn below_is_uniform() {
        let mut stream = Stream::new(0, "below", 0);
        let mut counts = [0_u32; 6];
        for _ in 0..60_000 {
            counts[stream.below(6) as usize] += 1;
        }
        // Five standard deviations of a binomial count with n = 60,000, p = 1/6.
        assert!(
            counts.iter().all(|&c| c.abs_diff(10_000) < 460),
            "{counts:?}"
        );
    }
}
