//! What is never kept: settings of the rules that take secrets out, and counts of what they took.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;
use model::redact::{DEFAULT_KEYS, Hits, KeyError, Pattern, PatternError, Rules};

const REDACTED: &str = "spandrel_redacted_values_total";

/// The word for no rules.
const NONE: &str = "none";
/// The word for the keys that are secret by default.
const DEFAULT: &str = "default";

/// The arguments of what is never kept.
#[derive(Debug, Clone, Args)]
pub struct RedactionArgs {
    /// Keys of attributes (and of maps in values and log bodies) whose values are replaced by
    /// `[redacted]` before anything is kept, comma-separated: `default` is a list of its own, `none`
    /// switches it off. The last segment of a key counts, whatever its case; `*_pin` matches any that
    /// ends so
    #[arg(
        long,
        env = "SPANDREL_REDACT_KEYS",
        default_value = "default",
        value_name = "KEYS"
    )]
    pub redact_keys: String,

    /// What is replaced by `[redacted]` in every text before anything is kept: numbers of payment cards,
    /// bearer tokens and JSON web tokens, or `none`
    #[arg(
        long,
        env = "SPANDREL_REDACT_PATTERNS",
        default_value = "card,bearer,jwt",
        value_name = "PATTERNS"
    )]
    pub redact_patterns: String,
}

/// Why the rules cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedactionError {
    /// A key can never match.
    #[error("cannot use --redact-keys")]
    Key(#[from] KeyError),
    /// There is no such pattern.
    #[error("cannot use --redact-patterns")]
    Pattern(#[from] PatternError),
}

/// The rules that take secrets out, and how often each did.
#[derive(Debug)]
pub struct Redaction {
    rules: Rules,
    counts: Vec<AtomicU64>,
}

impl Redaction {
    /// The rules that the arguments ask for; `None` when they ask for none.
    pub(crate) fn new(args: &RedactionArgs) -> Result<Option<Arc<Self>>, RedactionError> {
        let mut keys = Vec::new();
        for key in items(&args.redact_keys) {
            match key {
                DEFAULT => keys.extend_from_slice(DEFAULT_KEYS),
                key => keys.push(key),
            }
        }
        let patterns = items(&args.redact_patterns).map(str::parse::<Pattern>);
        let patterns = patterns.collect::<Result<Vec<_>, _>>()?;
        let rules = Rules::new(&keys, &patterns)?;
        Ok(rules.map(|rules| {
            let counts = rules.labels().iter().map(|_| AtomicU64::new(0)).collect();
            Arc::new(Self { rules, counts })
        }))
    }

    /// The rules.
    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Counts what was taken out of one request.
    pub(crate) fn count(&self, hits: &Hits) {
        for (counter, hits) in self.counts.iter().zip(hits.counts()) {
            counter.fetch_add(*hits, Ordering::Relaxed);
        }
    }

    /// Appends the counts in the Prometheus text format.
    pub(crate) fn render(&self, out: &mut String) {
        let help = "Values replaced before anything of them was kept, by rule.";
        push(
            out,
            format_args!("# HELP {REDACTED} {help}\n# TYPE {REDACTED} counter\n"),
        );
        for (label, counter) in self.rules.labels().iter().zip(&self.counts) {
            let count = counter.load(Ordering::Relaxed);
            push(
                out,
                format_args!("{REDACTED}{{rule=\"{label}\"}} {count}\n"),
            );
        }
    }
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(text);
    debug_assert!(written.is_ok(), "writing to a String cannot fail");
}

/// The items of a list; none of the word for none.
fn items(list: &str) -> impl Iterator<Item = &str> {
    let list = if list.trim() == NONE { "" } else { list };
    list.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redaction(keys: &str, patterns: &str) -> Result<Option<Vec<String>>, RedactionError> {
        let redaction = Redaction::new(&RedactionArgs {
            redact_keys: keys.to_owned(),
            redact_patterns: patterns.to_owned(),
        })?;
        Ok(redaction.map(|it| it.rules().labels()))
    }

    #[test]
    fn rules_are_listed_added_to_the_defaults_or_switched_off() {
        let labels = redaction("pin, *_code", "jwt").unwrap().unwrap();
        assert_eq!(labels, ["key:pin", "key:*_code", "pattern:jwt"]);
        let labels = redaction("default,pin", "none").unwrap().unwrap();
        assert_eq!(labels.len(), DEFAULT_KEYS.len() + 1);
        assert_eq!(redaction("none", "none"), Ok(None));
    }

    #[test]
    fn what_can_never_match_is_rejected() {
        assert!(matches!(
            redaction("pass word", "card"),
            Err(RedactionError::Key(_))
        ));
        assert!(matches!(
            redaction("default", "cards"),
            Err(RedactionError::Pattern(_))
        ));
    }
}
