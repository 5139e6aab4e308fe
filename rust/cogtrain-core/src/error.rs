//! Everything that can go wrong, one variant per cause: expected, got, what to do.

use std::path::{Path, PathBuf};

/// Result of every fallible function of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong. Every message names what was expected, what was got, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument has a value that is not allowed.
    #[error("expected `{name}` to be {expected}, got {got}; {hint}")]
    Argument {
        /// Name of the argument as the caller wrote it.
        name: String,
        /// What would have been accepted.
        expected: String,
        /// The offending value.
        got: String,
        /// What to do about it.
        hint: String,
    },
    /// A file or folder does not exist.
    #[error("expected a file at `{}`, got nothing there; check the path", path.display())]
    NotFound {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Reading or writing failed in the operating system.
    #[error("could not read `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// An image file does not hold the image that it promises.
    #[error("expected `{}` to be a complete PNG, JPEG or WebP image, got {reason}; replace or remove the file", path.display())]
    CorruptImage {
        /// The file.
        path: PathBuf,
        /// What the decoder found.
        reason: String,
    },
    /// Writing failed in the operating system.
    #[error("could not write `{}`: {source}; mend that and run the same again: what is finished is kept", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A stimulus set on disk is not what was written.
    #[error("expected `{}` to be part of a whole stimulus set, got {reason}{}; restore the file or render the set again", path.display(), at(*.offset))]
    CorruptSet {
        /// The file.
        path: PathBuf,
        /// Where in the file, in bytes, if that is known.
        offset: Option<u64>,
        /// What is wrong.
        reason: String,
    },
    /// A tar that was not written here is damaged, or does not hold what it is said to hold.
    #[error("expected `{}` to be a whole tar of samples, got {reason} at byte {offset}; copy the file anew, or correct what is declared of it", path.display())]
    CorruptTar {
        /// The file.
        path: PathBuf,
        /// Where in the file, in bytes.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// A task could not build a stimulus with the asked factors.
    #[error("expected to fill the cell {cell}, got no scene in {tries} tries; {hint}")]
    Unfillable {
        /// The cell of the design, as factor = value pairs.
        cell: String,
        /// How many draws were made.
        tries: u32,
        /// Which factor to widen.
        hint: String,
    },
    /// A saved loader state belongs to another loader.
    #[error(
        "expected a loader state with {field} {expected}, got {got}; resume with the same data and seed, or start anew"
    )]
    State {
        /// The field that differs.
        field: String,
        /// The value of this loader.
        expected: String,
        /// The value in the state.
        got: String,
    },
    /// A worker thread panicked: a fault of this library or of a source, not of its user.
    #[error("expected stimulus {index} to be made, got a panic: {reason}; please report it")]
    Panicked {
        /// The stimulus, in the concatenation of the loader's sets.
        index: usize,
        /// What the panic said.
        reason: String,
    },
    /// More stimuli are bad than a loader was told to bear.
    #[error(
        "expected at most {budget} bad stimuli, got {got}, the last {last} ({reason}); mend the set, or allow more by `bad_budget`"
    )]
    TooManyBad {
        /// How many were allowed.
        budget: usize,
        /// How many there are.
        got: usize,
        /// The one met last.
        last: String,
        /// Why it is bad.
        reason: String,
    },
}

impl Error {
    /// The error of a stimulus that a set of `len` does not have.
    pub(crate) fn no_such_stimulus(index: usize, len: usize) -> Self {
        let expected = format!("below {len}");
        Self::argument("index", expected, index, "ask for a stimulus of this set")
    }

    /// An [`Error::Argument`], with every part converted to text.
    #[allow(clippy::needless_pass_by_value)] // so that callers pass text and numbers alike
    pub fn argument(
        name: &str,
        expected: impl ToString,
        got: impl ToString,
        hint: impl ToString,
    ) -> Self {
        Self::Argument {
            name: name.to_owned(),
            expected: expected.to_string(),
            got: got.to_string(),
            hint: hint.to_string(),
        }
    }

    /// [`Error::NotFound`] or [`Error::Io`], whichever `source` is.
    pub fn io(path: &Path, source: std::io::Error) -> Self {
        let path = path.to_owned();
        if source.kind() == std::io::ErrorKind::NotFound {
            Self::NotFound { path }
        } else {
            Self::Io { path, source }
        }
    }

    /// An [`Error::Write`].
    pub(crate) fn write(path: &Path, source: std::io::Error) -> Self {
        let path = path.to_owned();
        Self::Write { path, source }
    }

    /// An [`Error::CorruptSet`].
    pub(crate) fn corrupt_set(path: &Path, offset: Option<u64>, reason: String) -> Self {
        Self::CorruptSet {
            path: path.to_owned(),
            offset,
            reason,
        }
    }

    /// An [`Error::CorruptTar`].
    pub(crate) fn corrupt_tar(path: &Path, offset: u64, reason: String) -> Self {
        Self::CorruptTar {
            path: path.to_owned(),
            offset,
            reason,
        }
    }

    /// An argument that is not one of `names`; the hint names the nearest one.
    pub fn unknown_name(what: &str, got: &str, names: &[&str]) -> Self {
        let nearest = names.iter().min_by_key(|name| edit_distance(name, got));
        let hint = nearest.map_or_else(String::new, |name| format!("did you mean `{name}`?"));
        Self::argument(
            what,
            format!("one of {}", names.join(", ")),
            format!("`{got}`"),
            hint,
        )
    }
}

fn at(offset: Option<u64>) -> String {
    offset.map_or_else(String::new, |offset| format!(" at byte {offset}"))
}

/// Levenshtein distance in characters.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &cb) in b.iter().enumerate() {
            let substitution = diagonal + usize::from(ca != cb);
            diagonal = row[j + 1];
            row[j + 1] = substitution.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_the_nearest() {
        let error = Error::unknown_name("task", "towr", &["pyramid", "tower"]);
        assert_eq!(
            error.to_string(),
            "expected `task` to be one of pyramid, tower, got `towr`; did you mean `tower`?"
        );
    }

    #[test]
    fn edit_distance_counts_changes() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
    }

    #[test]
    fn missing_file_is_not_found() {
        let source = std::io::Error::from(std::io::ErrorKind::NotFound);
        let error = Error::io(Path::new("a/b.png"), source);
        assert_eq!(
            error.to_string(),
            "expected a file at `a/b.png`, got nothing there; check the path"
        );
    }
}
