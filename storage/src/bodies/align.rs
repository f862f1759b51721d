//! Lays what is searched for on the tokens of a template, separators included.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::sync::Arc;

use memchr::memmem;

use super::needle::{LetterCase, Needle};
use super::template::{CutText, Template, VariableKind, VariableTraits};
use super::tokens::Tokens;

/// What a token must be for a needle to lie on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TokenTest {
    /// In lower case when letter case is ignored.
    pub(super) text: String,
    pub(super) letter_case: LetterCase,
    /// Whether it must begin with the text.
    pub(super) is_start: bool,
    /// Whether it must end with the text.
    pub(super) is_end: bool,
    /// What values are like that may pass.
    kind: VariableKind,
    needs_words: bool,
}

impl TokenTest {
    fn new(text: &str, letter_case: LetterCase, is_start: bool, is_end: bool) -> Self {
        let is_all = |test: fn(&u8) -> bool| text.as_bytes().iter().all(test);
        let kind = if is_all(u8::is_ascii_digit) {
            VariableKind::Number
        } else if is_all(u8::is_ascii_hexdigit) {
            VariableKind::Hex
        } else {
            VariableKind::Any
        };
        let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
        Self {
            text: text.to_owned(),
            letter_case,
            is_start,
            is_end,
            kind,
            needs_words: is_start && is_end && !has_digit,
        }
    }

    /// Whether a value with these traits may pass.
    fn may_pass(&self, traits: VariableTraits) -> bool {
        self.kind <= traits.kind && (traits.has_words || !self.needs_words)
    }

    /// Whether a token passes that is in lower case when letter case is ignored.
    pub(super) fn is_passed(&self, token: &[u8]) -> bool {
        let text = self.text.as_bytes();
        match (self.is_start, self.is_end) {
            (true, true) => token == text,
            (true, false) => token.starts_with(text),
            (false, true) => token.ends_with(text),
            (false, false) => memmem::find(token, text).is_some(),
        }
    }
}

/// What a variable must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) variable: usize,
    pub(super) test: Arc<TokenTest>,
}

/// When a body with a certain template matches a needle: when all conditions of one of the
/// alternatives hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Alignment {
    Always,
    /// Never, when there are none.
    When(Vec<Vec<Condition>>),
}

/// A needle cut into tokens and what is between and around them.
#[derive(Debug)]
pub(super) struct CutNeedle {
    letter_case: LetterCase,
    tests: Vec<Arc<TokenTest>>,
    /// One more than there are tokens.
    separators: Vec<String>,
}

impl CutNeedle {
    pub(super) fn new(needle: &Needle) -> Self {
        let text = needle.text.as_str();
        let (mut tests, mut separators, mut done) = (Vec::new(), Vec::new(), 0);
        for token in Tokens::of(text) {
            separators.push(text.get(done..token.start).unwrap_or_default().to_owned());
            tests.push(Arc::new(TokenTest::new(
                text.get(token.start..token.end).unwrap_or_default(),
                needle.letter_case,
                token.start > 0 || needle.begins_word,
                token.end < text.len() || needle.ends_word,
            )));
            done = token.end;
        }
        separators.push(text.get(done..).unwrap_or_default().to_owned());
        Self {
            letter_case: needle.letter_case,
            tests,
            separators,
        }
    }

    /// Lays the needle on every place of the template.
    pub(super) fn align(&self, template: &Template) -> Alignment {
        let text = template.searched(self.letter_case);
        if self.tests.is_empty() {
            let wanted = self.separators.iter().map(String::as_bytes).next();
            let wanted = memmem::Finder::new(wanted.unwrap_or_default());
            let mut separators = (0..=text.pieces.len()).map(|piece| text.separator(piece));
            return if separators.any(|separator| wanted.find(separator).is_some()) {
                Alignment::Always
            } else {
                Alignment::When(Vec::new())
            };
        }
        let mut alternatives = Vec::new();
        for (at, pieces) in text.pieces.windows(self.tests.len()).enumerate() {
            let tests = self.tests.iter().zip(pieces);
            let passes = tests.clone().all(|(test, piece)| match piece.variable() {
                None => test.is_passed(text.text(piece.start..piece.end)),
                Some(variable) => template
                    .traits
                    .get(variable)
                    .is_some_and(|traits| test.may_pass(*traits)),
            });
            if !passes || !self.fits(text, at) {
                continue;
            }
            let conditions: Vec<Condition> = tests
                .filter_map(|(test, piece)| {
                    Some(Condition {
                        variable: piece.variable()?,
                        test: Arc::clone(test),
                    })
                })
                .collect();
            if conditions.is_empty() {
                return Alignment::Always;
            }
            alternatives.push(conditions);
        }
        Alignment::When(alternatives)
    }

    /// Whether the separators fit when the first token lies on a piece.
    fn fits(&self, text: &CutText, at: usize) -> bool {
        let last = self.tests.len();
        let mut separators = self.separators.iter().map(String::as_bytes).enumerate();
        separators.all(|(index, wanted)| {
            let separator = text.separator(at + index);
            if index == 0 {
                separator.ends_with(wanted)
            } else if index == last {
                separator.starts_with(wanted)
            } else {
                separator == wanted
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn align(needle: &Needle) -> Alignment {
        let any = VariableTraits {
            kind: VariableKind::Any,
            has_words: true,
        };
        let skeleton = b"[Info] took \xff ms, retry=\xff";
        let template = Template::parse(skeleton, vec![VariableTraits::NONE, any]).unwrap();
        CutNeedle::new(needle).align(&template)
    }

    fn word(text: &str) -> Alignment {
        align(&Needle::word(text, LetterCase::Ignored))
    }

    fn when(variables: &[&[usize]]) -> Vec<Vec<usize>> {
        variables.iter().map(|it| it.to_vec()).collect()
    }

    fn variables(alignment: Alignment) -> Vec<Vec<usize>> {
        match alignment {
            Alignment::Always => panic!("always"),
            Alignment::When(alternatives) => alternatives
                .iter()
                .map(|all| all.iter().map(|condition| condition.variable).collect())
                .collect(),
        }
    }

    #[test]
    fn constants_match_and_variables_become_conditions() {
        assert_eq!(word("TOOK"), Alignment::Always);
        assert_eq!(word("[info] took"), Alignment::Always);
        assert_eq!(word("] "), Alignment::Always);
        assert_eq!(word(""), Alignment::Always);
        assert_eq!(variables(word("12")), when(&[&[0], &[1]]));
        assert_eq!(variables(word("12a")), when(&[&[1]]));
        assert_eq!(variables(word("12 ms, retry=3")), when(&[&[0, 1]]));
        assert_eq!(variables(word("12 ms, retry: 3")), when(&[]));
        assert_eq!(variables(word("(")), when(&[]));
        let exact = Needle::word("TOOK", LetterCase::Exact);
        assert_eq!(variables(align(&exact)), when(&[&[1]]));
    }

    #[test]
    fn the_ends_of_a_phrase_may_be_parts_of_tokens() {
        let phrase = |text| align(&Needle::phrase(text, LetterCase::Ignored));
        assert_eq!(phrase("nfo] to"), Alignment::Always);
        let Alignment::When(alternatives) = phrase("ook 1") else {
            panic!("always");
        };
        let test = TokenTest::new("1", LetterCase::Ignored, true, false);
        let condition = Condition {
            variable: 0,
            test: Arc::new(test),
        };
        assert_eq!(alternatives, [[condition]]);
    }
}
