//! PNG through the `png` crate: every colour type and depth to 8-bit RGB.

use std::io::Cursor;

use png::{ColorType, DecodeOptions, Decoder, DecodingError, Limits, Transformations};

use super::{ENDS_EARLY, MAX_PIXELS, check_size};
use crate::Image;

/// Decodes PNG `bytes`; palettes and depths below 8 are expanded, 16 bits keep the high byte.
pub(super) fn decode(bytes: &[u8]) -> Result<Image, String> {
    let mut options = DecodeOptions::default();
    options.set_ignore_adler32(false);
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    decoder.set_limits(Limits {
        bytes: MAX_PIXELS as usize * 8,
    });
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let (width, height) = decoder.read_header_info().map_err(reason)?.size();
    check_size(width.into(), height.into())?;

    let mut reader = decoder.read_info().map_err(reason)?;
    let size = reader.output_buffer_size().ok_or("a size that overflows")?;
    let mut samples = vec![0; size];
    let frame = reader.next_frame(&mut samples).map_err(reason)?;
    // Reads on to the end mark, so that a file cut behind its pixels is seen too.
    reader.finish().map_err(reason)?;
    let pixels = to_rgb(samples, frame.color_type)?;
    Image::new(height as usize, width as usize, pixels).map_err(|error| error.to_string())
}

/// Encodes `image` as 8-bit RGB.
pub(super) fn encode(image: &Image) -> Result<Vec<u8>, String> {
    let side = |n: usize| u32::try_from(n).map_err(|error| error.to_string());
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side(image.width())?, side(image.height())?);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(|error| error.to_string())?;
    writer
        .write_image_data(image.pixels())
        .map_err(|error| error.to_string())?;
    writer.finish().map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Replicates grey, drops alpha.
fn to_rgb(samples: Vec<u8>, color: ColorType) -> Result<Vec<u8>, String> {
    match color {
        ColorType::Rgb => Ok(samples),
        ColorType::Rgba => Ok(samples
            .chunks_exact(4)
            .flat_map(|p| [p[0], p[1], p[2]])
            .collect()),
        ColorType::Grayscale => Ok(samples.into_iter().flat_map(|v| [v; 3]).collect()),
        ColorType::GrayscaleAlpha => Ok(samples.chunks_exact(2).flat_map(|p| [p[0]; 3]).collect()),
        ColorType::Indexed => Err("a palette image without its palette".to_owned()),
    }
}

fn reason(error: DecodingError) -> String {
    match error {
        DecodingError::IoError(source) if source.kind() == std::io::ErrorKind::UnexpectedEof => {
            ENDS_EARLY.to_owned()
        }
        other => format!("damaged data ({other})"),
    }
}
