//! By `zune-jpeg`: no C, and no scaled decoding. Its transform and its upsampling round otherwise than
//! libjpeg-turbo's, so that pixels are a few levels off here and there.

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::print;
use crate::codec::canvas::Canvas;
use crate::codec::{Checked, Decoding, ENDS_EARLY, check_size};

/// The mark of an image's end.
const END: &[u8] = b"\xff\xd9";

/// Decodes `bytes`, at their full size.
pub(super) fn decode(bytes: &[u8], decoding: &Decoding, canvas: &mut Canvas<'_>) -> Checked<()> {
    let mut decoder = open(bytes);
    let (height, width) = dimensions(&mut decoder, decoding)?;
    // What was left out would be filled in without a word.
    if !bytes.windows(END.len()).any(|pair| pair == END) {
        return Err(ENDS_EARLY.to_owned());
    }
    let inks = match decoder.input_colorspace() {
        Some(ColorSpace::Luma | ColorSpace::YCbCr | ColorSpace::RGB) => None,
        Some(ink @ (ColorSpace::CMYK | ColorSpace::YCCK)) => Some(ink),
        _ => return Err("colours of an unknown kind".to_owned()),
    };
    let out = canvas.prepare(height, width)?;
    let Some(kind) = inks else {
        return decoder.decode_into(out).map_err(words);
    };
    decoder.set_options(options().jpeg_set_out_colorspace(kind));
    let inks = decoder.decode().map_err(words)?;
    print(&inks, out);
    Ok(())
}

/// Height and width by the header.
pub(super) fn size(bytes: &[u8], decoding: &Decoding) -> Checked<(usize, usize)> {
    dimensions(&mut open(bytes), decoding)
}

/// Never: there is none.
pub(super) fn has_assembler() -> bool {
    false
}

fn options() -> DecoderOptions {
    let sides = usize::from(u16::MAX);
    let rgb = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
    rgb.set_strict_mode(true)
        .set_max_width(sides)
        .set_max_height(sides)
}

fn open(bytes: &[u8]) -> JpegDecoder<ZCursor<&[u8]>> {
    JpegDecoder::new_with_options(ZCursor::new(bytes), options())
}

fn dimensions(
    decoder: &mut JpegDecoder<ZCursor<&[u8]>>,
    decoding: &Decoding,
) -> Checked<(usize, usize)> {
    decoder.decode_headers().map_err(words)?;
    let (width, height) = decoder.dimensions().ok_or("a header without a size")?;
    check_size(width as u64, height as u64, decoding)?;
    Ok((height, width))
}

fn words(error: impl std::fmt::Debug) -> String {
    let reason = format!("{error:?}");
    format!("damaged data ({})", reason.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Stream;

    /// Levels by which a value may differ from libjpeg-turbo's.
    const MOST: u8 = 6;

    /// A JPEG file of smooth colours with some noise, and what libjpeg-turbo makes of it.
    fn file(
        (height, width): (usize, usize),
        seed: u64,
        sampling: u8,
        progressive: bool,
    ) -> (Vec<u8>, Vec<u8>) {
        let mut stream = Stream::new(seed, "file", 0);
        let value = |at: usize| (at / 3 % width + at / 3 / width + 60 * (at % 3)) as u8 / 2;
        let noisy = (0..height * width * 3).map(|at| value(at) + (stream.next_u64() % 16) as u8);
        let pixels: Vec<u8> = noisy.collect();
        let mut encoder = mozjpeg::Compress::new(mozjpeg::ColorSpace::JCS_RGB);
        encoder.set_size(width, height);
        encoder.set_quality(90.0);
        encoder.set_chroma_sampling_pixel_sizes((sampling, sampling), (sampling, sampling));
        if progressive {
            encoder.set_progressive_mode();
        }
        let mut started = encoder
            .start_compress(Vec::new())
            .expect("memory takes all");
        started.write_scanlines(&pixels).expect("as many values");
        let bytes = started.finish().expect("all is written");
        let expected = by_libjpeg_turbo(&bytes);
        (bytes, expected)
    }

    fn by_libjpeg_turbo(bytes: &[u8]) -> Vec<u8> {
        let opened = mozjpeg::Decompress::new_mem(bytes).expect("a header");
        let mut scan = opened.rgb().expect("colours");
        scan.read_scanlines::<u8>().expect("all rows")
    }

    fn decoded(bytes: &[u8]) -> Checked<Vec<u8>> {
        let mut canvas = Canvas::fresh();
        decode(bytes, &Decoding::default(), &mut canvas)?;
        let image = canvas.into_image().map_err(|error| error.to_string())?;
        Ok(image.into_pixels())
    }

    proptest! {
        #[test]
        fn pixels_are_nearly_those_of_libjpeg_turbo(
            size in (1_usize..70, 1_usize..70), seed: u64, sampling in 1_u8..3, progressive: bool,
        ) {
            let (bytes, expected) = file(size, seed, sampling, progressive);
            let found = decoded(&bytes).map_err(TestCaseError::fail)?;
            prop_assert_eq!(found.len(), expected.len());
            let most = found.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
            prop_assert!(most <= Some(MOST), "{:?} levels", most);
        }

        #[test]
        fn every_truncated_file_is_an_error(cut in 0.0_f64..1.0, seed: u64, progressive: bool) {
            let (bytes, _) = file((20, 30), seed, 2, progressive);
            let kept = (cut * bytes.len() as f64) as usize;
            prop_assert!(decoded(&bytes[..kept]).is_err());
        }
    }
}
