//! Several sources behind one another as one.

use std::fmt;
use std::sync::Arc;

use super::sequence::Mixed;
use crate::{Error, Result, Source, Stimulus};

/// The concatenation of sources.
pub(super) struct Sources {
    sources: Vec<Arc<dyn Source>>,
    /// Index at which each source ends.
    ends: Vec<usize>,
}

impl Sources {
    pub(super) fn new(sources: Vec<Arc<dyn Source>>) -> Result<Self> {
        let mut total = 0_usize;
        let mut ends = Vec::with_capacity(sources.len());
        for source in &sources {
            total = total.checked_add(source.len()).ok_or_else(|| {
                Error::argument(
                    "sets",
                    "of a countable size",
                    "an overflow",
                    "use fewer stimuli",
                )
            })?;
            ends.push(total);
        }
        // Positions leave as 64-bit signed integers, and padding goes beyond the end.
        if total == 0 || total > usize::MAX >> 2 {
            let expected = "of 1 to 2⁶² stimuli";
            return Err(Error::argument("sets", expected, total, "check the sets"));
        }
        Ok(Self { sources, ends })
    }

    pub(super) fn len(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Stimulus `index` of all (< `len`), with the number of its source; its image in the memory of
    /// `spare`.
    pub(super) fn get_in(&self, index: usize, spare: Vec<u8>) -> Result<(usize, Stimulus)> {
        let (set, start, _) = self.place(index);
        Ok((set, self.sources[set].get_in(index - start, spare)?))
    }

    /// Id of stimulus `index` of all (< `len`).
    pub(super) fn id(&self, index: usize) -> Result<String> {
        let (set, start, _) = self.place(index);
        self.sources[set].id(index - start)
    }

    /// The source that holds stimulus `index` of all: its number, where it starts, its length.
    pub(super) fn place(&self, index: usize) -> (usize, usize, usize) {
        let set = self.ends.partition_point(|&end| end <= index);
        let start = self.start(set);
        (set, start, self.ends[set] - start)
    }

    /// Stimuli of each source.
    pub(super) fn lengths(&self) -> Vec<u64> {
        self.sources
            .iter()
            .map(|source| source.len() as u64)
            .collect()
    }

    /// Index of the first stimulus of source `set`.
    pub(super) fn start(&self, set: usize) -> usize {
        if set == 0 { 0 } else { self.ends[set - 1] }
    }

    /// Changes with the sources, their order, whether they are shuffled, and how they are mixed.
    pub(super) fn fingerprint(&self, shuffle: bool, mixed: Option<&Mixed>) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&[u8::from(shuffle)]);
        if let Some(mixed) = mixed {
            hasher.update(&mixed.mark());
        }
        for source in &self.sources {
            let text = source.fingerprint();
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.finalize().to_hex()[..32].to_owned()
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources")
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}
