//! One shard on its way to the disk: written aside, hashed as it grows, then renamed.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::index::{Entry, Member, ShardIndex, check_id};
use super::tar::{BLOCK, MAX_MEMBER, TRAILER, header, padded};
use crate::{Error, Factor, Result, Source, Stimulus, encode_png};

/// What a stimulus is on disk.
#[derive(Debug)]
pub(super) struct Encoded {
    id: String,
    image: Vec<u8>,
    record: Vec<u8>,
}

/// Stimulus `index` of `source` as its two members.
///
/// # Errors
/// What the source says; [`Error::Argument`] for an id that is no file name, a number that JSON
/// cannot hold, or an image beyond what a set can hold.
pub(super) fn encode(source: &dyn Source, index: usize) -> Result<Encoded> {
    let (stimulus, mut record) = source.record(index)?;
    check_id(&stimulus.id).map_err(|reason| {
        let hint = "rename it where the set comes from";
        Error::argument("id", "usable as a file name", reason, hint)
    })?;
    check_numbers(&stimulus)?;
    record.extend(stimulus.record());
    let record = serde_json::to_vec(&record).expect("keys are text");
    let image = encode_png(&stimulus.image)?;
    if image.len() as u64 > MAX_MEMBER || record.len() as u64 > MAX_MEMBER {
        let got = format!("{} and {} bytes", image.len(), record.len());
        let expected = format!("image and record of at most {MAX_MEMBER} bytes each");
        let hint = "make it smaller";
        return Err(Error::argument("stimulus", expected, got, hint));
    }
    let id = stimulus.id;
    Ok(Encoded { id, image, record })
}

fn check_numbers(stimulus: &Stimulus) -> Result<()> {
    let margin = ("margin", stimulus.margin.unwrap_or_default());
    let factors = stimulus.factors.iter().map(|(name, factor)| match factor {
        Factor::Real(value) => (&**name, *value),
        _ => (&**name, 0.0),
    });
    match factors
        .chain([margin])
        .find(|(_, value)| !value.is_finite())
    {
        Some((name, value)) => {
            let hint = format!("correct stimulus `{}`", stimulus.id);
            Err(Error::argument(name, "a finite number", value, hint))
        }
        None => Ok(()),
    }
}

/// A shard that is being written.
#[derive(Debug)]
pub(super) struct ShardWriter {
    aside: PathBuf,
    file: BufWriter<File>,
    hasher: blake3::Hasher,
    index: ShardIndex,
}

impl ShardWriter {
    /// Begins the shard `name` in `folder`.
    pub(super) fn create(folder: &Path, name: String) -> Result<Self> {
        let aside = folder.join(format!("{name}.tmp"));
        let file = File::create(&aside).map_err(|source| Error::write(&aside, source))?;
        Ok(Self {
            aside,
            file: BufWriter::with_capacity(1 << 18, file),
            hasher: blake3::Hasher::new(),
            index: ShardIndex {
                name,
                bytes: 0,
                blake3: String::new(),
                stimuli: Vec::new(),
            },
        })
    }

    /// Adds the two members of one stimulus.
    pub(super) fn append(&mut self, stimulus: Encoded) -> Result<()> {
        let Encoded { id, image, record } = stimulus;
        let aside = self.aside.clone();
        let failed = |source| Error::write(&aside, source);
        let image = self.member(&format!("{id}.png"), &image).map_err(failed)?;
        let record = self.member(&format!("{id}.json"), &record);
        let entry = Entry(id, image, record.map_err(failed)?);
        self.index.stimuli.push(entry);
        Ok(())
    }

    /// Ends the archive, brings it to the disk, and gives it its name.
    pub(super) fn finish(mut self) -> Result<ShardIndex> {
        let path = self.aside.with_file_name(&self.index.name);
        let mut end = || -> io::Result<()> {
            self.put(&[0; TRAILER as usize])?;
            self.file.flush()?;
            self.file.get_ref().sync_all()?;
            fs::rename(&self.aside, &path)
        };
        end().map_err(|source| Error::write(&path, source))?;
        self.index.blake3 = self.hasher.finalize().to_hex().to_string();
        Ok(self.index)
    }

    fn member(&mut self, name: &str, content: &[u8]) -> io::Result<Member> {
        let length = content.len() as u64;
        let offset = self.index.bytes + BLOCK;
        self.put(&header(name, length))?;
        self.put(content)?;
        let rest = (padded(length) - length) as usize;
        self.put(&[0; BLOCK as usize][..rest])?;
        Ok(Member(offset, length, crc32c::crc32c(content)))
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.index.bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }
}

/// Writes `text` to `path` so that it is there whole or not at all.
pub(super) fn write_whole(path: &Path, text: &str) -> Result<()> {
    let write = || -> io::Result<()> {
        let aside = path.with_extension("tmp");
        let mut file = File::create(&aside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&aside, path)
    };
    write().map_err(|source| Error::write(path, source))
}

/// Brings all files under `folder` to the disk; shards were when they were finished.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sync(&path)?;
        } else if path.extension().is_none_or(|ending| ending != "tar") {
            File::open(&path)?.sync_all()?;
        }
    }
    sync_folder(folder)
}

/// Brings the entries of a folder to the disk.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
