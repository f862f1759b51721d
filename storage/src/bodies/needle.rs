//! What is searched for in bodies, and the one definition of what a body matches.

use super::bloom;
use super::body_regex::BodyRegex;
use super::tokens::{Tokens, has_unsteady_case, is_part};

/// Whether letter case counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterCase {
    /// `Error` and `ERROR` are the same.
    Ignored,
    /// They are not.
    Exact,
}

/// A text that is searched for. It must stand in the body as it is, separators included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needle {
    /// In lower case when letter case is ignored.
    pub(super) text: String,
    pub(super) letter_case: LetterCase,
    /// Whether no part of a word may touch it on the left, when it begins with one.
    pub(super) begins_word: bool,
    /// The same on the right, when it ends with one.
    pub(super) ends_word: bool,
}

impl Needle {
    /// A word, or several with what is between them: no letter, digit or underscore touches it.
    pub fn word(text: &str, letter_case: LetterCase) -> Self {
        Self::new(text, letter_case, true, true)
    }

    /// The beginning of a word.
    pub fn word_prefix(text: &str, letter_case: LetterCase) -> Self {
        Self::new(text, letter_case, true, false)
    }

    /// Any part of the body.
    pub fn phrase(text: &str, letter_case: LetterCase) -> Self {
        Self::new(text, letter_case, false, false)
    }

    fn new(text: &str, letter_case: LetterCase, begins_word: bool, ends_word: bool) -> Self {
        let text = match letter_case {
            LetterCase::Ignored => text.to_lowercase(),
            LetterCase::Exact => text.to_owned(),
        };
        Self {
            text,
            letter_case,
            begins_word,
            ends_word,
        }
    }

    /// Whether the body matches.
    pub fn matches(&self, body: &str) -> bool {
        match self.letter_case {
            LetterCase::Exact => self.is_in(body),
            LetterCase::Ignored => self.is_in(&body.to_lowercase()),
        }
    }

    /// Whether a text matches, which is in lower case when letter case is ignored.
    pub(super) fn is_in(&self, text: &str) -> bool {
        let mut from = 0;
        // Occurrences may overlap: `a-a` is a word of `xa-a-a` though it is not where it begins.
        while let Some(offset) = text.get(from..).and_then(|rest| rest.find(&self.text)) {
            let start = from + offset;
            if self.is_open(text, start, start + self.text.len()) {
                return true;
            }
            let next = text.get(start..).and_then(|rest| rest.chars().next());
            from = start + next.map_or(1, char::len_utf8);
        }
        false
    }

    /// Whether what is found at this place is not touched where it must not be.
    pub(super) fn is_open(&self, text: &str, start: usize, end: usize) -> bool {
        let before = text.get(..start).unwrap_or_default();
        let after = text.get(end..).unwrap_or_default();
        let left = self.begins_word && self.text.starts_with(is_part) && before.ends_with(is_part);
        let right = self.ends_word && self.text.ends_with(is_part) && after.starts_with(is_part);
        !left && !right
    }

    /// The hashes of the tokens that a body must have to match.
    pub(super) fn token_hashes(&self) -> Vec<u64> {
        let whole = |start: usize, end: usize| {
            (start > 0 || self.begins_word) && (end < self.text.len() || self.ends_word)
        };
        // Filters are of lower-cased bodies; what unsteady letters become there is not known here.
        let is_steady = self.letter_case == LetterCase::Ignored || !has_unsteady_case(&self.text);
        let mut lower = Vec::new();
        Tokens::of(&self.text)
            .filter(|token| is_steady && whole(token.start, token.end))
            .filter_map(|token| self.text.get(token.start..token.end))
            .map(|token| match self.letter_case {
                LetterCase::Ignored => bloom::hash_lower(token.as_bytes()),
                LetterCase::Exact => bloom::hash(token.as_bytes(), &mut lower),
            })
            .collect()
    }
}

/// What is searched for: bodies that match everything. A row without a body matches nothing.
#[derive(Debug, Clone)]
pub struct BodyQuery {
    pub(super) needles: Vec<Needle>,
    pub(super) regexes: Vec<BodyRegex>,
}

impl BodyQuery {
    /// All of these texts.
    pub fn all(needles: Vec<Needle>) -> Self {
        Self {
            needles,
            regexes: Vec::new(),
        }
    }

    /// Everything that these ask for.
    pub(crate) fn every(queries: Vec<Self>) -> Self {
        let mut all = Self::all(Vec::new());
        for query in queries {
            all.needles.extend(query.needles);
            all.regexes.extend(query.regexes);
        }
        all
    }

    /// And this regular expression too. What it takes for granted is searched for as text, which
    /// rules out most bodies before they are looked at.
    #[must_use]
    pub fn and_regex(mut self, regex: BodyRegex) -> Self {
        let literals = regex.literals().iter();
        self.needles
            .extend(literals.map(|literal| Needle::phrase(literal, LetterCase::Exact)));
        self.regexes.push(regex);
        self
    }

    /// Whether the body matches.
    pub fn matches(&self, body: &str) -> bool {
        self.needles.iter().all(|needle| needle.matches(body))
            && self.regexes.iter().all(|regex| regex.is_match(body))
    }

    /// Whether bodies have to be looked at, if only those that nothing else rules out.
    pub(crate) fn has_regex(&self) -> bool {
        !self.regexes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str, body: &str) -> bool {
        Needle::word(text, LetterCase::Ignored).matches(body)
    }

    #[test]
    fn a_word_is_whole_or_not_there() {
        assert!(word("FAILED", "payment failed: card_declined"));
        assert!(!word("fail", "payment failed: card_declined"));
        assert!(!word("card", "payment failed: card_declined"));
        assert!(word("2/3", "retry in 5s (attempt 2/3)"));
        assert!(word("übergroßes", "ein ÜBERGROßES paket"));
        assert!(!word("übergroß", "unübergroß"));
        assert!(word("", ""));
        assert!(word("a-a", "xa-a-a") && !word("a-a", "xa-ax"));
        let exact = Needle::word("FAILED", LetterCase::Exact);
        assert!(!exact.matches("payment failed"));
        let prefix = Needle::word_prefix("fail", LetterCase::Ignored);
        assert!(prefix.matches("payment Failed") && !prefix.matches("unfailing"));
        assert!(Needle::phrase("ILED: C", LetterCase::Ignored).matches("failed: card"));
    }

    #[test]
    fn only_whole_words_are_looked_for_in_filters() {
        let count = |needle: Needle| needle.token_hashes().len();
        assert_eq!(count(Needle::phrase("abc", LetterCase::Ignored)), 0);
        assert_eq!(count(Needle::phrase("abc def ghi", LetterCase::Ignored)), 1);
        assert_eq!(count(Needle::phrase(" abc ", LetterCase::Ignored)), 1);
        assert_eq!(
            count(Needle::word_prefix("abc def", LetterCase::Ignored)),
            1
        );
        assert_eq!(count(Needle::word("abc def", LetterCase::Ignored)), 2);
        assert_eq!(count(Needle::word("ΟΔΟΣ", LetterCase::Exact)), 0);
    }
}
