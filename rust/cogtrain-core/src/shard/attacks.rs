//! Manifests that vouch for themselves and still lie: each lie has its own words.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::index::Member;
use super::manifest::Manifest;
use super::{Request, SetWriter, Shards};
use crate::{Factor, Image, Record, Result, Source, Stimulus};

/// Three stimuli whose ids and labels a test can choose.
#[derive(Clone)]
struct Three {
    ids: [&'static str; 3],
    factor: Factor,
}

impl Default for Three {
    fn default() -> Self {
        let factor = Factor::Real(0.5);
        let ids = ["a", "b", "c"];
        Self { ids, factor }
    }
}

impl Source for Three {
    fn len(&self) -> usize {
        3
    }

    fn get(&self, index: usize) -> Result<Stimulus> {
        Ok(Stimulus {
            id: self.ids[index].to_owned(),
            image: Image::new(2, 2, vec![index as u8; 12])?,
            answers: BTreeMap::from([("will_fall".to_owned(), "yes".to_owned())]),
            factors: BTreeMap::from([("f".to_owned(), self.factor.clone())]),
            margin: Some(-0.25),
        })
    }

    fn record(&self, index: usize) -> Result<(Stimulus, Record)> {
        let stimulus = self.get(index)?;
        let extra =
            Record::from_iter([("answers".to_owned(), json!("lie")), ("z".into(), json!(1))]);
        Ok((stimulus, extra))
    }

    fn fingerprint(&self) -> String {
        "three".to_owned()
    }
}

fn temporary(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("cogtrain-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
    folder.join("set")
}

fn write(out: &Path, source: Three) -> Result<()> {
    let request = Request {
        name: "three".to_owned(),
        cogtrain_version: "0".to_owned(),
        generator_version: 1,
        recipe: Value::Null,
    };
    let writer = SetWriter::open(out, &request, Arc::new(source))?;
    assert!(writer.shards(2, &mut |_| ControlFlow::Continue(()))?);
    writer.publish()
}

/// What is said of the set in `name` after `lie` has changed its manifest.
fn told(name: &str, lie: impl Fn(&mut Manifest)) -> String {
    let out = temporary(name);
    write(&out, Three::default()).expect("valid");
    let mut manifest = Manifest::read(&out).expect("untouched");
    lie(&mut manifest);
    std::fs::write(out.join("manifest.json"), manifest.text()).expect("writable");
    let read = || -> Result<()> {
        let shards = Shards::open(&out)?;
        (0..shards.len()).try_for_each(|index| shards.get(index).map(|_| ()))?;
        shards.verify(0)
    };
    let error = read().expect_err("a lie").to_string();
    assert!(error.contains("whole stimulus set"), "{error}");
    error
}

type Lie = (&'static str, fn(&mut Manifest), &'static str);

const LIES: &[Lie] = &[
    (
        "count",
        |m| drop(m.about.insert("count".into(), json!(4))),
        "a count of 4 for 3 stimuli",
    ),
    (
        "zero",
        |m| drop(m.about.insert("count".into(), json!(0))),
        "a count of 0 for 3 stimuli",
    ),
    (
        "minus",
        |m| drop(m.about.insert("count".into(), json!(-1))),
        "invalid value: integer `-1`",
    ),
    (
        "key",
        |m| drop(m.about.insert("colour".into(), json!(1))),
        "unknown field `colour`",
    ),
    (
        "climb",
        |m| m.shards[0].name = "../three-000000.tar".into(),
        "a shard called \"../three-",
    ),
    (
        "root",
        |m| m.shards[0].name = "/etc/passwd".into(),
        "a shard called \"/etc/passwd\"",
    ),
    (
        "no-tar",
        |m| m.shards[0].name = "three".into(),
        "a shard called \"three\"",
    ),
    (
        "bad-id",
        |m| m.shards[0].stimuli[1].0 = "../b".into(),
        "the id \"../b\"",
    ),
    (
        "long-id",
        |m| m.shards[0].stimuli[1].0 = "b".repeat(91),
        "1 to 90 letters",
    ),
    (
        "twin",
        |m| m.shards[0].stimuli[1].0 = "a".into(),
        "the id \"a\" twice",
    ),
    (
        "shard-twin",
        |m| {
            m.shards.push(super::index::ShardIndex {
                stimuli: Vec::new(),
                ..m.shards[0].clone()
            });
        },
        "the shard \"three-000000.tar\" twice",
    ),
    (
        "offset",
        |m| m.shards[0].stimuli[1].1.0 += 512,
        "a gap or an overlap, by its manifest at byte",
    ),
    (
        "overlap",
        |m| m.shards[0].stimuli[2].1.0 = 512,
        "said to be at byte 512, a gap or an overlap",
    ),
    (
        "wrap",
        |m| m.shards[0].stimuli[0].1 = Member(u64::MAX - 100, 1000, 0),
        "a gap or an overlap",
    ),
    (
        "huge",
        |m| m.shards[0].stimuli[0].1.1 = u64::MAX,
        "a member of 18446744073709551615 bytes",
    ),
    (
        "longer",
        |m| m.shards[0].stimuli[2].2.1 += 5000,
        "bytes where its members and its end take",
    ),
    (
        "shorter",
        |m| m.shards[0].stimuli[2].2.1 -= 1,
        "a damaged header of `c.json`",
    ),
    (
        "bytes",
        |m| m.shards[0].bytes += 512,
        "bytes where its members and its end take",
    ),
    (
        "crc",
        |m| m.shards[0].stimuli[0].1.2 ^= 1,
        "`a.png` with CRC32C",
    ),
    (
        "hash",
        |m| m.shards[0].blake3 = "0".repeat(64),
        "where its manifest says 000",
    ),
    (
        "renamed",
        |m| m.shards[0].stimuli[0].0 = "q".into(),
        "a damaged header of `q.png` at byte 0",
    ),
];

#[test]
fn every_lie_of_a_manifest_is_named() {
    for (name, lie, words) in LIES {
        let error = told(name, lie);
        assert!(error.contains(words), "{name}: {error}");
    }
}

#[test]
fn a_shard_of_another_length_is_named() {
    let out = temporary("length");
    write(&out, Three::default()).expect("valid");
    let shard = out.join("three-000000.tar");
    let mut bytes = std::fs::read(&shard).expect("there");
    bytes.extend([0; 512]);
    std::fs::write(&shard, &bytes).expect("writable");
    let error = Shards::open(&out).expect_err("longer").to_string();
    let words = format!(
        "{} bytes (its manifest says {})",
        bytes.len(),
        bytes.len() - 512
    );
    assert!(error.contains(&words), "{error}");
}

#[test]
fn what_is_written_is_read_and_the_stimulus_outranks_its_record() {
    for factor in [
        Factor::Flag(true),
        Factor::Integer(-3),
        Factor::Real(3.0),
        Factor::Real(0.1),
        Factor::Text("3".into()),
    ] {
        let out = temporary("round");
        let source = Three {
            factor,
            ..Three::default()
        };
        write(&out, source.clone()).expect("valid");
        let shards = Shards::open(&out).expect("whole");
        for index in 0..3 {
            let (stimulus, record) = shards.record(index).expect("whole");
            assert_eq!(stimulus, source.get(index).expect("made"));
            assert_eq!(record["answers"], json!({"will_fall": "yes"}));
            assert_eq!(record["z"], 1);
        }
        assert!(
            shards
                .get(3)
                .expect_err("outside")
                .to_string()
                .contains("below 3, got 3")
        );
    }
}

#[test]
fn stimuli_that_cannot_be_kept_are_refused() {
    let message = |source| {
        write(&temporary("refused"), source)
            .expect_err("bad")
            .to_string()
    };
    let twins = Three {
        ids: ["a", "b", "a"],
        ..Three::default()
    };
    assert!(message(twins).contains("got `a` twice; widen the design"));
    let path = Three {
        ids: ["a", "../b", "c"],
        ..Three::default()
    };
    assert!(message(path).contains("the id \"../b\""));
    let nan = Three {
        factor: Factor::Real(f64::NAN),
        ..Three::default()
    };
    assert!(message(nan).contains("`f` to be a finite number, got NaN; correct stimulus `a`"));
}

#[test]
fn a_record_that_is_none_is_corrupt() {
    for (name, record, words) in [
        ("list", "[1,2,3,4]", "invalid type"),
        ("other", r#"{"id":"b"}"#, "a record with \"b\" in `id`"),
        (
            "answers",
            r#"{"id":"a","factors":{}}"#,
            "a record with null in `answers`",
        ),
        (
            "answer",
            r#"{"id":"a","answers":{"q":1},"factors":{}}"#,
            "with 1 in `answers`",
        ),
        (
            "factor",
            r#"{"id":"a","answers":{},"factors":{"f":[]}}"#,
            "with [] in `factors`",
        ),
        (
            "margin",
            r#"{"id":"a","answers":{},"factors":{},"margin_m":"x"}"#,
            "\"x\" in `margin_m`",
        ),
    ] {
        let error = forged(name, record);
        assert!(error.contains(words), "{name}: {error}");
        assert!(error.contains("three-000000.tar"), "{error}");
    }
}

/// What is said of a set whose first record was replaced, with every checksum made to fit.
fn forged(name: &str, record: &str) -> String {
    let out = temporary(name);
    write(&out, Three::default()).expect("valid");
    let mut manifest = Manifest::read(&out).expect("untouched");
    let shard = out.join("three-000000.tar");
    let mut bytes = std::fs::read(&shard).expect("there");
    let Member(offset, length, crc) = &mut manifest.shards[0].stimuli[0].2;
    let at = *offset as usize;
    *length = record.len() as u64;
    *crc = crc32c::crc32c(record.as_bytes());
    bytes[at..at + 512].fill(0);
    bytes[at..at + record.len()].copy_from_slice(record.as_bytes());
    bytes[at - 512..at].copy_from_slice(&super::tar::header("a.json", *length));
    std::fs::write(&shard, bytes).expect("writable");
    std::fs::write(out.join("manifest.json"), manifest.text()).expect("writable");
    let shards = Shards::open(&out).expect("a set that fits");
    shards.get(0).expect_err("forged").to_string()
}

#[test]
fn a_panic_of_a_source_is_an_error_and_leaves_nothing_in_place() {
    struct Broken;
    impl Source for Broken {
        fn len(&self) -> usize {
            2
        }

        fn get(&self, index: usize) -> Result<Stimulus> {
            panic!("no stimulus {index}")
        }

        fn fingerprint(&self) -> String {
            "broken".to_owned()
        }
    }
    let out = temporary("panic");
    let request = Request {
        name: "broken".to_owned(),
        cogtrain_version: "0".to_owned(),
        generator_version: 1,
        recipe: Value::Null,
    };
    let writer = SetWriter::open(&out, &request, Arc::new(Broken)).expect("a new folder");
    let error = writer.shards(3, &mut |_| ControlFlow::Continue(()));
    let error = error.expect_err("broken").to_string();
    assert!(
        error.contains("stimulus 0 to be made, got a panic: no stimulus 0"),
        "{error}"
    );
    assert!(!out.exists());
}
