//! Writes protocol buffer fields straight into a byte vector, and numbers as text. No messages are
//! built in between: what is constant is encoded once, the rest is appended.

use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

/// Appends a field of bytes, of text or of an encoded message.
pub(super) fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(value.len() as u64, out);
    out.extend_from_slice(value);
}

/// Appends a field of a number or an enum.
pub(super) fn number(out: &mut Vec<u8>, field: u32, value: u64) {
    encode_key(field, WireType::Varint, out);
    encode_varint(value, out);
}

/// Appends a `fixed64` field.
pub(super) fn fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    encode_key(field, WireType::SixtyFourBit, out);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a `fixed32` field.
pub(super) fn fixed32(out: &mut Vec<u8>, field: u32, value: u32) {
    encode_key(field, WireType::ThirtyTwoBit, out);
    out.extend_from_slice(&value.to_le_bytes());
}

/// How long a length-delimited field with a field number below 16 is.
pub(super) fn len_delimited(len: usize) -> usize {
    1 + encoded_len_varint(len as u64) + len
}

/// Appends an `AnyValue` of text as a field.
pub(super) fn any_text(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(len_delimited(value.len()) as u64, out);
    bytes(out, 1, value);
}

/// Appends an attribute of text as a field.
pub(super) fn text_attribute(out: &mut Vec<u8>, field: u32, key: &str, value: &[u8]) {
    let value_len = len_delimited(value.len());
    let len = len_delimited(key.len()) + len_delimited(value_len);
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(len as u64, out);
    bytes(out, 1, key.as_bytes());
    any_text(out, 2, value);
}

/// Appends an attribute of a whole number as a field.
pub(super) fn int_attribute(out: &mut Vec<u8>, field: u32, key: &str, value: u64) {
    let value_len = 1 + encoded_len_varint(value);
    encode_key(field, WireType::LengthDelimited, out);
    let len = len_delimited(key.len()) + len_delimited(value_len);
    encode_varint(len as u64, out);
    bytes(out, 1, key.as_bytes());
    encode_key(2, WireType::LengthDelimited, out);
    encode_varint(value_len as u64, out);
    number(out, 3, value);
}

/// Appends a number in decimal digits.
pub(super) fn decimal(out: &mut Vec<u8>, value: u64) {
    padded(out, value, 1);
}

/// Appends a number in decimal digits, with zeros in front up to the width.
pub(super) fn padded(out: &mut Vec<u8>, mut value: u64, width: usize) {
    let start = out.len();
    loop {
        out.push(b'0' + (value % 10) as u8);
        value /= 10;
        if value == 0 && out.len() - start >= width {
            break;
        }
    }
    if let Some(digits) = out.get_mut(start..) {
        digits.reverse();
    }
}

/// Appends the lowest hexadecimal digits of a number.
pub(super) fn hex(out: &mut Vec<u8>, value: u128, digits: u32) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for position in (0..digits).rev() {
        out.push(DIGITS[(value >> (4 * position)) as usize & 15]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_with_all_their_digits() {
        let mut out = Vec::new();
        decimal(&mut out, 0);
        out.push(b' ');
        decimal(&mut out, 1_203);
        out.push(b' ');
        padded(&mut out, 7, 3);
        out.push(b' ');
        hex(&mut out, 0xab_cdef, 8);

        assert_eq!(out, b"0 1203 007 00abcdef");
    }
}
