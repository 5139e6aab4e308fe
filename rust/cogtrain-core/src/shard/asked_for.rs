//! What a half-made set was begun for, so that nobody goes on with it for something else.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::writer::write_whole;
use crate::{Error, Record, Result};

/// Leaves `about` in the folder, or compares it with what is there.
pub(super) fn check_request(partial: &Path, about: &Value) -> Result<()> {
    let path = partial.join("request.json");
    let Ok(text) = fs::read_to_string(&path) else {
        return write_whole(&path, &about.to_string());
    };
    let asked: Value = serde_json::from_str(&text).unwrap_or_default();
    let Some((field, asked, got)) = difference("", &asked, about) else {
        return Ok(());
    };
    let expected = format!(
        "as in the half-made set in `{}` ({asked})",
        partial.display()
    );
    let hint = "ask for the same to finish it, or remove that folder";
    Err(Error::argument(&field, expected, got, hint))
}

/// The first field in which two requests differ, most telling first, with both values.
fn difference(path: &str, one: &Value, other: &Value) -> Option<(String, String, String)> {
    if one == other {
        return None;
    }
    let (Value::Object(a), Value::Object(b)) = (one, other) else {
        return Some((path.to_owned(), one.to_string(), other.to_string()));
    };
    let inner = |key: &String| {
        if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        }
    };
    let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
    // The recipe explains what the fingerprint only notices.
    keys.sort_by_key(|key| (*key != "recipe", key.as_str()));
    keys.into_iter().find_map(|key| {
        let side = |map: &Record| map.get(key).cloned().unwrap_or_default();
        difference(&inner(key), &side(a), &side(b))
    })
}
