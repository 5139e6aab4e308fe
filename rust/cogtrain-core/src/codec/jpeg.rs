//! JPEG, by libjpeg-turbo or, where no C can be built, by Rust alone.

#[cfg(not(feature = "libjpeg-turbo"))]
mod pure;
#[cfg(feature = "libjpeg-turbo")]
mod turbo;

#[cfg(not(feature = "libjpeg-turbo"))]
use pure as decoder;
#[cfg(feature = "libjpeg-turbo")]
use turbo as decoder;

use super::canvas::Canvas;
use super::orientation::Orientation;
use super::{Checked, Decoding};

#[cfg(not(any(feature = "libjpeg-turbo", feature = "pure-rust")))]
compile_error!("expected the feature `libjpeg-turbo` or `pure-rust`, got neither; add one");

/// Most pixels that all scans of a file may touch: damaged files ask for hours of work.
const MAX_WORK: u64 = 1 << 32;

/// Decodes JPEG `bytes`: baseline or progressive, grey, colour or CMYK, any subsampling.
pub(super) fn decode(bytes: &[u8], decoding: &Decoding, canvas: &mut Canvas<'_>) -> Checked<()> {
    check_work(bytes, decoding)?;
    decoder::decode(bytes, decoding, canvas)
}

/// Height and width by the header, scaled as `decoding` asks.
pub(super) fn size(bytes: &[u8], decoding: &Decoding) -> Checked<(usize, usize)> {
    decoder::size(bytes, decoding)
}

/// Whether pixels of JPEG files are computed by the assembler of libjpeg-turbo: without it the bits are
/// the same, and a photograph takes about twice as long. Never with `pure-rust` alone.
pub fn jpeg_assembler() -> bool {
    decoder::has_assembler()
}

/// Orientation by the first EXIF or XMP segment; as stored if there is none.
pub(super) fn orientation(bytes: &[u8]) -> Orientation {
    const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
    let find = |prefix: &[u8]| {
        segments(bytes).find_map(|(marker, segment)| {
            let is_application = marker == 0xe1;
            segment.strip_prefix(prefix).filter(|_| is_application)
        })
    };
    Orientation::read(find(b"Exif\0\0"), find(XMP))
}

/// Marker and content of each segment before the pixels.
fn segments(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut at = 2;
    std::iter::from_fn(move || {
        while bytes.get(at..at + 2)? == [0xff, 0xff] {
            at += 1;
        }
        let &[0xff, marker, high, low] = bytes.get(at..at + 4)? else {
            return None;
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let segment = bytes.get(at + 4..at + 2 + length)?;
        at += 2 + length;
        (marker != 0xda).then_some((marker, segment))
    })
}

/// Refuses files whose scans, each over all pixels, would take hours.
fn check_work(bytes: &[u8], decoding: &Decoding) -> Checked<()> {
    let pairs = bytes.iter().zip(bytes.get(1..).unwrap_or_default());
    let scans = pairs.filter(|&pair| pair == (&0xff, &0xda)).count() as u64;
    if scans <= MAX_WORK / decoding.max_pixels.max(1) {
        return Ok(());
    }
    let (height, width) = size(
        bytes,
        &Decoding {
            at_least: None,
            ..*decoding
        },
    )?;
    let pixels = height as u64 * width as u64;
    match pixels.checked_mul(scans) {
        Some(..=MAX_WORK) => Ok(()),
        _ => Err(format!("{scans} scans of {width} × {height} pixels")),
    }
}

/// Inverted CMYK to RGB by Pillow's formula: white less black, less each ink's share of that.
fn print(inks: &[u8], out: &mut [u8]) {
    for (pixel, ink) in out.chunks_exact_mut(3).zip(inks.chunks_exact(4)) {
        let white = u32::from(ink[3]);
        for (value, &ink) in pixel.iter_mut().zip(ink) {
            // ink · (255 − black) / 255, rounded, as Pillow's MULDIV255 does.
            let share = u32::from(255 - ink) * white + 128;
            *value = (white - (((share >> 8) + share) >> 8)) as u8;
        }
    }
}
