//! Where the members of one shard lie, and what proves them whole.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::tar::{BLOCK, MAX_MEMBER, TRAILER, padded};

/// Longest id: with its ending it must fit the 100 bytes of a tar name.
const MAX_ID: usize = 90;

/// (offset of the content in bytes, length in bytes, CRC32C of the content).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Member(pub(super) u64, pub(super) u64, pub(super) u32);

/// (id, image, record): one line of the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry(pub(super) String, pub(super) Member, pub(super) Member);

/// One shard: its file, its hash, and its stimuli in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShardIndex {
    /// File name within the set.
    pub(super) name: String,
    /// Length of the file.
    pub(super) bytes: u64,
    /// BLAKE3 of the file, in hex.
    pub(super) blake3: String,
    /// Its stimuli, in the order of the set.
    pub(super) stimuli: Vec<Entry>,
}

impl ShardIndex {
    /// Whether names are names and the members fill the shard without gap or overlap.
    ///
    /// # Errors
    /// What is wrong, and at which byte of the shard.
    pub(super) fn check(&self) -> Result<(), (String, Option<u64>)> {
        check_shard_name(&self.name).map_err(|reason| (reason, None))?;
        let mut end = 0;
        for Entry(id, image, record) in &self.stimuli {
            check_id(id).map_err(|reason| (reason, Some(end)))?;
            end = image.end_after(end)?;
            end = record.end_after(end)?;
        }
        if end + TRAILER == self.bytes {
            return Ok(());
        }
        let reason = format!(
            "{} bytes where its members and its end take {}",
            self.bytes,
            end + TRAILER
        );
        Err((reason, Some(end)))
    }
}

impl Member {
    /// Where the member ends that begins at `start`, its padding included.
    fn end_after(self, start: u64) -> Result<u64, (String, Option<u64>)> {
        let Self(offset, length, _) = self;
        if length > MAX_MEMBER {
            let reason = format!("a member of {length} bytes (at most {MAX_MEMBER})");
            return Err((reason, Some(start)));
        }
        if offset != start + BLOCK {
            let reason = format!("a member said to be at byte {offset}, a gap or an overlap");
            return Err((reason, Some(start + BLOCK)));
        }
        Ok(offset + padded(length))
    }
}

/// Whether `id` names members that every tar reader and file system tells apart.
pub(super) fn check_id(id: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=MAX_ID).contains(&id.len()) && id.bytes().all(plain) {
        return Ok(());
    }
    Err(format!(
        "the id {id:?} (1 to {MAX_ID} letters, digits, - and _)"
    ))
}

/// Whether `name` is a plain file name within the set.
fn check_shard_name(name: &str) -> Result<(), String> {
    let stem = name.strip_suffix(".tar").unwrap_or_default();
    check_id(stem).map_err(|_| format!("a shard called {name:?}"))
}

/// An id that is in `ids` twice.
pub(super) fn twin<'a>(ids: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = BTreeSet::new();
    ids.into_iter().find(|id| !seen.insert(*id))
}
