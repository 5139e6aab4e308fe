//! A set in the making: a hidden folder beside the one that is wanted, which takes its place once
//! it is complete, and from which an interrupted run goes on.
//!
//! ```text
//! .SET.partial/request.json   what was asked for; another request is refused
//!              lock           held by the process that writes
//!              index/<k>.json of every finished shard
//!              set/           becomes SET
//! ```

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::asked_for::check_request;
use super::crew::Crew;
use super::index::{ShardIndex, twin};
use super::manifest::{FORMAT_VERSION, Manifest};
use super::reader::{Shards, hash_file};
use super::tally::Tally;
use super::writer::{ShardWriter, encode, sync, sync_folder, write_whole};
use super::{MANIFEST, SHARD_STIMULI};
use crate::{Error, Record, Result, Source};

/// How far the writing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Stimuli that are written.
    pub done: usize,
    /// Stimuli in all.
    pub total: usize,
}

/// What the manifest says of a set besides what the source knows.
#[derive(Clone, Debug)]
pub struct Request {
    /// What the shards are called; letters, digits, `-` and `_`.
    pub name: String,
    /// Version of the program that writes.
    pub cogtrain_version: String,
    /// Version of the maker of the stimuli.
    pub generator_version: u32,
    /// How to make the set again; null for what was not made from a recipe.
    pub recipe: Value,
}

/// Writes one set: [`open`](Self::open), [`shards`](Self::shards), [`publish`](Self::publish).
///
/// ```
/// use std::{ops::ControlFlow, sync::Arc};
///
/// use cogtrain_core::{
///     GENERATOR_VERSION, Generator, Recipe, Request, SetWriter, Shards, Source, Task,
/// };
///
/// # let out = std::env::temp_dir().join(format!("cogtrain-tour-{}", std::process::id()));
/// let recipe = Recipe { count: 10, size_px: 28, ..Recipe::new(Task::Tower) };
/// let towers = Arc::new(Generator::new(recipe)?);
/// let request = Request {
///     name: "towers".to_owned(),
///     cogtrain_version: env!("CARGO_PKG_VERSION").to_owned(),
///     generator_version: GENERATOR_VERSION,
///     recipe: serde_json::json!({"task": "tower", "count": 10, "size_px": 28}),
/// };
/// let writer = SetWriter::open(&out, &request, towers.clone())?;
/// writer.shards(2, &mut |_| ControlFlow::Continue(()))?;
/// writer.publish()?;
///
/// let stored = Shards::open(&out)?;
/// assert_eq!(stored.get(7)?, towers.get(7)?);
/// # std::fs::remove_dir_all(&out).expect("it was just written");
/// # Ok::<(), cogtrain_core::Error>(())
/// ```
pub struct SetWriter {
    out: PathBuf,
    partial: PathBuf,
    about: Record,
    source: Arc<dyn Source>,
    _lock: Option<File>,
}

impl fmt::Debug for SetWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetWriter")
            .field("out", &self.out)
            .finish_non_exhaustive()
    }
}

impl SetWriter {
    /// Begins the set `out` of the stimuli of `source`, or goes on with a half-made one.
    ///
    /// # Errors
    /// [`Error::Argument`] if `out` has no name of its own, another process writes it, or a
    /// half-made set of another request is in the way, naming the field that differs;
    /// [`Error::Write`].
    pub fn open(out: &Path, request: &Request, source: Arc<dyn Source>) -> Result<Self> {
        let partial = partial(out)?;
        for folder in ["set", "index"] {
            let folder = partial.join(folder);
            fs::create_dir_all(&folder).map_err(|source| Error::write(&folder, source))?;
        }
        let lock = lock(&partial)?;
        Self::at(out, request, source, Some(lock))
    }

    /// Joins the process that has opened the set `out` with [`open`](Self::open), to
    /// [`assist`](Self::assist) it: on any machine that sees the folder.
    ///
    /// # Errors
    /// [`Error::Argument`] if nobody has begun the set, or one of another request.
    pub fn join(out: &Path, request: &Request, source: Arc<dyn Source>) -> Result<Self> {
        let partial = partial(out)?;
        if !partial.join("request.json").is_file() {
            let got = format!("nothing in `{}`", partial.display());
            let hint = "open the set before others assist";
            return Err(Error::argument("out", "a set that was begun", got, hint));
        }
        Self::at(out, request, source, None)
    }

    fn at(
        out: &Path,
        request: &Request,
        source: Arc<dyn Source>,
        lock: Option<File>,
    ) -> Result<Self> {
        let partial = partial(out)?;
        let about = json!({
            "cogtrain_version": request.cogtrain_version,
            "count": source.len(),
            "fingerprint": source.fingerprint(),
            "format_version": FORMAT_VERSION,
            "generator_version": request.generator_version,
            "name": request.name,
            "recipe": request.recipe,
        });
        check_request(&partial, &about)?;
        Ok(Self {
            out: out.to_owned(),
            partial,
            about: about.as_object().cloned().unwrap_or_default(),
            source,
            _lock: lock,
        })
    }

    /// Where the set grows: what else belongs to it may be written there before it is published.
    pub fn folder(&self) -> PathBuf {
        self.partial.join("set")
    }

    /// Writes shards and manifest; finished shards of an earlier run are verified and kept.
    ///
    /// `progress` is asked after each stimulus and every few milliseconds; false means that it
    /// broke off, and what is finished stays for the next run.
    ///
    /// # Errors
    /// What keeps the first stimulus that fails from being made; [`Error::Argument`] for a
    /// repeated id; [`Error::Write`], e.g. for a full disk.
    pub fn shards(
        &self,
        threads: usize,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<bool> {
        let Some((mut shards, missing)) = self.kept(progress)? else {
            return Ok(false);
        };
        let done: usize = shards.iter().map(|shard| shard.stimuli.len()).sum();
        let Some(written) = self.write(&missing, threads, done, progress)? else {
            return Ok(false);
        };
        shards.extend(written);
        shards.sort_by(|a, b| a.name.cmp(&b.name));
        self.finish(shards)?;
        let total = self.source.len();
        Ok(progress(Progress { done: total, total }).is_continue())
    }

    /// Numbers of the shards that are not finished, in order.
    pub fn missing(&self) -> Vec<usize> {
        let all = 0..self.source.len().div_ceil(SHARD_STIMULI);
        all.filter(|&number| self.finished(number).is_none())
            .collect()
    }

    /// Writes those shards of `numbers` that are not finished, for whoever calls
    /// [`shards`](Self::shards) afterwards: the same bytes as there. No two write the same shard at
    /// a time; if they did, it would be found damaged and written anew.
    ///
    /// # Errors
    /// As for [`shards`](Self::shards).
    pub fn assist(
        &self,
        numbers: &[usize],
        threads: usize,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<bool> {
        let mut missing = self.missing();
        missing.retain(|number| numbers.contains(number));
        Ok(self.write(&missing, threads, 0, progress)?.is_some())
    }

    /// Writes the shards `missing`; `None` if `progress` breaks off.
    fn write(
        &self,
        missing: &[usize],
        threads: usize,
        mut done: usize,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Option<Vec<ShardIndex>>> {
        let total = self.source.len();
        let source = Arc::clone(&self.source);
        let todo: Vec<_> = missing
            .iter()
            .map(|&number| stimuli_of(number, total))
            .collect();
        let mut crew = Crew::start(threads, todo.into_iter().flatten(), move |index| {
            encode(&*source, index)
        })?;
        let mut shards = Vec::new();
        for &number in missing {
            let mut shard = ShardWriter::create(&self.folder(), self.shard_name(number))?;
            for _ in stimuli_of(number, total) {
                let at = Progress { done, total };
                let Some(stimulus) = crew.next(&mut || progress(at))? else {
                    return Ok(None);
                };
                shard.append(stimulus)?;
                done += 1;
            }
            let shard = shard.finish()?;
            let text = serde_json::to_string(&shard).expect("names and numbers always serialise");
            write_whole(&self.index_path(number), &text)?;
            shards.push(shard);
        }
        Ok(Some(shards))
    }

    /// Writes a manifest without shards: the set is made when it is read.
    pub fn recipe(&self, counts: &Tally) -> Result<()> {
        self.clear(&[])?;
        self.write_manifest(Vec::new(), counts)
    }

    /// Puts the set in its place, complete. An empty folder there is replaced.
    pub fn publish(self) -> Result<()> {
        let failed = |source| Error::write(&self.out, source);
        sync(&self.folder()).map_err(failed)?;
        fs::rename(self.folder(), &self.out).map_err(failed)?;
        let parent = self.partial.parent().unwrap_or(Path::new(""));
        if !parent.as_os_str().is_empty() {
            sync_folder(parent).map_err(failed)?;
        }
        self.discard()
    }

    /// Removes what was written so far.
    pub fn discard(self) -> Result<()> {
        fs::remove_dir_all(&self.partial).map_err(|source| Error::write(&self.partial, source))
    }

    /// The finished shards of an earlier run that are still what they were, and the numbers of
    /// all others; `None` if `progress` breaks off. Whatever else lies there is removed.
    fn kept(
        &self,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Option<(Vec<ShardIndex>, Vec<usize>)>> {
        let total = self.source.len();
        let (mut kept, mut missing, mut done) = (Vec::new(), Vec::new(), 0);
        for number in 0..total.div_ceil(SHARD_STIMULI) {
            if progress(Progress { done, total }).is_break() {
                return Ok(None);
            }
            if let Some(shard) = self.finished(number) {
                done += shard.stimuli.len();
                kept.push(shard);
            } else {
                missing.push(number);
            }
        }
        let names: Vec<&str> = kept.iter().map(|shard| &*shard.name).collect();
        self.clear(&names)?;
        Ok(Some((kept, missing)))
    }

    /// Shard `number`, if it was finished and is still what it was.
    fn finished(&self, number: usize) -> Option<ShardIndex> {
        let text = fs::read_to_string(self.index_path(number)).ok()?;
        let shard: ShardIndex = serde_json::from_str(&text).ok()?;
        let count = stimuli_of(number, self.source.len()).len();
        let fits = shard.name == self.shard_name(number) && shard.stimuli.len() == count;
        let path = self.folder().join(&shard.name);
        let whole = fits
            && shard.check().is_ok()
            && hash_file(fs::File::open(&path).ok()?).ok()? == shard.blake3;
        whole.then_some(shard)
    }

    /// Removes all from the folder but the files called `names`.
    fn clear(&self, names: &[&str]) -> Result<()> {
        let folder = self.folder();
        let remove = || -> io::Result<()> {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                if names.iter().any(|name| entry.file_name() == *name) {
                    continue;
                }
                if entry.file_type()?.is_dir() {
                    fs::remove_dir_all(entry.path())?;
                } else {
                    fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        };
        remove().map_err(|source| Error::write(&folder, source))
    }

    fn finish(&self, shards: Vec<ShardIndex>) -> Result<()> {
        let entries = shards.iter().flat_map(|shard| &shard.stimuli);
        if let Some(id) = twin(entries.map(|entry| &*entry.0)) {
            let (expected, got) = ("of stimuli that differ", format!("`{id}` twice"));
            let hint = "widen the design or ask for fewer stimuli";
            return Err(Error::argument("set", expected, got, hint));
        }
        let manifest = self.manifest(shards, Value::Null);
        let shards = Shards::new(&self.folder(), manifest)?;
        let mut counts = Tally::new();
        for index in 0..shards.len() {
            let (answers, factors) = shards.labels(index)?;
            counts.add(&answers, &factors);
        }
        self.write_manifest(shards.into_manifest().shards, &counts)
    }

    fn write_manifest(&self, shards: Vec<ShardIndex>, counts: &Tally) -> Result<()> {
        let manifest = self.manifest(shards, counts.to_json());
        write_whole(&self.folder().join(MANIFEST), &manifest.text())
    }

    fn manifest(&self, shards: Vec<ShardIndex>, counts: Value) -> Manifest {
        Manifest {
            about: self.about.clone(),
            count: self.source.len() as u64,
            fingerprint: self.source.fingerprint(),
            counts,
            shards,
        }
    }

    fn shard_name(&self, number: usize) -> String {
        let name = self.about["name"].as_str().unwrap_or_default();
        format!("{name}-{number:06}.tar")
    }

    fn index_path(&self, number: usize) -> PathBuf {
        self.partial.join("index").join(format!("{number:06}.json"))
    }
}

/// Indices of the stimuli of shard `number` out of `total`.
fn stimuli_of(number: usize, total: usize) -> std::ops::Range<usize> {
    number * SHARD_STIMULI..total.min((number + 1) * SHARD_STIMULI)
}

fn partial(out: &Path) -> Result<PathBuf> {
    let name = out.file_name().ok_or_else(|| {
        let got = format!("`{}`", out.display());
        Error::argument("out", "a folder with a name", got, "name a new folder")
    })?;
    Ok(out.with_file_name(format!(".{}.partial", name.to_string_lossy())))
}

fn lock(partial: &Path) -> Result<File> {
    let path = partial.join("lock");
    let file = File::create(&path).map_err(|source| Error::write(&path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let got = format!("another process in `{}`", partial.display());
            let hint = "wait for it, or choose another folder";
            Err(Error::argument("out", "written by one process", got, hint))
        }
        Err(TryLockError::Error(source)) => Err(Error::write(&path, source)),
    }
}
