//! `/api/v1/logs/count` and `/api/v1/logs/patterns`: how many log records there are, and what their
//! bodies have in common.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde::Serialize;

use super::Api;
use super::json::{OpenObject, enveloped};
use super::logs::log_filter;
use super::params::Params;
use crate::error::QueryError;
use crate::exec::log_patterns::{self, LogPattern, LogPatterns};

const PATTERNS_DEFAULT: usize = 100;
const PATTERNS_MAX: usize = 1000;

#[derive(Serialize)]
struct CountBody {
    count: u64,
}

/// `GET /api/v1/logs/count`
pub(super) async fn count(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Response, QueryError> {
    let params = Params::strict(
        query.as_deref(),
        &["q", "trace_id", "span_id", "start", "end"],
    )?;
    let filter = log_filter(&params)?;
    let answer = api
        .pool
        .run(move |snapshot, budget| {
            let count = log_patterns::count_logs(snapshot, &filter, budget);
            OpenObject::new(&CountBody { count })
        })
        .await?;
    enveloped(answer)
}

#[derive(Serialize)]
struct PatternsBody {
    patterns: Vec<PatternFields>,
    beyond_limit: u64,
    without_pattern: u64,
    count: u64,
}

#[derive(Serialize)]
struct PatternFields {
    pattern: String,
    count: u64,
    first_unix_nano: String,
    last_unix_nano: String,
}

/// `GET /api/v1/logs/patterns`
pub(super) async fn patterns(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Response, QueryError> {
    let known = ["q", "trace_id", "span_id", "start", "end", "limit"];
    let params = Params::strict(query.as_deref(), &known)?;
    let filter = log_filter(&params)?;
    let limit = params.limit("limit", PATTERNS_DEFAULT, PATTERNS_MAX)?;
    let answer = api
        .pool
        .run(move |snapshot, budget| {
            let found = log_patterns::log_patterns(snapshot, &filter, limit, budget);
            OpenObject::new(&body(found))
        })
        .await?;
    enveloped(answer)
}

fn body(found: LogPatterns) -> PatternsBody {
    let LogPatterns {
        patterns,
        beyond_limit,
        without_pattern,
    } = found;
    let listed: u64 = patterns.iter().map(|pattern| pattern.records.count).sum();
    let fields = |pattern: LogPattern| PatternFields {
        pattern: pattern.text,
        count: pattern.records.count,
        first_unix_nano: pattern.records.first.0.to_string(),
        last_unix_nano: pattern.records.last.0.to_string(),
    };
    PatternsBody {
        patterns: patterns.into_iter().map(fields).collect(),
        beyond_limit,
        without_pattern,
        count: listed + beyond_limit + without_pattern,
    }
}
