//! How a camera was held, by EXIF tag 0x0112 or, where that is absent, XMP's `tiff:Orientation`.

use crate::Image;

/// The eight ways to lay out one picture; the default is as it is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Orientation {
    /// Rows become columns (mirrored along the main diagonal), before the rest.
    transposed: bool,
    /// Left and right change places.
    mirrored: bool,
    /// Top and bottom change places.
    flipped: bool,
}

/// The EXIF tag.
const ORIENTATION: u16 = 0x0112;

impl Orientation {
    /// From `exif` (a TIFF header and its first directory) and `xmp`, in this order, as Pillow.
    pub(super) fn read(exif: Option<&[u8]>, xmp: Option<&[u8]>) -> Self {
        let value = exif.and_then(tag).or_else(|| xmp.and_then(attribute));
        value.map_or_else(Self::default, Self::from_tag)
    }

    fn from_tag(value: u32) -> Self {
        let (transposed, mirrored, flipped) = match value {
            2 => (false, true, false),
            3 => (false, true, true),
            4 => (false, false, true),
            5 => (true, false, false),
            6 => (true, true, false),
            7 => (true, true, true),
            8 => (true, false, true),
            _ => (false, false, false),
        };
        Self {
            transposed,
            mirrored,
            flipped,
        }
    }

    /// Height and width once turned; turning twice gives them back.
    pub(super) fn size(self, (height, width): (usize, usize)) -> (usize, usize) {
        if self.transposed {
            (width, height)
        } else {
            (height, width)
        }
    }

    /// Writes the turned `image` to `out`, of as many values.
    pub(super) fn apply(self, image: &Image, out: &mut [u8]) {
        let (height, width) = self.size((image.height(), image.width()));
        let source = image.pixels();
        for (y, row) in out.chunks_exact_mut(width * 3).enumerate() {
            let y = if self.flipped { height - 1 - y } else { y };
            for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
                let x = if self.mirrored { width - 1 - x } else { x };
                let (row, column) = if self.transposed { (x, y) } else { (y, x) };
                let at = (row * image.width() + column) * 3;
                pixel.copy_from_slice(&source[at..at + 3]);
            }
        }
    }
}

/// Value of the tag in the first directory of `exif`.
fn tag(exif: &[u8]) -> Option<u32> {
    let little = match exif.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes = exif.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    };
    let long = |at: usize| {
        let bytes = exif.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        })
    };
    let first = long(4)? as usize;
    let entries = usize::from(short(first)?);
    let entry = (0..entries)
        .map(|number| first + 2 + number * 12)
        .find(|&at| short(at) == Some(ORIENTATION))?;
    match (short(entry + 2)?, long(entry + 4)?) {
        (1, 1) => exif.get(entry + 8).map(|&byte| byte.into()),
        (3, 1) => short(entry + 8).map(Into::into),
        (4, 1) => long(entry + 8),
        _ => None,
    }
}

/// The digit behind `tiff:Orientation="` or `tiff:Orientation>`.
fn attribute(xmp: &[u8]) -> Option<u32> {
    const NAME: &[u8] = b"tiff:Orientation";
    let at = xmp.windows(NAME.len()).position(|name| name == NAME)?;
    let rest = &xmp[at + NAME.len()..];
    let digit = rest
        .strip_prefix(b"=\"")
        .or_else(|| rest.strip_prefix(b">"))?
        .first()?;
    digit.is_ascii_digit().then(|| u32::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned(value: u32) -> Vec<u8> {
        let pixels = (0..6).flat_map(|value| [value; 3]).collect();
        let image = Image::new(2, 3, pixels).expect("six pixels");
        let mut out = vec![0; 18];
        Orientation::from_tag(value).apply(&image, &mut out);
        out.chunks(3).map(|pixel| pixel[0]).collect()
    }

    #[test]
    fn the_eight_orientations_move_pixels_as_exif_says() {
        // Stored: 0 1 2 / 3 4 5.
        for (value, expected) in [
            (1, [0, 1, 2, 3, 4, 5]),
            (2, [2, 1, 0, 5, 4, 3]),
            (3, [5, 4, 3, 2, 1, 0]),
            (4, [3, 4, 5, 0, 1, 2]),
            (5, [0, 3, 1, 4, 2, 5]),
            (6, [3, 0, 4, 1, 5, 2]),
            (7, [5, 2, 4, 1, 3, 0]),
            (8, [2, 5, 1, 4, 0, 3]),
            (9, [0, 1, 2, 3, 4, 5]),
        ] {
            assert_eq!(turned(value), expected, "orientation {value}");
        }
    }

    #[test]
    fn a_directory_that_points_outside_is_no_orientation() {
        for exif in [
            &b"II*\0"[..],
            b"II*\0\xff\xff\xff\xff",
            b"II*\0\x08\0\0\0\xff\xff\x12\x01",
            b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01",
        ] {
            assert_eq!(Orientation::read(Some(exif), None), Orientation::default());
        }
        let xmp = Orientation::read(None, Some(b"<x tiff:Orientation=\"6\"/>"));
        assert_eq!(xmp, Orientation::from_tag(6));
    }
}
