//! Chooses the form of a column and writes its head and its payloads.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::bits::{put_bytes, put_varint};
use super::block::CHUNK_ROWS;
use super::bloom;
use super::column::{CONSTANT, DETAIL_SHIFT, DICTIONARY, Digits, HAS_AFFIXES, HAS_FILTER, TEXT};
use super::error::BodiesError;
use super::integers;
use super::numeric::{Numeric, Traits};
use super::plane::Packer;
use super::template::VariableTraits;

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
        let has_filter =
            traits.length_max >= FILTERED_BYTES_MIN && values.len() >= FILTERED_ROWS_MIN;
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
        let half = |digit: u8| {
            if digit <= b'9' {
                digit - b'0'
            } else {
                digit - ten + 10
            }
        };
        let chunks =
            values.chunks(CHUNK_ROWS).map(|chunk| {
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
