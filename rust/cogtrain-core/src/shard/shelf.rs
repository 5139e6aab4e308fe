//! Where shards lie: a folder, or somewhere else with a local copy of what is asked for.

use std::fmt;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::{Error, Result};

/// Gives local files for the names of shards.
pub trait Shelf: fmt::Debug + Send + Sync {
    /// A local file with the bytes of `name`, opened, and its path; fetches them if need be.
    fn open(&self, name: &str) -> Result<(PathBuf, File)>;

    /// Length in bytes, and a text that changes whenever the bytes could have changed.
    fn stamp(&self, name: &str) -> Result<(u64, String)>;

    /// What errors call `name`.
    fn place(&self, name: &str) -> PathBuf {
        PathBuf::from(name)
    }
}

/// Files that are there already; names are relative to the folder, or absolute.
#[derive(Clone, Debug)]
pub struct Folder(pub PathBuf);

impl Shelf for Folder {
    fn open(&self, name: &str) -> Result<(PathBuf, File)> {
        let path = self.place(name);
        let file = File::open(&path).map_err(|source| Error::io(&path, source))?;
        Ok((path, file))
    }

    fn place(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn stamp(&self, name: &str) -> Result<(u64, String)> {
        let path = self.place(name);
        let about = std::fs::metadata(&path).map_err(|source| Error::io(&path, source))?;
        Ok((about.len(), changed(&about)))
    }
}

/// When the file changed last, to the nanosecond.
fn changed(about: &Metadata) -> String {
    format!("{}.{:09}", about.mtime(), about.mtime_nsec())
}
