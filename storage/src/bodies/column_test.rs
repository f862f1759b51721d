//! Tests the values of a column: first by what its head says of all of them, then one by one.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use memchr::memmem;

use super::align::TokenTest;
use super::bits::Cursor;
use super::block::CHUNK_ROWS;
use super::bloom;
use super::column::{Digits, Form, Head, HeadBytes};
use super::error::BodiesError;
use super::integers;
use super::needle::LetterCase;
use super::plane::Unpacker;
use super::values::{Kind, Values};

/// The rows of a chunk that pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChunkMask([u64; CHUNK_ROWS / 64]);

impl ChunkMask {
    pub(super) const NONE: Self = Self([0; CHUNK_ROWS / 64]);
    pub(super) const ALL: Self = Self([u64::MAX; CHUNK_ROWS / 64]);

    fn set(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    pub(super) fn intersect(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word &= other;
        }
    }

    pub(super) fn unite(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word |= other;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The places that are set, ascending.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros();
                rest &= rest.checked_sub(1)?;
                Some(at * 64 + bit as usize)
            })
        })
    }
}

/// What the head of a column says of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Never,
    Always,
    /// Look at the values, for this.
    Maybe(Wanted),
}

/// What to look for among the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    Number(u64),
    /// Hexadecimal digits, two a byte.
    Hex(Vec<u8>),
    /// Whatever passes the test.
    Text,
}

impl TokenTest {
    fn is_whole(&self) -> bool {
        self.is_start && self.is_end
    }

    /// Tests a value in any case; the buffer is for its lower case.
    fn is_passed_by(&self, value: &[u8], buffer: &mut Vec<u8>) -> bool {
        match self.letter_case {
            LetterCase::Exact => self.is_passed(value),
            // The lower case of a value is as long as the value, but for letters beyond ASCII.
            LetterCase::Ignored if self.is_whole() && value.is_ascii() => {
                value.eq_ignore_ascii_case(self.text.as_bytes())
            }
            LetterCase::Ignored => {
                buffer.clear();
                bloom::lower_into(value, buffer);
                self.is_passed(buffer)
            }
        }
    }

    fn hash(&self) -> u64 {
        match self.letter_case {
            LetterCase::Ignored => bloom::hash_lower(self.text.as_bytes()),
            LetterCase::Exact => bloom::hash(self.text.as_bytes(), &mut Vec::new()),
        }
    }

    /// What is left of the text without what is around each value of a column.
    fn without(&self, before: &[u8], after: &[u8]) -> Option<&[u8]> {
        let (mut lower_before, mut lower_after) = (Vec::new(), Vec::new());
        let (before, after) = match self.letter_case {
            LetterCase::Exact => (before, after),
            LetterCase::Ignored => {
                bloom::lower_into(before, &mut lower_before);
                bloom::lower_into(after, &mut lower_after);
                (lower_before.as_slice(), lower_after.as_slice())
            }
        };
        let rest = self.text.as_bytes().strip_prefix(before)?;
        rest.strip_suffix(after)
    }
}

/// Judges by the head; the filter is read only where it decides.
pub(super) fn judge<'a>(
    head: &Head,
    bytes: HeadBytes<'_>,
    test: &TokenTest,
    filter: impl FnOnce() -> Result<&'a [u8], BodiesError>,
) -> Result<Verdict, BodiesError> {
    let mut buffer = Vec::new();
    let (before, after) = (bytes.part(&head.before), bytes.part(&head.after));
    let wanted = match &head.form {
        Form::Constant => {
            return Ok(if test.is_passed_by(before, &mut buffer) {
                Verdict::Always
            } else {
                Verdict::Never
            });
        }
        Form::Dictionary { entries } => {
            let mut entries = bytes.entries(entries);
            return Ok(
                if entries.any(|entry| test.is_passed_by(entry, &mut buffer)) {
                    Verdict::Maybe(Wanted::Text)
                } else {
                    Verdict::Never
                },
            );
        }
        Form::Text { is_ascii } if *is_ascii && !test.text.is_ascii() => None,
        Form::Text { .. } => Some(Wanted::Text),
        Form::Number { digits, low, high } if test.is_whole() => test
            .without(before, after)
            .and_then(|rest| number(rest, *digits))
            .filter(|number| (low..=high).contains(&number))
            .map(Wanted::Number),
        Form::Hex { digits, is_upper } if test.is_whole() => test
            .without(before, after)
            .filter(|rest| rest.len() == usize::from(*digits))
            .and_then(|rest| packed_hex(rest, *is_upper, test.letter_case))
            .map(Wanted::Hex),
        Form::Number { .. } | Form::Hex { .. } => {
            let is_around = |byte: &u8| {
                let mut around = before.iter().chain(after);
                around.any(|other| other.eq_ignore_ascii_case(byte) || !byte.is_ascii())
            };
            let is_digit = |byte: &u8| match &head.form {
                Form::Number { .. } => byte.is_ascii_digit(),
                _ => byte.is_ascii_hexdigit(),
            };
            let mut text = test.text.as_bytes().iter();
            text.all(|byte| is_digit(byte) || is_around(byte))
                .then_some(Wanted::Text)
        }
    };
    let Some(wanted) = wanted else {
        return Ok(Verdict::Never);
    };
    if test.is_whole() && !head.filter.is_empty() && !bloom::may_have(filter()?, test.hash()) {
        return Ok(Verdict::Never);
    }
    Ok(Verdict::Maybe(wanted))
}

/// The number that digits stand for in a column.
fn number(text: &[u8], digits: Digits) -> Option<u64> {
    let fits = match digits {
        Digits::Canonical => text.first() != Some(&b'0') || text.len() == 1,
        Digits::Fixed(width) => text.len() == usize::from(width),
        Digits::Marked => true,
    };
    if !fits || text.is_empty() {
        return None;
    }
    let start = u64::from(digits == Digits::Marked);
    text.iter().try_fold(start, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

fn packed_hex(text: &[u8], is_upper: bool, letter_case: LetterCase) -> Option<Vec<u8>> {
    let half = |digit: &u8| {
        let is_in_case = match letter_case {
            LetterCase::Ignored => true,
            LetterCase::Exact if is_upper => !digit.is_ascii_lowercase(),
            LetterCase::Exact => !digit.is_ascii_uppercase(),
        };
        let half = char::from(*digit).to_digit(16).filter(|_| is_in_case)?;
        u8::try_from(half).ok()
    };
    let pairs = text.chunks(2).map(|pair| {
        let high = half(pair.first()?)?;
        let low = pair.get(1).map_or(Some(0), half)?;
        Some(high << 4 | low)
    });
    pairs.collect()
}

impl Head {
    /// The places of the values of a payload that are a number.
    pub(super) fn matching_number(
        &self,
        payload: &[u8],
        count: usize,
        wanted: u64,
        unpacker: &mut Unpacker,
    ) -> Result<ChunkMask, BodiesError> {
        let mut mask = ChunkMask::NONE;
        let mut cursor = Cursor::new(payload);
        integers::find(&mut cursor, count, wanted, unpacker, &mut |place| {
            mask.set(place);
        })?;
        Ok(mask)
    }
}

/// The places of the values that are `wanted` among values of its length, one after the other.
fn each_equal(values: &[u8], wanted: &[u8], mut found: impl FnMut(usize)) {
    let finder = memmem::Finder::new(wanted);
    let length = wanted.len();
    let mut start = 0;
    while length > 0
        && let Some(rest) = values.get(start..)
        && let Some(distance) = finder.find(rest)
    {
        let at = start + distance;
        // What begins within a value is none, and the next one may begin within it.
        start = if at.is_multiple_of(length) {
            found(at / length);
            at + length
        } else {
            at + 1
        };
    }
}

/// The places of `count` values that pass.
pub(super) fn matching(
    values: &Values<'_>,
    count: usize,
    test: &TokenTest,
    wanted: &Wanted,
) -> ChunkMask {
    let mut mask = ChunkMask::NONE;
    match (&values.kind, wanted) {
        (Kind::Hex { bytes, .. }, Wanted::Hex(wanted)) => {
            each_equal(bytes, wanted, |place| mask.set(place));
        }
        (Kind::Dictionary { entries, indices }, _) => {
            let mut buffer = Vec::new();
            let passes: Vec<bool> = entries
                .iter()
                .map(|entry| test.is_passed_by(entry, &mut buffer))
                .collect();
            let passes = |index: &u64| {
                let index = usize::try_from(*index).ok();
                index.and_then(|index| passes.get(index)) == Some(&true)
            };
            let found = indices.iter().enumerate();
            found
                .filter(|(_, index)| passes(index))
                .for_each(|(place, _)| mask.set(place));
        }
        _ => {
            let (mut value, mut buffer) = (Vec::new(), Vec::new());
            for place in 0..count {
                value.clear();
                values.append(place, &mut value);
                if test.is_passed_by(&value, &mut buffer) {
                    mask.set(place);
                }
            }
        }
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_where_they_begin_and_nowhere_between() {
        let places = |values: &[u8], wanted: &[u8]| {
            let mut places = Vec::new();
            each_equal(values, wanted, |place| places.push(place));
            places
        };
        assert_eq!(places(&[0, 1, 1, 0, 1, 1, 1, 0], &[1, 0]), [1, 3]);
        assert_eq!(places(&[7, 7, 7, 7, 7, 7], &[7, 7]), [0, 1, 2]);
        assert_eq!(places(&[2, 7, 7, 7, 7, 7, 7, 2], &[7, 7]), [1, 2]);
        for (values, wanted) in [
            ([1, 2].as_slice(), [4].as_slice()),
            (&[], &[4]),
            (&[1], &[]),
        ] {
            assert_eq!(places(values, wanted), Vec::<usize>::new());
        }
    }
}
