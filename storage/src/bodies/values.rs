//! Values of a column, and how each is put together.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::borrow::Cow;

use super::column::Digits;

/// Values of a column that were read.
#[derive(Debug)]
pub(super) struct Values<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) before: &'a [u8],
    pub(super) after: &'a [u8],
}

/// What is different from value to value.
#[derive(Debug)]
pub(super) enum Kind<'a> {
    Constant,
    Dictionary {
        entries: Vec<&'a [u8]>,
        indices: Vec<u64>,
    },
    Number {
        numbers: Vec<u64>,
        digits: Digits,
    },
    Hex {
        bytes: Cow<'a, [u8]>,
        digits: usize,
        is_upper: bool,
    },
    Text {
        bytes: Cow<'a, [u8]>,
        ranges: Vec<(usize, usize)>,
    },
}

impl Values<'_> {
    /// Appends the value at a place; a place beyond the end has none.
    #[inline]
    pub(super) fn append(&self, place: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(self.before);
        match &self.kind {
            Kind::Constant => {}
            Kind::Dictionary { entries, indices } => {
                let index = indices
                    .get(place)
                    .and_then(|index| usize::try_from(*index).ok());
                let entry = index.and_then(|index| entries.get(index));
                out.extend_from_slice(entry.copied().unwrap_or_default());
            }
            Kind::Number { numbers, digits } => {
                if let Some(number) = numbers.get(place) {
                    put_decimal(*number, *digits, out);
                }
            }
            Kind::Hex {
                bytes,
                digits,
                is_upper,
            } => {
                let stride = digits.div_ceil(2);
                if let Some(bytes) = bytes.get(place * stride..(place + 1) * stride) {
                    put_hex(bytes, *digits, *is_upper, out);
                }
            }
            Kind::Text { bytes, ranges } => {
                let range = ranges.get(place).copied().unwrap_or_default();
                out.extend_from_slice(bytes.get(range.0..range.1).unwrap_or_default());
            }
        }
        out.extend_from_slice(self.after);
    }
}

/// Appends a number as its digits say.
pub(super) fn put_decimal(mut number: u64, digits: Digits, out: &mut Vec<u8>) {
    let start = out.len();
    loop {
        let [digit, ..] = (number % 10).to_le_bytes();
        out.push(b'0' + digit);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    match digits {
        Digits::Canonical => {}
        Digits::Fixed(width) => {
            let width = start + usize::from(width);
            while out.len() < width {
                out.push(b'0');
            }
        }
        Digits::Marked => out.truncate(out.len() - 1),
    }
    out.split_at_mut(start).1.reverse();
}

fn put_hex(bytes: &[u8], digits: usize, is_upper: bool, out: &mut Vec<u8>) {
    let ten = if is_upper { b'A' - 10 } else { b'a' - 10 };
    let letter = |half: u8| if half < 10 { b'0' + half } else { ten + half };
    let start = out.len();
    for byte in bytes {
        out.extend([letter(byte >> 4), letter(byte & 15)]);
    }
    out.truncate(start + digits);
}
