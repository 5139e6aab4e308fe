//! What the headers of one tar say, kept so that it is read once.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::archive::{Part, scan};
use super::shelf::Shelf;
use crate::{Error, Result};

/// Raised whenever older lists must be made anew.
const VERSION: u32 = 1;

/// The members of the tar `name`, from the list in `cache` if that is of the same bytes.
///
/// A list that cannot be kept is made anew next time; that is no error.
///
/// # Errors
/// [`Error::CorruptTar`] that names the file and the byte.
pub(super) fn members(shelf: &dyn Shelf, name: &str, cache: Option<&Path>) -> Result<Vec<Part>> {
    let (length, version) = shelf.stamp(name)?;
    let stamp = json!([VERSION, name, length, version]).to_string();
    let file = cache.map(|cache| list_path(cache, name));
    if let Some(parts) = file.as_deref().and_then(|file| kept(file, &stamp, length)) {
        return Ok(parts);
    }
    let (path, tar) = shelf.open(name)?;
    let parts = scan(&tar, length).map_err(|(reason, at)| Error::corrupt_tar(&path, at, reason))?;
    if let Some(file) = file {
        let _ = keep(&file, &stamp, &parts);
    }
    Ok(parts)
}

fn list_path(cache: &Path, name: &str) -> PathBuf {
    let hash = blake3::hash(name.as_bytes()).to_hex();
    cache.join(format!("{}.json", &hash[..32]))
}

/// The list in `file`, if it is whole and of these bytes.
fn kept(file: &Path, stamp: &str, length: u64) -> Option<Vec<Part>> {
    let text = fs::read_to_string(file).ok()?;
    let mut lines = text.splitn(3, '\n');
    let (seal, own, list) = (lines.next()?, lines.next()?, lines.next()?);
    if own != stamp || seal != blake3::hash(list.as_bytes()).to_hex().as_str() {
        return None;
    }
    let parts: Vec<Part> = serde_json::from_str(list).ok()?;
    let is_inside = |part: &Part| {
        let end = part.1.checked_add(part.2);
        part.1 >= super::tar::BLOCK && end.is_some_and(|end| end <= length)
    };
    parts.iter().all(is_inside).then_some(parts)
}

/// Writes the list aside and puts it in its place.
fn keep(file: &Path, stamp: &str, parts: &[Part]) -> std::io::Result<()> {
    let list = serde_json::to_string(parts)?;
    let seal = blake3::hash(list.as_bytes()).to_hex();
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let aside = file.with_extension(format!("{}.partial", std::process::id()));
    fs::write(&aside, format!("{seal}\n{stamp}\n{list}"))?;
    fs::rename(aside, file)
}
