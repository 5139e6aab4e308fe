//! Damaged input for everything that reads foreign bytes: an error or a value, never a panic.
//!
//! Mutation without feedback, but with knowledge of the formats: after random damage the checksums
//! of PNG chunks, tar headers and manifests are made to fit, so that what lies behind them is
//! reached. Input number `n` of a target is always the same. `make fuzz` runs it for longer:
//! `COGTRAIN_FUZZ_S` seconds per target.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::archive::{Part, scan};
use super::fields::{Fields, Labels};
use super::manifest::Manifest;
use super::samples::grouped;
use super::tar::header;
use crate::codec::{Decoding, decode_image, image_size};
use crate::{Image, Preprocess, Stream, encode_png};

/// What reads bytes, with examples of what it expects and a way to make checksums fit.
struct Target {
    name: &'static str,
    seeds: Vec<Vec<u8>>,
    mend: fn(&mut Vec<u8>),
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
fn mend_png(bytes: &mut Vec<u8>) {
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
fn mend_tar(bytes: &mut Vec<u8>) {
    for block in bytes.chunks_exact_mut(512) {
        if block[0] == 0 || block[148..156].iter().all(|&byte| byte == 0) {
            continue;
        }
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}

/// Makes the hash of a manifest fit.
fn mend_manifest(bytes: &mut Vec<u8>) {
    let Some(line) = bytes.iter().position(|&byte| byte == b'\n') else {
        return;
    };
    let body = bytes.split_off(line + 1);
    let hash = blake3::hash(&body).to_hex();
    *bytes = [format!("{{\"blake3\":\"{hash}\",\n").into_bytes(), body].concat();
}

fn leave(_: &mut Vec<u8>) {}

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
            seeds: tars(),
            mend: mend_tar,
            read: read_tar,
        },
        Target {
            name: "labels",
            seeds: labels(),
            mend: leave,
            read: read_labels,
        },
        Target {
            name: "manifest",
            seeds: manifests(),
            mend: mend_manifest,
            read: read_manifest,
        },
        Target {
            name: "png",
            seeds: pngs(),
            mend: mend_png,
            read: read_image,
        },
        Target {
            name: "jpeg",
            seeds: jpegs(),
            mend: leave,
            read: read_image,
        },
        Target {
            name: "webp",
            seeds: webps(),
            mend: leave,
            read: read_image,
        },
        Target {
            name: "preprocessor",
            seeds: preprocessors(),
            mend: leave,
            read: read_preprocessor,
        },
    ]
}

fn picture(height: usize, width: usize) -> Image {
    let pixels = (0..height * width * 3).map(|n| (n * 7 + n / 50 * 13) as u8);
    Image::new(height, width, pixels.collect()).expect("the buffer has the stated size")
}

fn tars() -> Vec<Vec<u8>> {
    let mut plain = Vec::new();
    for (name, content) in [
        ("a.png", &b"image"[..]),
        ("a.json", b"{}"),
        ("d/b.png", b""),
    ] {
        plain.extend(header(name, content.len() as u64));
        plain.extend(content);
        plain.resize(plain.len().next_multiple_of(512), 0);
    }
    let mut extended = Vec::new();
    for (kind, content) in [
        (b'x', &b"19 path=folder/b.png\n13 size=00005\n"[..]),
        (b'0', b"bytes"),
        (b'L', b"a/long/name.png\0"),
        (b'0', b"bytes"),
        (b'5', b""),
        (b'g', b"12 comment=x\n"),
    ] {
        let mut block = header("c.png", content.len() as u64);
        block[156] = kind;
        extended.extend(block);
        extended.extend(content);
        extended.resize(extended.len().next_multiple_of(512), 0);
    }
    mend_tar(&mut extended);
    for tar in [&mut plain, &mut extended] {
        tar.extend([0; 1024]);
    }
    vec![plain, extended]
}

fn labels() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"a": {"b": 1}, "c": 0.5, "id": "x"}"#,
        r#"{"a": {"b": true}, "c": [null, "ü"]}"#,
        "-12.5e3",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}

fn manifests() -> Vec<Vec<u8>> {
    let text = concat!(
        "{\"blake3\":\"\",\n\"cogtrain_version\":\"0\",\n\"count\":1,\n\"counts\":{},\n",
        "\"fingerprint\":\"f\",\n\"format\":\"cogtrain stimulus set\",\n\"format_version\":1,\n",
        "\"generator_version\":1,\n\"name\":\"n\",\n\"recipe\":null,\n\"shards\":[\n",
        "{\"blake3\":\"\",\"bytes\":3072,\"name\":\"n-000000.tar\",\"stimuli\":[\n",
        "[\"a\",[512,3,0],[1536,2,0]]\n]}]}\n"
    );
    let mut bytes = text.as_bytes().to_vec();
    mend_manifest(&mut bytes);
    let text = std::str::from_utf8(&bytes).expect("ASCII");
    Manifest::parse(text, Path::new("manifest.json")).expect("a whole manifest");
    vec![bytes]
}

fn pngs() -> Vec<Vec<u8>> {
    let mut files = vec![encode_png(&picture(9, 7)).expect("a small image fits")];
    for (color, depth, samples) in [
        (png::ColorType::Grayscale, png::BitDepth::Sixteen, 2),
        (png::ColorType::GrayscaleAlpha, png::BitDepth::Eight, 2),
        (png::ColorType::Rgba, png::BitDepth::Sixteen, 8),
        (png::ColorType::Indexed, png::BitDepth::Eight, 1),
    ] {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 6, 5);
        encoder.set_color(color);
        encoder.set_depth(depth);
        encoder.set_palette(vec![9; 48]);
        encoder.set_trns(vec![0; 2]);
        let mut writer = encoder.write_header().expect("a valid header");
        let pixels: Vec<u8> = (0..30 * samples).map(|n| (n % 16) as u8).collect();
        writer.write_image_data(&pixels).expect("as many values");
        writer.finish().expect("all is written");
        files.push(bytes);
    }
    files
}

fn jpegs() -> Vec<Vec<u8>> {
    let encode = |space, progressive: bool, sampling: u8| {
        let mut encoder = mozjpeg::Compress::new(space);
        encoder.set_size(33, 21);
        encoder.set_quality(60.0);
        if progressive {
            encoder.set_progressive_mode();
        }
        encoder.set_chroma_sampling_pixel_sizes((sampling, sampling), (sampling, sampling));
        let mut started = encoder
            .start_compress(Vec::new())
            .expect("memory takes all");
        let channels = if space == mozjpeg::ColorSpace::JCS_GRAYSCALE {
            1
        } else {
            3
        };
        let pixels = &picture(21, 33).into_pixels()[..21 * 33 * channels];
        started.write_scanlines(pixels).expect("as many values");
        started.finish().expect("all is written")
    };
    let rgb = mozjpeg::ColorSpace::JCS_RGB;
    let exif =
        b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let plain = encode(rgb, false, 1);
    let turned = [&plain[..2], &exif[..], &plain[2..]].concat();
    vec![
        encode(rgb, false, 2),
        encode(rgb, true, 2),
        encode(mozjpeg::ColorSpace::JCS_GRAYSCALE, false, 1),
        turned,
    ]
}

fn webps() -> Vec<Vec<u8>> {
    let image = picture(13, 17);
    let mut lossless = Vec::new();
    image_webp::WebPEncoder::new(&mut lossless)
        .encode(image.pixels(), 17, 13, image_webp::ColorType::Rgb8)
        .expect("a small image fits");
    // 8 × 8, lossy, by libwebp at quality 50.
    let lossy = include_bytes!("lossy.webp").to_vec();
    vec![lossless, lossy]
}

fn preprocessors() -> Vec<Vec<u8>> {
    let text = r#"{"image_processor_type": "Qwen2VLImageProcessor", "patch_size": 14,
        "merge_size": 2, "temporal_patch_size": 2, "min_pixels": 3136, "max_pixels": 12845056,
        "image_mean": [0.48, 0.45, 0.4], "image_std": [0.26, 0.26, 0.27], "do_resize": true,
        "do_rescale": true, "do_normalize": true, "rescale_factor": 0.00392, "resample": 3,
        "do_convert_rgb": true, "size": {"shortest_edge": 3136, "longest_edge": 12845056}}"#;
    vec![text.as_bytes().to_vec()]
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
