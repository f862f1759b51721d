//! What fuzz targets need of the inside.

use bytes::Bytes;

use crate::admission::Admission;
use crate::receiver::compression::Compression;
use crate::receiver::decode::{check_beginning, decompress};

/// The length of a body after decompression, or why it is refused. `coding` is a value of `Content-Encoding`.
///
/// # Errors
/// When the coding is unknown, the body is not valid in it, or it is longer than `limit_bytes`.
pub fn unpack(coding: &str, body: &[u8], limit_bytes: usize) -> Result<usize, String> {
    let unpack = || {
        let compression = Compression::from_name(Some(coding))?;
        let mut ticket = Admission::new(4 * limit_bytes, 10).ticket(None)?;
        decompress(
            compression,
            Bytes::copy_from_slice(body),
            None,
            limit_bytes,
            &mut ticket,
        )
    };
    unpack()
        .map(|unpacked| unpacked.len())
        .map_err(|refusal: crate::error::Refusal| refusal.message())
}

/// Whether a body that begins like this may be good, as far as its compression goes.
#[must_use]
pub fn may_be_good(coding: &str, beginning: &[u8], limit_bytes: usize) -> bool {
    let compression = Compression::from_name(Some(coding));
    compression.is_ok_and(|it| check_beginning(it, beginning, limit_bytes).is_ok())
}
