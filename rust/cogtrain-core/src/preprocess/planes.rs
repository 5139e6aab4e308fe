//! From rows of pixels to one plane per channel.

use super::normalise::{Table, Value};
use super::plan::Picture;
use super::strips::{Row, Strips};
use crate::simd::Bypass;

/// Writes the three planes of `picture` into `out`, each the top left of `height` × `width` values;
/// `line` is memory for one line.
pub(super) fn write<T: Value>(
    picture: &Picture<'_>,
    table: &Table<T>,
    (out, (height, width)): (&mut [T], (usize, usize)),
    (strips, line): (&mut Strips, &mut Vec<f32>),
    bypass: &Bypass,
) {
    let window = picture.cut.window;
    line.resize(picture.width, 0.0);
    let line: &mut [T] = &mut bytemuck::cast_slice_mut(line)[..picture.width];
    let inside = picture.top..picture.top + window.height;
    for (channel, plane) in out.chunks_exact_mut(height * width).enumerate() {
        let rows = plane.chunks_exact_mut(width).take(picture.height);
        let outside = rows.enumerate().filter(|(row, _)| !inside.contains(row));
        outside.for_each(|(_, row)| row[..picture.width].fill(table.channel(channel).black()));
    }
    let mut row = inside.start;
    strips.run(picture.cut, |lines: Row<'_>| {
        for channel in 0..3 {
            let table = table.channel(channel);
            let (left, rest) = line.split_at_mut(picture.left);
            let (values, right) = rest.split_at_mut(window.width);
            left.fill(table.black());
            table.write(lines.line(channel, window.width), values);
            right.fill(table.black());
            let place = &mut out[(channel * height + row) * width..][..picture.width];
            bypass.copy(bytemuck::cast_slice(line), bytemuck::cast_slice_mut(place));
        }
        row += 1;
    });
}
