//! Which stimulus stands at which position of an epoch.

use std::sync::Arc;

use super::mixture::{EpochEnd, Mixture, Pattern};
use super::order::Order;
use super::sources::Sources;
use crate::{Error, Result};

/// The stimuli of one epoch in order, as a function of the position.
#[derive(Clone, Debug)]
pub(super) enum Sequence {
    /// All sets behind one another, in their own order.
    Plain,
    /// All sets behind one another, permuted together.
    Shuffled(Order),
    /// Sets drawn by share.
    Mixed(Mixed),
}

/// Sets drawn by share in one epoch.
///
/// A set goes on in the next epoch where it was in the last one, so that each of its stimuli is
/// drawn as often as any other, give or take one, however the epochs cut its passes.
#[derive(Clone, Debug)]
pub(super) struct Mixed {
    parts: Arc<Parts>,
    epoch: u64,
}

/// What all epochs of a mixture share.
#[derive(Debug)]
struct Parts {
    pattern: Pattern,
    until: EpochEnd,
    /// Stimuli of each set.
    lengths: Vec<u64>,
    /// Index of the first stimulus of each set.
    starts: Vec<u64>,
    /// Seed of the orders; absent: each pass over a set is in the set's own order.
    seed: Option<u64>,
    /// Positions of an epoch.
    count: u64,
}

impl Mixed {
    /// Epoch 0 of `mixture` over `sources`.
    ///
    /// # Errors
    /// [`Error::Argument`] for an empty set, or as [`Pattern::new`] and [`Pattern::count`].
    pub(super) fn new(mixture: &Mixture, sources: &Sources, seed: Option<u64>) -> Result<Self> {
        let lengths = sources.lengths();
        if let Some(set) = lengths.iter().position(|&length| length == 0) {
            let (expected, hint) = ("without empty sets", "leave the set and its share out");
            return Err(Error::argument(
                "sets",
                expected,
                format!("none in set {set}"),
                hint,
            ));
        }
        let pattern = Pattern::new(&mixture.shares, lengths.len())?;
        let parts = Parts {
            count: pattern.count(&lengths, mixture.until)?,
            pattern,
            until: mixture.until,
            starts: (0..lengths.len())
                .map(|set| sources.start(set) as u64)
                .collect(),
            lengths,
            seed,
        };
        Ok(Self {
            parts: Arc::new(parts),
            epoch: 0,
        })
    }

    /// The same mixture in another epoch.
    pub(super) fn in_epoch(&self, epoch: u64) -> Self {
        Self {
            epoch,
            ..self.clone()
        }
    }

    /// Positions of an epoch.
    pub(super) fn count(&self) -> u64 {
        self.parts.count
    }

    /// What tells this mixture of the same sets from another one.
    pub(super) fn mark(&self) -> Vec<u8> {
        let quotas = self.parts.pattern.quotas().flat_map(u64::to_le_bytes);
        self.parts.until.name().bytes().chain(quotas).collect()
    }
}

impl Sequence {
    /// Reads the sequence; neighbours are cheaper than strangers.
    pub(super) fn reader(&self) -> Reader<'_> {
        let sets = match self {
            Self::Mixed(mixed) => mixed.parts.lengths.len(),
            _ => 0,
        };
        Reader {
            sequence: self,
            orders: (0..sets).map(|_| None).collect(),
        }
    }
}

/// See [`Sequence::reader`].
#[derive(Debug)]
pub(super) struct Reader<'a> {
    sequence: &'a Sequence,
    /// Per set, the order of the pass over it that was last asked for.
    orders: Vec<Option<(u64, Order)>>,
}

impl Reader<'_> {
    /// The stimulus at `position`, as an index into all sets behind one another.
    pub(super) fn at(&mut self, position: u64) -> u64 {
        match self.sequence {
            Sequence::Plain => position,
            Sequence::Shuffled(order) => order.at(position),
            Sequence::Mixed(mixed) => {
                let parts = &*mixed.parts;
                let (set, drawn) = parts.pattern.at(position);
                let earlier = parts.pattern.before(set, parts.count);
                let draw = u128::from(mixed.epoch) * u128::from(earlier) + u128::from(drawn);
                let length = u128::from(parts.lengths[set]);
                let (pass, place) = (draw / length, draw % length);
                parts.starts[set] + self.ordered(parts, set, pass as u64, place as u64)
            }
        }
    }

    fn ordered(&mut self, parts: &Parts, set: usize, pass: u64, place: u64) -> u64 {
        let Some(seed) = parts.seed else { return place };
        let order = match self.orders[set].take() {
            Some((held, order)) if held == pass => order,
            _ => Order::of(
                seed,
                &format!("order of set {set}"),
                pass,
                parts.lengths[set],
            ),
        };
        let index = order.at(place);
        self.orders[set] = Some((pass, order));
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn over_epochs_each_stimulus_of_a_set_is_drawn_as_often(
            lengths in prop::collection::vec(1_u64..30, 1..4), seed: u64, whole: bool,
        ) {
            let shares: Vec<f64> = lengths.iter().map(|length| (length % 5 + 1) as f64).collect();
            let pattern = Pattern::new(&shares, shares.len()).expect("valid shares");
            let until = if whole { EpochEnd::Longest } else { EpochEnd::Shortest };
            let count = pattern.count(&lengths, until).expect("countable");
            let starts: Vec<u64> =
                (0..lengths.len()).map(|set| lengths[..set].iter().sum()).collect();
            let parts = Arc::new(Parts {
                pattern,
                until,
                lengths: lengths.clone(),
                starts: starts.clone(),
                seed: Some(seed),
                count,
            });
            let mut drawn = vec![0_u32; lengths.iter().sum::<u64>() as usize];
            for epoch in 0..4 {
                let sequence = Sequence::Mixed(Mixed { parts: Arc::clone(&parts), epoch });
                let mut reader = sequence.reader();
                for position in 0..count {
                    let index = reader.at(position);
                    prop_assert_eq!(index, sequence.reader().at(position));
                    drawn[index as usize] += 1;
                }
                for (&start, &length) in starts.iter().zip(&lengths) {
                    let own = &drawn[start as usize..(start + length) as usize];
                    let (least, most) = (own.iter().min(), own.iter().max());
                    prop_assert!(most <= least.map(|least| least + 1).as_ref());
                    prop_assert!(!whole || epoch > 0 || *least.expect("not empty") > 0);
                }
            }
        }
    }
}
