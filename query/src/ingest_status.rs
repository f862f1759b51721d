//! What the other side of the process knows of those who send: the input of `/api/v1/status/ingest`.

use std::sync::Arc;

use model::UnixNanos;

/// Asks the other side of the process who sends; the latest heard comes first.
pub type IngestStatus = Arc<dyn Fn() -> Vec<IngestSender> + Send + Sync>;

/// A program that sends telemetry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestSender {
    /// Where it connects from, as an IP address; `None` when that is not known.
    pub address: Option<String>,
    /// What it calls itself; empty when it does not.
    pub user_agent: String,
    /// The name of the token it showed.
    pub token_name: Option<String>,
    /// How it sends, such as `otlp_grpc`.
    pub protocols: Vec<String>,
    /// Services whose telemetry came from it.
    pub services: Vec<String>,
    /// When its first request ended.
    pub first_seen: UnixNanos,
    /// When its latest request ended.
    pub last_seen: UnixNanos,
    /// Requests that were acknowledged, in whole or in part.
    pub requests_acknowledged: u64,
    /// Requests that were refused.
    pub requests_refused: u64,
    /// Spans and log records that were acknowledged.
    pub records_accepted: u64,
    /// Records that were rejected from acknowledged requests.
    pub records_rejected: u64,
    /// What went wrong, latest first, each kind once.
    pub problems: Vec<IngestProblem>,
}

/// A kind of problem of one sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestProblem {
    /// How it was sent.
    pub protocol: String,
    /// What was sent; `None` where the request did not say.
    pub signal: Option<String>,
    /// The kind of problem, such as `too_large`.
    pub reason: String,
    /// What the sender was told the last time, such as `503`.
    pub answer: String,
    /// The text it was told the last time.
    pub message: String,
    /// What to change, and where.
    pub advice: String,
    /// How often it happened.
    pub count: u64,
    /// When it happened first.
    pub first_seen: UnixNanos,
    /// When it happened last.
    pub last_seen: UnixNanos,
}
