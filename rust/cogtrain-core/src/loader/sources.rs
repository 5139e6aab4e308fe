//! Several sources behind one another as one.

use std::fmt;
use std::sync::Arc;

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

    /// Stimulus `index` of all (< `len`), with the number of its source.
    pub(super) fn get(&self, index: usize) -> Result<(usize, Stimulus)> {
        let set = self.ends.partition_point(|&end| end <= index);
        let start = if set == 0 { 0 } else { self.ends[set - 1] };
        Ok((set, self.sources[set].get(index - start)?))
    }

    /// Changes with the sources, their order, and whether they are shuffled.
    pub(super) fn fingerprint(&self, shuffle: bool) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&[u8::from(shuffle)]);
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
