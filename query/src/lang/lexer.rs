//! Splits query text into tokens that know where they stand.

use super::SyntaxError;
use super::ast::Comparison;

/// A token with the place of its first character, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) position: usize,
    pub(super) kind: TokenKind,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// One or more blanks.
    Blank,
    /// A minus sign in front of a term.
    Minus,
    /// Characters without blank, quote, colon, angle bracket or tilde.
    Text(String),
    /// Text in quotes, its escapes resolved; as it was written after `~`, where a backslash means
    /// something to the pattern.
    Quoted(String),
    /// `:`, `>`, `>=`, `<`, `<=` or `~`.
    Comparison(Comparison),
}

/// Splits the text. Inside a value (after a comparison, up to the next blank) colons, minus signs,
/// angle brackets and tildes are plain characters: `http.url:http://shop/a?b>c` has one key and one value.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut lexer = Lexer {
        rest: text,
        position: 1,
        is_in_value: false,
        is_at_pattern: false,
    };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next_token()? {
        lexer.is_in_value = match token.kind {
            TokenKind::Blank => false,
            TokenKind::Comparison(_) => true,
            TokenKind::Minus | TokenKind::Text(_) | TokenKind::Quoted(_) => lexer.is_in_value,
        };
        lexer.is_at_pattern = token.kind == TokenKind::Comparison(Comparison::Matches);
        let is_at_start = tokens
            .last()
            .is_none_or(|last: &Token| last.kind == TokenKind::Blank);
        match token.kind {
            TokenKind::Text(text) if is_at_start && text.starts_with('-') => {
                push_negated(&mut tokens, token.position, &text)?;
            }
            kind => tokens.push(Token {
                position: token.position,
                kind,
            }),
        }
    }
    Ok(tokens)
}

/// A text that begins a term with a minus is two tokens.
fn push_negated(tokens: &mut Vec<Token>, position: usize, text: &str) -> Result<(), SyntaxError> {
    tokens.push(Token {
        position,
        kind: TokenKind::Minus,
    });
    let rest = text.strip_prefix('-').unwrap_or(text);
    if rest.starts_with('-') {
        return Err(SyntaxError::new(position + 1, "unexpected second minus"));
    }
    if !rest.is_empty() {
        tokens.push(Token {
            position: position + 1,
            kind: TokenKind::Text(rest.to_owned()),
        });
    }
    Ok(())
}

struct Lexer<'a> {
    rest: &'a str,
    position: usize,
    is_in_value: bool,
    is_at_pattern: bool,
}

impl Lexer<'_> {
    fn next_token(&mut self) -> Result<Option<Token>, SyntaxError> {
        let position = self.position;
        let Some(first) = self.rest.chars().next() else {
            return Ok(None);
        };
        let kind = if first.is_whitespace() {
            self.take_while(char::is_whitespace);
            TokenKind::Blank
        } else if first == '"' {
            TokenKind::Quoted(self.quoted()?)
        } else if !self.is_in_value && matches!(first, ':' | '<' | '>' | '~') {
            TokenKind::Comparison(self.comparison(first))
        } else if self.is_in_value {
            TokenKind::Text(self.take_while(|c| !c.is_whitespace() && c != '"'))
        } else {
            let is_text = |c: char| !c.is_whitespace() && !matches!(c, '"' | ':' | '<' | '>' | '~');
            TokenKind::Text(self.take_while(is_text))
        };
        Ok(Some(Token { position, kind }))
    }

    fn take(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let taken = chars.next()?;
        self.rest = chars.as_str();
        self.position += 1;
        Some(taken)
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let mut text = String::new();
        while let Some(next) = self.rest.chars().next().filter(|c| belongs(*c)) {
            text.push(next);
            self.take();
        }
        text
    }

    fn comparison(&mut self, first: char) -> Comparison {
        self.take();
        let is_or_equal = matches!(first, '<' | '>') && self.rest.starts_with('=');
        if is_or_equal {
            self.take();
        }
        match (first, is_or_equal) {
            ('>', true) => Comparison::GreaterOrEqual,
            ('>', false) => Comparison::Greater,
            ('<', true) => Comparison::LessOrEqual,
            ('<', false) => Comparison::Less,
            ('~', _) => Comparison::Matches,
            _ => Comparison::Equal,
        }
    }

    fn quoted(&mut self) -> Result<String, SyntaxError> {
        let opened_at = self.position;
        self.take();
        let mut text = String::new();
        loop {
            let position = self.position;
            match self.take() {
                None => return Err(SyntaxError::new(opened_at, "unterminated quote")),
                Some('"') => return Ok(text),
                Some('\\') if self.is_at_pattern => {
                    text.push('\\');
                    text.extend(self.take());
                }
                Some('\\') => match self.take() {
                    Some(escaped @ ('"' | '\\')) => text.push(escaped),
                    None => return Err(SyntaxError::new(opened_at, "unterminated quote")),
                    Some(other) => {
                        let message = format!("unknown escape \\{other}, only \\\" and \\\\ exist");
                        return Err(SyntaxError::new(position, message));
                    }
                },
                Some(plain) => text.push(plain),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_keeps_colons_brackets_and_minus_signs() {
        let kinds: Vec<_> = tokens("-url:http://a/-b>c")
            .unwrap()
            .into_iter()
            .map(|t| t.kind)
            .collect();
        assert_eq!(
            kinds,
            [
                TokenKind::Minus,
                TokenKind::Text("url".into()),
                TokenKind::Comparison(Comparison::Equal),
                TokenKind::Text("http://a/-b>c".into()),
            ]
        );
    }

    #[test]
    fn a_pattern_keeps_its_backslashes() {
        let kinds: Vec<_> = tokens(r#"body~"\d\\ \"x" a~b"#)
            .unwrap()
            .into_iter()
            .map(|t| t.kind)
            .collect();
        let tilde = || TokenKind::Comparison(Comparison::Matches);
        assert_eq!(
            kinds,
            [
                TokenKind::Text("body".into()),
                tilde(),
                TokenKind::Quoted(r#"\d\\ \"x"#.into()),
                TokenKind::Blank,
                TokenKind::Text("a".into()),
                tilde(),
                TokenKind::Text("b".into()),
            ]
        );
    }

    #[test]
    fn positions_count_characters_not_bytes() {
        let positions: Vec<_> = tokens("grün \"größe\" x")
            .unwrap()
            .iter()
            .map(|t| t.position)
            .collect();
        assert_eq!(positions, [1, 5, 6, 13, 14]);
    }

    #[test]
    fn broken_quotes_and_escapes_say_where_they_are() {
        let error = |text: &str| tokens(text).unwrap_err().to_string();
        assert_eq!(error("ab \"cd"), "unterminated quote at position 4");
        assert_eq!(error("\"a\\"), "unterminated quote at position 1");
        assert_eq!(
            error("\"a\\n\""),
            "unknown escape \\n, only \\\" and \\\\ exist at position 3"
        );
        assert_eq!(error("body~\"a\\\""), "unterminated quote at position 6");
        assert_eq!(error("--a"), "unexpected second minus at position 2");
    }
}
