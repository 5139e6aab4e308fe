//! Reads single stimuli of a set on disk, and believes nothing that the disk says.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::index::{Entry, Member, ShardIndex};
use super::manifest::Manifest;
use super::shelf::{Folder, Shelf};
use super::tar::{BLOCK, header};
use crate::codec;
use crate::{Error, Factor, Record, Result, Source, Stimulus};

/// A set on disk as a source; files are opened when a stimulus is asked for.
#[derive(Debug)]
pub struct Shards {
    shelf: Arc<dyn Shelf>,
    manifest: Manifest,
    /// Index of the first stimulus behind each shard.
    ends: Vec<usize>,
}

/// A value, or what is wrong with the one on disk.
type Checked<T> = std::result::Result<T, String>;

/// Answers and factors of a record.
type Labels = (BTreeMap<String, String>, BTreeMap<String, Factor>);

impl Shards {
    /// Opens the set in `folder`: reads its manifest and the lengths of its shards.
    ///
    /// # Errors
    /// [`Error::NotFound`] or [`Error::Io`]; [`Error::CorruptSet`] for whatever the manifest
    /// claims that cannot be; [`Error::Argument`] if the set is only a recipe.
    pub fn open(folder: &Path) -> Result<Self> {
        Self::new(folder, Manifest::read(folder)?)
    }

    /// Opens the set whose manifest is in `folder` and whose shards are on `shelf`, where each is
    /// looked for when one of its stimuli is asked for.
    ///
    /// # Errors
    /// As [`Shards::open`].
    pub fn open_on(folder: &Path, shelf: Arc<dyn Shelf>) -> Result<Self> {
        let manifest = Manifest::read(folder)?;
        require_shards(folder, &manifest)?;
        Ok(Self::on(shelf, manifest))
    }

    pub(super) fn new(folder: &Path, manifest: Manifest) -> Result<Self> {
        require_shards(folder, &manifest)?;
        for shard in &manifest.shards {
            check_length(folder, shard)?;
        }
        Ok(Self::on(Arc::new(Folder(folder.to_owned())), manifest))
    }

    fn on(shelf: Arc<dyn Shelf>, manifest: Manifest) -> Self {
        let counts = manifest.shards.iter().map(|shard| shard.stimuli.len());
        let ends = counts.scan(0, |end, count| {
            *end += count;
            Some(*end)
        });
        Self {
            ends: ends.collect(),
            shelf,
            manifest,
        }
    }

    /// What the set says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub(super) fn into_manifest(self) -> Manifest {
        self.manifest
    }

    /// Name of the shard that holds stimulus `index`, and its record, without its image.
    pub fn read_record(&self, index: usize) -> Result<(&str, Record)> {
        let (shard, Entry(id, _, member)) = self.entry(index)?;
        let bytes = Span::read(&*self.shelf, &shard.name, *member, *member)?;
        let content = bytes.content(&format!("{id}.json"), *member)?;
        let record = parse_record(content, id)
            .map_err(|reason| Error::corrupt_set(&bytes.path, Some(member.0), reason))?;
        Ok((&shard.name, record))
    }

    /// Whether every byte of shard `number` is what was written: its hash, and each member.
    ///
    /// # Errors
    /// [`Error::CorruptSet`] that names the file and, where a member is damaged, the byte.
    pub fn verify(&self, number: usize) -> Result<()> {
        let Some(shard) = self.manifest.shards.get(number) else {
            let expected = format!("below {}", self.manifest.shards.len());
            let hint = "ask for a shard of this set";
            return Err(Error::argument("shard", expected, number, hint));
        };
        for entry in &shard.stimuli {
            self.members(shard, entry, Vec::new())?;
        }
        let (path, file) = self.shelf.open(&shard.name)?;
        let got = hash_file(file).map_err(|source| Error::io(&path, source))?;
        if got == shard.blake3 {
            return Ok(());
        }
        let reason = format!("BLAKE3 {got} where its manifest says {}", shard.blake3);
        Err(Error::corrupt_set(&path, None, reason))
    }

    /// How many shards there are.
    pub fn shard_count(&self) -> usize {
        self.manifest.shards.len()
    }

    /// Answers and factors of stimulus `index`, without its image.
    pub(super) fn labels(&self, index: usize) -> Result<Labels> {
        let (shard, record) = self.read_record(index)?;
        let path = self.shelf.place(shard);
        labels(&record).map_err(|reason| Error::corrupt_set(&path, None, reason))
    }

    fn entry(&self, index: usize) -> Result<(&ShardIndex, &Entry)> {
        let number = self.ends.partition_point(|&end| end <= index);
        let shard = self
            .manifest
            .shards
            .get(number)
            .ok_or_else(|| Error::no_such_stimulus(index, self.len()))?;
        let start = self.ends[number] - shard.stimuli.len();
        Ok((shard, &shard.stimuli[index - start]))
    }

    /// Stimulus `entry` of `shard` with its record, checked; its image in the memory of `spare`.
    fn members(
        &self,
        shard: &ShardIndex,
        entry: &Entry,
        spare: Vec<u8>,
    ) -> Result<(Stimulus, Record)> {
        let Entry(id, image, record) = entry;
        let bytes = Span::read(&*self.shelf, &shard.name, *image, *record)?;
        let path = &bytes.path;
        let file = bytes.content(&format!("{id}.png"), *image)?;
        let pixels = codec::decode_in(file, spare)
            .map_err(|reason| Error::corrupt_set(path, Some(image.0), reason))?;
        let text = bytes.content(&format!("{id}.json"), *record)?;
        let read = || {
            let record = parse_record(text, id)?;
            let (answers, factors) = labels(&record)?;
            let margin = match record.get("margin_m") {
                None | Some(Value::Null) => None,
                Some(value) => Some(value.as_f64().ok_or_else(|| odd("margin_m", value))?),
            };
            let stimulus = Stimulus {
                id: id.clone(),
                image: pixels,
                answers,
                factors,
                margin,
            };
            Ok((stimulus, record))
        };
        read().map_err(|reason: String| Error::corrupt_set(path, Some(record.0), reason))
    }
}

impl Source for Shards {
    fn len(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    fn id(&self, index: usize) -> Result<String> {
        self.entry(index).map(|(_, entry)| entry.0.clone())
    }

    fn get(&self, index: usize) -> Result<Stimulus> {
        self.get_in(index, Vec::new())
    }

    fn get_in(&self, index: usize, spare: Vec<u8>) -> Result<Stimulus> {
        let (shard, entry) = self.entry(index)?;
        let (stimulus, _) = self.members(shard, entry, spare)?;
        Ok(stimulus)
    }

    fn record(&self, index: usize) -> Result<(Stimulus, Record)> {
        let (shard, entry) = self.entry(index)?;
        self.members(shard, entry, Vec::new())
    }

    /// That of the source from which the set was written: a loader may change from one to the
    /// other and go on.
    fn fingerprint(&self) -> String {
        self.manifest.fingerprint.clone()
    }
}

/// Bytes of a shard from the header of one member to the end of another.
struct Span {
    path: PathBuf,
    start: u64,
    bytes: Vec<u8>,
}

impl Span {
    fn read(shelf: &dyn Shelf, name: &str, first: Member, last: Member) -> Result<Self> {
        let start = first.0 - BLOCK;
        // Members tile a shard whose length was checked: this is no longer than the file was.
        let mut bytes = vec![0; (last.0 + last.1 - start) as usize];
        let (path, file) = shelf.open(name)?;
        match file.read_exact_at(&mut bytes, start) {
            Ok(()) => Ok(Self { path, start, bytes }),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                let reason = "a file that ends within a stimulus".to_owned();
                Err(Error::corrupt_set(&path, Some(start), reason))
            }
            Err(source) => Err(Error::io(&path, source)),
        }
    }

    /// Content of `member`, if its header and checksum are right.
    fn content(&self, name: &str, member: Member) -> Result<&[u8]> {
        let Member(offset, length, crc) = member;
        let from = (offset - self.start) as usize;
        let (head, content) = (
            &self.bytes[from - BLOCK as usize..from],
            &self.bytes[from..from + length as usize],
        );
        if head != header(name, length) {
            let reason = format!("a damaged header of `{name}`");
            return Err(Error::corrupt_set(&self.path, Some(offset - BLOCK), reason));
        }
        let got = crc32c::crc32c(content);
        if got != crc {
            let reason = format!("`{name}` with CRC32C {got:08x} (not {crc:08x})");
            return Err(Error::corrupt_set(&self.path, Some(offset), reason));
        }
        Ok(content)
    }
}

fn require_shards(folder: &Path, manifest: &Manifest) -> Result<()> {
    if !manifest.is_recipe() {
        return Ok(());
    }
    let got = format!("only a recipe in `{}`", folder.display());
    let hint = "make the set from its recipe";
    Err(Error::argument("set", "on disk", got, hint))
}

fn check_length(folder: &Path, shard: &ShardIndex) -> Result<()> {
    let path = folder.join(&shard.name);
    let length = std::fs::metadata(&path)
        .map_err(|source| Error::io(&path, source))?
        .len();
    if length == shard.bytes {
        return Ok(());
    }
    let reason = format!("{length} bytes (its manifest says {})", shard.bytes);
    Err(Error::corrupt_set(&path, None, reason))
}

fn parse_record(text: &[u8], id: &str) -> Checked<Record> {
    let record: Record = serde_json::from_slice(text).map_err(|error| format!("`{error}`"))?;
    match record.get("id") {
        Some(Value::String(own)) if own == id => Ok(record),
        other => Err(odd("id", other.unwrap_or(&Value::Null))),
    }
}

fn labels(record: &Record) -> Checked<Labels> {
    let object = |key: &str| match record.get(key) {
        Some(Value::Object(object)) => Ok(object),
        other => Err(odd(key, other.unwrap_or(&Value::Null))),
    };
    let answer = |(question, answer): (&String, &Value)| match answer {
        Value::String(answer) => Ok((question.clone(), answer.clone())),
        other => Err(odd("answers", other)),
    };
    let factor = |(name, value): (&String, &Value)| {
        let factor = match value {
            Value::Bool(flag) => Factor::Flag(*flag),
            Value::String(text) => Factor::Text(text.clone()),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Factor::Integer(integer),
                (None, Some(real)) => Factor::Real(real),
                (None, None) => return Err(odd("factors", value)),
            },
            other => return Err(odd("factors", other)),
        };
        Ok((name.clone(), factor))
    };
    let answers = object("answers")?
        .iter()
        .map(answer)
        .collect::<Checked<_>>()?;
    let factors = object("factors")?
        .iter()
        .map(factor)
        .collect::<Checked<_>>()?;
    Ok((answers, factors))
}

fn odd(key: &str, value: &Value) -> String {
    format!("a record with {value} in `{key}`")
}

/// BLAKE3 of a file, in hex.
pub(super) fn hash_file(file: File) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok(hasher.finalize().to_hex().to_string())
}
