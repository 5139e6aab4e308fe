//! Model input of a batch, written image by image where the batch wants it.

use super::{Dtype, Family, Layout, Preprocess, Scratch};
use crate::{Image, Result};

impl Preprocess {
    /// Values that the model reads of an image of this size alone.
    ///
    /// # Errors
    /// As [`Preprocess::check`].
    pub(crate) fn values(&self, height: usize, width: usize) -> Result<usize> {
        Ok(self.layout(&[(height, width)], &[1])?.len())
    }

    /// Kind of numbers that it gives.
    pub(crate) fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Whether the values of a batch are those of its images one after the other; if not, frames
    /// are filled up to the largest of the batch.
    pub(crate) fn is_row_by_row(&self) -> bool {
        match &self.family {
            Family::Single(single) => single.is_alone_as_in_a_batch(),
            Family::Idefics3(_) | Family::OneVision(_) => false,
            _ => true,
        }
    }

    /// Where a batch of images of these sizes goes, each a sample of its own.
    ///
    /// # Errors
    /// As [`Preprocess::apply`].
    pub(crate) fn batch_layout(&self, sizes: &[(usize, usize)]) -> Result<Layout> {
        self.layout(sizes, &vec![1; sizes.len()])
    }

    /// Writes the model input of `images` as a batch of their own over the whole of `out`, which
    /// is aligned for its numbers, in the memory of `scratch`.
    ///
    /// # Errors
    /// As [`Preprocess::write_f32`].
    pub(crate) fn write(
        &self,
        images: &[&Image],
        out: &mut [u8],
        scratch: &mut Scratch,
    ) -> Result<()> {
        let sizes: Vec<_> = images.iter().map(|i| (i.height(), i.width())).collect();
        let layout = self.batch_layout(&sizes)?;
        layout.check(images, out.len() / self.dtype.bytes())?;
        match self.dtype {
            Dtype::F32 => {
                let out = (&self.table, bytemuck::cast_slice_mut(out));
                self.fill(images, &layout, out, scratch);
            }
            Dtype::Bf16 => {
                let out = (&self.short_table, bytemuck::cast_slice_mut(out));
                self.fill(images, &layout, out, scratch);
            }
        }
        Ok(())
    }
}
