//! JPEG through libjpeg-turbo (as vendored by `mozjpeg`, without assembler).
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

use super::{ENDS_EARLY, check_size};
use crate::Image;

/// Decodes JPEG `bytes`: baseline or progressive, grey or colour, any subsampling.
pub(super) fn decode(bytes: &[u8]) -> Result<Image, String> {
    let strict = DecompressBuilder::new().with_err(strict_handler());
    catch_unwind(AssertUnwindSafe(|| decompress(strict, bytes)))
        .unwrap_or_else(|_| Err(diagnose(bytes)))
}

/// Runs one decoder over all of `bytes`, up to and including the end mark.
fn decompress(builder: DecompressBuilder<'_>, source: impl BufRead) -> Result<Image, String> {
    let header = builder
        .from_reader(source)
        .map_err(|error| error.to_string())?;
    let (width, height) = header.size();
    check_size(width as u64, height as u64)?;
    match header.color_space() {
        ColorSpace::JCS_GRAYSCALE | ColorSpace::JCS_RGB | ColorSpace::JCS_YCbCr => {}
        ColorSpace::JCS_CMYK | ColorSpace::JCS_YCCK => {
            return Err("CMYK colours (convert it to RGB)".to_owned());
        }
        _ => return Err("colours of an unknown kind".to_owned()),
    }
    let mut scan = header.rgb().map_err(|error| error.to_string())?;
    let pixels = scan
        .read_scanlines::<u8>()
        .map_err(|error| error.to_string())?;
    scan.finish().map_err(|error| error.to_string())?;
    Image::new(height, width, pixels).map_err(|error| error.to_string())
}

/// Says why strict decoding failed, by a second pass under the library's lenient handler.
///
/// That handler formats fatal errors and passes over warnings, which are either data that end
/// early or data that make no sense. Only files that are already refused pay for it.
fn diagnose(bytes: &[u8]) -> String {
    let mut source = Watched {
        rest: bytes,
        dry: false,
    };
    let lenient = DecompressBuilder::new();
    let outcome = catch_unwind(AssertUnwindSafe(|| decompress(lenient, &mut source)));
    match outcome {
        _ if source.dry => ENDS_EARLY.to_owned(),
        Ok(Err(reason)) => reason,
        Ok(Ok(_)) => "damaged data (the decoder had to guess pixels)".to_owned(),
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
