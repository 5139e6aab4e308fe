//! Members of any tar by its headers: ustar, pax, GNU long names, and the old V7 format.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use serde::{Deserialize, Serialize};

use super::tar::BLOCK;

/// Longest name, or table of pax records, that is read.
const MAX_TEXT: u64 = 1 << 20;

/// What is wrong, and at which byte.
pub(super) type Fault = (String, u64);

/// (name, offset of the content, its length, checksum of the header): one regular file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part(
    pub(super) String,
    pub(super) u64,
    pub(super) u64,
    pub(super) u32,
);

/// Bytes at any place.
pub(super) trait Bytes {
    /// Fills `into` from `offset` on.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()>;
}

impl Bytes for File {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        self.read_exact_at(into, offset)
    }
}

impl Bytes for &[u8] {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let part = from
            .checked_add(into.len())
            .and_then(|to| self.get(from..to))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(part);
        Ok(())
    }
}

/// What extension headers say of the member behind them.
#[derive(Default)]
struct Extension {
    name: Option<String>,
    length: Option<u64>,
}

/// Lists the regular files of a tar of `length` bytes by reading its headers alone.
///
/// Directories, links and devices are passed over, as are names that begin with a dot.
///
/// # Errors
/// What is wrong, and at which byte: damage, a truncated file, a sparse member, no tar at all.
pub(super) fn scan(bytes: &dyn Bytes, length: u64) -> Result<Vec<Part>, Fault> {
    let mut parts = Vec::new();
    let mut extension = Extension::default();
    let mut at = 0;
    while let Some(header) = Header::read(bytes, at, length)? {
        let size = match header.kind {
            b'1'..=b'6' => 0,
            b'x' | b'g' | b'L' | b'K' => header.length,
            _ => extension.length.unwrap_or(header.length),
        };
        let start = at + BLOCK;
        let end = start.checked_add(size).filter(|&end| end <= length);
        let end = end.ok_or_else(|| {
            let reason = format!("a member of {size} bytes that goes beyond the file's {length}");
            (reason, at)
        })?;
        match header.kind {
            b'x' => extension.records(&text(bytes, start, size)?, start)?,
            b'L' => extension.name = Some(plain(&text(bytes, start, size)?)),
            b'g' | b'K' => {}
            b'S' => return Err(("a sparse member".to_owned(), at)),
            b'0' | 0 | b'7' => {
                let name = extension.name.take().unwrap_or(header.name);
                if is_shown(&name) {
                    parts.push(Part(name, start, size, header.sum));
                }
                extension = Extension::default();
            }
            _ => extension = Extension::default(),
        }
        at = end.next_multiple_of(BLOCK);
    }
    Ok(parts)
}

/// Whether the header of `part` is still where it was.
pub(super) fn is_in_place(part: &Part, header: &[u8; BLOCK as usize]) -> bool {
    sums(header).0 == part.3
}

/// What one header block says.
struct Header {
    name: String,
    length: u64,
    kind: u8,
    sum: u32,
}

impl Header {
    /// The header at `at`; `None` at the end mark.
    fn read(bytes: &dyn Bytes, at: u64, length: u64) -> Result<Option<Self>, Fault> {
        let mut block = [0; BLOCK as usize];
        if at.checked_add(BLOCK).is_none_or(|end| end > length) {
            let reason = "data that end without an end mark (a truncated file)";
            return Err((reason.to_owned(), length.min(at)));
        }
        bytes
            .read_at(&mut block, at)
            .map_err(|error| (format!("`{error}`"), at))?;
        if block.iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        let (sum, signed) = sums(&block);
        let claim = number(&block[148..156]);
        if claim != Some(sum.into()) && claim != u64::try_from(signed).ok() {
            return Err((unreadable(&block, at), at));
        }
        let length = number(&block[124..136]);
        let length = length.ok_or_else(|| ("a length that is no number".to_owned(), at))?;
        Ok(Some(Self {
            name: name(&block),
            length,
            kind: block[156],
            sum,
        }))
    }
}

impl Extension {
    /// Reads pax records, `length key=value\n`.
    fn records(&mut self, text: &[u8], at: u64) -> Result<(), Fault> {
        let mut rest = text;
        while !rest.is_empty() && rest[0] != 0 {
            let (key, value, behind) =
                record(rest).ok_or_else(|| ("a damaged pax record".to_owned(), at))?;
            rest = behind;
            if key.starts_with(b"GNU.sparse") {
                return Err(("a sparse member".to_owned(), at));
            } else if key == b"path" {
                self.name = Some(plain(value));
            } else if key == b"size" {
                let size = std::str::from_utf8(value).ok().and_then(|v| v.parse().ok());
                self.length = Some(size.ok_or_else(|| ("a damaged pax size".to_owned(), at))?);
            }
        }
        Ok(())
    }
}

/// Key and value of the first pax record of `text`, and what follows it.
fn record(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = text.iter().position(|&byte| byte == b' ')?;
    let length: usize = std::str::from_utf8(&text[..space]).ok()?.parse().ok()?;
    let line = text.get(space + 1..length)?.strip_suffix(b"\n")?;
    let equals = line.iter().position(|&byte| byte == b'=')?;
    Some((&line[..equals], &line[equals + 1..], &text[length..]))
}

/// Sum of all bytes with the sum's own field as spaces: of unsigned and of signed bytes.
fn sums(block: &[u8; BLOCK as usize]) -> (u32, i64) {
    let all = block.iter().enumerate();
    all.fold((0, 0), |(sum, signed), (at, &byte)| {
        let byte = if (148..156).contains(&at) { b' ' } else { byte };
        (
            sum + u32::from(byte),
            signed + i64::from(byte.cast_signed()),
        )
    })
}

/// A number in octal digits, or in base 256 where the first bit is set.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let first = u64::from(field[0] & 0x7f);
        let mut rest = field[1..].iter();
        return rest.try_fold(first, |number, &byte| {
            number.checked_mul(256)?.checked_add(byte.into())
        });
    }
    let text = std::str::from_utf8(field).ok()?;
    let digits = text.trim_matches([' ', '\0']);
    if digits.is_empty() {
        return Some(0);
    }
    u64::from_str_radix(digits, 8).ok()
}

fn name(block: &[u8; BLOCK as usize]) -> String {
    let short = plain(&block[..100]);
    let prefix = plain(&block[345..500]);
    // GNU writes other things where POSIX has the prefix.
    if &block[257..263] == b"ustar\0" && !prefix.is_empty() {
        return format!("{prefix}/{short}");
    }
    short
}

/// Text up to the first zero byte.
fn plain(field: &[u8]) -> String {
    let end = field.iter().position(|&byte| byte == 0);
    String::from_utf8_lossy(&field[..end.unwrap_or(field.len())]).into_owned()
}

fn text(bytes: &dyn Bytes, start: u64, length: u64) -> Result<Vec<u8>, Fault> {
    if length > MAX_TEXT {
        let reason = format!("a name of {length} bytes (at most {MAX_TEXT})");
        return Err((reason, start));
    }
    let mut text = vec![0; length as usize];
    let read = bytes.read_at(&mut text, start);
    read.map_err(|error| (format!("`{error}`"), start))?;
    Ok(text)
}

fn is_shown(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or_default();
    !last.is_empty() && !last.starts_with('.')
}

/// What a block is that is no header.
fn unreadable(block: &[u8], at: u64) -> String {
    let packed = [
        (&b"\x1f\x8b"[..], "gzip"),
        (b"BZh", "bzip2"),
        (b"\xfd7zXZ", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"PK", "zip"),
    ];
    let kind = packed.iter().find(|(start, _)| block.starts_with(start));
    match kind {
        Some((_, kind)) if at == 0 => format!("a {kind} file, which must be unpacked first,"),
        _ => "a damaged header (its checksum does not fit)".to_owned(),
    }
}
