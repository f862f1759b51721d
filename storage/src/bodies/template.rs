//! A template: what bodies of one kind have in common, with a mark in place of each variable.
//!
//! Its stored form, the skeleton, is the text with the byte [`MARK`] for a variable. No UTF-8 text
//! has that byte, so a skeleton cannot be mistaken for text.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::fmt;
use std::ops::Range;

use super::error::{BodiesError, damaged};
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

    pub(super) fn to_byte(self) -> u8 {
        match self {
            Self::Number => 0,
            Self::Hex => 1,
            Self::Any => 2,
        }
    }

    pub(super) fn from_byte(byte: u8) -> Result<Self, BodiesError> {
        match byte {
            0 => Ok(Self::Number),
            1 => Ok(Self::Hex),
            2 => Ok(Self::Any),
            _ => Err(damaged("a variable is of no known kind")),
        }
    }
}

/// A piece of a template that is a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// The same in every body.
    Word { text: String, lower: String },
    /// Different from body to body; variables are numbered from left to right.
    Variable(usize),
}

/// A template taken apart: separators and tokens in turn, a separator at both ends.
#[derive(Debug, Clone)]
pub struct Template {
    skeleton: Box<[u8]>,
    pub(super) separators: Vec<String>,
    pub(super) tokens: Vec<Piece>,
    pub(super) kinds: Vec<VariableKind>,
}

impl Template {
    /// Takes a skeleton apart. There is a kind for each mark.
    pub(super) fn parse(skeleton: &[u8], kinds: Vec<VariableKind>) -> Result<Self, BodiesError> {
        let no_text = damaged("a template is no text");
        let mut template = Self {
            skeleton: skeleton.into(),
            separators: vec![String::new()],
            tokens: Vec::new(),
            kinds,
        };
        let mut variables = 0;
        for (index, part) in skeleton.split(|byte| *byte == MARK).enumerate() {
            let Ok(part) = std::str::from_utf8(part) else {
                return Err(no_text);
            };
            if index > 0 {
                template.push(Piece::Variable(variables));
                variables += 1;
            }
            let mut done = 0;
            for token in Tokens::of(part) {
                let text = part.get(token.start..token.end).unwrap_or_default();
                template.extend_separator(part.get(done..token.start));
                let (text, lower) = (text.to_owned(), text.to_lowercase());
                template.push(Piece::Word { text, lower });
                done = token.end;
            }
            template.extend_separator(part.get(done..));
        }
        if variables == template.kinds.len() {
            Ok(template)
        } else {
            Err(damaged("a template has another number of variables"))
        }
    }

    fn push(&mut self, piece: Piece) {
        self.tokens.push(piece);
        self.separators.push(String::new());
    }

    fn extend_separator(&mut self, text: Option<&str>) {
        if let (Some(separator), Some(text)) = (self.separators.last_mut(), text) {
            separator.push_str(text);
        }
    }

    pub(super) fn skeleton(&self) -> &[u8] {
        &self.skeleton
    }

    /// The constant texts around the variables: one more than there are variables.
    pub(super) fn constants(&self) -> impl Iterator<Item = &[u8]> {
        self.skeleton.split(|byte| *byte == MARK)
    }

    /// How many variables there are.
    pub(super) fn variable_count(&self) -> usize {
        self.kinds.len()
    }
}

/// The pattern: the text with `<num>`, `<hex>` or `<*>` in place of each variable.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds = self.kinds.iter();
        for (index, constant) in self.constants().enumerate() {
            if index > 0 {
                f.write_str(match kinds.next() {
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
mod tests {
    use super::*;

    #[test]
    fn a_template_is_taken_apart_and_reads_as_a_pattern() {
        let kinds = vec![VariableKind::Number, VariableKind::Any];
        let template = Template::parse(b"took \xff ms: Fehler \xc3\x84 [\xff]", kinds).unwrap();
        assert_eq!(template.to_string(), "took <num> ms: Fehler Ä [<*>]");
        assert_eq!(template.separators, ["", " ", " ", ": ", " ", " [", "]"]);
        assert_eq!(template.tokens.len(), 6);
        assert_eq!(template.tokens[5], Piece::Variable(1));
        let lower = "ä".to_owned();
        let text = "Ä".to_owned();
        assert_eq!(template.tokens[4], Piece::Word { text, lower });
    }

    #[test]
    fn what_is_no_template_is_an_error() {
        Template::parse(b"a\xff", Vec::new()).unwrap_err();
        Template::parse(b"a\xc3\xff", vec![VariableKind::Any]).unwrap_err();
    }

    #[test]
    fn words_are_found_around_marks() {
        let skeleton = b"a \xff bc=\xff\xc3\xbc";
        let words = words_of(skeleton);
        assert_eq!(words, [0..1, 4..6, 8..10]);
    }
}
