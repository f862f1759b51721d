//! Protobuf fields, read in place.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::str;

use super::{Unusual, Walk};

/// Bytes a varint of 64 bits has at most.
const VARINT_BYTES_MAX: usize = 10;

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH_DELIMITED: u32 = 2;
const FIXED32: u32 = 5;

/// Key of a varint field.
pub(crate) const fn varint(tag: u32) -> u32 {
    tag << 3 | VARINT
}

/// Key of a field of eight bytes.
pub(crate) const fn fixed64(tag: u32) -> u32 {
    tag << 3 | FIXED64
}

/// Key of a field of text, bytes or a message.
pub(crate) const fn delimited(tag: u32) -> u32 {
    tag << 3 | LENGTH_DELIMITED
}

/// Key of a field of four bytes.
pub(crate) const fn fixed32(tag: u32) -> u32 {
    tag << 3 | FIXED32
}

/// The fields of a message, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// What has not been read.
    pub(in crate::otlp) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// Where in `message`, which these are the fields of, the next field begins.
    pub(crate) fn position(&self, message: &[u8]) -> usize {
        message.len() - self.rest.len()
    }

    /// Tag and wire type of the next field; `None` at the end. Its value has to be read or skipped next.
    #[inline]
    pub(crate) fn key(&mut self) -> Walk<Option<u32>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = u32::try_from(self.varint()?).map_err(|_| Unusual)?;
        Ok(Some(key))
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Walk<u64> {
        match self.rest {
            [first, rest @ ..] if *first < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*first))
            }
            [first, second, rest @ ..] if *second < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*first & 0x7f) | u64::from(*second) << 7)
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Walk<u64> {
        let mut value = 0;
        for (position, byte) in self.rest.iter().take(VARINT_BYTES_MAX).enumerate() {
            value |= u64::from(*byte & 0x7f) << (7 * position);
            if *byte < 0x80 {
                // Only one bit is left for the last byte.
                if position + 1 == VARINT_BYTES_MAX && *byte > 1 {
                    return Err(Unusual);
                }
                self.rest = self.rest.get(position + 1..).ok_or(Unusual)?;
                return Ok(value);
            }
        }
        Err(Unusual)
    }

    /// The low half of a varint, which is what protobuf makes of a long one in a field of 32 bits.
    #[inline]
    pub(crate) fn varint_u32(&mut self) -> Walk<u32> {
        let [a, b, c, d, ..] = self.varint()?.to_le_bytes();
        Ok(u32::from_le_bytes([a, b, c, d]))
    }

    #[inline]
    pub(crate) fn varint_i32(&mut self) -> Walk<i32> {
        Ok(self.varint_u32()?.cast_signed())
    }

    #[inline]
    pub(crate) fn fixed64(&mut self) -> Walk<u64> {
        self.take().map(u64::from_le_bytes)
    }

    #[inline]
    pub(super) fn fixed32(&mut self) -> Walk<u32> {
        self.take().map(u32::from_le_bytes)
    }

    #[inline]
    fn take<const COUNT: usize>(&mut self) -> Walk<[u8; COUNT]> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Unusual)?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// The bytes of a text, of bytes or of a message. Texts still have to be checked.
    #[inline]
    pub(crate) fn bytes(&mut self) -> Walk<&'a [u8]> {
        let length = usize::try_from(self.varint()?).map_err(|_| Unusual)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Unusual)?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self) -> Walk<&'a str> {
        str::from_utf8(self.bytes()?).map_err(|_| Unusual)
    }

    /// Skips a field that the message does not define. `last_tag` is the last it does define: one of those
    /// with another wire type than it should have is for others to judge.
    #[cold]
    pub(super) fn skip_unknown(&mut self, key: u32, last_tag: u32) -> Walk<()> {
        if key >> 3 <= last_tag {
            return Err(Unusual);
        }
        self.skip(key)
    }

    /// Skips the value of a field.
    pub(crate) fn skip(&mut self, key: u32) -> Walk<()> {
        match key & 7 {
            VARINT => self.varint().map(drop),
            FIXED64 => self.fixed64().map(drop),
            LENGTH_DELIMITED => self.bytes().map(drop),
            FIXED32 => self.fixed32().map(drop),
            _ => Err(Unusual),
        }
    }
}

/// The bytes of the first field, and what is left, if it is the length-delimited field `wanted` and its key and
/// length take one byte each.
#[inline]
pub(super) fn short(wanted: u32, message: &[u8]) -> Option<(&[u8], &[u8])> {
    let [key, length, rest @ ..] = message else {
        return None;
    };
    if u32::from(*key) != wanted || *length >= 0x80 {
        return None;
    }
    rest.split_at_checked(usize::from(*length))
}

/// Calls `visit` with every value of the field `wanted`, which is length-delimited, and skips the others.
#[inline]
pub(in crate::otlp) fn each<'a>(
    message: &'a [u8],
    wanted: u32,
    mut visit: impl FnMut(&'a [u8]) -> Walk<()>,
) -> Walk<()> {
    let mut fields = Fields::of(message);
    while let Some(key) = fields.key()? {
        if key == wanted {
            visit(fields.bytes()?)?;
        } else {
            fields.skip(key)?;
        }
    }
    Ok(())
}

/// Which singular fields of a message have been seen. Protobuf merges or replaces when one comes again, which
/// no encoder brings about.
#[derive(Debug, Default)]
pub(super) struct Seen(u32);

impl Seen {
    /// Fails for a field that was there before.
    #[inline]
    pub(super) fn once(&mut self, key: u32) -> Walk<()> {
        let bit = 1_u32.checked_shl(key >> 3).ok_or(Unusual)?;
        if self.0 & bit != 0 {
            return Err(Unusual);
        }
        self.0 |= bit;
        Ok(())
    }
}
