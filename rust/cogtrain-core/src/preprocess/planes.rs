//! From rows of pixels to one plane per channel.

use super::normalise::{Table, Value};
use super::plan::Picture;

/// Writes the three planes of `picture` into `out`, each the top left of `height` × `width` values.
pub(super) fn write<T: Value>(
    picture: &Picture<'_>,
    table: &Table<T>,
    out: &mut [T],
    (height, width): (usize, usize),
) {
    for (channel, plane) in out.chunks_exact_mut(height * width).enumerate() {
        let table = table.channel(channel);
        let rows = plane.chunks_exact_mut(width).take(picture.height);
        for (row, line) in rows.enumerate() {
            let row = inside(picture.top, row, picture.image.height());
            write_row(picture, (row, channel), table, &mut line[..picture.width]);
        }
    }
}

/// Place in the image of place `index` of a part that starts at `first`, if it is inside.
fn inside(first: isize, index: usize, side: usize) -> Option<usize> {
    let place = usize::try_from(first + index as isize).ok()?;
    (place < side).then_some(place)
}

fn write_row<T: Value>(
    picture: &Picture<'_>,
    (row, channel): (Option<usize>, usize),
    table: &[T; 256],
    line: &mut [T],
) {
    let width = picture.image.width();
    let Some(row) = row else {
        return line.fill(table[0]);
    };
    let before = picture.left.min(0).unsigned_abs().min(line.len());
    let (outside, line) = line.split_at_mut(before);
    outside.fill(table[0]);
    let left = (picture.left.max(0) as usize).min(width);
    let count = line.len().min(width - left);
    let (line, outside) = line.split_at_mut(count);
    outside.fill(table[0]);
    let pixels = &picture.image.pixels()[(row * width + left) * 3..][..count * 3];
    for (value, pixel) in line.iter_mut().zip(pixels.chunks_exact(3)) {
        *value = table[usize::from(pixel[channel])];
    }
}
