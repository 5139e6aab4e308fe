//! Image files that lie somewhere else (a column of a table, a data base), with their answers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::codec;
use crate::stimulus::Factor;
use crate::{Error, Result, Source, Stimulus};

/// Gives the bytes of image files.
pub trait Contents: Send + Sync {
    /// The PNG, JPEG or WebP file number `index`.
    fn content(&self, index: usize) -> Result<Vec<u8>>;

    /// Where that is, for errors, e.g. `a.parquet, row 3`.
    fn place(&self, index: usize) -> String;
}

/// What is known of one image besides its pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled {
    /// What judgments refer to; unique within the set.
    pub id: String,
    /// Question name → true answer.
    pub answers: BTreeMap<String, String>,
    /// Factor name → value. A number called `margin` is the margin too.
    pub factors: BTreeMap<String, Factor>,
}

impl Labelled {
    /// Refuses an id that two rows share.
    pub(crate) fn check_unique<'a>(ids: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let mut known = BTreeSet::new();
        match ids.into_iter().find(|id| !known.insert(*id)) {
            None => Ok(()),
            Some(twin) => {
                let got = format!("`{twin}` twice");
                let hint = "rename or drop one row";
                Err(Error::argument("stimulus_id", "unique", got, hint))
            }
        }
    }

    /// The number under `margin`, if there is one.
    pub(crate) fn margin(factors: &BTreeMap<String, Factor>) -> Option<f64> {
        match factors.get("margin") {
            Some(&Factor::Real(value)) => Some(value),
            Some(&Factor::Integer(value)) => Some(value as f64),
            _ => None,
        }
    }
}

/// Images whose bytes are fetched, and decoded, when they are asked for.
pub struct Encoded {
    rows: Vec<Labelled>,
    contents: Arc<dyn Contents>,
    fingerprint: String,
}

impl Encoded {
    /// `rows` in the order of `contents`; `version` changes whenever any image could have changed.
    ///
    /// # Errors
    /// [`Error::Argument`] for no rows or a repeated id.
    pub fn new(rows: Vec<Labelled>, contents: Arc<dyn Contents>, version: &str) -> Result<Self> {
        if rows.is_empty() {
            let hint = "check the table";
            return Err(Error::argument("rows", "at least one", "none", hint));
        }
        Labelled::check_unique(rows.iter().map(|row| row.id.as_str()))?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("encoded 1 {version:?} {}", rows.len()).as_bytes());
        for row in &rows {
            hasher.update(format!("{row:?}").as_bytes());
        }
        let fingerprint = hasher.finalize().to_hex()[..32].to_owned();
        Ok(Self {
            rows,
            contents,
            fingerprint,
        })
    }

    fn row(&self, index: usize) -> Result<&Labelled> {
        self.rows
            .get(index)
            .ok_or_else(|| Error::no_such_stimulus(index, self.rows.len()))
    }
}

impl Source for Encoded {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn id(&self, index: usize) -> Result<String> {
        self.row(index).map(|row| row.id.clone())
    }

    fn get(&self, index: usize) -> Result<Stimulus> {
        self.get_in(index, Vec::new())
    }

    fn get_in(&self, index: usize, spare: Vec<u8>) -> Result<Stimulus> {
        let row = self.row(index)?;
        let bytes = self.contents.content(index)?;
        let image = codec::decode_in(&bytes, spare).map_err(|reason| Error::CorruptImage {
            path: self.contents.place(index).into(),
            reason,
        })?;
        Ok(Stimulus {
            id: row.id.clone(),
            image,
            answers: row.answers.clone(),
            factors: row.factors.clone(),
            margin: Labelled::margin(&row.factors),
        })
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoded")
            .field("rows", &self.rows.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Image, encode_png};

    struct Two;

    impl Contents for Two {
        fn content(&self, index: usize) -> Result<Vec<u8>> {
            let image = Image::new(1, 1, vec![index as u8; 3])?;
            let whole = encode_png(&image)?;
            Ok(whole[..whole.len() - index].to_vec())
        }

        fn place(&self, index: usize) -> String {
            format!("two, row {index}")
        }
    }

    fn rows(ids: &[&str]) -> Vec<Labelled> {
        let row = |id: &&str| Labelled {
            id: (*id).to_owned(),
            answers: BTreeMap::new(),
            factors: BTreeMap::from([("margin".to_owned(), Factor::Integer(2))]),
        };
        ids.iter().map(row).collect()
    }

    #[test]
    fn gives_what_is_fetched_and_names_what_is_damaged() {
        let set = Encoded::new(rows(&["a", "b"]), Arc::new(Two), "1").expect("valid");
        let first = set.get(0).expect("whole");
        assert_eq!((first.id.as_str(), first.margin), ("a", Some(2.0)));
        let error = set.get(1).expect_err("cut").to_string();
        assert!(
            error.contains("`two, row 1`") && error.contains("end early"),
            "{error}"
        );
        let other = Encoded::new(rows(&["a", "b"]), Arc::new(Two), "2").expect("valid");
        assert_ne!(other.fingerprint(), set.fingerprint());
        let error = Encoded::new(rows(&["a", "a"]), Arc::new(Two), "1").expect_err("twins");
        assert!(error.to_string().contains("`a` twice"));
    }
}
