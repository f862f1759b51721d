//! Cuts text into tokens: runs of letters, digits and underscores, which are the words of a search.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

/// Whether the character is part of a word. A word that is searched for must not be touched by one.
pub(super) fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// One token: bytes `start..end` of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether one of its characters is an ASCII digit.
    pub(super) has_digit: bool,
}

/// The tokens of a text, from left to right.
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The character at a place that is the start of one.
    #[cold]
    fn wide_at(&self, at: usize) -> Option<char> {
        self.text.get(at..)?.chars().next()
    }
}

const SEPARATOR: u8 = 0;
const LETTER: u8 = 1;
const DIGIT: u8 = 2;
/// The first byte of a character that is not ASCII: letter or separator, to be looked at.
const WIDE: u8 = 4;

const CLASSES: [u8; 256] = classes();

#[expect(
    clippy::indexing_slicing,
    reason = "a byte is always among 256 classes"
)]
const fn classes() -> [u8; 256] {
    let mut classes = [SEPARATOR; 256];
    let mut byte = 0_u8;
    loop {
        classes[byte as usize] = match byte {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => LETTER,
            128..=255 => WIDE,
            _ => SEPARATOR,
        };
        if byte == 255 {
            return classes;
        }
        byte += 1;
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "a byte is always among 256 classes"
)]
fn class(byte: u8) -> u8 {
    CLASSES[byte as usize]
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    #[inline]
    fn next(&mut self) -> Option<Token> {
        let bytes = self.text.as_bytes();
        let mut at = self.at;
        loop {
            match class(*bytes.get(at)?) {
                SEPARATOR => at += 1,
                WIDE => {
                    let wide = self.wide_at(at)?;
                    if is_part(wide) {
                        break;
                    }
                    at += wide.len_utf8();
                }
                _ => break,
            }
        }
        let start = at;
        let mut seen = 0;
        while let Some(byte) = bytes.get(at) {
            match class(*byte) {
                SEPARATOR => break,
                WIDE => match self.wide_at(at) {
                    Some(wide) if is_part(wide) => at += wide.len_utf8(),
                    _ => break,
                },
                class => {
                    seen |= class;
                    at += 1;
                }
            }
        }
        self.at = at;
        Some(Token {
            start,
            end: at,
            has_digit: seen & DIGIT != 0,
        })
    }
}

/// Whether lower-casing a text may do more than replace each letter by another letter: one letter
/// becomes two characters, and another becomes one of two depending on what is around it.
pub(super) fn has_unsteady_case(text: &str) -> bool {
    !text.is_ascii() && text.contains(['İ', 'Σ'])
}

#[cfg(test)]
#[expect(clippy::string_slice, reason = "a test may panic")]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<(&str, bool)> {
        Tokens::of(text)
            .map(|token| (&text[token.start..token.end], token.has_digit))
            .collect()
    }

    #[test]
    fn tokens_are_runs_of_letters_digits_and_underscores() {
        assert_eq!(
            tokens("GET /cart/7f?id_2=über-ß → x²\n"),
            [
                ("GET", false),
                ("cart", false),
                ("7f", true),
                ("id_2", true),
                ("über", false),
                ("ß", false),
                ("x²", false),
            ]
        );
        assert_eq!(tokens("…  ->"), []);
        assert_eq!(tokens(""), []);
    }

    #[test]
    fn lower_case_keeps_tokens_apart_but_for_two_letters() {
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let text = format!("A{c}B {c}");
            let lower = text.to_lowercase();
            if has_unsteady_case(&text) {
                continue;
            }
            let single = c.to_lowercase().next().unwrap();
            assert_eq!(lower, format!("a{single}b {single}"));
            assert_eq!(is_part(single), is_part(c), "{c:?}");
            assert!(is_part(c) || single == c, "{c:?}");
        }
    }
}
