//! A template: what bodies of one kind have in common, with a mark in place of each variable.
//!
//! Its stored form, the skeleton, is the text with the byte [`MARK`] for a variable. No UTF-8 text
//! has that byte, so a skeleton cannot be mistaken for text.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::fmt;
use std::ops::Range;

use super::bloom;
use super::error::{BodiesError, damaged};
use super::needle::LetterCase;
use super::tokens::Tokens;

/// Stands for a variable.
pub(super) const MARK: u8 = 0xff;

/// What the values of a variable were like where they were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VariableKind {
    /// Decimal digits only.
    Number,
    /// Hexadecimal digits of one letter case.
    Hex,
    /// Anything.
    Any,
}

impl VariableKind {
    /// What a value of its own is like.
    pub(super) fn of(value: &[u8]) -> Self {
        let is_lower = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_upper = |byte: &u8| matches!(byte, b'0'..=b'9' | b'A'..=b'F');
        if value.iter().all(u8::is_ascii_digit) {
            Self::Number
        } else if value.len() >= 4 && (value.iter().all(is_lower) || value.iter().all(is_upper)) {
            Self::Hex
        } else {
            Self::Any
        }
    }
}

/// What is known of a variable, from all blocks that have its template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct VariableTraits {
    pub(super) kind: VariableKind,
    /// Whether some value has no digit.
    pub(super) has_words: bool,
}

const HAS_WORDS: u8 = 1 << 2;

impl VariableTraits {
    /// Of no value at all.
    pub(super) const NONE: Self = Self {
        kind: VariableKind::Number,
        has_words: false,
    };

    /// Of all values of both.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            kind: self.kind.max(other.kind),
            has_words: self.has_words || other.has_words,
        }
    }

    pub(super) fn to_byte(self) -> u8 {
        let kind = match self.kind {
            VariableKind::Number => 0,
            VariableKind::Hex => 1,
            VariableKind::Any => 2,
        };
        kind | if self.has_words { HAS_WORDS } else { 0 }
    }

    pub(super) fn from_byte(byte: u8) -> Result<Self, BodiesError> {
        let kind = match byte & !HAS_WORDS {
            0 => VariableKind::Number,
            1 => VariableKind::Hex,
            2 => VariableKind::Any,
            _ => return Err(damaged("a variable is of no known kind")),
        };
        let has_words = byte & HAS_WORDS != 0;
        Ok(Self { kind, has_words })
    }
}

/// A token of a template: bytes `start..end` of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) start: u32,
    pub(super) end: u32,
    /// The number of the variable, from left to right, or [`Piece::WORD`].
    variable: u32,
}

impl Piece {
    const WORD: u32 = u32::MAX;

    pub(super) fn variable(&self) -> Option<usize> {
        (self.variable != Self::WORD).then_some(self.variable as usize)
    }
}

/// The text of a template with marks, and where its tokens are. Kept in two runs of memory, because
/// a search goes through all templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CutText {
    bytes: Box<[u8]>,
    pub(super) pieces: Box<[Piece]>,
}

impl CutText {
    fn new(skeleton: &[u8]) -> Result<Self, BodiesError> {
        let mut pieces = Vec::new();
        let (mut start, mut variables) = (0, 0);
        let mut push = |range: Range<usize>, variable| match (
            u32::try_from(range.start),
            u32::try_from(range.end),
        ) {
            (Ok(start), Ok(end)) => {
                pieces.push(Piece {
                    start,
                    end,
                    variable,
                });
                Ok(())
            }
            _ => Err(damaged("a template is too long")),
        };
        for part in skeleton.split(|byte| *byte == MARK) {
            if start > 0 {
                push(start - 1..start, variables)?;
                variables += 1;
            }
            let text = std::str::from_utf8(part).map_err(|_| damaged("a template is no text"))?;
            for token in Tokens::of(text) {
                push(start + token.start..start + token.end, Piece::WORD)?;
            }
            start += part.len() + 1;
        }
        Ok(Self {
            bytes: skeleton.into(),
            pieces: pieces.into(),
        })
    }

    pub(super) fn text(&self, range: Range<u32>) -> &[u8] {
        let range = range.start as usize..range.end as usize;
        self.bytes.get(range).unwrap_or_default()
    }

    /// The text before a piece, as far as the piece before it; or after all of them.
    pub(super) fn separator(&self, piece: usize) -> &[u8] {
        let before = piece
            .checked_sub(1)
            .and_then(|before| self.pieces.get(before));
        let start = before.map_or(0, |before| before.end as usize);
        let end = self.pieces.get(piece).map(|piece| piece.start as usize);
        let end = end.unwrap_or(self.bytes.len());
        self.bytes.get(start..end).unwrap_or_default()
    }
}

/// A template.
#[derive(Debug, Clone)]
pub struct Template {
    pub(super) exact: CutText,
    /// The same in lower case, where that is another.
    lower: Option<CutText>,
    pub(super) traits: Vec<VariableTraits>,
}

impl Template {
    /// Takes a skeleton apart. There are traits for each mark.
    pub(super) fn parse(skeleton: &[u8], traits: Vec<VariableTraits>) -> Result<Self, BodiesError> {
        let exact = CutText::new(skeleton)?;
        let mut lower = Vec::with_capacity(skeleton.len());
        for (index, part) in skeleton.split(|byte| *byte == MARK).enumerate() {
            lower.extend((index > 0).then_some(MARK));
            bloom::lower_into(part, &mut lower);
        }
        let lower = (lower != skeleton)
            .then(|| CutText::new(&lower))
            .transpose()?;
        let variables = skeleton.iter().filter(|byte| **byte == MARK).count();
        if variables == traits.len() {
            Ok(Self {
                exact,
                lower,
                traits,
            })
        } else {
            Err(damaged("a template has another number of variables"))
        }
    }

    /// The text that is searched.
    pub(super) fn searched(&self, letter_case: LetterCase) -> &CutText {
        match (letter_case, &self.lower) {
            (LetterCase::Ignored, Some(lower)) => lower,
            _ => &self.exact,
        }
    }

    pub(super) fn skeleton(&self) -> &[u8] {
        &self.exact.bytes
    }

    /// The constant texts around the variables: one more than there are variables.
    pub(super) fn constants(&self) -> impl Iterator<Item = &[u8]> {
        self.skeleton().split(|byte| *byte == MARK)
    }

    /// How many variables there are.
    pub(super) fn variable_count(&self) -> usize {
        self.traits.len()
    }
}

/// The pattern: the text with `<num>`, `<hex>` or `<*>` in place of each variable.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds = self.traits.iter();
        for (index, constant) in self.constants().enumerate() {
            if index > 0 {
                f.write_str(match kinds.next().map(|traits| traits.kind) {
                    Some(VariableKind::Number) => "<num>",
                    Some(VariableKind::Hex) => "<hex>",
                    _ => "<*>",
                })?;
            }
            f.write_str(std::str::from_utf8(constant).unwrap_or_default())?;
        }
        Ok(())
    }
}

/// Where the words of a skeleton are; marks and separators are not words.
pub(super) fn words_of(skeleton: &[u8]) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut start = 0;
    for part in skeleton.split(|byte| *byte == MARK) {
        let text = std::str::from_utf8(part).unwrap_or_default();
        words.extend(Tokens::of(text).map(|token| start + token.start..start + token.end));
        start += part.len() + 1;
    }
    words
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_taken_apart_and_reads_as_a_pattern() {
        let any = VariableTraits {
            kind: VariableKind::Any,
            has_words: true,
        };
        let traits = vec![VariableTraits::NONE, any];
        let template = Template::parse(b"took \xff ms: Fehler \xc3\x84 [\xff]", traits).unwrap();
        assert_eq!(template.to_string(), "took <num> ms: Fehler Ä [<*>]");
        let lower = template.searched(LetterCase::Ignored);
        let separators = (0..=6).map(|piece| lower.separator(piece));
        let expected: [&[u8]; 7] = [b"", b" ", b" ", b": ", b" ", b" [", b"]"];
        assert!(separators.eq(expected));
        let variables = lower.pieces.iter().map(Piece::variable);
        assert!(variables.eq([None, Some(0), None, None, None, Some(1)]));
        let word = |text: &CutText| text.text(text.pieces[4].start..text.pieces[4].end).to_vec();
        assert_eq!(word(lower), "ä".as_bytes());
        assert_eq!(word(template.searched(LetterCase::Exact)), "Ä".as_bytes());
    }

    #[test]
    fn what_is_no_template_is_an_error() {
        Template::parse(b"a\xff", Vec::new()).unwrap_err();
        Template::parse(b"a\xc3\xff", vec![VariableTraits::NONE]).unwrap_err();
    }

    #[test]
    fn words_are_found_around_marks() {
        let skeleton = b"a \xff bc=\xff\xc3\xbc";
        let words = words_of(skeleton);
        assert_eq!(words, [0..1, 4..6, 8..10]);
    }
}
