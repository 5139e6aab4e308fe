//! A folder of photographs as a source: images that were not made here, with their answers.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::codec::read_image_in;
use crate::encoded::Labelled;
use crate::stimulus::Factor;
use crate::{Error, Result, Source, Stimulus};

/// How much of either end of a file goes into the fingerprint.
const PROBE_BYTES: u64 = 4096;

/// One row of a table of photographs.
#[derive(Clone, Debug, PartialEq)]
pub struct Photograph {
    /// What judgments refer to; unique within the set.
    pub id: String,
    /// The PNG, JPEG or WebP file.
    pub path: PathBuf,
    /// Question name → true answer.
    pub answers: BTreeMap<String, String>,
    /// What else the table says: factor name → value. A number called `margin` is the margin too.
    pub factors: BTreeMap<String, Factor>,
}

/// Photographs on disk, decoded when they are asked for.
#[derive(Debug)]
pub struct Photographs {
    rows: Vec<Photograph>,
    fingerprint: String,
}

impl Photographs {
    /// Checks that the ids are unique and that every file is there.
    ///
    /// # Errors
    /// [`Error::Argument`] for no rows or a repeated id; [`Error::NotFound`] or [`Error::Io`] for
    /// the first file that cannot be opened.
    pub fn new(rows: Vec<Photograph>) -> Result<Self> {
        if rows.is_empty() {
            return Err(Error::argument(
                "photographs",
                "at least one",
                "none",
                "check the table",
            ));
        }
        Labelled::check_unique(rows.iter().map(|row| row.id.as_str()))?;
        let fingerprint = fingerprint(&rows)?;
        Ok(Self { rows, fingerprint })
    }
}

impl Photographs {
    fn row(&self, index: usize) -> Result<&Photograph> {
        self.rows
            .get(index)
            .ok_or_else(|| Error::no_such_stimulus(index, self.rows.len()))
    }
}

impl Source for Photographs {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn id(&self, index: usize) -> Result<String> {
        self.row(index).map(|row| row.id.clone())
    }

    fn get(&self, index: usize) -> Result<Stimulus> {
        self.get_in(index, Vec::new())
    }

    fn get_in(&self, index: usize, spare: Vec<u8>) -> Result<Stimulus> {
        let row = self.row(index)?;
        Ok(Stimulus {
            id: row.id.clone(),
            image: read_image_in(&row.path, spare)?,
            answers: row.answers.clone(),
            factors: row.factors.clone(),
            margin: Labelled::margin(&row.factors),
        })
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }
}

/// Hashes ids, answers, factors (where there are any) and, per file, its length and both ends.
///
/// The ends stand for the whole, so that a large folder opens quickly: those of a PNG, JPEG or
/// WebP hold checksums or entropy-coded pixels, which change with the picture. Paths are left out: a
/// folder may be moved.
fn fingerprint(rows: &[Photograph]) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    let mut field = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    field(b"photographs 1");
    for row in rows {
        field(row.id.as_bytes());
        field(&row.answers.len().to_le_bytes());
        for (question, answer) in &row.answers {
            field(question.as_bytes());
            field(answer.as_bytes());
        }
        if !row.factors.is_empty() {
            field(format!("{:?}", row.factors).as_bytes());
        }
        let (length, ends) = probe(&row.path)?;
        field(&length.to_le_bytes());
        field(&ends);
    }
    Ok(hasher.finalize().to_hex()[..32].to_owned())
}

/// Length of the file at `path`, and its first and last bytes.
fn probe(path: &Path) -> Result<(u64, Vec<u8>)> {
    let read = || -> std::io::Result<(u64, Vec<u8>)> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut ends = Vec::new();
        (&mut file).take(PROBE_BYTES).read_to_end(&mut ends)?;
        file.seek(SeekFrom::Start(length.saturating_sub(PROBE_BYTES)))?;
        file.take(PROBE_BYTES).read_to_end(&mut ends)?;
        Ok((length, ends))
    };
    read().map_err(|source| Error::io(path, source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Image, encode_png};

    fn row(id: &str, path: &Path) -> Photograph {
        let answers = BTreeMap::from([("will_fall".to_owned(), "yes".to_owned())]);
        Photograph {
            id: id.to_owned(),
            path: path.to_owned(),
            answers,
            factors: BTreeMap::new(),
        }
    }

    fn folder(name: &str, value: u8) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("cogtrain-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
        let image = Image::new(2, 2, vec![value; 12]).expect("12 values are 2 × 2 × 3");
        let bytes = encode_png(&image).expect("a small image fits");
        std::fs::write(folder.join("a.png"), bytes).expect("the temporary folder is writable");
        folder
    }

    #[test]
    fn gives_rows_in_order_and_a_fingerprint_of_their_content() {
        let path = folder("order", 7).join("a.png");
        let set = Photographs::new(vec![row("x", &path), row("y", &path)]).expect("valid rows");
        assert_eq!(
            (set.len(), set.get(1).expect("readable").id.as_str()),
            (2, "y")
        );
        assert_eq!(set.get(0).expect("readable").image.pixels(), &[7; 12]);
        assert!(
            set.get(2)
                .expect_err("out of range")
                .to_string()
                .contains("below 2, got 2")
        );

        let other = folder("order-moved", 7).join("a.png");
        let moved = Photographs::new(vec![row("x", &other), row("y", &other)]).expect("valid rows");
        assert_eq!(moved.fingerprint(), set.fingerprint());
        let changed = folder("order-changed", 8).join("a.png");
        let changed = Photographs::new(vec![row("x", &path), row("y", &changed)]).expect("valid");
        assert_ne!(changed.fingerprint(), set.fingerprint());
    }

    #[test]
    fn factors_are_kept_and_count_in_the_fingerprint() {
        let plain = row("x", &folder("factors", 3).join("a.png"));
        let with = |name: &str, factor| {
            let mut row = plain.clone();
            row.factors.insert(name.to_owned(), factor);
            Photographs::new(vec![row]).expect("valid row")
        };
        let (near, far) = (
            with("margin", Factor::Real(0.1)),
            with("margin", Factor::Real(0.2)),
        );
        assert_eq!(near.get(0).expect("readable").margin, Some(0.1));
        assert_eq!(
            near.get(0).expect("readable").factors["margin"],
            Factor::Real(0.1)
        );
        assert_ne!(near.fingerprint(), far.fingerprint());
        let named = with("margin", Factor::Text("wide".to_owned()));
        assert_eq!(named.get(0).expect("readable").margin, None);
    }

    #[test]
    fn refuses_no_rows_repeated_ids_and_missing_files() {
        let message = |rows| {
            Photographs::new(rows)
                .expect_err("invalid rows")
                .to_string()
        };
        assert!(message(vec![]).contains("at least one, got none"));
        let path = folder("refuses", 1).join("a.png");
        assert!(message(vec![row("x", &path), row("x", &path)]).contains("`x` twice"));
        assert!(message(vec![row("x", Path::new("no/b.png"))]).contains("`no/b.png`"));
    }
}
