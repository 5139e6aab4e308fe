//! The one record that making and serving share, and the only door between them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{Image, Result};

/// The value of one factor of a stimulus.
#[derive(Clone, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(untagged)]
pub enum Factor {
    /// Yes or no.
    Flag(bool),
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

/// All that is known of a stimulus besides its pixels: what a set on disk keeps beside the image.
pub type Record = Map<String, Value>;

impl Stimulus {
    /// The record of what this value holds: `id, answers, factors, margin_m`.
    pub fn record(&self) -> Record {
        Map::from_iter([
            ("id".to_owned(), json!(self.id)),
            ("answers".to_owned(), json!(self.answers)),
            ("factors".to_owned(), json!(self.factors)),
            ("margin_m".to_owned(), json!(self.margin)),
        ])
    }
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

    /// As [`Source::get`], with the image in `spare`, memory of any length and content that is no
    /// longer used; worth overriding where an image is made anew.
    fn get_in(&self, index: usize, spare: Vec<u8>) -> Result<Stimulus> {
        drop(spare);
        self.get(index)
    }

    /// Id of stimulus `index` (< `len`); worth overriding where it costs less than the image.
    fn id(&self, index: usize) -> Result<String> {
        self.get(index).map(|stimulus| stimulus.id)
    }

    /// Stimulus `index` with all that is known of it, which may take much longer than the image.
    fn record(&self, index: usize) -> Result<(Stimulus, Record)> {
        let stimulus = self.get(index)?;
        let record = stimulus.record();
        Ok((stimulus, record))
    }

    /// Changes whenever any stimulus could have changed; part of a loader's saved state.
    fn fingerprint(&self) -> String;
}
