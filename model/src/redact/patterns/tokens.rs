//! Bearer tokens and JSON web tokens.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;

/// Shorter words after *bearer* are prose.
const BEARER_BYTES_MIN: usize = 8;
/// A word this long is a token also when it has no digit.
const WORD_BYTES_MAX: usize = 24;
/// The three parts of a JSON web token: header, claims, signature (none for unsigned ones).
const JWT_PART_BYTES_MIN: [usize; 3] = [10, 4, 0];

// Words in one case but for the first letter are all that programs write.
static LOWER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("earer "));
static UPPER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("EARER "));
// `{"` in the alphabet of base64.
static JWT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("eyJ"));

/// Never wrongly false for bytes with texts in them: what follows a text can only make a token longer.
pub(super) fn may_hold_bearer(bytes: &[u8]) -> bool {
    let mut ends = LOWER.find_iter(bytes).chain(UPPER.find_iter(bytes));
    ends.any(|at| bearer_token(bytes, at + "earer ".len()).is_some())
}

/// Never wrongly false for bytes with texts in them: what is before a text is not looked at.
pub(super) fn may_hold_jwt(bytes: &[u8]) -> bool {
    let mut starts = JWT.find_iter(bytes);
    starts.any(|start| {
        bytes
            .get(start..)
            .is_some_and(|rest| jwt_length(rest).is_some())
    })
}

pub(super) fn find_bearer(text: &[u8], from: usize) -> Option<Range<usize>> {
    let mut from = from;
    loop {
        let rest = text.get(from..)?;
        let (lower, upper) = (LOWER.find(rest), UPPER.find(rest));
        let at = from + lower.into_iter().chain(upper).min()?;
        let after_word = at + "earer ".len();
        let is_word = at > 0 && matches!(text.get(at - 1), Some(b'b' | b'B'));
        if is_word && let Some(token) = bearer_token(text, after_word) {
            return Some(token);
        }
        from = after_word;
    }
}

fn bearer_token(text: &[u8], from: usize) -> Option<Range<usize>> {
    let rest = text.get(from..)?;
    let start = from + rest.iter().take_while(|byte| **byte == b' ').count();
    let is_token = |byte: &&u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
    };
    let token = text.get(start..)?;
    let mut length = token.iter().take_while(is_token).count();
    // What ends a sentence belongs to it.
    while length > 0 && token.get(length - 1) == Some(&b'.') {
        length -= 1;
    }
    let has_digit = token.iter().take(length).any(u8::is_ascii_digit);
    let is_secret = length >= BEARER_BYTES_MIN && (has_digit || length >= WORD_BYTES_MAX);
    is_secret.then_some(start..start + length)
}

pub(super) fn find_jwt(text: &[u8], from: usize) -> Option<Range<usize>> {
    let mut from = from;
    loop {
        let start = from + JWT.find(text.get(from..)?)?;
        let begins_word = start == 0 || !text.get(start - 1).is_some_and(is_base64url);
        if begins_word && let Some(length) = jwt_length(text.get(start..)?) {
            return Some(start..start + length);
        }
        from = start + 1;
    }
}

fn jwt_length(text: &[u8]) -> Option<usize> {
    let mut length = 0;
    for (part, bytes_min) in JWT_PART_BYTES_MIN.into_iter().enumerate() {
        if part > 0 {
            if text.get(length) != Some(&b'.') {
                return None;
            }
            length += 1;
        }
        let rest = text.get(length..)?;
        let bytes = rest.iter().take_while(|byte| is_base64url(byte)).count();
        if bytes < bytes_min {
            return None;
        }
        length += bytes;
    }
    Some(length)
}

fn is_base64url(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(text: &str) -> Option<&str> {
        assert!(find_bearer(text.as_bytes(), 0).is_none() || may_hold_bearer(text.as_bytes()));
        find_bearer(text.as_bytes(), 0).map(|it| text.get(it).unwrap())
    }

    fn jwt(text: &str) -> Option<&str> {
        find_jwt(text.as_bytes(), 0).map(|it| text.get(it).unwrap())
    }

    #[test]
    fn bearer_tokens_are_found_in_any_usual_case() {
        assert_eq!(bearer("Bearer abc123de"), Some("abc123de"));
        assert_eq!(bearer("bearer  spdr_0f.~+/=="), Some("spdr_0f.~+/=="));
        assert_eq!(bearer("BEARER 0123456789."), Some("0123456789"));
        assert_eq!(
            bearer("a bearer token or Bearer x1x1x1x1"),
            Some("x1x1x1x1")
        );
        let word = "a".repeat(WORD_BYTES_MAX);
        assert_eq!(bearer(&format!("Bearer {word}")), Some(word.as_str()));
    }

    #[test]
    fn prose_about_bearers_is_left_alone() {
        for text in [
            "missing bearer token",
            "Bearer authentication failed",
            "use Bearer auth. 12345678",
            "the wearer 123456789 and bearer",
            "Bearer [redacted]",
            "earer 123456789",
        ] {
            assert_eq!(bearer(text), None, "{text}");
        }
    }

    #[test]
    fn json_web_tokens_are_found_signed_or_not() {
        let signed = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1g";
        assert_eq!(jwt(signed), Some(signed));
        assert_eq!(jwt(&format!("({signed})")), Some(signed));
        assert_eq!(
            jwt("t=eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0. "),
            Some("eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.")
        );
        for text in [
            "eyJhbGciOiJIUzI1NiJ9",
            "eyJ.eyJ.x",
            "keyJob.part.name",
            "eyJhbGciOiJIUzI1NiJ9.x.y",
        ] {
            assert_eq!(jwt(text), None, "{text}");
        }
    }
}
