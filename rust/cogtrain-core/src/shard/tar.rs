//! POSIX ustar headers with everything fixed that does not describe the member.

/// Tar counts in blocks of this many bytes.
pub(super) const BLOCK: u64 = 512;

/// Bytes at the end of an archive: two empty blocks.
pub(super) const TRAILER: u64 = 2 * BLOCK;

/// Longest member: no image that the codec reads is longer, and ustar could hold eight times it.
pub(super) const MAX_MEMBER: u64 = 1 << 30;

/// The header of a regular file: mode 0644, owner 0 without a name, time 0.
///
/// `name` is ASCII of at most 100 bytes and `length` at most [`MAX_MEMBER`].
pub(super) fn header(name: &str, length: u64) -> [u8; BLOCK as usize] {
    let mut block = [0; BLOCK as usize];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{length:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        "); // the checksum counts itself as spaces
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// `length` with what fills its last block.
pub(super) fn padded(length: u64) -> u64 {
    length.next_multiple_of(BLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_what_it_should_and_sums_up() {
        let block = header("abc.png", 0o1234);
        assert_eq!(&block[..8], b"abc.png\0");
        assert_eq!(&block[124..136], b"00000001234\0");
        let mut blank = block;
        blank[148..156].fill(b' ');
        let sum: u32 = blank.iter().map(|&byte| u32::from(byte)).sum();
        assert_eq!(&block[148..156], format!("{sum:06o}\0 ").as_bytes());
    }

    #[test]
    fn members_fill_whole_blocks() {
        assert_eq!([0, 1, 512, 513].map(padded), [0, 512, 512, 1024]);
    }
}
