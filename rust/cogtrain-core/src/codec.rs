//! PNG and JPEG files to and from [`Image`].
//!
//! Pixels equal those of Pillow's `Image.open(file).convert("RGB")`: libjpeg-turbo's accurate
//! integer transform and smooth chroma upsampling for JPEG; transparency dropped, not blended,
//! for PNG. Colour profiles and the EXIF orientation are ignored, as Pillow ignores them unless
//! asked. One exception: 16-bit grey keeps its high byte (as every other 16-bit sample does),
//! where Pillow clips at 255.
//!
//! Nothing in a file is believed: sizes are checked before anything is allocated, checksums are
//! verified, and data that end early are an error, not grey pixels.

mod jpeg;
mod png;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::{Error, Image, Result};

/// Most pixels that an image may claim: Pillow's threshold for a decompression bomb.
const MAX_PIXELS: u64 = 89_478_485;

/// Longest file that is read: an uncompressed 16-bit image of `MAX_PIXELS`, with room to spare.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// Reads and decodes the PNG or JPEG file at `path`; the content decides which, not the name.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::Io`] if it cannot be read; [`Error::CorruptImage`] if it is
/// truncated, damaged, too large (more than 89,478,485 pixels), CMYK, or of another format.
pub fn read_image(path: &Path) -> Result<Image> {
    let file = File::open(path).map_err(|source| Error::io(path, source))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| Error::io(path, source))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(corrupt(
            path,
            format!("a file of more than {MAX_FILE_BYTES} bytes"),
        ));
    }
    decode(&bytes).map_err(|reason| corrupt(path, reason))
}

/// Encodes `image` as an 8-bit RGB PNG; the same pixels give the same bytes.
///
/// # Errors
/// [`Error::Argument`] if a side exceeds what PNG can hold (2³¹ − 1).
pub fn encode_png(image: &Image) -> Result<Vec<u8>> {
    png::encode(image).map_err(|reason| {
        let size = format!("{} × {}", image.height(), image.width());
        Error::argument("image", "of a size that PNG can hold", size, reason)
    })
}

/// Decodes PNG or JPEG `bytes`; the error is a reason without the name of a file.
pub(crate) fn decode(bytes: &[u8]) -> std::result::Result<Image, String> {
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
    const JPEG: &[u8] = b"\xff\xd8\xff";
    if bytes.is_empty() {
        Err("an empty file".to_owned())
    } else if bytes.starts_with(PNG) {
        png::decode(bytes)
    } else if bytes.starts_with(JPEG) {
        jpeg::decode(bytes)
    } else {
        let start: Vec<String> = bytes.iter().take(8).map(|b| format!("{b:02x}")).collect();
        Err(format!(
            "a file that starts with the bytes {}",
            start.join(" ")
        ))
    }
}

/// What a decoder says of data that stop before the image does.
const ENDS_EARLY: &str = "data that end early (a truncated file)";

/// Checks a size that a header claims.
fn check_size(width: u64, height: u64) -> std::result::Result<(), String> {
    match width.checked_mul(height) {
        Some(1..=MAX_PIXELS) => Ok(()),
        _ => Err(format!(
            "a size of {width} × {height} pixels (at most {MAX_PIXELS} in all)"
        )),
    }
}

fn corrupt(path: &Path, reason: String) -> Error {
    Error::CorruptImage {
        path: path.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stream;
    use proptest::prelude::*;

    fn noise(height: usize, width: usize, seed: u64) -> Image {
        let mut stream = Stream::new(seed, "noise", 0);
        let pixels = (0..height * width * 3)
            .map(|_| stream.next_u64() as u8)
            .collect();
        Image::new(height, width, pixels).expect("the buffer has the stated size")
    }

    proptest! {
        #[test]
        fn png_round_trips(height in 1_usize..40, width in 1_usize..40, seed: u64) {
            let image = noise(height, width, seed);
            let bytes = encode_png(&image).expect("a small image fits");
            prop_assert_eq!(encode_png(&image).expect("a small image fits"), bytes.clone());
            prop_assert_eq!(decode(&bytes), Ok(image));
        }

        #[test]
        fn every_truncated_png_is_an_error(cut in 0.0_f64..1.0, seed: u64) {
            let bytes = encode_png(&noise(9, 7, seed)).expect("a small image fits");
            let kept = (cut * bytes.len() as f64) as usize;
            prop_assert!(decode(&bytes[..kept]).is_err());
        }

        #[test]
        fn any_bytes_after_a_signature_are_an_error(jpeg: bool, tail: Vec<u8>) {
            let mut bytes = if jpeg { b"\xff\xd8\xff".to_vec() } else { b"\x89PNG\r\n\x1a\n".to_vec() };
            bytes.extend(tail);
            prop_assert!(decode(&bytes).is_err());
        }
    }

    #[test]
    fn a_flipped_byte_of_the_pixels_is_an_error() {
        let bytes = encode_png(&noise(9, 7, 0)).expect("a small image fits");
        for at in 41..bytes.len() - 16 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(decode(&damaged).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_huge_claim_is_refused_before_allocation() {
        let mut bytes = encode_png(&noise(1, 1, 0)).expect("a small image fits");
        bytes[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
        let reason = decode(&bytes).expect_err("the size and its checksum are wrong");
        assert!(!reason.is_empty());
        assert!(
            check_size(1 << 31, 1 << 31)
                .expect_err("too large")
                .contains("2147483648")
        );
    }

    #[test]
    fn other_formats_are_named_by_their_bytes() {
        let reason = decode(b"GIF89a").expect_err("GIF is not supported");
        assert_eq!(
            reason,
            "a file that starts with the bytes 47 49 46 38 39 61"
        );
    }

    #[test]
    fn a_missing_file_is_not_found() {
        let error = read_image(Path::new("no/such.png")).expect_err("there is no such file");
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
    }
}
