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
        [first, ..] => bare(rest, first.position)?,
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

fn bare(tokens: &[Token], position: usize) -> Result<TermKind, SyntaxError> {
    let value = value_of(tokens, position)?;
    match (value.text.is_empty(), value.is_quoted) {
        (true, true) => Err(SyntaxError::new(position, "empty phrase")),
        (true, false) => Err(SyntaxError::new(
            position,
            "a star must follow something (quote it to search for a star)",
        )),
        (false, _) => Ok(TermKind::Text(value)),
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
    let value = match operator {
        Comparison::Matches => pattern_of(value, value_position)?,
        _ => value_of(value, value_position)?,
    };
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

/// A pattern, in which a star is one of its own.
fn pattern_of(tokens: &[Token], position: usize) -> Result<Value, SyntaxError> {
    let (text, is_quoted) = match tokens {
        [] => return Err(SyntaxError::new(position, "a value must follow")),
        [only] => match &only.kind {
            TokenKind::Text(text) => (text.clone(), false),
            TokenKind::Quoted(text) => (text.clone(), true),
            TokenKind::Blank | TokenKind::Minus | TokenKind::Comparison(_) => {
                return Err(unexpected(only));
            }
        },
        [_, surplus, ..] => return Err(unexpected(surplus)),
    };
    Ok(Value {
        text,
        position,
        is_prefix: false,
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
            Self::Equal | Self::Greater | Self::Less | Self::Matches => 1,
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
            parse("  slow -\"two words\"* \"my key\":\"a \\\"b\\\"\"* duration>=2s body~a*")
                .unwrap();
        let value = |text: &str, position, is_prefix, is_quoted| Value {
            text: text.into(),
            position,
            is_prefix,
            is_quoted,
        };
        let field = |key: &str, is_quoted, comparison, value: Value| TermKind::Field {
            key: Key {
                text: key.into(),
                is_quoted,
            },
            comparison,
            value,
        };
        let key_value = value("a \"b\"", 31, true, true);
        let expected = [
            (false, 3, TermKind::Text(value("slow", 3, false, false))),
            (true, 8, TermKind::Text(value("two words", 9, true, true))),
            (
                false,
                22,
                field("my key", true, Comparison::Equal, key_value),
            ),
            (
                false,
                42,
                field(
                    "duration",
                    false,
                    Comparison::GreaterOrEqual,
                    value("2s", 52, false, false),
                ),
            ),
            (
                false,
                55,
                field(
                    "body",
                    false,
                    Comparison::Matches,
                    value("a*", 60, false, false),
                ),
            ),
        ];
        let expected = expected.map(|(negated, position, kind)| Term {
            negated,
            position,
            kind,
        });
        assert_eq!(query.terms, expected);
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
        assert_eq!(error("-\"\"*"), "empty phrase at position 2");
        assert_eq!(error("body~"), "a value must follow at position 6");
        assert_eq!(
            error("body~a\"b\""),
            "unexpected quote inside a word (quote the whole word) at position 7"
        );
        assert_eq!(
            error("body~\"a\"*"),
            "unexpected text after a quote (a blank separates terms) at position 9"
        );
        assert_eq!(
            error("a *"),
            "a star must follow something (quote it to search for a star) at position 3"
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
