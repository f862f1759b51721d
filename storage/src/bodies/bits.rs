//! Numbers as bytes: varints, packed bits, and a cursor that never reads beyond its end.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use super::error::{BodiesError, damaged};

/// Appends a number of 64 bits in groups of seven, the low ones first.
pub(super) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Appends the length of the bytes, then the bytes.
pub(super) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Small differences of either sign as small numbers.
pub(super) fn zigzag(value: i64) -> u64 {
    (value.wrapping_shl(1) ^ (value >> 63)).cast_unsigned()
}

pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

/// Bits that hold the number.
pub(super) fn width_of(value: u64) -> u32 {
    64 - value.leading_zeros()
}

/// Bytes that `count` numbers of `width` bits take.
pub(super) fn packed_len(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// Appends numbers of `width` bits each, the first in the lowest bits.
pub(super) fn pack(values: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    let (mut waiting, mut bits) = (0_u128, 0);
    for value in values {
        waiting |= u128::from(value) << bits;
        bits += width;
        if bits >= 64 {
            out.extend(waiting.to_le_bytes().iter().take(8));
            waiting >>= 64;
            bits -= 64;
        }
    }
    out.extend(
        waiting
            .to_le_bytes()
            .iter()
            .take((bits as usize).div_ceil(8)),
    );
}

/// The number at a place among packed ones; what is beyond the end reads as zero bits.
#[inline]
pub(super) fn packed_at(bytes: &[u8], width: u32, index: usize) -> u64 {
    let bit = index * width as usize;
    let (byte, shift) = (bit / 8, bit % 8);
    let mask = if width >= 64 {
        u64::MAX
    } else {
        (1_u64 << width) - 1
    };
    if width <= 56
        && let Some(word) = bytes.get(byte..byte + 8)
        && let Ok(word) = <[u8; 8]>::try_from(word)
    {
        return (u64::from_le_bytes(word) >> shift) & mask;
    }
    let mut word = [0_u8; 16];
    let rest = bytes.get(byte..).unwrap_or_default();
    for (to, from) in word.iter_mut().zip(rest) {
        *to = *from;
    }
    let [a, b, c, d, e, f, g, h, ..] = (u128::from_le_bytes(word) >> shift).to_le_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h]) & mask
}

/// Reads from the front of some bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            length: bytes.len(),
        }
    }

    /// Bytes read so far.
    pub(super) fn position(&self) -> usize {
        self.length - self.rest.len()
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], BodiesError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(damaged("bytes end too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, BodiesError> {
        let (byte, rest) = self
            .rest
            .split_first()
            .ok_or(damaged("bytes end too early"))?;
        self.rest = rest;
        Ok(*byte)
    }

    pub(super) fn u32(&mut self) -> Result<u32, BodiesError> {
        let bytes = self.take(4)?;
        let bytes = bytes.try_into().map_err(|_| damaged("no number"))?;
        Ok(u32::from_le_bytes(bytes))
    }

    pub(super) fn varint(&mut self) -> Result<u64, BodiesError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(damaged("a number is too long"))
    }

    /// A number that counts or measures something of which there is no more than `max`.
    pub(super) fn count(&mut self, max: usize) -> Result<usize, BodiesError> {
        match usize::try_from(self.varint()?) {
            Ok(count) if count <= max => Ok(count),
            _ => Err(damaged("a number is out of range")),
        }
    }

    /// What [`put_bytes`] wrote.
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], BodiesError> {
        let count = self.count(self.rest.len())?;
        self.take(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_come_back() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            put_varint(value, &mut bytes);
            let mut cursor = Cursor::new(&bytes);
            assert_eq!(cursor.varint().unwrap(), value);
            assert!(cursor.is_at_end());
        }
        Cursor::new(&[0x80; 20]).varint().unwrap_err();
    }

    #[test]
    fn packed_numbers_of_every_width_come_back() {
        for width in 0..=64_u32 {
            let mask = if width == 64 {
                u64::MAX
            } else {
                (1 << width) - 1
            };
            let values: Vec<u64> = (0..150_u64)
                .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) & mask)
                .collect();
            let mut bytes = Vec::new();
            pack(values.iter().copied(), width, &mut bytes);
            assert_eq!(bytes.len(), packed_len(values.len(), width));
            let back: Vec<u64> = (0..150).map(|n| packed_at(&bytes, width, n)).collect();
            assert_eq!(back, values, "width {width}");
        }
    }

    #[test]
    fn differences_of_either_sign_come_back() {
        for value in [0, -1, 1, i64::MIN, i64::MAX] {
            assert_eq!(unzigzag(zigzag(value)), value);
        }
        assert_eq!([zigzag(0), zigzag(-1), zigzag(1)], [0, 1, 2]);
    }
}
