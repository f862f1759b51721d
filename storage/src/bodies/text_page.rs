//! A page of bodies that are kept as text, with a filter of their words.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::borrow::Cow;

use super::bits::{Cursor, put_varint};
use super::block::TEXT_PAGE_BYTES;
use super::bloom;
use super::checked;
use super::error::{BodiesError, damaged};
use super::integers::{self, Picks};
use super::plane::{Packer, Unpacker};
use super::tokens::Tokens;

/// No block has more text.
const TEXT_BYTES_MAX: usize = u32::MAX as usize;

/// What the header of the block says of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextPage {
    pub(super) rows: usize,
    pub(super) text_bytes: usize,
    /// Bytes of the page in the file.
    pub(super) length: usize,
    pub(super) filter_bytes: usize,
    /// Whether the letter case of all its text is that of ASCII.
    pub(super) is_ascii: bool,
}

impl TextPage {
    pub(super) fn put_head(&self, out: &mut Vec<u8>) {
        for number in [self.rows, self.text_bytes, self.length, self.filter_bytes] {
            put_varint(number as u64, out);
        }
        out.push(u8::from(self.is_ascii));
    }

    pub(super) fn read_head(cursor: &mut Cursor<'_>) -> Result<Self, BodiesError> {
        Ok(Self {
            rows: cursor.count(usize::MAX)?,
            text_bytes: cursor.count(TEXT_BYTES_MAX)?,
            length: cursor.count(usize::MAX)?,
            filter_bytes: cursor.count(usize::MAX)?,
            is_ascii: match cursor.byte()? {
                0 => false,
                1 => true,
                _ => return Err(damaged("a text page is of no known kind")),
            },
        })
    }
}

/// Writes the pages of a block.
pub(super) struct TextPageWriter<'a> {
    pub(super) packer: &'a mut Packer,
    pub(super) out: &'a mut Vec<u8>,
    pub(super) filters: &'a mut Vec<u8>,
}

impl TextPageWriter<'_> {
    /// Writes bodies as pages, one after another.
    pub(super) fn put<'a>(
        &mut self,
        bodies: impl Iterator<Item = &'a str>,
    ) -> Result<Vec<TextPage>, BodiesError> {
        let mut pages = Vec::new();
        let (mut text, mut lengths) = (String::new(), Vec::new());
        for body in bodies {
            text.push_str(body);
            lengths.push(body.len() as u64);
            if text.len() >= TEXT_PAGE_BYTES {
                pages.push(self.put_page(&text, &lengths)?);
                text.clear();
                lengths.clear();
            }
        }
        if !lengths.is_empty() {
            pages.push(self.put_page(&text, &lengths)?);
        }
        Ok(pages)
    }

    fn put_page(&mut self, text: &str, lengths: &[u64]) -> Result<TextPage, BodiesError> {
        let start = checked::begin(self.out);
        integers::put(lengths, self.packer, self.out)?;
        self.packer.put_text(text.as_bytes(), self.out)?;
        let length = checked::end(start, self.out);
        let mut hashes = Vec::new();
        let lower = lower_case(text);
        // Bodies that touch each other on the page are apart for those who search.
        let mut start = 0;
        for length in lengths {
            let end = start + usize::try_from(*length).unwrap_or(0);
            let lower = match &lower {
                Some(lower) => Cow::Borrowed(lower.get(start..end).unwrap_or_default()),
                None => Cow::Owned(text.get(start..end).unwrap_or_default().to_lowercase()),
            };
            let tokens = Tokens::of(&lower).filter_map(|it| lower.get(it.start..it.end));
            hashes.extend(tokens.map(|token| bloom::hash_lower(token.as_bytes())));
            start = end;
        }
        let filter_bytes = bloom::put(&mut hashes, self.filters);
        Ok(TextPage {
            rows: lengths.len(),
            text_bytes: text.len(),
            length,
            filter_bytes,
            is_ascii: lower.is_some(),
        })
    }
}

/// The text in lower case, if that is a matter of ASCII.
fn lower_case(text: &str) -> Option<String> {
    text.is_ascii().then(|| text.to_ascii_lowercase())
}

/// The bodies of a page.
pub(super) struct PageText<'a> {
    pub(super) text: Cow<'a, [u8]>,
    /// Where each body begins, and where the last one ends.
    pub(super) starts: Vec<usize>,
}

impl<'a> PageText<'a> {
    /// Reads a page from its bytes in the file.
    pub(super) fn read(
        page: &TextPage,
        part: &'a [u8],
        unpacker: &mut Unpacker,
    ) -> Result<Self, BodiesError> {
        let mut cursor = Cursor::new(checked::contents(part)?);
        let lengths = integers::read(&mut cursor, page.rows, Picks::All, unpacker)?;
        let mut end = 0_usize;
        let mut starts = Vec::with_capacity(lengths.len() + 1);
        starts.push(0);
        for length in lengths {
            end = usize::try_from(length)
                .ok()
                .and_then(|length| end.checked_add(length))
                .ok_or(damaged("text is too long"))?;
            starts.push(end);
        }
        if end != page.text_bytes {
            return Err(damaged("a text page has another length"));
        }
        let text = unpacker.plane(&mut cursor, page.text_bytes)?;
        Ok(Self { text, starts })
    }

    /// The body at a place of the page.
    pub(super) fn body(&self, place: usize) -> Result<&[u8], BodiesError> {
        let range = self.starts.get(place).zip(self.starts.get(place + 1));
        range
            .and_then(|(start, end)| self.text.get(*start..*end))
            .ok_or(damaged("a text page has too few bodies"))
    }
}
