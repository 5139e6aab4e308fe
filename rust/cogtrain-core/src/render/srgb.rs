//! Between linear light and 8-bit sRGB (IEC 61966-2-1), exactly rounded.

// A kernel's parts have to be compiled for the body that calls them.
#![allow(clippy::inline_always)]

use std::sync::OnceLock;

/// Entries of the first-guess table: fine enough that the guess is off by one at most.
const GUESSES: usize = 4096;

/// Tables for both directions, built once from the standard's formula.
pub struct Srgb {
    linear: [f32; 256],
    /// `upper[i]` is the linear value halfway (in sRGB) between levels `i` and `i + 1`.
    upper: [f32; 256],
    guess: Box<[u8; GUESSES + 1]>,
}

impl Srgb {
    /// The shared tables.
    pub fn tables() -> &'static Self {
        static TABLES: OnceLock<Srgb> = OnceLock::new();
        TABLES.get_or_init(Self::build)
    }

    fn build() -> Self {
        let linear = std::array::from_fn(|level| to_linear(level as f64) as f32);
        let mut upper = std::array::from_fn(|level| to_linear(level as f64 + 0.5) as f32);
        upper[255] = f32::INFINITY;
        let at = |i: usize| {
            let value = i as f32 / GUESSES as f32;
            upper.partition_point(|&bound| bound <= value) as u8
        };
        let guess = Box::new(std::array::from_fn(at));
        Self {
            linear,
            upper,
            guess,
        }
    }

    /// Linear light of an 8-bit sRGB colour.
    pub fn decode(&self, srgb: [u8; 3]) -> [f32; 3] {
        srgb.map(|level| self.linear[usize::from(level)])
    }

    /// The nearest 8-bit sRGB colour; light outside [0, 1] is clipped.
    #[inline(always)]
    pub fn encode(&self, linear: [f32; 3]) -> [u8; 3] {
        let [red, green, blue] = linear;
        [self.level(red), self.level(green), self.level(blue)]
    }

    /// The nearest 8-bit level of one channel.
    #[inline(always)]
    pub fn level(&self, value: f32) -> u8 {
        let value = value.clamp(0.0, 1.0);
        let guess = self.guess[(value * GUESSES as f32) as usize];
        guess + u8::from(value >= self.upper[usize::from(guess)])
    }
}

fn to_linear(level: f64) -> f64 {
    let s = level / 255.0;
    if s <= 0.04045 {
        s / 12.92
    } else {
        libm::pow((s + 0.055) / 1.055, 2.4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_round_trips() {
        let tables = Srgb::tables();
        for level in 0..=255 {
            assert_eq!(tables.encode(tables.decode([level; 3])), [level; 3]);
        }
    }

    #[test]
    fn a_guess_is_off_by_one_at_most() {
        let guess = &Srgb::tables().guess;
        assert!(guess.windows(2).all(|pair| pair[1] - pair[0] <= 1));
    }

    #[test]
    fn rounds_like_the_formula() {
        let tables = Srgb::tables();
        for i in 0..=20_000 {
            let value = i as f32 / 20_000.0;
            let v = f64::from(value);
            let s = if v <= 0.003_130_8 {
                12.92 * v
            } else {
                1.055 * libm::pow(v, 1.0 / 2.4) - 0.055
            };
            let level = tables.encode([value; 3])[0];
            assert!(
                (s * 255.0 - f64::from(level)).abs() <= 0.501,
                "{value}: {level}"
            );
        }
    }
}
