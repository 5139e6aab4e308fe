//! By libjpeg-turbo (as vendored by `mozjpeg`; with its assembler where the build found NASM or the target
//! is ARM, to the same bits).
//!
//! The library prefers a wrong picture to none: damaged or missing data give grey blocks and a
//! warning that its default handler swallows. Here a warning is as fatal as an error: both unwind
//! out of the C code, which is compiled for it, and are caught below.

use std::io::{BufRead, Read};
use std::os::raw::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;

use mozjpeg::decompress::DecompressBuilder;
use mozjpeg_sys::{J_COLOR_SPACE as ColorSpace, jpeg_common_struct, jpeg_error_mgr};

use super::print;
use crate::codec::canvas::Canvas;
use crate::codec::{Checked, Decoding, ENDS_EARLY, check_size};

/// Decodes `bytes`.
pub(super) fn decode(bytes: &[u8], decoding: &Decoding, canvas: &mut Canvas<'_>) -> Checked<()> {
    let strict = DecompressBuilder::new().with_err(strict_handler());
    catch_unwind(AssertUnwindSafe(|| {
        decompress(strict, bytes, decoding, canvas)
    }))
    .unwrap_or_else(|_| Err(diagnose(bytes, decoding)))
}

/// Whether the library has its assembler.
#[allow(unsafe_code)]
pub(super) fn has_assembler() -> bool {
    // SAFETY: declared so in the library's `jsimd.h`; it looks at the processor and at nothing else.
    unsafe extern "C" {
        safe fn jsimd_can_idct_islow() -> c_int;
    }
    jsimd_can_idct_islow() != 0
}

/// Height and width by the header, scaled as `decoding` asks.
pub(super) fn size(bytes: &[u8], decoding: &Decoding) -> Checked<(usize, usize)> {
    let open = || {
        let strict = DecompressBuilder::new().with_err(strict_handler());
        let header = strict.from_reader(bytes).map_err(|e| e.to_string())?;
        let (width, height) = header.size();
        check_size(width as u64, height as u64, decoding)?;
        let shrink = shrink((height, width), decoding);
        Ok((height.div_ceil(shrink), width.div_ceil(shrink)))
    };
    catch_unwind(AssertUnwindSafe(open)).unwrap_or_else(|_| Err(diagnose(bytes, decoding)))
}

/// By what the sides may be divided, as Pillow's `draft` chooses: 8, 4, 2 or 1.
fn shrink((height, width): (usize, usize), decoding: &Decoding) -> usize {
    let Some((least_height, least_width)) = decoding.at_least else {
        return 1;
    };
    let most = (height / least_height.max(1)).min(width / least_width.max(1));
    [8, 4, 2].into_iter().find(|&by| by <= most).unwrap_or(1)
}

/// Runs one decoder over all of the source, up to and including the end mark.
fn decompress(
    builder: DecompressBuilder<'_>,
    source: impl BufRead,
    decoding: &Decoding,
    canvas: &mut Canvas<'_>,
) -> Checked<()> {
    let words = |error: std::io::Error| error.to_string();
    let mut header = builder.from_reader(source).map_err(words)?;
    let (width, height) = header.size();
    check_size(width as u64, height as u64, decoding)?;
    let shrink = shrink((height, width), decoding);
    header.scale((8 / shrink) as u8);
    let out = canvas.prepare(height.div_ceil(shrink), width.div_ceil(shrink))?;
    let scan = match header.color_space() {
        ColorSpace::JCS_GRAYSCALE | ColorSpace::JCS_RGB | ColorSpace::JCS_YCbCr => {
            let mut scan = header.rgb().map_err(words)?;
            scan.read_scanlines_into(out).map_err(words)?;
            scan
        }
        ColorSpace::JCS_CMYK | ColorSpace::JCS_YCCK => {
            let mut scan = header.to_colorspace(ColorSpace::JCS_CMYK).map_err(words)?;
            let inks = scan.read_scanlines::<u8>().map_err(words)?;
            print(&inks, out);
            scan
        }
        _ => return Err("colours of an unknown kind".to_owned()),
    };
    scan.finish().map_err(words)
}

/// Says why strict decoding failed, by a second pass under the library's lenient handler.
///
/// That handler formats fatal errors and passes over warnings, which are either data that end
/// early or data that make no sense. Only files that are already refused pay for it.
fn diagnose(bytes: &[u8], decoding: &Decoding) -> String {
    let mut source = Watched {
        rest: bytes,
        dry: false,
    };
    let lenient = DecompressBuilder::new();
    let mut canvas = Canvas::fresh();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        decompress(lenient, &mut source, decoding, &mut canvas)
    }));
    match outcome {
        _ if source.dry => ENDS_EARLY.to_owned(),
        Ok(Err(reason)) => reason,
        Ok(Ok(())) => "damaged data (the decoder had to guess pixels)".to_owned(),
        Err(panic) => {
            let words = panic
                .downcast_ref::<String>()
                .map_or("no reason given", String::as_str);
            let words = words.strip_prefix("libjpeg fatal error: ").unwrap_or(words);
            format!("damaged data ({words})")
        }
    }
}

/// A handler under which errors and warnings both unwind; its fields are plain data, so that no
/// call into the library is needed to make it.
fn strict_handler() -> jpeg_error_mgr {
    jpeg_error_mgr {
        error_exit: Some(unwind),
        emit_message: Some(unwind_on_warning),
        output_message: Some(pass),
        format_message: Some(leave_unformatted),
        reset_error_mgr: Some(pass),
        msg_code: 0,
        msg_parm: mozjpeg_sys::msg_parm_union::default(),
        trace_level: 0,
        num_warnings: 0,
        jpeg_message_table: ptr::null(),
        last_jpeg_message: 0,
        addon_message_table: ptr::null(),
        first_addon_message: 0,
        last_addon_message: 0,
    }
}

extern "C-unwind" fn unwind(_: &mut jpeg_common_struct) {
    // Unlike `panic!`, this runs no hook: nothing is printed.
    resume_unwind(Box::new(()));
}

extern "C-unwind" fn unwind_on_warning(common: &mut jpeg_common_struct, level: c_int) {
    // Level −1 is a warning; 0 and above trace what the decoder sees.
    if level < 0 {
        unwind(common);
    }
}

extern "C-unwind" fn pass(_: &mut jpeg_common_struct) {}

extern "C-unwind" fn leave_unformatted(_: &mut jpeg_common_struct, _: &[u8; 80]) {}

/// Bytes that remember whether more were asked for than there are.
struct Watched<'a> {
    rest: &'a [u8],
    dry: bool,
}

impl Read for Watched<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.rest.read(into)
    }
}

impl BufRead for Watched<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        self.dry |= self.rest.is_empty();
        Ok(self.rest)
    }

    fn consume(&mut self, amount: usize) {
        self.rest = &self.rest[amount.min(self.rest.len())..];
    }
}
