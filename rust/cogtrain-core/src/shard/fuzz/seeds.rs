//! Whole files of every kind, small ones, from which damaged ones are made.

use std::path::Path;

use super::super::manifest::Manifest;
use super::super::tar::header;
use super::{mend_manifest, mend_tar};
use crate::{Image, encode_png};

fn picture(height: usize, width: usize) -> Image {
    let pixels = (0..height * width * 3).map(|n| (n * 7 + n / 50 * 13) as u8);
    Image::new(height, width, pixels.collect()).expect("the buffer has the stated size")
}

pub(super) fn tars() -> Vec<Vec<u8>> {
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

pub(super) fn labels() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"a": {"b": 1}, "c": 0.5, "id": "x"}"#,
        r#"{"a": {"b": true}, "c": [null, "ü"]}"#,
        "-12.5e3",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}

pub(super) fn manifests() -> Vec<Vec<u8>> {
    let text = concat!(
        "{\"blake3\":\"0000000000000000000000000000000000000000000000000000000000000000\",\n",
        "\"cogtrain_version\":\"0\",\n\"count\":1,\n\"counts\":{},\n",
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

pub(super) fn pngs() -> Vec<Vec<u8>> {
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

pub(super) fn jpegs() -> Vec<Vec<u8>> {
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

pub(super) fn webps() -> Vec<Vec<u8>> {
    let image = picture(13, 17);
    let mut lossless = Vec::new();
    image_webp::WebPEncoder::new(&mut lossless)
        .encode(image.pixels(), 17, 13, image_webp::ColorType::Rgb8)
        .expect("a small image fits");
    // 8 × 8, lossy, by libwebp at quality 50.
    let lossy = include_bytes!("lossy.webp").to_vec();
    vec![lossless, lossy]
}

pub(super) fn preprocessors() -> Vec<Vec<u8>> {
    let text = r#"{"image_processor_type": "Qwen2VLImageProcessor", "patch_size": 14,
        "merge_size": 2, "temporal_patch_size": 2, "min_pixels": 3136, "max_pixels": 12845056,
        "image_mean": [0.48, 0.45, 0.4], "image_std": [0.26, 0.26, 0.27], "do_resize": true,
        "do_rescale": true, "do_normalize": true, "rescale_factor": 0.00392, "resample": 3,
        "do_convert_rgb": true, "size": {"shortest_edge": 3136, "longest_edge": 12845056}}"#;
    vec![text.as_bytes().to_vec()]
}
