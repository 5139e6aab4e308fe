//! The one pixel buffer that all stages share: 8-bit sRGB, rows from the top.

use crate::{Error, Result};

/// An 8-bit sRGB image, `height × width × 3`, rows from the top, channels interleaved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    height: usize,
    width: usize,
    pixels: Vec<u8>,
}

impl Image {
    /// Wraps `pixels`, row-major RGB.
    ///
    /// # Errors
    /// [`Error::Argument`] if a side is zero or `pixels` does not hold `height · width · 3` values.
    pub fn new(height: usize, width: usize, pixels: Vec<u8>) -> Result<Self> {
        let expected = height
            .checked_mul(width)
            .and_then(|area| area.checked_mul(3));
        if height == 0 || width == 0 || expected != Some(pixels.len()) {
            return Err(Error::argument(
                "pixels",
                format!("{height} × {width} × 3 values"),
                format!("{} values", pixels.len()),
                "pass row-major RGB of the stated size",
            ));
        }
        Ok(Self {
            height,
            width,
            pixels,
        })
    }

    /// Number of rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Number of columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Row-major RGB values, `height · width · 3` of them.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Gives the buffer away.
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_buffer_of_another_size() {
        let error = Image::new(2, 2, vec![0; 11]).expect_err("11 values are not 2 × 2 × 3");
        assert!(error.to_string().contains("got 11 values"), "{error}");
    }
}
