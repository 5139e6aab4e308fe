//! From rows of pixels to rows of patches.

use super::normalise::{Table, Value};
use super::qwen2_vl::Qwen2Vl;
use crate::Image;

/// Order of patches and of the values in one.
///
/// Patches: tokens row by row, and inside each token its `merge` × `merge` patches row by row.
/// Values: channel, repetition in time, y, x.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) patch: usize,
    merge: usize,
    repeats: usize,
}

impl Layout {
    pub(super) fn new(options: &Qwen2Vl) -> Self {
        Self {
            patch: options.patch_size,
            merge: options.merge_size,
            repeats: options.temporal_patch_size,
        }
    }

    /// Values per patch.
    pub(super) fn columns(&self) -> usize {
        3 * self.repeats * self.patch * self.patch
    }

    /// Writes all patches of `image`, whose sides are multiples of a token, into `out`.
    pub(super) fn write<T: Value>(&self, image: &Image, table: &Table<T>, out: &mut [T]) {
        let token = self.patch * self.merge;
        let mut patches = out.chunks_exact_mut(self.columns());
        for top in (0..image.height()).step_by(token) {
            for left in (0..image.width()).step_by(token) {
                for inside in 0..self.merge * self.merge {
                    let y = top + inside / self.merge * self.patch;
                    let x = left + inside % self.merge * self.patch;
                    let patch = patches
                        .next()
                        .expect("`out` holds every patch of the image");
                    self.write_patch((image, y, x), table, patch);
                }
            }
        }
    }

    fn write_patch<T: Value>(
        &self,
        (image, top, left): (&Image, usize, usize),
        table: &Table<T>,
        out: &mut [T],
    ) {
        let area = self.patch * self.patch;
        for (channel, planes) in out.chunks_exact_mut(self.repeats * area).enumerate() {
            let table = table.channel(channel);
            let (first, repeats) = planes.split_at_mut(area);
            for (y, line) in first.chunks_exact_mut(self.patch).enumerate() {
                let start = ((top + y) * image.width() + left) * 3;
                let pixels = image.pixels()[start..start + self.patch * 3].chunks_exact(3);
                for (value, pixel) in line.iter_mut().zip(pixels) {
                    *value = table[usize::from(pixel[channel])];
                }
            }
            for repeat in repeats.chunks_exact_mut(area) {
                repeat.copy_from_slice(first);
            }
        }
    }
}
