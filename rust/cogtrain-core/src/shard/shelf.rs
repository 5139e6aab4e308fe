//! Where shards lie: a folder, or somewhere else with a local copy of what is asked for.

use std::fmt;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::{Error, Result};

/// Gives local files for the names of shards.
pub trait Shelf: fmt::Debug + Send + Sync {
    /// A local file with the bytes of `name`; fetches them if need be.
    fn locate(&self, name: &str) -> Result<PathBuf>;

    /// Length in bytes, and a text that changes whenever the bytes could have changed.
    fn stamp(&self, name: &str) -> Result<(u64, String)>;
}

/// Files that are there already; names are relative to the folder, or absolute.
#[derive(Clone, Debug)]
pub struct Folder(pub PathBuf);

impl Shelf for Folder {
    fn locate(&self, name: &str) -> Result<PathBuf> {
        Ok(self.0.join(name))
    }

    fn stamp(&self, name: &str) -> Result<(u64, String)> {
        let path = self.0.join(name);
        let about = std::fs::metadata(&path).map_err(|source| Error::io(&path, source))?;
        Ok((about.len(), changed(&about)))
    }
}

/// When the file changed last, to the nanosecond.
fn changed(about: &Metadata) -> String {
    format!("{}.{:09}", about.mtime(), about.mtime_nsec())
}

/// Opens the local file of `name`.
///
/// A cache may drop a file between finding and opening it: then it is fetched once more.
pub(super) fn open(shelf: &dyn Shelf, name: &str) -> Result<(PathBuf, File)> {
    let path = shelf.locate(name)?;
    if let Ok(file) = File::open(&path) {
        return Ok((path, file));
    }
    let path = shelf.locate(name)?;
    let file = File::open(&path).map_err(|source| Error::io(&path, source))?;
    Ok((path, file))
}
