//! The values of one variable in one block: what is said once of all of them (the head), and the
//! values of a chunk of rows (the payload).
//!
//! A head is a tag, and what its form needs:
//!
//! | bits of the tag | what |
//! | --- | --- |
//! | 0–2 | form: 0 constant, 1 dictionary, 2 number, 3 hex, 4 text |
//! | 3 | a filter of the values follows |
//! | 4 | a text before and a text after each value follow |
//! | 5–6 | number: 0 without leading zeros, 1 of fixed width, 2 any digits after a 1; hex: 1 upper case; text: 1 ASCII |
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::borrow::Cow;
use std::ops::Range;

use super::bits::Cursor;
use super::error::{BodiesError, damaged};
use super::integers::{self, Picks};
use super::plane::Unpacker;
use super::values::{Kind, Values};

pub(super) const CONSTANT: u8 = 0;
pub(super) const DICTIONARY: u8 = 1;
pub(super) const NUMBER: u8 = 2;
pub(super) const HEX: u8 = 3;
pub(super) const TEXT: u8 = 4;
const FORM_MASK: u8 = 7;
pub(super) const HAS_FILTER: u8 = 1 << 3;
pub(super) const HAS_AFFIXES: u8 = 1 << 4;
pub(super) const DETAIL_SHIFT: u8 = 5;

/// More digits do not fit a number.
pub(super) const DIGITS_MAX: usize = 19;
/// More hexadecimal digits are text.
pub(super) const HEX_DIGITS_MAX: usize = 64;
/// Chunks of text are no longer than a block.
const TEXT_BYTES_MAX: usize = 1 << 30;

/// How decimal digits stand for a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Digits {
    /// Without leading zeros.
    Canonical,
    /// So many, with leading zeros.
    Fixed(u8),
    /// Any: the number is that of the digits with a 1 before them.
    Marked,
}

/// Some bytes of the header of a block.
pub(super) type Part = Range<u32>;

/// How the values are kept.
#[derive(Debug, Clone)]
pub(super) enum Form {
    /// All are the text that is kept as `before`.
    Constant,
    /// Each is one of these entries, which are so many of the block's entries.
    Dictionary {
        entries: Range<u32>,
    },
    Number {
        digits: Digits,
        low: u64,
        high: u64,
    },
    Hex {
        digits: u8,
        is_upper: bool,
    },
    Text {
        is_ascii: bool,
    },
}

/// What is said once of all values of a column.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) form: Form,
    pub(super) before: Part,
    pub(super) after: Part,
    /// Where its filter is among those of the block; empty when it has none.
    pub(super) filter: Part,
}

/// What heads refer to.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadBytes<'a> {
    /// The header of the block.
    pub(super) header: &'a [u8],
    /// The entries of all its dictionaries.
    pub(super) entries: &'a [Part],
}

impl<'a> HeadBytes<'a> {
    pub(super) fn part(&self, part: &Part) -> &'a [u8] {
        let range = part.start as usize..part.end as usize;
        self.header.get(range).unwrap_or_default()
    }

    pub(super) fn entries(&self, range: &Range<u32>) -> impl Iterator<Item = &'a [u8]> {
        let range = range.start as usize..range.end as usize;
        let entries = self.entries.get(range).unwrap_or_default();
        let header = *self;
        entries.iter().map(move |part| header.part(part))
    }
}

/// Where the next bytes of a kind are to be found, while a header is read.
#[derive(Debug, Default)]
pub(super) struct HeadReader {
    pub(super) entries: Vec<Part>,
    pub(super) filters_end: u32,
}

impl HeadReader {
    /// Reads a head; the cursor is one over the whole header.
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<Head, BodiesError> {
        let tag = cursor.byte()?;
        let detail = tag >> DETAIL_SHIFT;
        let (mut before, mut after) = (0..0, 0..0);
        if tag & HAS_AFFIXES != 0 {
            before = part(cursor)?;
            after = part(cursor)?;
        }
        let form = match tag & FORM_MASK {
            CONSTANT => {
                before = part(cursor)?;
                Form::Constant
            }
            DICTIONARY => {
                let start = length_of(&self.entries)?;
                for _ in 0..cursor.count(usize::from(u16::MAX))? {
                    self.entries.push(part(cursor)?);
                }
                let entries = start..length_of(&self.entries)?;
                Form::Dictionary { entries }
            }
            NUMBER => {
                let digits = match detail {
                    0 => Digits::Canonical,
                    1 => Digits::Fixed(small(cursor, DIGITS_MAX)?),
                    2 => Digits::Marked,
                    _ => return Err(damaged("digits are of no known kind")),
                };
                let (low, high) = (cursor.varint()?, cursor.varint()?);
                Form::Number { digits, low, high }
            }
            HEX => Form::Hex {
                digits: small(cursor, HEX_DIGITS_MAX)?,
                is_upper: detail == 1,
            },
            TEXT => Form::Text {
                is_ascii: detail == 1,
            },
            _ => return Err(damaged("a column is of no known form")),
        };
        let filter_bytes = if tag & HAS_FILTER != 0 {
            cursor.count(usize::MAX)?
        } else {
            0
        };
        Ok(Head {
            form,
            before,
            after,
            filter: self.next_filter(filter_bytes)?,
        })
    }

    /// Where the next filter is, which has this length.
    pub(super) fn next_filter(&mut self, length: usize) -> Result<Part, BodiesError> {
        let start = self.filters_end;
        self.filters_end = u32::try_from(length)
            .ok()
            .and_then(|length| start.checked_add(length))
            .ok_or_else(|| damaged("filters are too long"))?;
        Ok(start..self.filters_end)
    }
}

fn small(cursor: &mut Cursor<'_>, max: usize) -> Result<u8, BodiesError> {
    u8::try_from(cursor.count(max)?).map_err(|_| damaged("a width is out of range"))
}

fn length_of(entries: &[Part]) -> Result<u32, BodiesError> {
    u32::try_from(entries.len()).map_err(|_| damaged("there are too many entries"))
}

fn part(cursor: &mut Cursor<'_>) -> Result<Part, BodiesError> {
    let length = cursor.bytes()?.len();
    let end = cursor.position();
    match (u32::try_from(end - length), u32::try_from(end)) {
        (Ok(start), Ok(end)) => Ok(start..end),
        _ => Err(damaged("a header is too long")),
    }
}

impl Head {
    pub(super) fn is_constant(&self) -> bool {
        matches!(self.form, Form::Constant)
    }

    /// Reads the wanted ones of the `count` values of a payload.
    pub(super) fn read<'a>(
        &'a self,
        bytes: HeadBytes<'a>,
        payload: &'a [u8],
        count: usize,
        picks: Picks<'_>,
        unpacker: &mut Unpacker,
    ) -> Result<Values<'a>, BodiesError> {
        let mut cursor = Cursor::new(payload);
        let before = bytes.part(&self.before);
        let after = bytes.part(&self.after);
        let kind = match &self.form {
            Form::Constant => Kind::Constant,
            Form::Dictionary { entries } => Kind::Dictionary {
                entries: bytes.entries(entries).collect(),
                indices: integers::read(&mut cursor, count, picks, unpacker)?,
            },
            Form::Number { digits, .. } => Kind::Number {
                numbers: integers::read(&mut cursor, count, picks, unpacker)?,
                digits: *digits,
            },
            Form::Hex { digits, is_upper } => {
                let stride = usize::from(*digits).div_ceil(2);
                let plane = unpacker.plane(&mut cursor, count * stride)?;
                Kind::Hex {
                    bytes: pick_bytes(plane, stride, picks)?,
                    digits: usize::from(*digits),
                    is_upper: *is_upper,
                }
            }
            Form::Text { .. } => {
                let lengths = integers::read(&mut cursor, count, Picks::All, unpacker)?;
                let mut end = 0_usize;
                let mut ranges = Vec::with_capacity(count);
                for length in lengths {
                    let start = end;
                    end = usize::try_from(length)
                        .ok()
                        .and_then(|length| end.checked_add(length))
                        .filter(|end| *end <= TEXT_BYTES_MAX)
                        .ok_or_else(|| damaged("text is too long"))?;
                    ranges.push((start, end));
                }
                Kind::Text {
                    bytes: unpacker.plane(&mut cursor, end)?,
                    ranges: picks.of(ranges)?,
                }
            }
        };
        Ok(Values {
            kind,
            before,
            after,
        })
    }
}

fn pick_bytes<'a>(
    plane: Cow<'a, [u8]>,
    stride: usize,
    picks: Picks<'_>,
) -> Result<Cow<'a, [u8]>, BodiesError> {
    let Picks::Some(places) = picks else {
        return Ok(plane);
    };
    let mut picked = Vec::with_capacity(places.len() * stride);
    for place in places {
        let start = *place as usize * stride;
        let bytes = plane.get(start..start + stride);
        picked.extend_from_slice(bytes.ok_or_else(|| damaged("a page has too few values"))?);
    }
    Ok(Cow::Owned(picked))
}
