//! Sixteen rows of bytes laid on their side, and stood up again.
//!
//! Rows laid down are columns of sixteen contiguous bytes each, so that a loop along a row becomes
//! a loop over lanes.

/// Rows that are laid down together.
pub(super) const BLOCK: usize = 16;

/// Columns and rows of one square.
const SIDE: usize = 8;

/// Writes up to sixteen rows, `stride` apart and `width` long, as columns of sixteen.
pub(super) fn lay_down(rows: &[u8], (stride, width): (usize, usize), columns: &mut [u8]) {
    let count = rows.len().div_ceil(stride);
    for first in (0..count).step_by(SIDE) {
        let rows = &rows[first * stride..];
        let count = (count - first).min(SIDE);
        for left in (0..width).step_by(SIDE) {
            let wide = (width - left).min(SIDE);
            let square = read(&rows[left..], stride, (count, wide));
            let columns = &mut columns[left * BLOCK + first..];
            write(&turned(square), columns, BLOCK, (wide, SIDE));
        }
    }
}

/// Writes columns of sixteen as rows, `stride` apart and `width` long, as many as `rows` holds.
pub(super) fn stand_up(columns: &[u8], rows: &mut [u8], (stride, width): (usize, usize)) {
    let count = rows.len() / stride;
    for first in (0..count).step_by(SIDE) {
        let rows = &mut rows[first * stride..];
        let count = (count - first).min(SIDE);
        for left in (0..width).step_by(SIDE) {
            let wide = (width - left).min(SIDE);
            let square = read(&columns[left * BLOCK + first..], BLOCK, (wide, SIDE));
            write(&turned(square), &mut rows[left..], stride, (count, wide));
        }
    }
}

/// Reads `count` rows of `width` bytes, `stride` apart; the rest of the square is 0.
fn read(rows: &[u8], stride: usize, (count, width): (usize, usize)) -> [u64; SIDE] {
    let mut square = [0; SIDE];
    for (row, line) in square.iter_mut().zip(rows.chunks(stride)).take(count) {
        *row = if width == SIDE {
            u64::from_le_bytes(line[..SIDE].try_into().expect("a slice of that length"))
        } else {
            let mut bytes = [0; SIDE];
            bytes[..width].copy_from_slice(&line[..width]);
            u64::from_le_bytes(bytes)
        };
    }
    square
}

/// Writes `count` rows of `width` bytes, `stride` apart.
fn write(square: &[u64; SIDE], rows: &mut [u8], stride: usize, (count, width): (usize, usize)) {
    for (row, line) in square.iter().zip(rows.chunks_mut(stride)).take(count) {
        line[..width].copy_from_slice(&row.to_le_bytes()[..width]);
    }
}

/// Exchanges rows and columns of 8 × 8 bytes: halves, then quarters, then neighbours.
fn turned(mut rows: [u64; SIDE]) -> [u64; SIDE] {
    for (distance, mask) in [
        (4, 0x0000_0000_FFFF_FFFF),
        (2, 0x0000_FFFF_0000_FFFF),
        (1, 0x00FF_00FF_00FF_00FF_u64),
    ] {
        let bits = 8 * distance as u32;
        for row in (0..SIDE).filter(|row| row & distance == 0) {
            let swap = ((rows[row] >> bits) ^ rows[row + distance]) & mask;
            rows[row] ^= swap << bits;
            rows[row + distance] ^= swap;
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were() {
        for (count, width) in [(1, 3), (5, 9), (8, 8), (9, 16), (16, 33)] {
            let stride = width + 7;
            let rows: Vec<u8> = (0..count * width).map(|i| (i * 31 % 251) as u8).collect();
            let mut columns = vec![0; width * BLOCK];
            lay_down(&rows, (width, width), &mut columns);
            for (index, &value) in rows.iter().enumerate() {
                let (row, column) = (index / width, index % width);
                assert_eq!(columns[column * BLOCK + row], value, "{count} × {width}");
            }
            let mut back = vec![0; count * stride];
            stand_up(&columns, &mut back, (stride, width));
            for (row, line) in back.chunks_exact(stride).enumerate() {
                assert_eq!(line[..width], rows[row * width..(row + 1) * width]);
                assert_eq!(line[width..], [0; 7]);
            }
        }
    }
}
