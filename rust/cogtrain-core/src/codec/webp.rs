//! WebP through the `image-webp` crate: lossy and lossless, still or the first frame.

use std::io::Cursor;

use image_webp::{DecodingError, WebPDecoder};

use super::canvas::Canvas;
use super::orientation::Orientation;
use super::{Checked, Decoding, ENDS_EARLY, check_size};

/// Decodes WebP `bytes`; transparency is dropped.
pub(super) fn decode(bytes: &[u8], decoding: &Decoding, canvas: &mut Canvas<'_>) -> Checked<()> {
    check_length(bytes)?;
    let mut decoder = open(bytes)?;
    let (height, width) = checked_size(&decoder, decoding)?;
    let out = canvas.prepare(height, width)?;
    if !decoder.has_alpha() {
        return read(&mut decoder, out);
    }
    let mut samples = vec![0; height * width * 4];
    read(&mut decoder, &mut samples)?;
    for (pixel, sample) in out.chunks_exact_mut(3).zip(samples.chunks_exact(4)) {
        pixel.copy_from_slice(&sample[..3]);
    }
    Ok(())
}

/// Height and width by the header.
pub(super) fn size(bytes: &[u8], decoding: &Decoding) -> Checked<(usize, usize)> {
    checked_size(&open(bytes)?, decoding)
}

/// Orientation by the EXIF or XMP chunk; as stored if there is none.
pub(super) fn orientation(bytes: &[u8]) -> Orientation {
    let Ok(mut decoder) = open(bytes) else {
        return Orientation::default();
    };
    let exif = decoder.exif_metadata().ok().flatten();
    let exif = exif
        .as_deref()
        .map(|exif| exif.strip_prefix(b"Exif\0\0").unwrap_or(exif));
    let xmp = decoder.xmp_metadata().ok().flatten();
    Orientation::read(exif, xmp.as_deref())
}

fn open(bytes: &[u8]) -> Checked<WebPDecoder<Cursor<&[u8]>>> {
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(reason)?;
    // Metadata and frames are parts of the file: none is longer than all of it.
    decoder.set_memory_limit(bytes.len());
    Ok(decoder)
}

fn read(decoder: &mut WebPDecoder<Cursor<&[u8]>>, samples: &mut [u8]) -> Checked<()> {
    if decoder.is_animated() {
        decoder.read_frame(samples).map(|_| ()).map_err(reason)
    } else {
        decoder.read_image(samples).map_err(reason)
    }
}

fn checked_size(
    decoder: &WebPDecoder<Cursor<&[u8]>>,
    decoding: &Decoding,
) -> Checked<(usize, usize)> {
    let (width, height) = decoder.dimensions();
    check_size(width.into(), height.into(), decoding)?;
    Ok((height as usize, width as usize))
}

/// Whether there are as many bytes as the container says.
fn check_length(bytes: &[u8]) -> Checked<()> {
    let Some(Ok(claim)) = bytes.get(4..8).map(<[u8; 4]>::try_from) else {
        return Err(ENDS_EARLY.to_owned());
    };
    if bytes.len() as u64 >= u64::from(u32::from_le_bytes(claim)) + 8 {
        return Ok(());
    }
    Err(ENDS_EARLY.to_owned())
}

fn reason(error: DecodingError) -> String {
    match error {
        DecodingError::IoError(source) if source.kind() == std::io::ErrorKind::UnexpectedEof => {
            ENDS_EARLY.to_owned()
        }
        other => format!("damaged data ({other})"),
    }
}
