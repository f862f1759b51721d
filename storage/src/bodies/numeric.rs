//! What the values of a column have in common, and whether they are numbers or hex.

use super::column::{DETAIL_SHIFT, DIGITS_MAX, Digits, HEX, HEX_DIGITS_MAX, NUMBER};
use super::template::{VariableKind, VariableTraits};

/// What all values have in common.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent of each other"
)]
pub(super) struct Traits {
    /// Whether a value has no digit.
    has_words: bool,
    is_digits: bool,
    is_lower_hex: bool,
    is_upper_hex: bool,
    pub(super) length_min: usize,
    pub(super) length_max: usize,
    /// Bytes that all begin and end with; not looked for among plain digits.
    prefix: usize,
    suffix: usize,
}

const NOT_DIGIT: u8 = 1;
const NOT_LOWER: u8 = 2;
const NOT_UPPER: u8 = 4;
const HAS_DIGIT: u8 = 8;

const FLAWS: [u8; 256] = flaws();

const fn flaws() -> [u8; 256] {
    let mut flaws = [NOT_DIGIT | NOT_LOWER | NOT_UPPER; 256];
    let mut byte = b'0';
    while byte <= b'f' {
        flaws[byte as usize] = match byte {
            b'0'..=b'9' => HAS_DIGIT,
            b'a'..=b'f' => NOT_DIGIT | NOT_UPPER,
            b'A'..=b'F' => NOT_DIGIT | NOT_LOWER,
            _ => NOT_DIGIT | NOT_LOWER | NOT_UPPER,
        };
        byte += 1;
    }
    flaws
}

fn flaws_of(value: &[u8]) -> u8 {
    value
        .iter()
        .fold(0, |all, byte| all | FLAWS[*byte as usize])
}

impl Traits {
    pub(super) fn of(values: &[&[u8]]) -> Self {
        let (mut flaws, mut length_min, mut length_max) = (0, usize::MAX, 0);
        let mut has_words = false;
        for value in values {
            let of_value = value
                .iter()
                .fold(0, |all, byte| all | FLAWS[*byte as usize]);
            has_words |= of_value & HAS_DIGIT == 0;
            flaws |= of_value;
            length_min = length_min.min(value.len());
            length_max = length_max.max(value.len());
        }
        let (mut prefix, mut suffix) = (0, 0);
        if flaws & NOT_DIGIT != 0 {
            (prefix, suffix) = (length_min, length_min);
            for value in values {
                prefix = common(values[0].iter().take(prefix), value.iter());
                suffix = common(values[0].iter().rev().take(suffix), value.iter().rev());
            }
            suffix = suffix.min(length_min - prefix);
        }
        Self {
            has_words,
            is_digits: flaws & NOT_DIGIT == 0,
            is_lower_hex: flaws & NOT_LOWER == 0,
            is_upper_hex: flaws & NOT_UPPER == 0,
            length_min,
            length_max,
            prefix,
            suffix,
        }
    }

    pub(super) fn to_variable(&self) -> VariableTraits {
        let kind = if self.is_digits {
            VariableKind::Number
        } else if (self.is_lower_hex || self.is_upper_hex) && self.length_min >= 4 {
            VariableKind::Hex
        } else {
            VariableKind::Any
        };
        let has_words = self.has_words;
        VariableTraits { kind, has_words }
    }
}

fn common<'a>(a: impl Iterator<Item = &'a u8>, b: impl Iterator<Item = &'a u8>) -> usize {
    a.zip(b).take_while(|(a, b)| a == b).count()
}

/// A form for values that are numbers or hex between the same two texts.
pub(super) struct Numeric {
    pub(super) tag: u8,
    pub(super) prefix: usize,
    pub(super) suffix: usize,
    pub(super) digits: Option<Digits>,
    pub(super) hex_digits: usize,
    pub(super) is_upper: bool,
}

impl Numeric {
    pub(super) fn number(values: &[&[u8]], traits: &Traits) -> Option<Self> {
        let (mut prefix, mut suffix) = (0, 0);
        if !traits.is_digits {
            let first = values[0];
            let ends_in = first[..traits.prefix].iter().rev();
            prefix = traits.prefix - ends_in.take_while(|byte| byte.is_ascii_digit()).count();
            let begins_with = first[first.len() - traits.suffix..].iter();
            suffix = traits.suffix - begins_with.take_while(|byte| byte.is_ascii_digit()).count();
        }
        let around = prefix + suffix;
        let (shortest, longest) = (traits.length_min - around, traits.length_max - around);
        if shortest == 0 || longest > DIGITS_MAX {
            return None;
        }
        let (mut has_leading_zeros, mut flaws) = (false, 0);
        for value in values {
            let value = &value[prefix..value.len() - suffix];
            flaws |= if traits.is_digits { 0 } else { flaws_of(value) };
            has_leading_zeros |= value[0] == b'0' && value.len() > 1;
        }
        if flaws & NOT_DIGIT != 0 {
            return None;
        }
        let (digits, detail) = if !has_leading_zeros {
            (Digits::Canonical, 0)
        } else if shortest == longest {
            (Digits::Fixed(u8::try_from(longest).ok()?), 1)
        } else if longest < DIGITS_MAX {
            (Digits::Marked, 2)
        } else {
            return None;
        };
        Some(Self {
            tag: NUMBER | detail << DETAIL_SHIFT,
            prefix,
            suffix,
            digits: Some(digits),
            hex_digits: 0,
            is_upper: false,
        })
    }

    pub(super) fn hex(values: &[&[u8]], traits: &Traits) -> Option<Self> {
        let (prefix, suffix) = (traits.prefix, traits.suffix);
        let hex_digits = traits.length_min - prefix - suffix;
        if traits.length_min != traits.length_max || !(1..=HEX_DIGITS_MAX).contains(&hex_digits) {
            return None;
        }
        let mut flaws = 0;
        for value in values {
            flaws |= flaws_of(&value[prefix..value.len() - suffix]);
        }
        let is_upper = flaws & NOT_LOWER != 0;
        if is_upper && flaws & NOT_UPPER != 0 {
            return None;
        }
        Some(Self {
            tag: HEX | u8::from(is_upper) << DETAIL_SHIFT,
            prefix,
            suffix,
            digits: None,
            hex_digits,
            is_upper,
        })
    }

    pub(super) fn rest<'a>(&self, value: &'a [u8]) -> &'a [u8] {
        &value[self.prefix..value.len() - self.suffix]
    }
}
