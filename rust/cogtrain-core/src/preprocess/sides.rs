//! Sixteen rows of bytes laid on their side, and stood up again.
//!
//! Rows laid down are columns of sixteen contiguous bytes each, so that a loop along a row becomes
//! a loop over lanes. Bytes are turned in squares of 8 × 8, four squares at a time.

/// Rows that are laid down together.
pub(super) const BLOCK: usize = 16;

/// Columns and rows of one square.
const SIDE: usize = 8;

/// Squares that are turned together, one in each lane of a vector.
const SQUARES: usize = 4;

/// The rows of some squares, one beside the other.
type Squares = [[u64; SQUARES]; SIDE];

/// Writes up to sixteen rows, `stride` apart and `width` long, as columns of sixteen; `columns` has
/// room for [`room`] of them.
#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "compiled anew for each instruction set"
)]
pub(super) fn lay_down(rows: &[u8], stride: usize, width: usize, columns: &mut [u8]) {
    const WIDE: usize = SIDE * SQUARES;
    let count = rows.len().div_ceil(stride);
    for first in (0..count).step_by(SIDE) {
        for left in (0..width).step_by(WIDE) {
            let wide = (width - left).min(WIDE);
            let mut squares = [[0; SQUARES]; SIDE];
            for (row, line) in (first..count).zip(&mut squares) {
                read(&rows[row * stride + left..][..wide], line);
            }
            turn(&mut squares);
            for (index, column) in columns[left * BLOCK..]
                .chunks_exact_mut(BLOCK)
                .take(WIDE)
                .enumerate()
            {
                let bytes = squares[index % SIDE][index / SIDE].to_le_bytes();
                column[first..first + SIDE].copy_from_slice(&bytes);
            }
        }
    }
}

/// Writes columns of sixteen as rows, `stride` apart and `width` long, as many as `rows` holds;
/// `stride` leaves room for a multiple of sixteen values.
#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "compiled anew for each instruction set"
)]
pub(super) fn stand_up(columns: &[u8], rows: &mut [u8], stride: usize, width: usize) {
    const WIDE: usize = SIDE * SQUARES / 2;
    let count = rows.len() / stride;
    for left in (0..width).step_by(WIDE) {
        let mut squares = [[0; SQUARES]; SIDE];
        // Two squares side by side hold the sixteen rows of eight columns.
        let block = &columns[left * BLOCK..][..WIDE * BLOCK];
        for (index, column) in block.chunks_exact(BLOCK).enumerate() {
            let pair = index / SIDE * 2;
            read(column, &mut squares[index % SIDE][pair..pair + 2]);
        }
        turn(&mut squares);
        for (row, line) in rows.chunks_exact_mut(stride).enumerate().take(count) {
            let square = &squares[row % SIDE];
            line[left..left + SIDE].copy_from_slice(&square[row / SIDE].to_le_bytes());
            line[left + SIDE..left + WIDE].copy_from_slice(&square[row / SIDE + 2].to_le_bytes());
        }
    }
}

/// Columns to make room for where `width` are laid down: whole squares.
pub(super) fn room(width: usize) -> usize {
    width.next_multiple_of(SIDE * SQUARES)
}

/// Reads bytes into as many words as they fill; what is missing of the last ones is 0.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "compiled anew for each instruction set"
)]
fn read(bytes: &[u8], words: &mut [u64]) {
    if bytes.len() == words.len() * SIDE {
        for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(SIDE)) {
            *word = u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        }
        return;
    }
    for (word, bytes) in words.iter_mut().zip(bytes.chunks(SIDE)) {
        let mut whole = [0; SIDE];
        whole[..bytes.len()].copy_from_slice(bytes);
        *word = u64::from_le_bytes(whole);
    }
}

/// Exchanges rows and columns of each square: halves, then quarters, then neighbours.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "compiled anew for each instruction set"
)]
fn turn(squares: &mut Squares) {
    exchange::<4>(squares, 0x0000_0000_FFFF_FFFF);
    exchange::<2>(squares, 0x0000_FFFF_0000_FFFF);
    exchange::<1>(squares, 0x00FF_00FF_00FF_00FF);
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "compiled anew for each instruction set"
)]
fn exchange<const DISTANCE: usize>(squares: &mut Squares, mask: u64) {
    let bits = 8 * DISTANCE;
    for row in (0..SIDE).filter(|row| row & DISTANCE == 0) {
        let (upper, lower) = squares.split_at_mut(row + DISTANCE);
        for (upper, lower) in upper[row].iter_mut().zip(&mut lower[0]) {
            let swap = ((*upper >> bits) ^ *lower) & mask;
            *upper ^= swap << bits;
            *lower ^= swap;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were() {
        for (count, width) in [(1, 3_usize), (5, 9), (8, 8), (9, 16), (16, 33)] {
            let stride = width.next_multiple_of(16);
            let rows: Vec<u8> = (0..count * width).map(|i| (i * 31 % 251) as u8).collect();
            let mut columns = vec![0; room(width) * BLOCK];
            lay_down(&rows, width, width, &mut columns);
            for (index, &value) in rows.iter().enumerate() {
                let (row, column) = (index / width, index % width);
                assert_eq!(columns[column * BLOCK + row], value, "{count} × {width}");
            }
            let mut back = vec![0; count * stride];
            stand_up(&columns, &mut back, stride, width);
            for (row, line) in back.chunks_exact(stride).enumerate() {
                assert_eq!(line[..width], rows[row * width..(row + 1) * width]);
            }
        }
    }
}
