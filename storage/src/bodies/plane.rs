//! A plane: bytes of one kind that are compressed together where that pays, as they are otherwise.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::borrow::Cow;

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::compress_bound;

use super::bits::{Cursor, put_varint};
use super::error::{BodiesError, damaged};

/// Fewer bytes are not worth a frame.
const COMPRESSED_BYTES_MIN: usize = 48;

/// Level for planes of values, which are small and much like noise.
const VALUES_LEVEL: i32 = 1;
/// Level for text.
const TEXT_LEVEL: i32 = 3;

const RAW: u8 = 0;
const REPEATED: u8 = 1;
const COMPRESSED: u8 = 2;

fn failed(source: std::io::Error) -> BodiesError {
    BodiesError::Compress { source }
}

/// Compresses; made once, because that takes longer than compressing a page.
pub(super) struct Packer {
    values: Compressor<'static>,
    text: Compressor<'static>,
    buffer: Vec<u8>,
}

impl Packer {
    pub(super) fn new() -> Result<Self, BodiesError> {
        Ok(Self {
            values: Compressor::new(VALUES_LEVEL).map_err(failed)?,
            text: Compressor::new(TEXT_LEVEL).map_err(failed)?,
            buffer: Vec::new(),
        })
    }

    /// One zstd frame of text.
    pub(super) fn compress_text(&mut self, bytes: &[u8]) -> Result<&[u8], BodiesError> {
        compress(&mut self.text, bytes, &mut self.buffer)?;
        Ok(&self.buffer)
    }

    /// Appends a plane of values.
    pub(super) fn put_values(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), BodiesError> {
        put(&mut self.values, &mut self.buffer, bytes, out)
    }

    /// Appends a plane of text.
    pub(super) fn put_text(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), BodiesError> {
        put(&mut self.text, &mut self.buffer, bytes, out)
    }
}

fn compress(
    compressor: &mut Compressor<'static>,
    bytes: &[u8],
    buffer: &mut Vec<u8>,
) -> Result<(), BodiesError> {
    buffer.clear();
    buffer.reserve(compress_bound(bytes.len()));
    compressor
        .compress_to_buffer(bytes, buffer)
        .map_err(failed)?;
    Ok(())
}

fn put(
    compressor: &mut Compressor<'static>,
    buffer: &mut Vec<u8>,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), BodiesError> {
    if let Some((first, rest)) = bytes.split_first()
        && rest.iter().all(|byte| byte == first)
    {
        out.extend([REPEATED, *first]);
        return Ok(());
    }
    if bytes.len() >= COMPRESSED_BYTES_MIN {
        compress(compressor, bytes, buffer)?;
        // What saves next to nothing is not worth decompressing.
        if buffer.len() + 3 + bytes.len() / 32 < bytes.len() {
            out.push(COMPRESSED);
            put_varint(buffer.len() as u64, out);
            out.extend_from_slice(buffer);
            return Ok(());
        }
    }
    out.push(RAW);
    out.extend_from_slice(bytes);
    Ok(())
}

/// Decompresses; made once for many pages.
pub(super) struct Unpacker {
    zstd: Decompressor<'static>,
}

impl Unpacker {
    pub(super) fn new() -> Result<Self, BodiesError> {
        Ok(Self {
            zstd: Decompressor::new().map_err(failed)?,
        })
    }

    /// The contents of a zstd frame, of which the length is known and was checked.
    pub(super) fn decompress(
        &mut self,
        frame: &[u8],
        length: usize,
    ) -> Result<Vec<u8>, BodiesError> {
        let mut bytes = Vec::with_capacity(length);
        self.zstd
            .decompress_to_buffer(frame, &mut bytes)
            .map_err(|_| damaged("a compressed part does not decompress"))?;
        if bytes.len() == length {
            Ok(bytes)
        } else {
            Err(damaged("a compressed part has another length"))
        }
    }

    /// A plane of `length` bytes.
    pub(super) fn plane<'a>(
        &mut self,
        cursor: &mut Cursor<'a>,
        length: usize,
    ) -> Result<Cow<'a, [u8]>, BodiesError> {
        Ok(match cursor.byte()? {
            RAW => Cow::Borrowed(cursor.take(length)?),
            REPEATED => Cow::Owned(vec![cursor.byte()?; length]),
            COMPRESSED => Cow::Owned(self.decompress(cursor.bytes()?, length)?),
            _ => return Err(damaged("a plane is of no known kind")),
        })
    }
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn planes_of_every_kind_come_back_and_say_when_they_cannot() {
        let noise: Vec<u8> = (0..200_u64)
            .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[2])
            .collect();
        let planes = [Vec::new(), vec![7], vec![7; 500], b"ab".repeat(400), noise];
        let mut kinds = Vec::new();
        for bytes in planes {
            let mut out = Vec::new();
            Packer::new().unwrap().put_values(&bytes, &mut out).unwrap();
            kinds.push(out[0]);
            let mut cursor = Cursor::new(&out);
            let mut unpacker = Unpacker::new().unwrap();
            let back = unpacker.plane(&mut cursor, bytes.len()).unwrap();
            assert_eq!(back, bytes);
            assert!(cursor.is_at_end());
            for end in 0..out.len() {
                let cut = unpacker.plane(&mut Cursor::new(&out[..end]), bytes.len());
                assert!(cut.is_err(), "{end} of {out:?}");
            }
        }
        assert_eq!(kinds, [RAW, REPEATED, REPEATED, COMPRESSED, RAW]);
    }
}
