//! Which members of a foreign sample say what: declared, never guessed.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::Factor;

/// What the members of a `WebDataset` sample hold.
///
/// A *place* is the extension of a member, for a `.json` member followed by keys: `cls`, `txt`,
/// `json.label`, `json.scene.n_blocks`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    /// Extensions of images; a sample holds exactly one of them.
    pub image: Vec<String>,
    /// Place of the id; `None`: what the names of the members share.
    pub id: Option<String>,
    /// Question → where its answer stands.
    pub answers: BTreeMap<String, Asked>,
    /// Factor → place. A number called `margin` is the margin too.
    pub factors: BTreeMap<String, String>,
}

/// Where an answer stands, and what it means.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Its place.
    pub place: String,
    /// What is written there → the answer; upper and lower case differ only where both are given.
    pub spelling: BTreeMap<String, String>,
}

/// The members of one sample that say something, read: extension → content.
pub(super) struct Labels(BTreeMap<String, Value>);

impl Fields {
    /// Every place that is read with a stimulus.
    pub(super) fn places(&self) -> impl Iterator<Item = &str> {
        let answers = self.answers.values().map(|asked| &asked.place);
        answers.chain(self.factors.values()).map(String::as_str)
    }
}

impl Asked {
    fn answer(&self, value: &Value) -> Result<String, String> {
        let text = text(value).unwrap_or_default();
        let known = self.spelling.get(text.trim());
        let known = known.or_else(|| self.spelling.get(&text.trim().to_lowercase()));
        known.cloned().ok_or_else(|| {
            let wanted: Vec<&str> = self.spelling.keys().map(String::as_str).collect();
            let place = &self.place;
            format!("{value} in `{place}` (not one of {})", wanted.join(", "))
        })
    }
}

impl Labels {
    pub(super) fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds the member with this extension; its content must be JSON or UTF-8 text.
    pub(super) fn add(&mut self, extension: &str, content: &[u8]) -> Result<(), String> {
        let value = if extension.ends_with("json") {
            serde_json::from_slice(content).map_err(|error| format!("`{error}`"))?
        } else {
            let text = std::str::from_utf8(content).map_err(|error| format!("`{error}`"))?;
            Value::String(text.trim().to_owned())
        };
        self.0.insert(extension.to_owned(), value);
        Ok(())
    }

    pub(super) fn holds(&self, extension: &str) -> bool {
        self.0.contains_key(extension)
    }

    /// The id at `place`.
    pub(super) fn id(&self, place: &str) -> Result<String, String> {
        let value = self.at(place)?;
        let id = text(value).filter(|id| !id.is_empty());
        id.ok_or_else(|| format!("{value} in `{place}` (not an id)"))
    }

    pub(super) fn answers(&self, fields: &Fields) -> Result<BTreeMap<String, String>, String> {
        let answer = |(question, asked): (&String, &Asked)| {
            let answer = asked.answer(self.at(&asked.place)?)?;
            Ok((question.clone(), answer))
        };
        fields.answers.iter().map(answer).collect()
    }

    /// Factors; one that is null, or not there, is left out.
    pub(super) fn factors(&self, fields: &Fields) -> Result<BTreeMap<String, Factor>, String> {
        let mut factors = BTreeMap::new();
        for (name, place) in &fields.factors {
            match self.at(place) {
                Ok(Value::Null) | Err(_) => {}
                Ok(value) => {
                    let factor = factor(value, place.ends_with("json") || place.contains("json."));
                    let odd = || format!("{value} in `{place}` (not a number, flag or text)");
                    factors.insert(name.clone(), factor.ok_or_else(odd)?);
                }
            }
        }
        Ok(factors)
    }

    /// The value at `place`.
    fn at(&self, place: &str) -> Result<&Value, String> {
        let absent = || format!("nothing in `{place}`");
        let extension = member(place, self.0.keys().map(String::as_str)).ok_or_else(absent)?;
        let mut value = &self.0[extension];
        let keys = place[extension.len()..].split('.').skip(1);
        for key in keys {
            value = value.get(key).ok_or_else(absent)?;
        }
        Ok(value)
    }
}

/// The longest of `extensions` that `place` begins with.
pub(super) fn member<'a>(
    place: &str,
    extensions: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let begins = |extension: &&str| {
        let rest = place.strip_prefix(extension);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    extensions.filter(begins).max_by_key(|name| name.len())
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// A JSON value by its type; plain text by what it looks like.
fn factor(value: &Value, is_typed: bool) -> Option<Factor> {
    match value {
        Value::Bool(flag) => Some(Factor::Flag(*flag)),
        Value::Number(number) => number
            .as_i64()
            .map(Factor::Integer)
            .or_else(|| number.as_f64().map(Factor::Real)),
        Value::String(text) if !is_typed => Some(
            text.parse()
                .map(Factor::Integer)
                .ok()
                .or_else(|| {
                    let real = text.parse().ok().filter(|real: &f64| real.is_finite());
                    real.map(Factor::Real)
                })
                .unwrap_or_else(|| Factor::Text(text.clone())),
        ),
        Value::String(text) => Some(Factor::Text(text.clone())),
        _ => None,
    }
}
