//! Parts of the file that carry their checksum in front of them.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use super::bits::Cursor;
use super::error::{BodiesError, damaged};

/// Bytes of a checksum.
pub(super) const CHECKSUM_BYTES: usize = 4;

/// Begins a part; what is appended from here on belongs to it until [`end`].
pub(super) fn begin(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend([0; CHECKSUM_BYTES]);
    start
}

/// Ends the part that began at `start`, and returns its length.
pub(super) fn end(start: usize, out: &mut [u8]) -> usize {
    let Some((checksum, bytes)) = out
        .get_mut(start..)
        .and_then(|part| part.split_at_mut_checked(CHECKSUM_BYTES))
    else {
        return 0;
    };
    checksum.copy_from_slice(&crc32fast::hash(bytes).to_le_bytes());
    checksum.len() + bytes.len()
}

/// The contents of a part.
pub(super) fn contents(part: &[u8]) -> Result<&[u8], BodiesError> {
    let mut cursor = Cursor::new(part);
    let checksum = cursor.u32()?;
    let bytes = cursor.take(part.len() - CHECKSUM_BYTES)?;
    if crc32fast::hash(bytes) == checksum {
        Ok(bytes)
    } else {
        Err(damaged("a checksum is wrong"))
    }
}
