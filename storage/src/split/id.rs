//! The name of a split: a UUID of version 7, so that names sort by the time they were made.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use model::UnixNanos;
use uuid::{NoContext, Timestamp, Uuid};

/// Identifies a split; also the name of its directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SplitId(Arc<str>);

/// A text that is no split id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a split id")]
pub(crate) struct SplitIdError;

impl SplitId {
    /// A new id for a split that is made now.
    pub(crate) fn new(now: UnixNanos) -> Self {
        let (seconds, nanos) = (now.0 / 1_000_000_000, now.0 % 1_000_000_000);
        let nanos = u32::try_from(nanos).unwrap_or(0);
        let timestamp = Timestamp::from_unix(NoContext, seconds, nanos);
        Self(Uuid::new_v7(timestamp).to_string().into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SplitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SplitId {
    type Err = SplitIdError;

    /// Accepts the one spelling that [`SplitId::new`] makes, so that ids and paths map one to one.
    fn from_str(text: &str) -> Result<Self, SplitIdError> {
        let uuid = Uuid::try_parse(text).map_err(|_| SplitIdError)?;
        if uuid.to_string() == text {
            Ok(Self(text.into()))
        } else {
            Err(SplitIdError)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_spelling_is_an_id() {
        let id = SplitId::new(UnixNanos(1_700_000_000_123_456_789));
        assert!(id.as_str().starts_with("018bcfe5-687b-7"));
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        assert_eq!(
            id.as_str().to_uppercase().parse::<SplitId>(),
            Err(SplitIdError)
        );
        assert_eq!("../etc".parse::<SplitId>(), Err(SplitIdError));
    }
}
