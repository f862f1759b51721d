//! The query language: `service:checkout status:error duration>500ms "payment declined"`.
//!
//! Text becomes tokens (`lexer`), tokens become terms (`parser`, `ast`), and terms become the
//! predicates that storage answers (`validate`). Every error says where in the text it is.

pub mod ast;
mod lexer;
mod parser;
mod validate;
mod values;

use model::Signal;
use storage::filter::Predicate;

pub use values::{ValueError, parse_duration, parse_kind, parse_severity, parse_status};

/// Longest query text that is read.
pub const QUERY_BYTES_MAX: usize = 8 * 1024;
/// Most terms in one query.
pub const QUERY_TERMS_MAX: usize = 64;
/// Most regular expressions in one query; each takes up to some MiB while the query runs.
pub const QUERY_REGEXES_MAX: usize = 8;

/// Why a query text is not a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at position {position}")]
pub struct SyntaxError {
    /// Where, in characters from 1.
    pub position: usize,
    /// What is wrong there.
    pub message: String,
}

impl SyntaxError {
    pub(crate) fn new(position: usize, message: impl Into<String>) -> Self {
        Self {
            position,
            message: message.into(),
        }
    }
}

/// Reads a query text as the predicates that one record of the signal must satisfy, all of them.
/// The empty text is the query that everything satisfies.
///
/// # Errors
/// When the text does not parse, or a term does not apply to the signal.
pub fn compile(text: &str, signal: Signal) -> Result<Vec<Predicate>, SyntaxError> {
    let query = parser::parse(text)?;
    let mut patterns = query.terms.iter().filter(|term| term.is_pattern());
    if let Some(surplus) = patterns.nth(QUERY_REGEXES_MAX) {
        let message = format!("more than {QUERY_REGEXES_MAX} regular expressions");
        return Err(SyntaxError::new(surplus.position, message));
    }
    query
        .terms
        .iter()
        .map(|term| validate::predicate(term, signal))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn any_text_compiles_or_errs_within_itself(
            text in r#"([a-z ":\\<>=*ü0-9-]|duration>|severity:|trace_id:|-"|body~"?[(\[{a]|case:){0,20}"#,
        ) {
            for signal in Signal::ALL {
                if let Err(error) = compile(&text, signal) {
                    let last = text.chars().count() + 1;
                    prop_assert!((1..=last).contains(&error.position), "{error}");
                }
            }
        }
    }
}
