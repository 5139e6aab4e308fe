//! Members of tars, put together by name: what comes before the first dot is the sample.

use std::collections::BTreeMap;

use super::archive::{Fault, Part};
use super::fields::Fields;

/// One sample: its name, and its members by extension.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    /// Number of its tar.
    pub(super) tar: usize,
    /// What identifies it.
    pub(super) id: String,
    /// Extension, in lower case, and where the member lies.
    pub(super) members: Vec<(String, Part)>,
    /// Which of `members` is the image.
    pub(super) image: usize,
}

/// Groups the members of tar number `tar`, in the order in which samples first appear.
///
/// # Errors
/// The first sample without its one image or with a member twice, and where it lies.
pub(super) fn grouped(tar: usize, parts: Vec<Part>, fields: &Fields) -> Result<Vec<Sample>, Fault> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut samples: Vec<Sample> = Vec::new();
    for part in parts {
        let Some((key, extension)) = split(&part.0) else {
            continue;
        };
        let number = *places.entry(key.to_owned()).or_insert(samples.len());
        if number == samples.len() {
            samples.push(Sample {
                tar,
                id: key.to_owned(),
                members: Vec::new(),
                image: 0,
            });
        }
        let members = &mut samples[number].members;
        if members.iter().any(|(other, _)| *other == extension) {
            return Err((format!("the member `{}` twice", part.0), part.1));
        }
        members.push((extension, part));
    }
    for sample in &mut samples {
        sample.image = image(sample, fields)?;
    }
    Ok(samples)
}

/// Name of the sample and extension of the member; `None` for what belongs to no sample.
fn split(name: &str) -> Option<(&str, String)> {
    let start = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = name[start..].find('.')?;
    let (key, extension) = (&name[..start + dot], &name[start + dot + 1..]);
    let is_about_the_set = key[start..].starts_with("__") && key.ends_with("__");
    (!extension.is_empty() && !is_about_the_set).then(|| (key, extension.to_lowercase()))
}

/// Which member is the image.
fn image(sample: &Sample, fields: &Fields) -> Result<usize, Fault> {
    let is_image =
        |(_, (extension, _)): &(usize, &(String, Part))| fields.image.contains(extension);
    let members = sample.members.iter().enumerate();
    let images: Vec<usize> = members.filter(is_image).map(|(number, _)| number).collect();
    if let [only] = images[..] {
        return Ok(only);
    }
    let names: Vec<&str> = sample.members.iter().map(|(name, _)| &**name).collect();
    let reason = format!(
        "the sample `{}` of {} with {} images (one of {} each)",
        sample.id,
        names.join(", "),
        images.len(),
        fields.image.join(", ")
    );
    Err((reason, sample.members.first().map_or(0, |(_, part)| part.1)))
}
