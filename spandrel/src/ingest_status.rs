//! Hands what the collector knows of senders to the query side, which do not know each other.

use std::sync::Arc;

use collector::{CollectorMetrics, Problem, SenderReport};
use query::{IngestProblem, IngestSender, IngestStatus};

/// What the collector that counts here knows, whenever it is asked.
pub(crate) fn of(metrics: Arc<CollectorMetrics>) -> IngestStatus {
    Arc::new(move || metrics.senders().into_iter().map(sender).collect())
}

fn sender(it: SenderReport) -> IngestSender {
    IngestSender {
        address: it.address.map(|address| address.to_string()),
        user_agent: it.user_agent,
        token_name: it.token_name,
        protocols: it.protocols.into_iter().map(str::to_owned).collect(),
        services: it.services.into_iter().collect(),
        first_seen: it.first_seen,
        last_seen: it.last_seen,
        requests_acknowledged: it.requests_acknowledged,
        requests_refused: it.requests_refused,
        records_accepted: it.records_accepted,
        records_rejected: it.records_rejected,
        problems: it.problems.into_iter().map(problem).collect(),
    }
}

fn problem(it: Problem) -> IngestProblem {
    IngestProblem {
        protocol: it.protocol.to_owned(),
        signal: it.signal.map(str::to_owned),
        reason: it.reason.to_owned(),
        answer: it.answer,
        message: it.message,
        advice: it.advice,
        count: it.count,
        first_seen: it.first_seen,
        last_seen: it.last_seen,
    }
}
