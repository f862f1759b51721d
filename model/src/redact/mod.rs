//! What must never be kept: values under certain keys, and texts of certain forms. Pure.

mod keys;
mod patterns;

pub use keys::{DEFAULT_KEYS, KeyError};
pub use patterns::{Pattern, PatternError};

use keys::KeyRules;
use patterns::PatternRules;

/// What stands in the place of what was taken out.
pub const MARK: &str = "[redacted]";

/// The rules by which values are taken out of telemetry before any of it is kept.
#[derive(Debug, Clone)]
pub struct Rules {
    keys: KeyRules,
    patterns: PatternRules,
}

/// How often each rule applied, in the order of [`Rules::labels`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hits(Vec<u64>);

impl Rules {
    /// Rules for the values under these keys and for texts of these forms; `None` when there are none.
    ///
    /// # Errors
    /// When a key can never match.
    pub fn new(keys: &[&str], patterns: &[Pattern]) -> Result<Option<Self>, KeyError> {
        if keys.is_empty() && patterns.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            keys: KeyRules::new(keys)?,
            patterns: PatternRules::new(patterns),
        }))
    }

    /// The name of each rule.
    pub fn labels(&self) -> Vec<String> {
        let keys = self.keys.names().map(|name| format!("key:{name}"));
        let patterns = self.patterns.names().map(|name| format!("pattern:{name}"));
        keys.chain(patterns).collect()
    }

    /// No hits yet.
    pub(crate) fn no_hits(&self) -> Hits {
        Hits(vec![0; self.keys.len() + self.patterns.len()])
    }

    /// Whether the value under a key is to be taken out.
    #[inline]
    pub(crate) fn is_secret_key(&self, key: &[u8]) -> bool {
        self.keys.position(key).is_some()
    }

    /// Counts the rule for the value under a key; false when there is none.
    pub(crate) fn count_key(&self, key: &[u8], hits: &mut Hits) -> bool {
        let position = self.keys.position(key);
        if let Some(count) = position.and_then(|it| hits.0.get_mut(it)) {
            *count += 1;
        }
        position.is_some()
    }

    /// Whether some text within these bytes may hold a secret; never wrongly false, except for those that
    /// [`Self::is_secret_text`] tells of.
    pub(crate) fn may_be_within(&self, bytes: &[u8]) -> bool {
        self.patterns.may_be_within(bytes)
    }

    /// Whether a text holds a secret that [`Self::may_be_within`] does not tell of.
    #[inline]
    pub(crate) fn is_secret_text(&self, text: &[u8]) -> bool {
        self.patterns.is_in_text(text)
    }

    /// The text without what has one of the forms; `None` when there is nothing of them in it.
    pub(crate) fn redact_text(&self, text: &[u8], hits: &mut Hits) -> Option<Vec<u8>> {
        let counts = hits.0.get_mut(self.keys.len()..)?;
        self.patterns.redact(text, counts)
    }
}

impl Hits {
    /// How often each rule applied.
    pub fn counts(&self) -> &[u64] {
        &self.0
    }
}
