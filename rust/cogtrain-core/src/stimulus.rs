//! The one record that making and serving share, and the only door between them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{Image, Result};

/// The value of one factor of a stimulus.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Factor {
    /// A count or level.
    Integer(i64),
    /// A continuous value; the unit is in the factor's name.
    Real(f64),
    /// A named level.
    Text(String),
}

/// An image with the answers to its questions.
#[derive(Clone, Debug, PartialEq)]
pub struct Stimulus {
    /// First 16 bytes, in hex, of a BLAKE3 hash of what was shown; or the id that a table gives.
    pub id: String,
    /// What the observer sees.
    pub image: Image,
    /// Question name → true answer, e.g. `will_fall` → `yes`.
    pub answers: BTreeMap<String, String>,
    /// Factor name → value, as the design declared them.
    pub factors: BTreeMap<String, Factor>,
    /// Signed margin in metres (positive: stands), where physics decided the answer.
    pub margin: Option<f64>,
}

/// Anything that can give stimulus `i`: the only door between making and serving.
pub trait Source: Send + Sync {
    /// How many stimuli there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Stimulus `index` (< `len`); the same index gives the same bytes, always.
    fn get(&self, index: usize) -> Result<Stimulus>;

    /// Id of stimulus `index` (< `len`); worth overriding where it costs less than the image.
    fn id(&self, index: usize) -> Result<String> {
        self.get(index).map(|stimulus| stimulus.id)
    }

    /// Changes whenever any stimulus could have changed; part of a loader's saved state.
    fn fingerprint(&self) -> String;
}
