//! Forms that only secrets have: numbers of payment cards, bearer tokens, and JSON web tokens.
//!
//! Each rule looks for something rare first, so that texts without secrets cost nearly nothing.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod card;
mod tokens;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::MARK;

/// A form of secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// Numbers of payment cards: known ranges, right lengths and a right check digit.
    Card,
    /// What follows the word *Bearer*.
    Bearer,
    /// JSON web tokens, wherever they stand.
    Jwt,
}

/// A text that is no name of a form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not a pattern, expected card, bearer or jwt")]
pub struct PatternError {
    name: String,
}

impl Pattern {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Card, Self::Bearer, Self::Jwt];

    /// Its name in settings and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Bearer => "bearer",
            Self::Jwt => "jwt",
        }
    }

    /// Whether some text within these bytes may hold a secret of this form, if that can be told without
    /// knowing where texts begin and end.
    fn may_be_within(self, bytes: &[u8]) -> bool {
        match self {
            Self::Card => false,
            Self::Bearer => tokens::may_hold_bearer(bytes),
            Self::Jwt => tokens::may_hold_jwt(bytes),
        }
    }

    /// Where the first secret of this form is, at or after `from`.
    fn find(self, text: &[u8], from: usize) -> Option<Range<usize>> {
        match self {
            Self::Card => card::find(text, from),
            Self::Bearer => tokens::find_bearer(text, from),
            Self::Jwt => tokens::find_jwt(text, from),
        }
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(name: &str) -> Result<Self, PatternError> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == name);
        found.ok_or_else(|| PatternError {
            name: name.to_owned(),
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The forms that are looked for.
#[derive(Debug, Clone)]
pub(super) struct PatternRules {
    patterns: Vec<Pattern>,
    /// Whether numbers of cards are: what is around a number decides what it is, so texts have to be looked
    /// at one by one.
    has_card: bool,
}

impl PatternRules {
    pub(super) fn new(patterns: &[Pattern]) -> Self {
        Self {
            patterns: patterns.to_vec(),
            has_card: patterns.contains(&Pattern::Card),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.patterns.len()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.patterns.iter().map(|pattern| pattern.as_str())
    }

    pub(super) fn may_be_within(&self, bytes: &[u8]) -> bool {
        self.patterns
            .iter()
            .any(|pattern| pattern.may_be_within(bytes))
    }

    /// Whether a text holds a secret of those forms that [`Self::may_be_within`] does not tell of.
    #[inline]
    pub(super) fn is_in_text(&self, text: &[u8]) -> bool {
        self.has_card && text.len() >= card::DIGITS_MIN && card::find(text, 0).is_some()
    }

    /// Replaces every secret, and counts it.
    pub(super) fn redact(&self, text: &[u8], counts: &mut [u64]) -> Option<Vec<u8>> {
        let mut redacted: Option<Vec<u8>> = None;
        for (pattern, count) in self.patterns.iter().zip(counts) {
            let current = redacted.as_deref().unwrap_or(text);
            if let Some(next) = replace(*pattern, current, count) {
                redacted = Some(next);
            }
        }
        redacted
    }
}

fn replace(pattern: Pattern, text: &[u8], count: &mut u64) -> Option<Vec<u8>> {
    let mut out: Option<Vec<u8>> = None;
    let mut copied = 0;
    while let Some(found) = pattern.find(text, copied) {
        let out = out.get_or_insert_with(|| Vec::with_capacity(text.len() + MARK.len()));
        out.extend_from_slice(text.get(copied..found.start).unwrap_or_default());
        out.extend_from_slice(MARK.as_bytes());
        copied = found.end;
        *count += 1;
    }
    if let Some(out) = &mut out {
        out.extend_from_slice(text.get(copied..).unwrap_or_default());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redact(text: &str) -> (String, Vec<u64>) {
        let mut counts = vec![0; 3];
        let redacted = PatternRules::new(&Pattern::ALL).redact(text.as_bytes(), &mut counts);
        let redacted = redacted.unwrap_or_else(|| text.as_bytes().to_vec());
        (String::from_utf8(redacted).unwrap(), counts)
    }

    #[test]
    fn every_secret_of_a_text_is_replaced_and_what_is_around_it_stays() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r";
        let text = format!(
            "é paid with 4111 1111 1111 1111, then 5500005555555559; authorization: Bearer abc123def \
             and {jwt}?"
        );
        assert_eq!(
            redact(&text),
            (
                "é paid with [redacted], then [redacted]; authorization: Bearer [redacted] and \
                 [redacted]?"
                    .to_owned(),
                vec![2, 1, 1]
            )
        );
    }

    #[test]
    fn redacted_texts_are_left_alone() {
        let once = redact("Bearer abc123def, 4111111111111111").0;

        assert_eq!(redact(&once), (once.clone(), vec![0, 0, 0]));
    }

    #[test]
    fn names_of_patterns_read_back() {
        for pattern in Pattern::ALL {
            assert_eq!(pattern.as_str().parse(), Ok(pattern));
        }
        assert_eq!(
            "iban".parse::<Pattern>().unwrap_err().to_string(),
            "\"iban\" is not a pattern, expected card, bearer or jwt"
        );
    }
}
