//! Chooses the form of a column and writes its head and its payloads.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::bits::{put_bytes, put_varint};
use super::bloom;
use super::block::CHUNK_ROWS;
use super::column::{
    CONSTANT, DETAIL_SHIFT, DICTIONARY, DIGITS_MAX, Digits, HAS_AFFIXES, HAS_FILTER, HEX,
    HEX_DIGITS_MAX, NUMBER, TEXT,
};
use super::error::BodiesError;
use super::integers;
use super::plane::Packer;
use super::template::{VariableKind, VariableTraits};

/// A filter pays where a value is long enough to be rare.
const FILTERED_BYTES_MIN: usize = 5;
/// Columns of fewer values are looked through.
const FILTERED_ROWS_MIN: usize = 16;
/// A dictionary of values that are numbers or hex is no larger.
const NUMBER_ENTRIES_MAX: usize = 64;
/// No dictionary is larger.
const ENTRIES_MAX: usize = 4096;
/// Values looked at before a dictionary is tried.
const PROBED_VALUES: usize = 64;

/// Where a column is written to.
pub(super) struct ColumnWriter<'a> {
    pub(super) heads: &'a mut Vec<u8>,
    pub(super) filters: &'a mut Vec<u8>,
    pub(super) packer: &'a mut Packer,
}

/// What was written.
pub(super) struct WrittenColumn {
    pub(super) traits: VariableTraits,
    /// One for each chunk; none for a constant.
    pub(super) payloads: Vec<Vec<u8>>,
}

/// What all values have in common.
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other")]
struct Traits {
    /// Whether a value has no digit.
    has_words: bool,
    is_digits: bool,
    is_lower_hex: bool,
    is_upper_hex: bool,
    length_min: usize,
    length_max: usize,
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
    value.iter().fold(0, |all, byte| all | FLAWS[*byte as usize])
}

impl Traits {
    fn of(values: &[&[u8]]) -> Self {
        let (mut flaws, mut length_min, mut length_max) = (0, usize::MAX, 0);
        let mut has_words = false;
        for value in values {
            let of_value = value.iter().fold(0, |all, byte| all | FLAWS[*byte as usize]);
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

    fn to_variable(&self) -> VariableTraits {
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
struct Numeric {
    tag: u8,
    prefix: usize,
    suffix: usize,
    digits: Option<Digits>,
    hex_digits: usize,
    is_upper: bool,
}

impl Numeric {
    fn number(values: &[&[u8]], traits: &Traits) -> Option<Self> {
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

    fn hex(values: &[&[u8]], traits: &Traits) -> Option<Self> {
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

    fn rest<'a>(&self, value: &'a [u8]) -> &'a [u8] {
        &value[self.prefix..value.len() - self.suffix]
    }
}

impl ColumnWriter<'_> {
    /// Writes the column; there is at least one value.
    pub(super) fn put(&mut self, values: &[&[u8]]) -> Result<WrittenColumn, BodiesError> {
        let traits = Traits::of(values);
        let variable = traits.to_variable();
        let first = values[0];
        if values.iter().all(|value| *value == first) {
            self.heads.push(CONSTANT);
            put_bytes(first, self.heads);
            return Ok(WrittenColumn {
                traits: variable,
                payloads: Vec::new(),
            });
        }
        let numeric = Numeric::number(values, &traits).or_else(|| Numeric::hex(values, &traits));
        let entries_max = match &numeric {
            Some(_) => (values.len() / 4).min(NUMBER_ENTRIES_MAX),
            None => (values.len() / 2).min(ENTRIES_MAX),
        };
        let payloads = if let Some(entries) = dictionary(values, entries_max) {
            self.put_dictionary(values, &entries)?
        } else if let Some(numeric) = numeric {
            self.put_numeric(values, &traits, &numeric)?
        } else {
            self.put_text(values)?
        };
        Ok(WrittenColumn {
            traits: variable,
            payloads,
        })
    }

    fn put_dictionary(
        &mut self,
        values: &[&[u8]],
        entries: &HashMap<&[u8], u64, RandomState>,
    ) -> Result<Vec<Vec<u8>>, BodiesError> {
        let mut listed: Vec<(&&[u8], &u64)> = entries.iter().collect();
        listed.sort_unstable_by_key(|(_, index)| **index);
        self.heads.push(DICTIONARY);
        put_varint(listed.len() as u64, self.heads);
        for (entry, _) in listed {
            put_bytes(entry, self.heads);
        }
        let index = |value: &&[u8]| entries.get(value).copied().unwrap_or(0);
        self.put_integers(values.iter().map(index).collect())
    }

    fn put_integers(&mut self, numbers: Vec<u64>) -> Result<Vec<Vec<u8>>, BodiesError> {
        let chunks = numbers.chunks(CHUNK_ROWS).map(|chunk| {
            let mut payload = Vec::new();
            integers::put(chunk, self.packer, &mut payload)?;
            Ok(payload)
        });
        chunks.collect()
    }

    fn put_numeric(
        &mut self,
        values: &[&[u8]],
        traits: &Traits,
        numeric: &Numeric,
    ) -> Result<Vec<Vec<u8>>, BodiesError> {
        let affixes = numeric.prefix + numeric.suffix > 0;
        let has_filter = traits.length_max >= FILTERED_BYTES_MIN && values.len() >= FILTERED_ROWS_MIN;
        let tag = numeric.tag | flag(HAS_AFFIXES, affixes) | flag(HAS_FILTER, has_filter);
        self.heads.push(tag);
        if affixes {
            let first = values[0];
            put_bytes(&first[..numeric.prefix], self.heads);
            put_bytes(&first[first.len() - numeric.suffix..], self.heads);
        }
        let payloads = if let Some(digits) = numeric.digits {
            let start = u64::from(digits == Digits::Marked);
            let number = |value: &&[u8]| {
                let digits = numeric.rest(value).iter();
                digits.fold(start, |number, digit| number * 10 + u64::from(digit - b'0'))
            };
            let numbers: Vec<u64> = values.iter().map(number).collect();
            if let Digits::Fixed(width) = digits {
                put_varint(u64::from(width), self.heads);
            }
            put_varint(numbers.iter().copied().min().unwrap_or(0), self.heads);
            put_varint(numbers.iter().copied().max().unwrap_or(0), self.heads);
            self.put_integers(numbers)?
        } else {
            put_varint(numeric.hex_digits as u64, self.heads);
            self.put_hex(values, numeric)?
        };
        if has_filter {
            self.put_filter(values);
        }
        Ok(payloads)
    }

    fn put_hex(
        &mut self,
        values: &[&[u8]],
        numeric: &Numeric,
    ) -> Result<Vec<Vec<u8>>, BodiesError> {
        let ten = if numeric.is_upper { b'A' } else { b'a' };
        let half = |digit: u8| if digit <= b'9' { digit - b'0' } else { digit - ten + 10 };
        let chunks = values.chunks(CHUNK_ROWS).map(|chunk| {
            let mut bytes = Vec::with_capacity(chunk.len() * numeric.hex_digits.div_ceil(2));
            for value in chunk {
                let pairs = numeric.rest(value).chunks(2);
                bytes.extend(pairs.map(|pair| {
                    half(pair[0]) << 4 | pair.get(1).map_or(0, |digit| half(*digit))
                }));
            }
            let mut payload = Vec::new();
            self.packer.put_values(&bytes, &mut payload)?;
            Ok(payload)
        });
        chunks.collect()
    }

    fn put_text(&mut self, values: &[&[u8]]) -> Result<Vec<Vec<u8>>, BodiesError> {
        let is_ascii = values.iter().all(|value| value.is_ascii());
        let has_filter = values.len() >= FILTERED_ROWS_MIN;
        let tag = TEXT | flag(HAS_FILTER, has_filter) | u8::from(is_ascii) << DETAIL_SHIFT;
        self.heads.push(tag);
        if has_filter {
            self.put_filter(values);
        }
        let chunks = values.chunks(CHUNK_ROWS).map(|chunk| {
            let mut payload = Vec::new();
            let lengths: Vec<u64> = chunk.iter().map(|value| value.len() as u64).collect();
            integers::put(&lengths, self.packer, &mut payload)?;
            self.packer.put_text(&chunk.concat(), &mut payload)?;
            Ok(payload)
        });
        chunks.collect()
    }

    fn put_filter(&mut self, values: &[&[u8]]) {
        let mut lower = Vec::new();
        let mut hashes: Vec<u64> = values
            .iter()
            .map(|value| bloom::hash(value, &mut lower))
            .collect();
        let length = bloom::put(&mut hashes, self.filters);
        put_varint(length as u64, self.heads);
    }
}

fn flag(flag: u8, is_set: bool) -> u8 {
    if is_set { flag } else { 0 }
}

/// The distinct values, numbered as they come, if there are no more than so many.
fn dictionary<'a>(
    values: &[&'a [u8]],
    entries_max: usize,
) -> Option<HashMap<&'a [u8], u64, RandomState>> {
    if entries_max < 2 {
        return None;
    }
    let step = values.len().div_ceil(PROBED_VALUES);
    let probed: Vec<&[u8]> = values.iter().step_by(step).copied().collect();
    let distinct: HashSet<&[u8], RandomState> = probed.iter().copied().collect();
    if distinct.len() * 4 > probed.len() * 3 && distinct.len() > 8 {
        return None;
    }
    let mut entries: HashMap<&[u8], u64, RandomState> = HashMap::default();
    for value in values {
        let next = entries.len() as u64;
        entries.entry(value).or_insert(next);
        if entries.len() > entries_max {
            return None;
        }
    }
    Some(entries)
}
