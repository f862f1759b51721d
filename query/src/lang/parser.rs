//! Turns tokens into terms.

use super::ast::{Comparison, Key, Query, Term, TermKind, Value};
use super::lexer::{Token, TokenKind, tokens};
use super::{QUERY_BYTES_MAX, QUERY_TERMS_MAX, SyntaxError};

/// Reads the text as terms.
pub(super) fn parse(text: &str) -> Result<Query, SyntaxError> {
    if text.len() > QUERY_BYTES_MAX {
        let message = format!("query is longer than {QUERY_BYTES_MAX} bytes");
        return Err(SyntaxError::new(1, message));
    }
    let tokens = tokens(text)?;
    let terms: Vec<Term> = tokens
        .split(|token| token.kind == TokenKind::Blank)
        .filter(|group| !group.is_empty())
        .map(term)
        .collect::<Result<_, _>>()?;
    if let Some(surplus) = terms.get(QUERY_TERMS_MAX) {
        let message = format!("more than {QUERY_TERMS_MAX} terms");
        return Err(SyntaxError::new(surplus.position, message));
    }
    Ok(Query { terms })
}

/// Reads the tokens between two blanks.
fn term(group: &[Token]) -> Result<Term, SyntaxError> {
    let position = group.first().map_or(1, |token| token.position);
    let (negated, rest) = match group {
        [
            Token {
                kind: TokenKind::Minus,
                ..
            },
            rest @ ..,
        ] => (true, rest),
        _ => (false, group),
    };
    let kind = match rest {
        [] => return Err(SyntaxError::new(position, "nothing follows the minus")),
        [first, ..] if is_comparison(first) => {
            return Err(SyntaxError::new(
                first.position,
                "a key must stand before the comparison",
            ));
        }
        [first, comparison, value @ ..] if is_comparison(comparison) => {
            field(first, comparison, value)?
        }
        [only] => bare(only)?,
        [_, surplus, ..] => return Err(unexpected(surplus)),
    };
    Ok(Term {
        negated,
        position,
        kind,
    })
}

fn is_comparison(token: &Token) -> bool {
    matches!(token.kind, TokenKind::Comparison(_))
}

fn bare(token: &Token) -> Result<TermKind, SyntaxError> {
    match &token.kind {
        TokenKind::Text(text) if text.ends_with('*') => Err(SyntaxError::new(
            token.position + text.chars().count() - 1,
            "a star only follows the value of a key (quote the word to search for a star)",
        )),
        TokenKind::Text(text) => Ok(TermKind::Word(text.clone())),
        TokenKind::Quoted(text) if text.is_empty() => {
            Err(SyntaxError::new(token.position, "empty phrase"))
        }
        TokenKind::Quoted(text) => Ok(TermKind::Phrase(text.clone())),
        TokenKind::Blank | TokenKind::Minus | TokenKind::Comparison(_) => Err(unexpected(token)),
    }
}

fn field(key: &Token, comparison: &Token, value: &[Token]) -> Result<TermKind, SyntaxError> {
    let TokenKind::Comparison(operator) = comparison.kind else {
        return Err(unexpected(comparison));
    };
    let key = match &key.kind {
        TokenKind::Text(text) => Key {
            text: text.clone(),
            is_quoted: false,
        },
        TokenKind::Quoted(text) => Key {
            text: text.clone(),
            is_quoted: true,
        },
        TokenKind::Blank | TokenKind::Minus | TokenKind::Comparison(_) => {
            return Err(unexpected(key));
        }
    };
    let value_position = comparison.position + operator.width();
    let value = value_of(value, value_position)?;
    Ok(TermKind::Field {
        key,
        comparison: operator,
        value,
    })
}

fn value_of(tokens: &[Token], position: usize) -> Result<Value, SyntaxError> {
    let (text, is_prefix, is_quoted) = match tokens {
        [] => return Err(SyntaxError::new(position, "a value must follow")),
        [
            Token {
                kind: TokenKind::Text(text),
                ..
            },
        ] => match text.strip_suffix('*') {
            Some(stem) => (stem.to_owned(), true, false),
            None => (text.clone(), false, false),
        },
        [
            Token {
                kind: TokenKind::Quoted(text),
                ..
            },
        ] => (text.clone(), false, true),
        [
            Token {
                kind: TokenKind::Quoted(text),
                ..
            },
            star,
        ] if is_star(star) => (text.clone(), true, true),
        [_, surplus, ..] => return Err(unexpected(surplus)),
        [only] => return Err(unexpected(only)),
    };
    Ok(Value {
        text,
        position,
        is_prefix,
        is_quoted,
    })
}

fn is_star(token: &Token) -> bool {
    token.kind == TokenKind::Text("*".to_owned())
}

fn unexpected(token: &Token) -> SyntaxError {
    let what = match &token.kind {
        TokenKind::Blank => "blank",
        TokenKind::Minus => "minus",
        TokenKind::Text(_) => "text after a quote (a blank separates terms)",
        TokenKind::Quoted(_) => "quote inside a word (quote the whole word)",
        TokenKind::Comparison(_) => "comparison",
    };
    SyntaxError::new(token.position, format!("unexpected {what}"))
}

impl Comparison {
    /// Characters the comparison takes up.
    fn width(self) -> usize {
        match self {
            Self::Equal | Self::Greater | Self::Less => 1,
            Self::GreaterOrEqual | Self::LessOrEqual => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_query_is_words_phrases_and_fields_with_their_places() {
        let query =
            parse("  slow -\"two words\" \"my key\":\"a \\\"b\\\"\"* duration>=2s").unwrap();
        let field = |key: &str, is_quoted, comparison, value: Value| TermKind::Field {
            key: Key {
                text: key.into(),
                is_quoted,
            },
            comparison,
            value,
        };
        assert_eq!(
            query.terms,
            [
                Term {
                    negated: false,
                    position: 3,
                    kind: TermKind::Word("slow".into())
                },
                Term {
                    negated: true,
                    position: 8,
                    kind: TermKind::Phrase("two words".into())
                },
                Term {
                    negated: false,
                    position: 21,
                    kind: field(
                        "my key",
                        true,
                        Comparison::Equal,
                        Value {
                            text: "a \"b\"".into(),
                            position: 30,
                            is_prefix: true,
                            is_quoted: true
                        }
                    )
                },
                Term {
                    negated: false,
                    position: 41,
                    kind: field(
                        "duration",
                        false,
                        Comparison::GreaterOrEqual,
                        Value {
                            text: "2s".into(),
                            position: 51,
                            is_prefix: false,
                            is_quoted: false
                        }
                    )
                },
            ]
        );
    }

    #[test]
    fn the_empty_text_asks_for_everything() {
        assert_eq!(parse(" \t ").unwrap(), Query { terms: vec![] });
    }

    #[test]
    fn every_error_names_its_place() {
        assert_eq!(error("service:"), "a value must follow at position 9");
        assert_eq!(error("a duration>="), "a value must follow at position 13");
        assert_eq!(
            error(":x"),
            "a key must stand before the comparison at position 1"
        );
        assert_eq!(error("a -"), "nothing follows the minus at position 3");
        assert_eq!(
            error("a\"b\""),
            "unexpected quote inside a word (quote the whole word) at position 2"
        );
        assert_eq!(
            error("\"a\"b"),
            "unexpected text after a quote (a blank separates terms) at position 4"
        );
        assert_eq!(error("\"\""), "empty phrase at position 1");
        assert_eq!(
            error("check*"),
            "a star only follows the value of a key (quote the word to search for a star) at position 6"
        );
        assert_eq!(
            error("> 5"),
            "a key must stand before the comparison at position 1"
        );
        assert_eq!(
            error(&"a ".repeat(65)),
            "more than 64 terms at position 129"
        );
        assert_eq!(
            error(&"a".repeat(8193)),
            "query is longer than 8192 bytes at position 1"
        );
    }
}
