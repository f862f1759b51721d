//! A regular expression that bodies are searched for: its limits, where it is wrong, and the texts
//! that every match has.

use std::cmp::Reverse;

use regex::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind};

/// The longest regular expression, in bytes.
pub const REGEX_PATTERN_BYTES_MAX: usize = 1000;
/// The largest compiled regular expression, in bytes. What a byte of a body may cost grows with it;
/// 20 repetitions of any letter of any language need 2 MiB.
const REGEX_COMPILED_BYTES_MAX: usize = 4 << 20;
/// The most memory, in bytes, in which a search remembers what it has worked out.
const REGEX_CACHE_BYTES_MAX: usize = 2 << 20;
/// How deep groups may be nested.
const REGEX_DEPTH_MAX: u32 = 64;
/// Texts that every match has and that are searched for first; more rarely rule out more.
const LITERALS_MAX: usize = 4;
/// Shorter texts are in most bodies.
const LITERAL_BYTES_MIN: usize = 3;

/// Why a text is not a regular expression that can be searched for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegexError {
    /// It is longer than allowed.
    #[error("a regular expression of more than {max_bytes} bytes")]
    TooLong {
        /// The limit.
        max_bytes: usize,
    },
    /// It cannot be read.
    #[error("not a regular expression: {what}")]
    Syntax {
        /// Characters before what is wrong.
        offset_chars: usize,
        /// What is wrong there.
        what: String,
    },
    /// It is short and yet stands for too much, by repetitions for example.
    #[error("a regular expression that takes more than {max_bytes} bytes once compiled")]
    TooLarge {
        /// The limit.
        max_bytes: usize,
    },
}

impl RegexError {
    /// Characters of the pattern before what is wrong.
    pub fn offset_chars(&self) -> usize {
        match self {
            Self::Syntax { offset_chars, .. } => *offset_chars,
            Self::TooLong { .. } | Self::TooLarge { .. } => 0,
        }
    }
}

/// A regular expression, compiled. It takes time that grows with the length of a body, never faster.
#[derive(Debug, Clone)]
pub struct BodyRegex {
    regex: Regex,
    literals: Vec<String>,
}

impl BodyRegex {
    /// Reads and compiles the pattern, in the syntax of the crate `regex`.
    ///
    /// # Errors
    /// When it is none, or beyond a limit.
    pub fn new(pattern: &str) -> Result<Self, RegexError> {
        if pattern.len() > REGEX_PATTERN_BYTES_MAX {
            return Err(RegexError::TooLong {
                max_bytes: REGEX_PATTERN_BYTES_MAX,
            });
        }
        let mut parser = ParserBuilder::new().nest_limit(REGEX_DEPTH_MAX).build();
        let parsed = parser
            .parse(pattern)
            .map_err(|error| syntax(pattern, &error))?;
        let mut literals = Vec::new();
        collect_literals(&parsed, &mut literals);
        literals.sort_by_key(|literal| Reverse(literal.len()));
        literals.truncate(LITERALS_MAX);
        // What was parsed above has the right syntax, so only its size can be wrong.
        let regex = RegexBuilder::new(pattern)
            .nest_limit(REGEX_DEPTH_MAX)
            .size_limit(REGEX_COMPILED_BYTES_MAX)
            .dfa_size_limit(REGEX_CACHE_BYTES_MAX)
            .build()
            .map_err(|_| RegexError::TooLarge {
                max_bytes: REGEX_COMPILED_BYTES_MAX,
            })?;
        Ok(Self { regex, literals })
    }

    /// Whether a part of the body matches.
    pub fn is_match(&self, body: &str) -> bool {
        self.regex.is_match(body)
    }

    /// Texts that stand in every body that matches.
    pub(super) fn literals(&self) -> &[String] {
        &self.literals
    }
}

impl PartialEq for BodyRegex {
    fn eq(&self, other: &Self) -> bool {
        self.regex.as_str() == other.regex.as_str()
    }
}

fn syntax(pattern: &str, error: &regex_syntax::Error) -> RegexError {
    let (offset, what) = match error {
        regex_syntax::Error::Parse(error) => (error.span().start.offset, error.kind().to_string()),
        regex_syntax::Error::Translate(error) => {
            (error.span().start.offset, error.kind().to_string())
        }
        other => (0, other.to_string()),
    };
    let before = pattern.get(..offset).unwrap_or_default();
    RegexError::Syntax {
        offset_chars: before.chars().count(),
        what,
    }
}

/// Adds the texts that whatever matches must have. Nested at most as deep as the pattern may be.
fn collect_literals(part: &Hir, literals: &mut Vec<String>) {
    match part.kind() {
        HirKind::Literal(literal) => {
            if let Ok(text) = std::str::from_utf8(&literal.0)
                && text.len() >= LITERAL_BYTES_MIN
            {
                literals.push(text.to_owned());
            }
        }
        HirKind::Capture(capture) => collect_literals(&capture.sub, literals),
        HirKind::Repetition(repetition) if repetition.min > 0 => {
            collect_literals(&repetition.sub, literals);
        }
        HirKind::Concat(parts) => {
            for part in parts {
                collect_literals(part, literals);
            }
        }
        HirKind::Empty
        | HirKind::Class(_)
        | HirKind::Look(_)
        | HirKind::Repetition(_)
        | HirKind::Alternation(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_pattern_says_what_is_wrong_and_where() {
        let error = |pattern: &str| {
            let error = BodyRegex::new(pattern).unwrap_err();
            (error.offset_chars(), error.to_string())
        };
        let syntax = |what: &str| format!("not a regular expression: {what}");
        assert_eq!(error("größe("), (5, syntax("unclosed group")));
        assert_eq!(error("a{2"), (1, syntax("unclosed counted repetition")));
        assert_eq!(
            error(r"ok\p{Nope}"),
            (2, syntax("Unicode property not found"))
        );
        assert_eq!(
            error(&"a".repeat(1001)),
            (0, "a regular expression of more than 1000 bytes".to_owned())
        );
        let too_large = "a regular expression that takes more than 4194304 bytes once compiled";
        assert_eq!(error(r"\w{900}"), (0, too_large.to_owned()));
        let deep = format!("{}a{}", "(".repeat(100), ")".repeat(100));
        assert_eq!(
            error(&deep),
            (
                64,
                syntax("exceed the maximum number of nested parentheses/brackets (64)")
            )
        );
    }

    #[test]
    fn literals_are_what_every_match_has() {
        let literals = |pattern: &str| BodyRegex::new(pattern).unwrap().literals;
        assert_eq!(literals(r"timeout after \d+ ms"), ["timeout after ", " ms"]);
        assert_eq!(literals("(abcd)+|x"), [""; 0]);
        assert_eq!(literals("^(abcd)+(efg)?[hi]jkl$"), ["abcd", "jkl"]);
        assert_eq!(literals("(?i)abcd"), [""; 0]);
        assert_eq!(literals("(abc){0}ab"), [""; 0]);
    }

    #[test]
    fn what_people_write_is_within_the_limits() {
        for pattern in [
            r"(?i)time.?out after \d{1,5}(\.\d+)? ?ms",
            r"\b(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}\b",
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            r"\w+@\w+\.\w{2,20}",
            r"^\[(?P<when>[^\]]+)\] (?P<level>\w+) .*order=\S+$",
        ] {
            BodyRegex::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        }
    }
}
