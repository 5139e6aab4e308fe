//! Damaged input for everything that reads foreign bytes: an error or a value, never a panic.
//!
//! Mutation without feedback, but with knowledge of the formats: after random damage the checksums
//! of PNG chunks, tar headers and manifests are made to fit, so that what lies behind them is
//! reached. Input number `n` of a target is always the same. `make fuzz` runs it for longer:
//! `COGTRAIN_FUZZ_S` seconds per target.

mod seeds;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::archive::{Part, scan};
use super::fields::{Fields, Labels};
use super::manifest::Manifest;
use super::samples::grouped;
use crate::codec::{Decoding, decode_image, image_size};
use crate::{Preprocess, Stream};

/// What reads bytes, with examples of what it expects and a way to make checksums fit.
struct Target {
    name: &'static str,
    seeds: Vec<Vec<u8>>,
    mend: fn(&mut [u8]),
    read: fn(&[u8]),
}

/// Numbers that counts and lengths go wrong at.
const EDGES: [u64; 12] = [
    0,
    1,
    7,
    127,
    128,
    255,
    256,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    u64::MAX,
];

/// Longest input: what is to be found does not need more.
const LONGEST: usize = 1 << 14;

fn mutate(target: &Target, number: u64) -> Vec<u8> {
    let mut stream = Stream::new(0, target.name, number);
    let mut draw = |below: usize| (stream.next_u64() % below.max(1) as u64) as usize;
    let mut bytes = target.seeds[draw(target.seeds.len())].clone();
    for _ in 0..=draw(5) {
        let at = draw(bytes.len());
        match draw(8) {
            _ if bytes.is_empty() => bytes.push(draw(256) as u8),
            0 => bytes[at] ^= 1 << draw(8),
            1 => bytes[at] = draw(256) as u8,
            2 => write_edge(&mut bytes, at, EDGES[draw(EDGES.len())], draw(6)),
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..(at + 1 + draw(64)).min(bytes.len()))),
            5 => {
                let piece = bytes[at..(at + 1 + draw(600)).min(bytes.len())].to_vec();
                let to = draw(bytes.len());
                bytes.splice(to..to, piece);
            }
            6 => {
                let other = &target.seeds[draw(target.seeds.len())];
                let from = draw(other.len());
                let piece = other[from..(from + 1 + draw(600)).min(other.len())].to_vec();
                bytes.splice(at..(at + piece.len()).min(bytes.len()), piece);
            }
            _ => bytes[at] = b"0123456789 \0{}[]\",:=/.-"[draw(23)],
        }
    }
    bytes.truncate(LONGEST);
    if draw(4) > 0 {
        (target.mend)(&mut bytes);
    }
    bytes
}

fn write_edge(bytes: &mut [u8], at: usize, edge: u64, form: usize) {
    let (big, little) = (edge.to_be_bytes(), edge.to_le_bytes());
    let piece = match form {
        0 => &big[6..],
        1 => &big[4..],
        2 => &big[..],
        3 => &little[..2],
        4 => &little[..4],
        _ => &little[..3],
    };
    for (byte, &new) in bytes[at..].iter_mut().zip(piece) {
        *byte = new;
    }
}

/// Makes the checksums of PNG chunks fit.
fn mend_png(bytes: &mut [u8]) {
    let mut at = 8;
    while let Some(head) = bytes.get(at..at + 8) {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let Some(end) = at
            .checked_add(8 + length)
            .filter(|end| end + 4 <= bytes.len())
        else {
            return;
        };
        let sum = crc32(&bytes[at + 4..end]).to_be_bytes();
        bytes[end..end + 4].copy_from_slice(&sum);
        at = end + 4;
    }
}

/// CRC-32 as zlib has it, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 * (sum & 1))
        })
    })
}

/// Makes the checksum of every block that looks like a header fit.
fn mend_tar(bytes: &mut [u8]) {
    for block in bytes.chunks_exact_mut(512) {
        if block[0] == 0 || block[148..156].iter().all(|&byte| byte == 0) {
            continue;
        }
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}

/// Makes the hash of a manifest fit, if its first line is as long as it should be.
fn mend_manifest(bytes: &mut [u8]) {
    let (start, end) = (b"{\"blake3\":\"".len(), b"{\"blake3\":\"\",\n".len() + 64);
    if bytes.get(end - 1) == Some(&b'\n') {
        let hash = blake3::hash(&bytes[end..]).to_hex();
        bytes[start..start + 64].copy_from_slice(hash.as_bytes());
    }
}

fn leave(_: &mut [u8]) {}

fn read_image(bytes: &[u8]) {
    let small = Decoding {
        max_pixels: 1 << 16,
        ..Decoding::default()
    };
    let turned = Decoding {
        upright: true,
        at_least: Some((3, 3)),
        ..small
    };
    for decoding in [small, turned] {
        let size = image_size(bytes, &decoding);
        if let Ok(image) = decode_image(bytes, &decoding) {
            assert_eq!(Some((image.height(), image.width())), size.ok());
        }
    }
}

fn read_tar(bytes: &[u8]) {
    let Ok(parts) = scan(&bytes, bytes.len() as u64) else {
        return;
    };
    for Part(name, offset, length, _) in &parts {
        assert!(offset + length <= bytes.len() as u64, "{name} goes beyond");
    }
    let fields = Fields {
        image: vec!["png".to_owned()],
        ..Fields::default()
    };
    let _ = grouped(0, parts, &fields);
}

fn read_labels(bytes: &[u8]) {
    let text = br#"{"image":["png"],"answers":{"q":{"place":"json.a.b","spelling":{"1":"yes"}}},
        "factors":{"f":"json.c","g":"txt"}}"#;
    let fields: Fields = serde_json::from_slice(text).expect("written above");
    let mut labels = Labels::new();
    let _ = (labels.add("json", bytes), labels.add("txt", bytes));
    let _ = (
        labels.answers(&fields),
        labels.factors(&fields),
        labels.id("json.a"),
    );
}

fn read_manifest(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Manifest::parse(text, Path::new("manifest.json"));
    }
}

fn read_preprocessor(bytes: &[u8]) {
    let folder = scratch("preprocessor");
    std::fs::write(folder.join("preprocessor_config.json"), bytes).expect("writable");
    let _ = Preprocess::from_pretrained(&folder);
}

/// A folder of this process, in memory where the system offers that.
fn scratch(name: &str) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let root = if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    };
    let folder = root.join(format!("cogtrain-fuzz-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("writable");
    folder
}

fn targets() -> Vec<Target> {
    vec![
        Target {
            name: "tar",
            seeds: seeds::tars(),
            mend: mend_tar,
            read: read_tar,
        },
        Target {
            name: "labels",
            seeds: seeds::labels(),
            mend: leave,
            read: read_labels,
        },
        Target {
            name: "manifest",
            seeds: seeds::manifests(),
            mend: mend_manifest,
            read: read_manifest,
        },
        Target {
            name: "png",
            seeds: seeds::pngs(),
            mend: mend_png,
            read: read_image,
        },
        Target {
            name: "jpeg",
            seeds: seeds::jpegs(),
            mend: leave,
            read: read_image,
        },
        Target {
            name: "webp",
            seeds: seeds::webps(),
            mend: leave,
            read: read_image,
        },
        Target {
            name: "preprocessor",
            seeds: seeds::preprocessors(),
            mend: leave,
            read: read_preprocessor,
        },
    ]
}

/// Runs `target` until `enough` says so; gives how many inputs, and the slowest.
fn run(target: &Target, enough: impl Fn(u64) -> bool) -> (u64, Duration) {
    let (mut number, mut slowest) = (0, Duration::ZERO);
    while !enough(number) {
        let bytes = mutate(target, number);
        let start = Instant::now();
        if catch_unwind(AssertUnwindSafe(|| (target.read)(&bytes))).is_err() {
            let path = scratch("found").join(format!("{}-{number}", target.name));
            std::fs::write(&path, &bytes).expect("writable");
            panic!("target {} panics on {}", target.name, path.display());
        }
        slowest = slowest.max(start.elapsed());
        number += 1;
    }
    (number, slowest)
}

#[test]
fn damaged_input_never_panics() {
    for target in targets() {
        run(&target, |number| number == 500);
    }
}

#[test]
#[ignore = "runs as long as COGTRAIN_FUZZ_S says; see `make fuzz`"]
#[allow(clippy::print_stdout)]
fn fuzz() {
    let seconds = std::env::var("COGTRAIN_FUZZ_S").ok();
    let seconds = seconds.and_then(|text| text.parse().ok()).unwrap_or(30);
    let only = std::env::var("COGTRAIN_FUZZ_TARGET").ok();
    let mut total = 0;
    for target in targets() {
        if only.as_deref().is_some_and(|only| only != target.name) {
            continue;
        }
        let start = Instant::now();
        let limit = Duration::from_secs(seconds);
        let (executions, slowest) = run(&target, |_| start.elapsed() >= limit);
        let rate = executions as f64 / start.elapsed().as_secs_f64();
        println!(
            "{:<13} {executions:>9} executions  {rate:>8.0} per second  slowest {slowest:.1?}",
            target.name
        );
        total += executions;
    }
    println!("{total} executions, no panic");
}
