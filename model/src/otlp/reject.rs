//! Records of a good request that cannot be taken: how many, and why.

use super::json::object::NOT_HEX_ID;
use crate::ids::IdError;

/// How many different reasons are told; a sender's fault mostly has one, many times.
const REASONS_MAX: usize = 3;
/// How much of a record's name a reason quotes.
const NAME_CHARS_MAX: usize = 80;

/// Records of a good request that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rejected {
    /// How many.
    pub count: u64,
    /// Why: the first different reasons.
    pub reason: String,
}

/// Counts records that are rejected and keeps the first different reasons.
#[derive(Debug, Default)]
pub(super) struct Rejections {
    count: u64,
    reasons: Vec<String>,
    has_more_reasons: bool,
}

impl Rejections {
    /// Counts one more. `reason` is not called once there are more reasons than are told.
    pub(super) fn add(&mut self, reason: impl FnOnce() -> String) {
        self.count += 1;
        if self.has_more_reasons {
            return;
        }
        let reason = reason();
        if self.reasons.contains(&reason) {
            return;
        }
        if self.reasons.len() == REASONS_MAX {
            self.has_more_reasons = true;
            return;
        }
        self.reasons.push(reason);
    }

    /// What the sender is told, if anything.
    pub(super) fn into_rejected(self) -> Option<Rejected> {
        if self.count == 0 {
            return None;
        }
        let mut reason = self.reasons.join("; ");
        if self.has_more_reasons {
            reason.push_str("; and others");
        }
        Some(Rejected {
            count: self.count,
            reason,
        })
    }
}

/// A name as a reason quotes it.
pub(super) fn quoted(name: &str) -> String {
    match name.char_indices().nth(NAME_CHARS_MAX) {
        Some((end, _)) => format!("\"{}…\"", name.get(..end).unwrap_or_default()),
        None => format!("\"{name}\""),
    }
}

/// What is wrong with an id, as a reason says it.
pub(super) fn id_problem(whose: &str, id: &[u8], error: IdError) -> String {
    match error {
        _ if id == NOT_HEX_ID => format!("{whose} {}", IdError::NotHex),
        IdError::WrongLength { actual: 0, .. } => format!("{whose} id is missing"),
        error => format!("{whose} {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason_of(reasons: &[&str]) -> Option<Rejected> {
        let mut rejections = Rejections::default();
        for reason in reasons {
            rejections.add(|| (*reason).to_owned());
        }
        rejections.into_rejected()
    }

    #[test]
    fn the_first_different_reasons_are_told_and_every_record_is_counted() {
        let rejected = |count, reason: &str| {
            Some(Rejected {
                count,
                reason: reason.to_owned(),
            })
        };

        assert_eq!(reason_of(&[]), None);
        assert_eq!(reason_of(&["a", "a", "b"]), rejected(3, "a; b"));
        assert_eq!(reason_of(&["a", "b", "c", "a"]), rejected(4, "a; b; c"));
        assert_eq!(
            reason_of(&["a", "b", "c", "d", "e"]),
            rejected(5, "a; b; c; and others")
        );
    }

    #[test]
    fn long_names_are_quoted_in_part() {
        assert_eq!(quoted("é"), "\"é\"");
        assert_eq!(quoted(&"é".repeat(81)), format!("\"{}…\"", "é".repeat(80)));
    }
}
