//! `/api/v1/status/ingest`: who sends, what of it arrived, what went wrong and what to change.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;

use super::Api;
use super::json::response;
use super::params::Params;
use crate::error::QueryError;
use crate::ingest_status::{IngestProblem, IngestSender};

#[derive(Serialize)]
struct IngestBody {
    now_unix_nano: String,
    senders: Vec<Sender>,
}

#[derive(Serialize)]
struct Sender {
    address: Option<String>,
    user_agent: String,
    token_name: Option<String>,
    protocols: Vec<String>,
    services: Vec<String>,
    first_seen_unix_nano: String,
    last_seen_unix_nano: String,
    requests_acknowledged: u64,
    requests_refused: u64,
    records_accepted: u64,
    records_rejected: u64,
    problems: Vec<Problem>,
}

#[derive(Serialize)]
struct Problem {
    protocol: String,
    signal: Option<String>,
    reason: String,
    answer: String,
    message: String,
    advice: String,
    count: u64,
    first_seen_unix_nano: String,
    last_seen_unix_nano: String,
}

/// `GET /api/v1/status/ingest`
pub(super) async fn status(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Response, QueryError> {
    Params::strict(query.as_deref(), &[])?;
    let body = IngestBody {
        now_unix_nano: api.clock.now().0.to_string(),
        senders: (api.ingest)().into_iter().map(sender).collect(),
    };
    Ok(response(StatusCode::OK, serde_json::to_vec(&body)?))
}

fn sender(it: IngestSender) -> Sender {
    Sender {
        address: it.address,
        user_agent: it.user_agent,
        token_name: it.token_name,
        protocols: it.protocols,
        services: it.services,
        first_seen_unix_nano: it.first_seen.0.to_string(),
        last_seen_unix_nano: it.last_seen.0.to_string(),
        requests_acknowledged: it.requests_acknowledged,
        requests_refused: it.requests_refused,
        records_accepted: it.records_accepted,
        records_rejected: it.records_rejected,
        problems: it.problems.into_iter().map(problem).collect(),
    }
}

fn problem(it: IngestProblem) -> Problem {
    Problem {
        protocol: it.protocol,
        signal: it.signal,
        reason: it.reason,
        answer: it.answer,
        message: it.message,
        advice: it.advice,
        count: it.count,
        first_seen_unix_nano: it.first_seen.0.to_string(),
        last_seen_unix_nano: it.last_seen.0.to_string(),
    }
}
