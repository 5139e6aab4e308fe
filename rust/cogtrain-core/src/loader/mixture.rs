//! Sets drawn by share: which set each position of a stream takes its stimulus from.

use crate::naming::named;
use crate::{Error, Result};

/// Positions after which the pattern of shares without a short period repeats: a share is kept to
/// 1/65,536 of the stream.
const PERIOD: u64 = 1 << 16;

named! {
    /// Where an epoch of a mixture ends.
    pub enum EpochEnd as "epoch" {
        /// When every set has been seen whole; those that end sooner go round again.
        Longest = "longest",
        /// Before any set would have to go round again within the epoch.
        Shortest = "shortest",
    }
}

/// Sets drawn by share.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixture {
    /// Per set, how often it is drawn in relation to the others; > 0.
    pub shares: Vec<f64>,
    /// Where an epoch ends.
    pub until: EpochEnd,
}

/// A pattern of sets that repeats, as even as whole stimuli allow: at every position, each set has
/// been drawn as often as its share says, rounded down or up.
///
/// Within a period each draw has a window (from when it is due until the next one is), and the
/// open window that closes first is served: the pfair schedule of Baruah et al. (1996), which for
/// one server always meets every window.
#[derive(Debug)]
pub(super) struct Pattern {
    /// Per place in a period: the set, and how often that set was drawn before in the period.
    places: Vec<(u32, u32)>,
    /// Per set: its places in a period.
    draws: Vec<Vec<u32>>,
}

impl Pattern {
    /// The pattern of `shares`, one per set of `sets`.
    ///
    /// # Errors
    /// [`Error::Argument`] if there are not as many shares as sets, or a share is not a positive
    /// number or too small beside the others.
    pub(super) fn new(shares: &[f64], sets: usize) -> Result<Self> {
        let quotas = quotas(shares, sets)?;
        let period = quotas.iter().sum::<u64>();
        let mut draws: Vec<Vec<u32>> = quotas.iter().map(|_| Vec::new()).collect();
        let mut places = Vec::with_capacity(period as usize);
        for place in 0..period {
            let open = |set: &usize| draws[*set].len() as u64 * period <= place * quotas[*set];
            let closes = |set: &usize| {
                let drawn = draws[*set].len() as u64 + 1;
                (drawn * period).div_ceil(quotas[*set])
            };
            let set = (0..quotas.len())
                .filter(open)
                .min_by_key(closes)
                .expect("quotas fill the period: a window is open at each place");
            places.push((set as u32, draws[set].len() as u32));
            draws[set].push(place as u32);
        }
        Ok(Self { places, draws })
    }

    /// The set at `position`, and how often it was drawn before.
    pub(super) fn at(&self, position: u64) -> (usize, u64) {
        let period = self.places.len() as u64;
        let (set, before) = self.places[(position % period) as usize];
        let quota = self.draws[set as usize].len() as u64;
        (set as usize, position / period * quota + u64::from(before))
    }

    /// How often `set` is drawn before `position`.
    pub(super) fn before(&self, set: usize, position: u64) -> u64 {
        let period = self.places.len() as u64;
        let draws = &self.draws[set];
        let inside = draws.partition_point(|&place| u64::from(place) < position % period);
        position / period * draws.len() as u64 + inside as u64
    }

    /// Positions of an epoch over sets of `lengths` stimuli (each > 0).
    ///
    /// # Errors
    /// [`Error::Argument`] if there are too many to count.
    pub(super) fn count(&self, lengths: &[u64], until: EpochEnd) -> Result<u64> {
        let places = lengths.iter().enumerate();
        let count = match until {
            EpochEnd::Longest => places
                .map(|(set, &length)| self.place(set, length - 1).map(|place| place + 1))
                .try_fold(0, |longest, place| place.map(|place| longest.max(place))),
            EpochEnd::Shortest => places
                .map(|(set, &length)| self.place(set, length))
                .try_fold(u64::MAX, |shortest, place| {
                    place.map(|place| shortest.min(place))
                }),
        };
        count
            .filter(|&count| count <= u64::MAX >> 2)
            .ok_or_else(|| {
                let expected = "such that an epoch has at most 2⁶² stimuli";
                let got = format!("sets of {lengths:?} stimuli");
                Error::argument("shares", expected, got, "use shares nearer to each other")
            })
    }

    /// Position of draw `draw` (from 0) of `set`; nothing if it cannot be counted.
    fn place(&self, set: usize, draw: u64) -> Option<u64> {
        let draws = &self.draws[set];
        let (round, inside) = (draw / draws.len() as u64, draw % draws.len() as u64);
        let place = u64::from(draws[inside as usize]);
        round
            .checked_mul(self.places.len() as u64)?
            .checked_add(place)
    }

    /// How often each set is drawn per period: what the shares have become.
    pub(super) fn quotas(&self) -> impl Iterator<Item = u64> {
        self.draws.iter().map(|draws| draws.len() as u64)
    }
}

/// Draws of each set per period: whole shares as they are, others to 1/65,536 by largest remainder.
fn quotas(shares: &[f64], sets: usize) -> Result<Vec<u64>> {
    if shares.len() != sets {
        let expected = format!("one number per set ({sets})");
        return Err(Error::argument(
            "shares",
            expected,
            shares.len(),
            "name one share for each set",
        ));
    }
    if let Some(share) = shares
        .iter()
        .find(|share| !share.is_finite() || **share <= 0.0)
    {
        let hint = "leave the set out instead";
        return Err(Error::argument("shares", "positive numbers", share, hint));
    }
    let total: f64 = shares.iter().sum();
    if total <= PERIOD as f64 && shares.iter().all(|share| share.fract() == 0.0) {
        let divisor = shares
            .iter()
            .fold(0, |divisor, &share| common(divisor, share as u64));
        return Ok(shares.iter().map(|&share| share as u64 / divisor).collect());
    }
    let exact: Vec<f64> = shares
        .iter()
        .map(|share| share / total * PERIOD as f64)
        .collect();
    let mut quotas: Vec<u64> = exact.iter().map(|share| share.floor() as u64).collect();
    let mut order: Vec<usize> = (0..sets).collect();
    order.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()));
    let missing = PERIOD.saturating_sub(quotas.iter().sum());
    for &set in order.iter().cycle().take(missing as usize) {
        quotas[set] += 1;
    }
    match quotas.iter().position(|&quota| quota == 0) {
        None => Ok(quotas),
        Some(set) => {
            let expected = format!("at least 1/{PERIOD} of their sum");
            let got = format!("{} of {total}", shares[set]);
            Err(Error::argument(
                "shares",
                expected,
                got,
                "raise it, or leave the set out",
            ))
        }
    }
}

/// Greatest common divisor.
fn common(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sets(shares: &[f64], count: u64) -> Vec<usize> {
        let pattern = Pattern::new(shares, shares.len()).expect("valid shares");
        (0..count).map(|position| pattern.at(position).0).collect()
    }

    proptest! {
        #[test]
        fn each_set_is_drawn_as_often_as_its_share_says(
            shares in prop::collection::vec(0.01_f64..1.0, 1..7), from in 0_u64..1 << 40,
        ) {
            let pattern = Pattern::new(&shares, shares.len()).expect("valid shares");
            let period = pattern.places.len() as f64;
            let mut before: Vec<u64> =
                (0..shares.len()).map(|set| pattern.before(set, from)).collect();
            prop_assert_eq!(before.iter().sum::<u64>(), from);
            for position in from..from + 300 {
                let (set, drawn) = pattern.at(position);
                prop_assert_eq!(drawn, before[set]);
                prop_assert_eq!(pattern.place(set, drawn), Some(position));
                before[set] += 1;
                for (quota, &drawn) in pattern.quotas().zip(&before) {
                    let due = quota as f64 / period * (position + 1) as f64;
                    prop_assert!((drawn as f64 - due).abs() < 1.0 + 1e-4, "{} {}", drawn, due);
                }
            }
            let total: f64 = shares.iter().sum();
            for (quota, share) in pattern.quotas().zip(&shares) {
                prop_assert!((quota as f64 / period - share / total).abs() < 2.0 / period);
            }
        }
    }

    #[test]
    fn whole_shares_are_interleaved_as_evenly_as_they_can_be() {
        assert_eq!(sets(&[1.0, 1.0], 6), [0, 1, 0, 1, 0, 1]);
        assert_eq!(sets(&[6.0, 2.0], 8), [0, 1, 0, 0, 0, 1, 0, 0]);
        assert_eq!(sets(&[1.0], 3), [0, 0, 0]);
        assert_eq!(sets(&[2.0, 1.0, 1.0], 4), sets(&[4.0, 2.0, 2.0], 8)[4..]);
    }

    #[test]
    fn an_epoch_ends_with_the_longest_or_before_the_shortest_repeats() {
        let count = |shares: &[f64], lengths: &[u64], until| {
            let pattern = Pattern::new(shares, shares.len()).expect("valid shares");
            let count = pattern.count(lengths, until).expect("countable");
            let drawn: Vec<u64> = (0..lengths.len())
                .map(|set| pattern.before(set, count))
                .collect();
            (count, drawn)
        };
        assert_eq!(
            count(&[1.0, 1.0], &[5, 3], EpochEnd::Longest),
            (9, vec![5, 4])
        );
        assert_eq!(
            count(&[1.0, 1.0], &[5, 3], EpochEnd::Shortest),
            (7, vec![4, 3])
        );
        assert_eq!(count(&[3.0, 1.0], &[3, 9], EpochEnd::Longest).1[1], 9);
        assert_eq!(count(&[3.0, 1.0], &[3, 9], EpochEnd::Shortest).1[0], 3);
    }

    #[test]
    fn impossible_shares_are_refused() {
        let message = |shares: &[f64]| {
            Pattern::new(shares, 2)
                .expect_err("invalid shares")
                .to_string()
        };
        assert!(message(&[1.0]).contains("`shares` to be one number per set (2), got 1"));
        assert!(message(&[1.0, 0.0]).contains("positive numbers, got 0; leave"));
        assert!(message(&[1.0, f64::NAN]).contains("got NaN"));
        assert!(message(&[1.0, 1e-6]).contains("1/65536 of their sum, got 0.000001 of 1.000001"));
        let pattern = Pattern::new(&[1.0, 1000.0], 2).expect("valid shares");
        let error = pattern
            .count(&[1 << 61, 1], EpochEnd::Longest)
            .expect_err("too many");
        assert!(
            error
                .to_string()
                .contains("at most 2⁶² stimuli, got sets of ["),
            "{error}"
        );
    }
}
