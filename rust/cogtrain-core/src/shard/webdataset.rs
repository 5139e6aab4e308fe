//! Foreign tars in the `WebDataset` convention as a source: no manifest, labels as declared.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::archive::{Bytes, Part, is_in_place};
use super::catalogue::members;
use super::fields::{Fields, Labels, member};
use super::samples::{Sample, grouped};
use super::shelf::Shelf;
use super::tar::{BLOCK, MAX_MEMBER};
use crate::codec;
use crate::encoded::Labelled;
use crate::{Error, Result, Source, Stimulus};

/// Tars that someone else wrote; members are read when a stimulus is asked for.
#[derive(Debug)]
pub struct WebDataset {
    shelf: Arc<dyn Shelf>,
    names: Vec<String>,
    samples: Vec<Sample>,
    fields: Fields,
    fingerprint: String,
}

impl WebDataset {
    /// Reads the headers of the tars called `names`, or the lists of them that `cache` holds.
    ///
    /// An id is the name that a sample's members share, behind the tar's own if two tars hold
    /// the same; or what `fields` declares, and then every record is read now.
    ///
    /// # Errors
    /// [`Error::NotFound`] or [`Error::Io`]; [`Error::CorruptTar`] that names file and byte;
    /// [`Error::Argument`] for no tars, no samples, or an id that occurs twice.
    pub fn open(
        shelf: Arc<dyn Shelf>,
        names: Vec<String>,
        fields: Fields,
        cache: Option<&Path>,
    ) -> Result<Self> {
        let mut samples = Vec::new();
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("webdataset 1 {fields:?}").as_bytes());
        for (number, name) in names.iter().enumerate() {
            let parts = members(&*shelf, name, cache)?;
            hasher.update(format!("{} {parts:?}", stem(name)).as_bytes());
            let new = grouped(number, parts, &fields);
            let at_fault = |(reason, at)| Error::corrupt_tar(Path::new(name), at, reason);
            samples.extend(new.map_err(at_fault)?);
        }
        let fingerprint = hasher.finalize().to_hex()[..32].to_owned();
        let mut set = Self {
            shelf,
            names,
            samples,
            fields,
            fingerprint,
        };
        set.name_samples()?;
        Ok(set)
    }

    /// Gives every sample its final id.
    fn name_samples(&mut self) -> Result<()> {
        if self.samples.is_empty() {
            let got = format!("none in {} tars", self.names.len());
            let hint = "check the files and the extensions of `image`";
            return Err(Error::argument("samples", "at least one", got, hint));
        }
        if let Some(place) = self.fields.id.clone() {
            for index in 0..self.samples.len() {
                let (path, file) = self.file(index)?;
                let sample = &self.samples[index];
                let labels = read_labels((&path, &file), sample, std::iter::once(&*place))?;
                let id = labels.id(&place);
                self.samples[index].id = id.map_err(|reason| odd(&path, sample, &reason))?;
            }
        } else if self.twin().is_some() {
            for sample in &mut self.samples {
                sample.id = format!("{}/{}", stem(&self.names[sample.tar]), sample.id);
            }
        }
        let Some(twin) = self.twin() else {
            return Ok(());
        };
        let got = format!("`{twin}` twice");
        let hint = "name the tars apart, or declare where the id stands";
        Err(Error::argument("stimulus_id", "unique", got, hint))
    }

    fn twin(&self) -> Option<&str> {
        let mut seen = BTreeSet::new();
        let mut ids = self.samples.iter().map(|sample| &*sample.id);
        ids.find(|id| !seen.insert(*id))
    }

    fn sample(&self, index: usize) -> Result<&Sample> {
        self.samples
            .get(index)
            .ok_or_else(|| Error::no_such_stimulus(index, self.samples.len()))
    }

    fn file(&self, index: usize) -> Result<(PathBuf, File)> {
        self.shelf.open(&self.names[self.sample(index)?.tar])
    }
}

impl Source for WebDataset {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn id(&self, index: usize) -> Result<String> {
        self.sample(index).map(|sample| sample.id.clone())
    }

    fn get(&self, index: usize) -> Result<Stimulus> {
        self.get_in(index, Vec::new())
    }

    fn get_in(&self, index: usize, spare: Vec<u8>) -> Result<Stimulus> {
        let sample = self.sample(index)?;
        let (path, file) = self.file(index)?;
        let (_, part) = &sample.members[sample.image];
        let image = codec::decode_in(&content((&path, &file), part)?, spare)
            .map_err(|reason| damaged(&path, part, &reason))?;
        let labels = read_labels((&path, &file), sample, self.fields.places())?;
        let wrong = |reason: String| odd(&path, sample, &reason);
        let factors = labels.factors(&self.fields).map_err(wrong)?;
        Ok(Stimulus {
            id: sample.id.clone(),
            image,
            answers: labels.answers(&self.fields).map_err(wrong)?,
            margin: Labelled::margin(&factors),
            factors,
        })
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }
}

/// The members of `sample` that `places` name; one that is absent is no error yet.
fn read_labels<'a>(
    (path, file): (&Path, &File),
    sample: &Sample,
    places: impl Iterator<Item = &'a str>,
) -> Result<Labels> {
    let mut labels = Labels::new();
    for place in places {
        let extensions = sample.members.iter().map(|(extension, _)| &**extension);
        let Some(wanted) = member(place, extensions).filter(|wanted| !labels.holds(wanted)) else {
            continue;
        };
        let found = sample.members.iter().find(|(own, _)| own == wanted);
        let Some((_, part)) = found else { continue };
        let added = labels.add(wanted, &content((path, file), part)?);
        added.map_err(|reason| damaged(path, part, &reason))?;
    }
    Ok(labels)
}

/// Content of `part`, if its header is still where the list says.
fn content((path, file): (&Path, &File), part: &Part) -> Result<Vec<u8>> {
    let Part(name, offset, length, _) = part;
    if *length > MAX_MEMBER {
        let reason = format!("`{name}` of {length} bytes (at most {MAX_MEMBER})");
        return Err(Error::corrupt_tar(path, *offset, reason));
    }
    let mut header = [0; BLOCK as usize];
    let mut bytes = vec![0; *length as usize];
    let read = file
        .read_at(&mut header, offset - BLOCK)
        .and_then(|()| file.read_at(&mut bytes, *offset));
    if read.is_ok() && is_in_place(part, &header) {
        return Ok(bytes);
    }
    let reason = format!("another member than `{name}`: the file changed since it was listed");
    Err(Error::corrupt_tar(path, *offset, reason))
}

fn damaged(path: &Path, part: &Part, reason: &str) -> Error {
    Error::corrupt_tar(path, part.1, format!("`{}` with {reason}", part.0))
}

/// What is wrong with what a sample says.
fn odd(path: &Path, sample: &Sample, reason: &str) -> Error {
    let at = sample.members.first().map_or(0, |(_, part)| part.1);
    Error::corrupt_tar(
        path,
        at,
        format!("the sample `{}` with {reason}", sample.id),
    )
}

/// Name of a tar without folder and ending.
fn stem(name: &str) -> &str {
    let last = name.rsplit('/').next().unwrap_or(name);
    last.strip_suffix(".tar").unwrap_or(last)
}
