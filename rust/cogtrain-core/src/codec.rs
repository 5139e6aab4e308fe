//! PNG, JPEG and WebP files to [`Image`], and images to PNG.
//!
//! Pixels equal those of Pillow's `Image.open(file).convert("RGB")`, value by value:
//!
//! - JPEG by libjpeg-turbo's accurate integer transform and smooth chroma upsampling; CMYK files
//!   are read as Adobe writes them (inverted) and converted by Pillow's integer formula; without
//!   the feature `libjpeg-turbo`, `pure-rust` decodes in Rust alone, at full size only, and
//!   values may be a few levels off (4 at most in 10,000 random images);
//! - PNG of every colour type and depth: palettes expanded, transparency dropped and not blended,
//!   16-bit samples cut to their high byte, but 16-bit grey without alpha clipped at 255;
//! - WebP, lossy and lossless: libwebp's smooth chroma upsampling; alpha dropped; of an animation
//!   the first frame.
//!
//! As in Pillow, colour profiles are not applied, and the EXIF orientation is not either unless
//! [`Decoding::upright`] asks for it: Hugging Face processors see the pixels as they are stored.
//!
//! Nothing in a file is believed: sizes are checked before anything is allocated, checksums are
//! verified, and data that end early are an error, not grey pixels.

mod canvas;
mod jpeg;
mod orientation;
mod png;
mod webp;

use std::fs::File;
use std::io::Read;
use std::path::Path;

pub use jpeg::jpeg_assembler;

use crate::{Error, Image, Result};
use canvas::Canvas;
use orientation::Orientation;

/// Most pixels that an image may claim: Pillow's threshold for a decompression bomb.
const MAX_PIXELS: u64 = 89_478_485;

/// Longest file that is read: an uncompressed 16-bit image of `MAX_PIXELS`, with room to spare.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// What a decoder says of data that stop before the image does.
const ENDS_EARLY: &str = "data that end early (a truncated file)";

/// A value, or what is wrong with the bytes.
type Checked<T> = std::result::Result<T, String>;

/// How an image file is to be decoded; the default is what Pillow's `convert("RGB")` gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoding {
    /// Turn and mirror by the EXIF orientation, as Pillow's `ImageOps.exif_transpose` does.
    pub upright: bool,
    /// Height and width that suffice: JPEG is then decoded at the smallest of 1/1, 1/2, 1/4 and
    /// 1/8 of its size with neither side below these, as Pillow's `draft` does. Other formats,
    /// and `None`, give the full size.
    pub at_least: Option<(usize, usize)>,
    /// Most pixels (height × width in the file) that are decoded; more is an error.
    pub max_pixels: u64,
}

impl Default for Decoding {
    fn default() -> Self {
        Self {
            upright: false,
            at_least: None,
            max_pixels: MAX_PIXELS,
        }
    }
}

/// Reads and decodes the file at `path`; the content decides on the format, not the name.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::Io`] if it cannot be read; [`Error::CorruptImage`] if it is
/// truncated, damaged, too large (more than 89,478,485 pixels), or of another format.
pub fn read_image(path: &Path) -> Result<Image> {
    read_image_in(path, Vec::new())
}

/// As [`read_image`], in the memory of `spare`.
pub(crate) fn read_image_in(path: &Path, spare: Vec<u8>) -> Result<Image> {
    let file = File::open(path).map_err(|source| Error::io(path, source))?;
    // One more than there is, so that the end is found by the first read.
    let length = file.metadata().map_or(0, |known| known.len());
    let mut bytes = Vec::with_capacity(length.min(MAX_FILE_BYTES) as usize + 1);
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| Error::io(path, source))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(corrupt(
            path,
            format!("a file of more than {MAX_FILE_BYTES} bytes"),
        ));
    }
    decode_in(&bytes, spare).map_err(|reason| corrupt(path, reason))
}

/// Decodes the PNG, JPEG or WebP file that `bytes` hold.
///
/// ```
/// use cogtrain_core::{Decoding, Image, decode_image, encode_png};
///
/// let image = Image::new(1, 2, vec![1, 2, 3, 4, 5, 6])?;
/// assert_eq!(decode_image(&encode_png(&image)?, &Decoding::default())?, image);
/// # Ok::<(), cogtrain_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::CorruptImage`], as [`read_image`].
pub fn decode_image(bytes: &[u8], decoding: &Decoding) -> Result<Image> {
    let mut canvas = Canvas::fresh();
    decode_onto(bytes, decoding, &mut canvas).map_err(nameless)?;
    canvas.into_image()
}

/// Height and width that [`decode_image`] would give; reads no further than the header.
///
/// # Errors
/// [`Error::CorruptImage`] if the header cannot be read or claims too much.
pub fn image_size(bytes: &[u8], decoding: &Decoding) -> Result<(usize, usize)> {
    size(bytes, decoding).map_err(nameless)
}

/// Decodes into `pixels` (`height · width · 3` values, row-major RGB); gives height and width.
///
/// PNG and JPEG in RGB are written there and nowhere else; what must be converted or turned
/// passes through a buffer of its own. After an error `pixels` may hold part of an image.
///
/// # Errors
/// [`Error::CorruptImage`], as [`read_image`]; also if `pixels` is of another size.
pub fn decode_image_into(
    bytes: &[u8],
    decoding: &Decoding,
    pixels: &mut [u8],
) -> Result<(usize, usize)> {
    let mut canvas = Canvas::given(pixels);
    decode_onto(bytes, decoding, &mut canvas).map_err(nameless)?;
    Ok(canvas.size())
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

/// Decodes `bytes` as they are stored, in the memory of `spare`; the error is a reason without the
/// name of a file.
pub(crate) fn decode_in(bytes: &[u8], spare: Vec<u8>) -> Checked<Image> {
    let mut canvas = Canvas::of(spare);
    decode_onto(bytes, &Decoding::default(), &mut canvas)?;
    canvas.into_image().map_err(|error| error.to_string())
}

#[derive(Clone, Copy)]
enum Format {
    Png,
    Jpeg,
    WebP,
}

impl Format {
    fn of(bytes: &[u8]) -> Checked<Self> {
        if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            Ok(Self::Png)
        } else if bytes.starts_with(b"\xff\xd8\xff") {
            Ok(Self::Jpeg)
        } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            Ok(Self::WebP)
        } else if bytes.is_empty() {
            Err("an empty file".to_owned())
        } else {
            let start: Vec<String> = bytes.iter().take(8).map(|b| format!("{b:02x}")).collect();
            Err(format!(
                "a file that starts with the bytes {}",
                start.join(" ")
            ))
        }
    }

    fn orientation(self, bytes: &[u8]) -> Orientation {
        match self {
            Self::Png => png::orientation(bytes),
            Self::Jpeg => jpeg::orientation(bytes),
            Self::WebP => webp::orientation(bytes),
        }
    }
}

fn decode_onto(bytes: &[u8], decoding: &Decoding, canvas: &mut Canvas<'_>) -> Checked<()> {
    let format = Format::of(bytes)?;
    let (turn, stored) = stored(format, bytes, decoding);
    if turn == Orientation::default() {
        return decode_stored(format, bytes, &stored, canvas);
    }
    let mut whole = Canvas::fresh();
    decode_stored(format, bytes, &stored, &mut whole)?;
    let image = whole.into_image().map_err(|error| error.to_string())?;
    let (height, width) = turn.size((image.height(), image.width()));
    turn.apply(&image, canvas.prepare(height, width)?);
    Ok(())
}

fn size(bytes: &[u8], decoding: &Decoding) -> Checked<(usize, usize)> {
    let format = Format::of(bytes)?;
    let (turn, stored) = stored(format, bytes, decoding);
    let size = match format {
        Format::Png => png::size(bytes, &stored),
        Format::Jpeg => jpeg::size(bytes, &stored),
        Format::WebP => webp::size(bytes, &stored),
    };
    Ok(turn.size(size?))
}

/// How the image is to be turned, and how it is to be decoded before that.
fn stored(format: Format, bytes: &[u8], decoding: &Decoding) -> (Orientation, Decoding) {
    if !decoding.upright {
        return (Orientation::default(), *decoding);
    }
    let turn = format.orientation(bytes);
    let at_least = decoding.at_least.map(|size| turn.size(size));
    (
        turn,
        Decoding {
            at_least,
            ..*decoding
        },
    )
}

fn decode_stored(
    format: Format,
    bytes: &[u8],
    decoding: &Decoding,
    canvas: &mut Canvas<'_>,
) -> Checked<()> {
    match format {
        Format::Png => png::decode(bytes, decoding, canvas),
        Format::Jpeg => jpeg::decode(bytes, decoding, canvas),
        Format::WebP => webp::decode(bytes, decoding, canvas),
    }
}

/// Checks a size that a header claims.
fn check_size(width: u64, height: u64, decoding: &Decoding) -> Checked<()> {
    let most = decoding.max_pixels;
    match width.checked_mul(height) {
        Some(area) if (1..=most).contains(&area) => Ok(()),
        _ => Err(format!(
            "a size of {width} × {height} pixels (at most {most} in all)"
        )),
    }
}

fn corrupt(path: &Path, reason: String) -> Error {
    Error::CorruptImage {
        path: path.to_owned(),
        reason,
    }
}

fn nameless(reason: String) -> Error {
    corrupt(Path::new("image bytes"), reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stream;
    use proptest::prelude::*;

    fn decode(bytes: &[u8]) -> Checked<Image> {
        decode_in(bytes, Vec::new())
    }

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
            check_size(1 << 31, 1 << 31, &Decoding::default())
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
    fn memory_that_held_another_image_changes_nothing() {
        let image = noise(9, 7, 0);
        let bytes = encode_png(&image).expect("a small image fits");
        for length in [0, 1, 9 * 7 * 3, 1000] {
            assert_eq!(decode_in(&bytes, vec![7; length]), Ok(image.clone()));
        }
    }

    #[test]
    fn a_missing_file_is_not_found() {
        let error = read_image(Path::new("no/such.png")).expect_err("there is no such file");
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
    }
}
