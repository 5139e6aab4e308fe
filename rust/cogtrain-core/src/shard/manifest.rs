//! `manifest.json`: what a set is and where its members lie, sealed with a hash of itself.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use super::MANIFEST;
use super::index::{ShardIndex, twin};
use crate::{Error, Record, Result};

/// Raised whenever an older reader could misread a set.
pub const FORMAT_VERSION: u32 = 1;

const FORMAT: &str = "cogtrain stimulus set";

/// Longest manifest that is read: some seven million stimuli.
const MAX_BYTES: u64 = 1 << 30;

/// What a set is: everything in `manifest.json`.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// What was asked for: versions, recipe, fingerprint, count.
    pub about: Record,
    /// How many stimuli there are.
    pub count: u64,
    /// Fingerprint of the source.
    pub fingerprint: String,
    /// How often each answer, level and cell occurs; see [`Tally`](super::Tally).
    pub counts: Value,
    pub(super) shards: Vec<ShardIndex>,
}

/// The keys of the file; anything else is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    #[serde(rename = "blake3")]
    _seal: String,
    cogtrain_version: String,
    count: u64,
    counts: Value,
    fingerprint: String,
    #[serde(rename = "format")]
    _format: String,
    format_version: u32,
    generator_version: u32,
    name: String,
    recipe: Value,
    shards: Vec<ShardIndex>,
}

/// The two keys that say whether the rest can be understood.
#[derive(Deserialize)]
struct Kind {
    #[serde(default)]
    format: Value,
    #[serde(default)]
    format_version: Value,
}

impl Manifest {
    /// Reads `folder/manifest.json` and believes none of it: seal, counts, names, offsets.
    ///
    /// # Errors
    /// [`Error::NotFound`] or [`Error::Io`]; [`Error::CorruptSet`] that says what is wrong where.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(MANIFEST);
        let text = read_text(&path)?;
        Self::parse(&text, &path)
    }

    /// The manifest that is the `text` of the file at `path`.
    pub(super) fn parse(text: &str, path: &Path) -> Result<Self> {
        let corrupt = |reason: String| Error::corrupt_set(path, None, reason);
        check_kind(text).map_err(corrupt)?;
        check_seal(text).map_err(corrupt)?;
        let fields: Fields =
            serde_json::from_str(text).map_err(|error| corrupt(format!("`{error}`")))?;
        fields.check().map_err(corrupt)?;
        for shard in &fields.shards {
            shard.check().map_err(|(reason, offset)| {
                let path = path.with_file_name(&shard.name);
                Error::corrupt_set(&path, offset, format!("{reason}, by its manifest"))
            })?;
        }
        Ok(fields.into())
    }

    /// Whether the set is only a recipe: no image files.
    pub fn is_recipe(&self) -> bool {
        self.shards.is_empty()
    }

    /// The manifest without the members: `shards` holds name, bytes and count of each.
    pub fn summary(&self) -> Record {
        let mut summary = self.about.clone();
        let shard = |shard: &ShardIndex| {
            json!({
                "name": shard.name, "bytes": shard.bytes, "blake3": shard.blake3,
                "count": shard.stimuli.len(),
            })
        };
        summary.insert("counts".to_owned(), self.counts.clone());
        let shards = self.shards.iter().map(shard).collect();
        summary.insert("shards".to_owned(), Value::Array(shards));
        summary
    }

    /// The text of the file: one line per key and per stimulus, keys sorted.
    pub(super) fn text(&self) -> String {
        let mut keys = self.about.clone();
        keys.insert("counts".to_owned(), self.counts.clone());
        keys.insert("format".to_owned(), json!(FORMAT));
        let keys: Vec<String> = keys
            .iter()
            .map(|(key, value)| format!("{}:{value},\n", json!(key)))
            .collect();
        let shards: Vec<String> = self.shards.iter().map(shard_text).collect();
        let body = format!("{}\"shards\":[{}]}}\n", keys.concat(), shards.join(","));
        format!("{}{body}", seal(&body))
    }
}

impl From<Fields> for Manifest {
    fn from(fields: Fields) -> Self {
        let about = json!({
            "cogtrain_version": fields.cogtrain_version,
            "count": fields.count,
            "fingerprint": fields.fingerprint,
            "format_version": fields.format_version,
            "generator_version": fields.generator_version,
            "name": fields.name,
            "recipe": fields.recipe,
        });
        Self {
            about: about.as_object().cloned().unwrap_or_default(),
            count: fields.count,
            fingerprint: fields.fingerprint,
            counts: fields.counts,
            shards: fields.shards,
        }
    }
}

impl Fields {
    /// Counts and names across shards.
    fn check(&self) -> std::result::Result<(), String> {
        let held: usize = self.shards.iter().map(|shard| shard.stimuli.len()).sum();
        if self.count == 0 || (!self.shards.is_empty() && held as u64 != self.count) {
            return Err(format!("a count of {} for {held} stimuli", self.count));
        }
        if let Some(name) = twin(self.shards.iter().map(|shard| &*shard.name)) {
            return Err(format!("the shard {name:?} twice"));
        }
        let entries = self.shards.iter().flat_map(|shard| &shard.stimuli);
        match twin(entries.map(|entry| &*entry.0)) {
            Some(id) => Err(format!("the id {id:?} twice")),
            None => Ok(()),
        }
    }
}

fn shard_text(shard: &ShardIndex) -> String {
    let line = |entry| serde_json::to_string(entry).expect("names and numbers always serialise");
    let stimuli: Vec<String> = shard.stimuli.iter().map(line).collect();
    format!(
        "\n{{\"blake3\":\"{}\",\"bytes\":{},\"name\":{},\"stimuli\":[\n{}\n]}}",
        shard.blake3,
        shard.bytes,
        json!(shard.name),
        stimuli.join(",\n")
    )
}

fn read_text(path: &PathBuf) -> Result<String> {
    let io = |source| Error::io(path, source);
    let file = File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    if bytes.len() as u64 > MAX_BYTES {
        let reason = format!("more than {MAX_BYTES} bytes");
        return Err(Error::corrupt_set(path, None, reason));
    }
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to() as u64;
        Error::corrupt_set(path, Some(offset), "bytes that are not UTF-8".to_owned())
    })
}

fn check_kind(text: &str) -> std::result::Result<(), String> {
    let kind: Kind = serde_json::from_str(text).map_err(|error| format!("`{error}`"))?;
    if kind.format != FORMAT {
        return Err(format!("the format {} (not {FORMAT:?})", kind.format));
    }
    if kind.format_version != FORMAT_VERSION {
        return Err(format!(
            "format version {} (this version reads {FORMAT_VERSION})",
            kind.format_version
        ));
    }
    Ok(())
}

/// The first line, which vouches for `body`.
fn seal(body: &str) -> String {
    let hash = blake3::hash(body.as_bytes()).to_hex();
    format!("{{\"blake3\":\"{hash}\",\n")
}

fn check_seal(text: &str) -> std::result::Result<(), String> {
    match text.split_once('\n') {
        Some((first, body)) if seal(body) == format!("{first}\n") => Ok(()),
        _ => Err("text that its own hash does not fit: it was changed".to_owned()),
    }
}
