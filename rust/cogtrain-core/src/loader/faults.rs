//! Stimuli that could not be made, and what is done about them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::{Deserialize, Serialize};

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

/// The bad stimuli that one rank has met, each once.
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
            Some(fault) if self.0.len() > budget => Err(Error::TooManyBad {
                budget,
                got: self.0.len(),
                last: fault.name(),
                reason: fault.reason,
            }),
            _ => Ok(fresh),
        }
    }

    pub(super) fn len(&self) -> usize {
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

impl Fault {
    fn name(&self) -> String {
        let Self { set, index, .. } = self;
        match &self.id {
            Some(id) => format!("`{id}` of set {set}"),
            None => format!("stimulus {index} of set {set}"),
        }
    }
}
