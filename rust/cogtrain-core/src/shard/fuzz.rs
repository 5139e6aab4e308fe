//! Damaged shards, manifests, labels, images and preprocessor configurations.
//!
//! After random damage the checksums of PNG chunks, tar headers and manifests are made to fit, so
//! that what lies behind them is reached.

mod seeds;

use std::path::Path;

use super::archive::{Part, scan};
use super::fields::{Fields, Labels};
use super::manifest::Manifest;
use super::samples::grouped;
use crate::Preprocess;
use crate::codec::{Decoding, decode_image, image_size};
use crate::fuzz::{Target, cut, leave, run, run_for, scratch};

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

fn targets() -> Vec<Target> {
    vec![
        Target {
            name: "tar",
            seeds: seeds::tars(),
            mend: mend_tar,
            damage: cut,
            read: read_tar,
        },
        Target {
            name: "labels",
            seeds: seeds::labels(),
            mend: leave,
            damage: cut,
            read: read_labels,
        },
        Target {
            name: "manifest",
            seeds: seeds::manifests(),
            mend: mend_manifest,
            damage: cut,
            read: read_manifest,
        },
        Target {
            name: "png",
            seeds: seeds::pngs(),
            mend: mend_png,
            damage: cut,
            read: read_image,
        },
        Target {
            name: "jpeg",
            seeds: seeds::jpegs(),
            mend: leave,
            damage: cut,
            read: read_image,
        },
        Target {
            name: "webp",
            seeds: seeds::webps(),
            mend: leave,
            damage: cut,
            read: read_image,
        },
        Target {
            name: "preprocessor",
            seeds: seeds::preprocessors(),
            mend: leave,
            damage: cut,
            read: read_preprocessor,
        },
    ]
}

#[test]
fn damaged_input_never_panics() {
    for target in targets() {
        run(&target, 0, |number| number == 500);
    }
}

#[test]
#[ignore = "runs as long as COGTRAIN_FUZZ_S says; see `make fuzz`"]
fn fuzz() {
    run_for(&targets());
}
