//! Stimuli that could not be made, and what is done about them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Loader;
use crate::naming::named;
use crate::{Error, Result};

named! {
    /// What a loader does about a stimulus that cannot be made.
    pub enum BadPolicy as "on_bad" {
        /// The error is raised when the batch is due.
        Raise = "raise",
        /// Another stimulus of the same set stands in for it, and counts.
        Substitute = "substitute",
        /// Its place is filled up with another stimulus of the same set, and does not count.
        Quarantine = "quarantine",
    }
}

/// A stimulus that could not be made.
///
/// The same stimulus gives the same fault on every rank, but for where it was met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Number of its source.
    pub set: u64,
    /// Its index in that source.
    pub index: u64,
    /// Its id, where the source knows it without making the stimulus.
    pub id: Option<String>,
    /// Why it could not be made.
    pub reason: String,
    /// Epoch in which it was met first.
    pub epoch: u64,
    /// Position in that epoch at which it was met first.
    pub position: u64,
    /// Id of the stimulus in its place.
    pub substitute: Option<String>,
}

/// The bad stimuli that one rank knows of, each once: met by itself, or told by another.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults(BTreeMap<(u64, u64), Fault>);

impl Faults {
    /// Adds what is new in `met`, in its order, and returns it.
    ///
    /// # Errors
    /// [`Error::TooManyBad`] if there are more than `budget` now, and one of them was met.
    pub(super) fn add(&mut self, met: Vec<Fault>, budget: usize) -> Result<Vec<Fault>> {
        let last = met.last().cloned();
        let mut fresh = Vec::new();
        for fault in met {
            if let Entry::Vacant(place) = self.0.entry((fault.set, fault.index)) {
                place.insert(fault.clone());
                fresh.push(fault);
            }
        }
        match last {
            Some(last) if self.0.len() > budget => Err(last.beyond(budget, self.0.len())),
            _ => Ok(fresh),
        }
    }

    /// Adds what other ranks have met; what both know stays where it was met first.
    ///
    /// # Errors
    /// [`Error::TooManyBad`] if there are more than `budget` now.
    fn add_told(&mut self, told: &[Fault], budget: usize) -> Result<()> {
        for fault in told {
            let known = self.0.entry((fault.set, fault.index));
            let known = known.or_insert_with(|| fault.clone());
            if (fault.epoch, fault.position) < (known.epoch, known.position) {
                known.clone_from(fault);
            }
        }
        match self
            .0
            .values()
            .max_by_key(|fault| (fault.epoch, fault.position))
        {
            Some(last) if self.0.len() > budget => Err(last.beyond(budget, self.0.len())),
            _ => Ok(()),
        }
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them, by set and index.
    pub(super) fn list(&self) -> Vec<Fault> {
        self.0.values().cloned().collect()
    }

    pub(super) fn restore(&mut self, faults: &[Fault]) {
        let keyed = faults
            .iter()
            .map(|fault| ((fault.set, fault.index), fault.clone()));
        self.0 = keyed.collect();
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let substitute = self.substitute.as_deref().unwrap_or("nothing");
        let (name, reason) = (self.name(), &self.reason);
        write!(
            f,
            "{name} could not be made, `{substitute}` is in its place: {reason}"
        )
    }
}

impl Loader {
    /// The bad stimuli that this rank knows of, each once, by set and index.
    pub fn faults(&self) -> Vec<Fault> {
        self.faults.list()
    }

    /// How many of [`Loader::faults`] there are.
    pub fn fault_count(&self) -> usize {
        self.faults.len()
    }

    /// Those that this rank has met since this was last asked.
    pub fn fresh_faults(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.fresh)
    }

    /// Takes in what other ranks have met. If every rank takes in the faults of all, they have the
    /// same report and the same state, and keep to one budget.
    ///
    /// # Errors
    /// [`Error::TooManyBad`] if there are more than the budget now.
    pub fn add_faults(&mut self, faults: &[Fault]) -> Result<()> {
        self.faults.add_told(faults, self.options.bad_budget)
    }
}

impl Fault {
    /// That there are `got` of them, this one the last.
    fn beyond(&self, budget: usize, got: usize) -> Error {
        Error::TooManyBad {
            budget,
            got,
            last: self.name(),
            reason: self.reason.clone(),
        }
    }

    fn name(&self) -> String {
        let Self { set, index, .. } = self;
        match &self.id {
            Some(id) => format!("`{id}` of set {set}"),
            None => format!("stimulus {index} of set {set}"),
        }
    }
}
