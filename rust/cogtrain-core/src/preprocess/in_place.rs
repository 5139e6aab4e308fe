//! Model input of one image, written where a batch wants it.

use super::Preprocess;
use crate::{Image, Result};

impl Preprocess {
    /// Values that the model reads of an image of this size.
    ///
    /// # Errors
    /// As [`Preprocess::grid`].
    pub(crate) fn values(&self, height: usize, width: usize) -> Result<usize> {
        let (down, across) = self.grid(height, width)?;
        Ok(down * across * self.columns())
    }

    /// Writes the model input of `image`, whose size was checked, over the whole of `out`.
    pub(crate) fn write(&self, image: &Image, out: &mut [f32]) {
        self.layout.write(image, &self.table, out);
    }
}
