//! What a sender knows of its spans.

use serde::Deserialize;

/// Every span that was made is in one of the counts. The SDKs print theirs as JSON.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Account {
    pub(crate) service: String,
    pub(crate) sender: String,
    pub(crate) protocol: String,
    pub(crate) made: u64,
    /// Acknowledged.
    pub(crate) delivered: u64,
    /// The sender did not want to try any more.
    pub(crate) given_up: u64,
    /// Refused with a code that says not to try again.
    #[serde(default)]
    pub(crate) refused: u64,
    /// Never sent, since the sender's own queue was full.
    pub(crate) dropped: u64,
    /// From the last span made to the last one out of hand.
    pub(crate) drain_seconds: f64,
    /// How long each export took until it was acknowledged, with all its attempts.
    pub(crate) export_seconds: Vec<f64>,
    /// How long each attempt took that was acknowledged. SDKs do not tell.
    #[serde(default)]
    pub(crate) admitted_seconds: Vec<f64>,
}

impl Account {
    /// Adds what another exporter of the same sender did.
    pub(crate) fn add(&mut self, other: Self) {
        self.made += other.made;
        self.delivered += other.delivered;
        self.given_up += other.given_up;
        self.refused += other.refused;
        self.dropped += other.dropped;
        self.drain_seconds = self.drain_seconds.max(other.drain_seconds);
        self.export_seconds.extend(other.export_seconds);
        self.admitted_seconds.extend(other.admitted_seconds);
    }

    /// Whether nothing is missing.
    pub(crate) fn is_complete(&self) -> bool {
        self.made == self.delivered + self.given_up + self.refused + self.dropped
    }
}
