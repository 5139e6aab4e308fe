//! Which stimulus goes where: batches of one rank as slices of the one global sequence.

use super::sequence::Sequence;

/// Place of one stimulus in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// Place in the epoch's global sequence; those from `count` on are padding.
    pub(super) position: u64,
    /// Stimulus in the concatenation of all sets.
    pub(super) index: u64,
    /// Whether it is counted; padding is not.
    pub(super) real: bool,
}

/// The rest of one epoch as one rank sees it.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// What stands at each position.
    pub(super) sequence: Sequence,
    /// How many stimuli the epoch has.
    pub(super) count: u64,
    /// Positions before this one have been handed out.
    pub(super) start: u64,
    /// Stimuli per batch of one rank.
    pub(super) batch_size: u64,
    /// This rank.
    pub(super) rank: u64,
    /// Number of ranks.
    pub(super) world_size: u64,
}

impl Plan {
    /// How many batches are left; the same for all ranks.
    pub(super) fn steps(&self) -> u64 {
        self.count
            .saturating_sub(self.start)
            .div_ceil(self.batch_size * self.world_size)
    }

    /// Positions handed out to all ranks once batch `step` has been.
    pub(super) fn consumed_after(&self, step: u64) -> u64 {
        (self.start + (step + 1) * self.batch_size * self.world_size).min(self.count)
    }

    /// The slots of batch `step` (< `steps`).
    ///
    /// Positions past the end repeat the start of the epoch, with `real` unset, so that every
    /// rank has full batches and no real stimulus is counted twice.
    pub(super) fn slots(&self, step: u64) -> Vec<Slot> {
        let first = self.start + (step * self.world_size + self.rank) * self.batch_size;
        let mut sequence = self.sequence.reader();
        let slot = |position: u64| Slot {
            position,
            index: sequence.at(position % self.count),
            real: position < self.count,
        };
        (first..first + self.batch_size).map(slot).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loader::order::Order;
    use proptest::prelude::*;

    fn plan(count: u64, start: u64, batch_size: u64, world_size: u64) -> Plan {
        let sequence = Sequence::Shuffled(Order::new(5, 1, count));
        Plan {
            sequence,
            count,
            start,
            batch_size,
            rank: 0,
            world_size,
        }
    }

    /// All ranks' slots in global order.
    fn together(plan: &Plan) -> Vec<Slot> {
        let ranks = 0..plan.world_size;
        let ranks: Vec<Plan> = ranks
            .map(|rank| Plan {
                rank,
                ..plan.clone()
            })
            .collect();
        (0..plan.steps())
            .flat_map(|step| ranks.iter().flat_map(move |r| r.slots(step)))
            .collect()
    }

    proptest! {
        #[test]
        fn ranks_partition_the_rest_of_the_epoch(
            count in 1_u64..200, done in 0.0_f64..1.0, batch_size in 1_u64..9, world_size in 1_u64..5,
        ) {
            let start = (done * count as f64) as u64;
            let slots = together(&plan(count, start, batch_size, world_size));
            let real: Vec<u64> = slots.iter().filter(|s| s.real).map(|s| s.index).collect();
            let order = Order::new(5, 1, count);
            prop_assert!(real.into_iter().eq((start..count).map(|p| order.at(p))));
            prop_assert!(slots.iter().map(|s| s.position).eq(start..start + slots.len() as u64));
            prop_assert!(slots.iter().all(|s| s.index == order.at(s.position % count)));
        }

        #[test]
        fn another_world_size_continues_the_sequence(
            count in 1_u64..200, step in 0_u64..20, first in 1_u64..5, then in 1_u64..5,
        ) {
            let whole = together(&plan(count, 0, 3, 1));
            let before = plan(count, 0, 3, first);
            prop_assume!(step < before.steps());
            let consumed = before.consumed_after(step);
            let real = |slots: Vec<Slot>| slots.into_iter().filter(|s| s.real);
            let rest = together(&plan(count, consumed, 3, then));
            prop_assert!(real(rest).eq(real(whole).skip(consumed as usize)));
        }
    }

    #[test]
    fn a_batch_larger_than_the_set_repeats_it_without_weight() {
        let plan = Plan {
            sequence: Sequence::Plain,
            ..plan(3, 0, 8, 1)
        };
        let slots = plan.slots(0);
        assert_eq!(
            slots.iter().map(|s| s.index).collect::<Vec<_>>(),
            [0, 1, 2, 0, 1, 2, 0, 1]
        );
        assert_eq!(slots.iter().filter(|s| s.real).count(), 3);
        assert_eq!((plan.steps(), plan.consumed_after(0)), (1, 3));
    }
}
