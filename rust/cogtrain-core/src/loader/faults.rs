//! Stimuli that could not be made, and what is done about them.

use std::collections::BTreeMap;

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
    /// Adds what is new in `met`, in its order; returns how many that were.
    ///
    /// # Errors
    /// [`Error::TooManyBad`] if there are more than `budget` now.
    pub(super) fn add(&mut self, met: Vec<Fault>, budget: usize) -> Result<usize> {
        let before = self.0.len();
        for fault in met {
            let words = fault.name();
            let reason = fault.reason.clone();
            self.0.entry((fault.set, fault.index)).or_insert(fault);
            if self.0.len() > budget {
                return Err(Error::TooManyBad {
                    budget,
                    last: words,
                    reason,
                });
            }
        }
        Ok(self.0.len() - before)
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

impl Fault {
    fn name(&self) -> String {
        let Self { set, index, .. } = self;
        match &self.id {
            Some(id) => format!("`{id}` of set {set}"),
            None => format!("stimulus {index} of set {set}"),
        }
    }
}
