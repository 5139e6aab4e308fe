//! Where decoded pixels go: a buffer of their own, or the caller's.

use super::Checked;
use crate::{Image, Result};

/// A buffer that takes one image.
pub(super) struct Canvas<'a> {
    given: Option<&'a mut [u8]>,
    own: Vec<u8>,
    height: usize,
    width: usize,
}

impl<'a> Canvas<'a> {
    /// A buffer that is allocated once the size is known.
    pub(super) fn fresh() -> Self {
        Self::of(Vec::new())
    }

    /// A buffer in the memory of `own`, whatever that was before.
    pub(super) fn of(own: Vec<u8>) -> Self {
        Self {
            given: None,
            own,
            height: 0,
            width: 0,
        }
    }

    /// The caller's buffer.
    pub(super) fn given(pixels: &'a mut [u8]) -> Self {
        Self {
            given: Some(pixels),
            ..Self::fresh()
        }
    }

    /// The buffer for `height × width × 3` values; the size has been checked before.
    pub(super) fn prepare(&mut self, height: usize, width: usize) -> Checked<&mut [u8]> {
        let length = height
            .checked_mul(width)
            .and_then(|area| area.checked_mul(3))
            .ok_or("a size that overflows")?;
        (self.height, self.width) = (height, width);
        let Some(pixels) = self.given.as_deref_mut() else {
            if self.own.capacity() < length {
                self.own = Vec::new();
            }
            self.own.resize(length, 0);
            return Ok(&mut self.own);
        };
        if pixels.len() == length {
            return Ok(pixels);
        }
        Err(format!(
            "{height} × {width} × 3 values for a buffer of {}",
            pixels.len()
        ))
    }

    /// Height and width, once an image was decoded.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.height, self.width)
    }

    /// The image in a buffer of its own.
    pub(super) fn into_image(self) -> Result<Image> {
        Image::new(self.height, self.width, self.own)
    }
}
