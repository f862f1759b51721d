//! Lays what is searched for on the tokens of a template, separators included.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use super::needle::{LetterCase, Needle};
use super::template::{Piece, Template};
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
}

impl TokenTest {
    /// Whether a token passes that is in lower case when letter case is ignored.
    pub(super) fn is_passed(&self, token: &[u8]) -> bool {
        let text = self.text.as_bytes();
        match (self.is_start, self.is_end) {
            (true, true) => token == text,
            (true, false) => token.starts_with(text),
            (false, true) => token.ends_with(text),
            (false, false) => memchr::memmem::find(token, text).is_some(),
        }
    }
}

/// What a variable must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) variable: usize,
    pub(super) test: TokenTest,
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
    tests: Vec<TokenTest>,
    /// One more than there are tokens.
    separators: Vec<String>,
}

impl CutNeedle {
    pub(super) fn new(needle: &Needle) -> Self {
        let text = needle.text.as_str();
        let (mut tests, mut separators, mut done) = (Vec::new(), Vec::new(), 0);
        for token in Tokens::of(text) {
            separators.push(text.get(done..token.start).unwrap_or_default().to_owned());
            tests.push(TokenTest {
                text: text.get(token.start..token.end).unwrap_or_default().to_owned(),
                letter_case: needle.letter_case,
                is_start: token.start > 0 || needle.begins_word,
                is_end: token.end < text.len() || needle.ends_word,
            });
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
        let (Some(first), Some(last)) = (self.separators.first(), self.separators.last()) else {
            return Alignment::Always;
        };
        if self.tests.is_empty() {
            let mut separators = template.separators.iter();
            return if separators.any(|separator| separator.contains(first.as_str())) {
                Alignment::Always
            } else {
                Alignment::When(Vec::new())
            };
        }
        let mut alternatives = Vec::new();
        let separators = template.separators.windows(self.separators.len());
        for (separators, tokens) in separators.zip(template.tokens.windows(self.tests.len())) {
            let (Some(before), Some(after)) = (separators.first(), separators.last()) else {
                continue;
            };
            let fits = before.ends_with(first.as_str())
                && after.starts_with(last.as_str())
                && inner(separators) == inner(&self.separators);
            match fits.then(|| self.conditions(tokens)).flatten() {
                None => {}
                Some(conditions) if conditions.is_empty() => return Alignment::Always,
                Some(conditions) => alternatives.push(conditions),
            }
        }
        Alignment::When(alternatives)
    }

    /// What must hold for the needle to lie on these tokens; `None` when it cannot.
    fn conditions(&self, tokens: &[Piece]) -> Option<Vec<Condition>> {
        let mut conditions = Vec::new();
        for (test, token) in self.tests.iter().zip(tokens) {
            match token {
                Piece::Variable(variable) => conditions.push(Condition {
                    variable: *variable,
                    test: test.clone(),
                }),
                Piece::Word { text, lower } => {
                    let word = match self.letter_case {
                        LetterCase::Ignored => lower,
                        LetterCase::Exact => text,
                    };
                    if !test.is_passed(word.as_bytes()) {
                        return None;
                    }
                }
            }
        }
        Some(conditions)
    }
}

/// All but the first and the last.
fn inner(separators: &[String]) -> &[String] {
    let last = separators.len().saturating_sub(1);
    separators.get(1..last).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bodies::template::VariableKind;

    fn align(needle: &Needle) -> Alignment {
        let kinds = vec![VariableKind::Number; 2];
        let skeleton = b"[Info] took \xff ms, retry=\xff";
        let template = Template::parse(skeleton, kinds).unwrap();
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
        assert_eq!(variables(word("12 ms, retry=3")), when(&[&[0, 1]]));
        assert_eq!(variables(word("12 ms, retry: 3")), when(&[]));
        assert_eq!(variables(word("(")), when(&[]));
        let exact = Needle::word("TOOK", LetterCase::Exact);
        assert_eq!(variables(align(&exact)), when(&[&[0], &[1]]));
    }

    #[test]
    fn the_ends_of_a_phrase_may_be_parts_of_tokens() {
        let phrase = |text| align(&Needle::phrase(text, LetterCase::Ignored));
        assert_eq!(phrase("nfo] to"), Alignment::Always);
        let Alignment::When(alternatives) = phrase("ook 1") else {
            panic!("always");
        };
        let test = TokenTest {
            text: "1".to_owned(),
            letter_case: LetterCase::Ignored,
            is_start: true,
            is_end: false,
        };
        let condition = Condition { variable: 0, test };
        assert_eq!(alternatives, [[condition]]);
    }
}
