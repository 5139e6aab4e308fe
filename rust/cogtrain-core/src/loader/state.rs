//! What a loader has handed out, in a few integers.

use serde::{Deserialize, Serialize};

use super::faults::Fault;
use crate::{Error, Result};

/// Version of the saved form.
const VERSION: u64 = 1;

/// Saved position of a loader: the same on every rank but for `bad`, valid for
/// any number of ranks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoaderState {
    /// Version of this record.
    pub version: u64,
    /// What the stimuli are and whether they are shuffled.
    pub fingerprint: String,
    /// Seed of the order.
    pub seed: u64,
    /// Epoch, from 0.
    pub epoch: u64,
    /// Stimuli of this epoch handed out over all ranks.
    pub consumed: u64,
    /// Bad stimuli known so far to the rank that saved the state.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bad: Vec<Fault>,
}

impl LoaderState {
    /// The position `consumed` in `epoch`.
    pub(super) fn new(fingerprint: &str, seed: u64, epoch: u64, consumed: u64) -> Self {
        Self {
            version: VERSION,
            fingerprint: fingerprint.to_owned(),
            seed,
            epoch,
            consumed,
            bad: Vec::new(),
        }
    }

    /// Refuses a state of other data, another seed, or a position that does not exist.
    pub(super) fn check(&self, fingerprint: &str, seed: u64, count: u64) -> Result<()> {
        let refuse = |field: &str, expected: String, got: String| {
            Err(Error::State {
                field: field.to_owned(),
                expected,
                got,
            })
        };
        if self.version != VERSION {
            refuse("version", VERSION.to_string(), self.version.to_string())
        } else if self.fingerprint != fingerprint {
            refuse(
                "fingerprint",
                fingerprint.to_owned(),
                self.fingerprint.clone(),
            )
        } else if self.seed != seed {
            refuse("seed", seed.to_string(), self.seed.to_string())
        } else if self.consumed > count {
            refuse(
                "consumed",
                format!("at most {count}"),
                self.consumed.to_string(),
            )
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_field_that_differs() {
        let message = |state: LoaderState| {
            state
                .check("abc", 7, 10)
                .expect_err("another loader's state")
                .to_string()
        };
        let state = LoaderState::new("abc", 7, 0, 10);
        state.check("abc", 7, 10).expect("its own state");
        assert!(
            message(LoaderState {
                version: 2,
                ..state.clone()
            })
            .contains("version 1, got 2")
        );
        let other = LoaderState {
            fingerprint: "abd".to_owned(),
            ..state.clone()
        };
        assert!(message(other).contains("fingerprint abc, got abd"));
        assert!(
            message(LoaderState {
                seed: 8,
                ..state.clone()
            })
            .contains("seed 7, got 8")
        );
        assert!(
            message(LoaderState {
                consumed: 11,
                ..state
            })
            .contains("at most 10, got 11")
        );
    }
}
