//! PNG through the `png` crate: every colour type and depth to 8-bit RGB.

use std::io::Cursor;

use png::{BitDepth, ColorType, DecodeOptions, Decoder, DecodingError, Limits, Transformations};

use super::canvas::Canvas;
use super::orientation::Orientation;
use super::{Checked, Decoding, ENDS_EARLY, check_size};
use crate::Image;

/// Decodes PNG `bytes`; palettes and depths below 8 are expanded, 16 bits keep the high byte.
pub(super) fn decode(bytes: &[u8], decoding: &Decoding, canvas: &mut Canvas<'_>) -> Checked<()> {
    let mut decoder = open(bytes, decoding);
    let info = decoder.read_header_info().map_err(reason)?;
    let (width, height) = info.size();
    check_size(width.into(), height.into(), decoding)?;
    // Pillow has a mode of its own for 16-bit grey, and clips it when it is converted.
    let clipped = info.color_type == ColorType::Grayscale && info.bit_depth == BitDepth::Sixteen;
    if clipped {
        decoder.set_transformations(Transformations::EXPAND);
    }
    let mut reader = decoder.read_info().map_err(reason)?;
    check_palette(reader.info())?;
    let size = reader.output_buffer_size().ok_or("a size that overflows")?;
    let out = canvas.prepare(height as usize, width as usize)?;
    if reader.output_color_type() == (ColorType::Rgb, BitDepth::Eight) {
        reader.next_frame(out).map_err(reason)?;
    } else {
        let mut samples = vec![0; size];
        let frame = reader.next_frame(&mut samples).map_err(reason)?;
        to_rgb(&samples, frame.color_type, clipped, out)?;
    }
    // Reads on to the end mark, so that a file cut behind its pixels is seen too.
    reader.finish().map_err(reason)
}

/// Height and width by the header.
pub(super) fn size(bytes: &[u8], decoding: &Decoding) -> Checked<(usize, usize)> {
    let mut decoder = open(bytes, decoding);
    let (width, height) = decoder.read_header_info().map_err(reason)?.size();
    check_size(width.into(), height.into(), decoding)?;
    Ok((height as usize, width as usize))
}

/// Orientation by an `eXIf` chunk before the pixels; as stored if there is none.
pub(super) fn orientation(bytes: &[u8]) -> Orientation {
    let reader = open(bytes, &Decoding::default()).read_info();
    let exif = reader.ok().and_then(|reader| {
        let exif = reader.info().exif_metadata.as_ref()?;
        Some(exif.clone().into_owned())
    });
    Orientation::read(exif.as_deref(), None)
}

fn open<'a>(bytes: &'a [u8], decoding: &Decoding) -> Decoder<Cursor<&'a [u8]>> {
    let mut options = DecodeOptions::default();
    options.set_ignore_adler32(false);
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    let bytes = usize::try_from(decoding.max_pixels.saturating_mul(8)).unwrap_or(usize::MAX);
    decoder.set_limits(Limits { bytes });
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder
}

/// Encodes `image` as 8-bit RGB.
pub(super) fn encode(image: &Image) -> Result<Vec<u8>, String> {
    let side = |n: usize| u32::try_from(n).map_err(|error| error.to_string());
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side(image.width())?, side(image.height())?);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(|error| error.to_string())?;
    writer
        .write_image_data(image.pixels())
        .map_err(|error| error.to_string())?;
    writer.finish().map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Refuses a palette that is not whole colours: the `png` crate would panic on it.
fn check_palette(info: &png::Info<'_>) -> Checked<()> {
    let length = info.palette.as_ref().map_or(3, |palette| palette.len());
    if length > 0 && length.is_multiple_of(3) {
        return Ok(());
    }
    Err(format!("damaged data (a palette of {length} bytes)"))
}

/// Replicates grey (16 bits of it, big-endian, clipped at 255), drops alpha.
fn to_rgb(samples: &[u8], color: ColorType, clipped: bool, out: &mut [u8]) -> Checked<()> {
    let pixels = out.chunks_exact_mut(3);
    match (color, clipped) {
        (ColorType::Rgba, _) => {
            for (pixel, sample) in pixels.zip(samples.chunks_exact(4)) {
                pixel.copy_from_slice(&sample[..3]);
            }
        }
        (ColorType::Grayscale, false) => {
            for (pixel, &sample) in pixels.zip(samples) {
                pixel.fill(sample);
            }
        }
        (ColorType::GrayscaleAlpha, false) => {
            for (pixel, sample) in pixels.zip(samples.chunks_exact(2)) {
                pixel.fill(sample[0]);
            }
        }
        (ColorType::Grayscale | ColorType::GrayscaleAlpha, true) => {
            // With a transparent level declared, alpha follows each sample.
            let stride = if color == ColorType::Grayscale { 2 } else { 4 };
            for (pixel, sample) in pixels.zip(samples.chunks_exact(stride)) {
                pixel.fill(if sample[0] == 0 { sample[1] } else { 255 });
            }
        }
        (ColorType::Rgb, _) => return Err("RGB of an unexpected depth".to_owned()),
        (ColorType::Indexed, _) => return Err("a palette image without its palette".to_owned()),
    }
    Ok(())
}

fn reason(error: DecodingError) -> String {
    match error {
        DecodingError::IoError(source) if source.kind() == std::io::ErrorKind::UnexpectedEof => {
            ENDS_EARLY.to_owned()
        }
        other => format!("damaged data ({other})"),
    }
}
