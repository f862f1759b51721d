//! `/api/v1/traces`: one trace whole, as a skeleton, in parts; and the search for traces.

use std::collections::HashSet;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use model::{Signal, SpanId};
use serde::{Deserialize, Serialize};
use storage::filter::Filter;

use super::json::{OpenObject, enveloped};
use super::params::{Params, parse_span_id, parse_trace_id};
use super::{Api, BODY_BYTES_MAX, PathParameter, cursor};
use crate::error::QueryError;
use crate::exec::find_traces::{self, TraceOrder, TraceSearch};
use crate::exec::skeleton::Skeleton;
use crate::exec::summarize::{self, SpanBrief, TraceSummary};
use crate::exec::{skeleton, trace_by_id};
use crate::lang;

/// Most span ids in one request for details.
const SPAN_IDS_MAX: usize = 1000;
const TRACES_DEFAULT: usize = 20;
const TRACES_MAX: usize = 1000;

/// `GET /api/v1/traces/{trace_id}`
pub(super) async fn whole(
    State(api): State<Api>,
    Path(PathParameter(trace_id)): Path<PathParameter>,
    RawQuery(query): RawQuery,
) -> Result<Response, QueryError> {
    Params::strict(query.as_deref(), &[])?;
    let trace_id = trace_id_of(&trace_id)?;
    let answer = api
        .pool
        .run(move |snapshot, budget| {
            let spans = trace_by_id::otlp_json(snapshot, trace_id, None, budget)?;
            resource_spans(&spans)
        })
        .await?;
    enveloped(answer)
}

fn resource_spans(spans: &[u8]) -> Result<OpenObject, QueryError> {
    OpenObject::written(|body| {
        body.raw("resourceSpans", |out| out.extend_from_slice(spans));
        Ok(())
    })
}

#[derive(Deserialize)]
struct SpansRequest {
    span_ids: Vec<String>,
}

/// `POST /api/v1/traces/{trace_id}/spans`
pub(super) async fn some_spans(
    State(api): State<Api>,
    Path(PathParameter(trace_id)): Path<PathParameter>,
    RawQuery(query): RawQuery,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, QueryError> {
    Params::strict(query.as_deref(), &[])?;
    let trace_id = trace_id_of(&trace_id)?;
    let body = body.map_err(|_| QueryError::BodyTooLarge {
        max_bytes: BODY_BYTES_MAX,
    })?;
    let request: SpansRequest = serde_json::from_slice(&body).map_err(|error| {
        let message = format!("body is not {{\"span_ids\":[\"…\"]}}: {error}");
        QueryError::InvalidBody { message }
    })?;
    if request.span_ids.len() > SPAN_IDS_MAX {
        let message = format!("span_ids has more than {SPAN_IDS_MAX} entries");
        return Err(QueryError::invalid("span_ids", message));
    }
    let parse = |text: &String| {
        parse_span_id(text).map_err(|message| QueryError::invalid("span_ids", message))
    };
    let wanted: HashSet<SpanId> = request
        .span_ids
        .iter()
        .map(parse)
        .collect::<Result<_, _>>()?;
    let answer = api
        .pool
        .run(move |snapshot, budget| {
            let spans = trace_by_id::otlp_json(snapshot, trace_id, Some(&wanted), budget)?;
            resource_spans(&spans)
        })
        .await?;
    enveloped(answer)
}

fn trace_id_of(text: &str) -> Result<model::TraceId, QueryError> {
    parse_trace_id(text).map_err(|message| QueryError::invalid("trace_id", message))
}

#[derive(Serialize)]
struct SkeletonBody<'a> {
    trace_id: String,
    start_unix_nano: String,
    duration_nano: u64,
    span_count: usize,
    error_count: usize,
    services: &'a [String],
    names: &'a [String],
    spans: SkeletonColumns<'a>,
    missing_parents: Vec<MissingParentFields>,
}

#[derive(Serialize)]
struct SkeletonColumns<'a> {
    id: Vec<String>,
    parent: &'a [i64],
    start_nano: &'a [u64],
    duration_nano: &'a [u64],
    service: &'a [usize],
    name: &'a [usize],
    kind: &'a [i32],
    flags: &'a [u8],
    event_count: &'a [usize],
    link_count: &'a [usize],
}

#[derive(Serialize)]
struct MissingParentFields {
    span_id: String,
    child_count: usize,
}

/// `GET /api/v1/traces/{trace_id}/skeleton`
pub(super) async fn skeleton(
    State(api): State<Api>,
    Path(PathParameter(trace_id)): Path<PathParameter>,
    RawQuery(query): RawQuery,
) -> Result<Response, QueryError> {
    Params::strict(query.as_deref(), &[])?;
    let trace_id = trace_id_of(&trace_id)?;
    let answer = api
        .pool
        .run(move |snapshot, budget| {
            let skeleton = skeleton::read(snapshot, trace_id, budget)?;
            OpenObject::new(&skeleton_body(trace_id.to_string(), &skeleton))
        })
        .await?;
    enveloped(answer)
}

fn skeleton_body(trace_id: String, skeleton: &Skeleton) -> SkeletonBody<'_> {
    let missing = |parent: &skeleton::MissingParent| MissingParentFields {
        span_id: parent.span_id.to_string(),
        child_count: parent.child_count,
    };
    SkeletonBody {
        trace_id,
        start_unix_nano: skeleton.start.0.to_string(),
        duration_nano: skeleton.duration_nano,
        span_count: skeleton.ids.len(),
        error_count: skeleton.error_count,
        services: &skeleton.services,
        names: &skeleton.names,
        spans: SkeletonColumns {
            id: skeleton.ids.iter().map(SpanId::to_string).collect(),
            parent: &skeleton.parents,
            start_nano: &skeleton.starts_nano,
            duration_nano: &skeleton.durations_nano,
            service: &skeleton.service_indexes,
            name: &skeleton.name_indexes,
            kind: &skeleton.kinds,
            flags: &skeleton.flags,
            event_count: &skeleton.event_counts,
            link_count: &skeleton.link_counts,
        },
        missing_parents: skeleton.missing_parents.iter().map(missing).collect(),
    }
}

#[derive(Serialize)]
struct TracesBody {
    traces: Vec<TraceFields>,
    next_cursor: Option<String>,
}

#[derive(Serialize)]
struct TraceFields {
    trace_id: String,
    root: Option<RootFields>,
    start_unix_nano: String,
    duration_nano: u64,
    span_count: usize,
    error_count: usize,
    services: Vec<ServiceFields>,
    matched: MatchedFields,
}

#[derive(Serialize)]
struct RootFields {
    span_id: String,
    service: String,
    name: String,
}

#[derive(Serialize)]
struct ServiceFields {
    name: String,
    span_count: usize,
    error_count: usize,
}

#[derive(Serialize)]
struct MatchedFields {
    span_count: usize,
    span_id: String,
    service: String,
    name: String,
    start_unix_nano: String,
    duration_nano: u64,
}

/// `GET /api/v1/traces`
pub(super) async fn search(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Response, QueryError> {
    let search = trace_search(query.as_deref())?;
    let answer = api
        .pool
        .run(move |snapshot, budget| {
            let page = find_traces::find_traces(snapshot, &search, budget);
            let ids: Vec<_> = page.traces.iter().map(|place| place.trace_id).collect();
            let summaries =
                summarize::summarize(snapshot, &ids, &search.filter, search.order, budget)?;
            let next = page.traces.last().filter(|_| page.has_more);
            OpenObject::new(&TracesBody {
                traces: summaries.into_iter().map(trace_fields).collect(),
                next_cursor: next.map(|place| cursor::of_trace(*place, search.order)),
            })
        })
        .await?;
    enveloped(answer)
}

fn trace_search(query: Option<&str>) -> Result<TraceSearch, QueryError> {
    let known = ["q", "start", "end", "order", "limit", "cursor"];
    let params = Params::strict(query, &known)?;
    let order = params.parsed("order", |text| match text {
        "newest" => Ok(TraceOrder::Newest),
        "slowest" => Ok(TraceOrder::Slowest),
        _ => Err("order must be newest or slowest".to_owned()),
    })?;
    let order = order.unwrap_or(TraceOrder::Newest);
    let terms = lang::compile(params.text("q").unwrap_or_default(), Signal::Traces);
    Ok(TraceSearch {
        filter: Filter {
            time: params.time_range()?,
            all: terms.map_err(|error| QueryError::invalid("q", error.to_string()))?,
        },
        order,
        limit: params.limit("limit", TRACES_DEFAULT, TRACES_MAX)?,
        after: params.parsed("cursor", |text| cursor::to_trace(text, order))?,
    })
}

fn trace_fields(summary: TraceSummary) -> TraceFields {
    let best = summary.matched.best;
    let root = |span: SpanBrief| RootFields {
        span_id: span.span_id.to_string(),
        service: span.service,
        name: span.name,
    };
    let services = summary.services.into_iter().map(|share| ServiceFields {
        name: share.name,
        span_count: share.span_count,
        error_count: share.error_count,
    });
    TraceFields {
        trace_id: summary.trace_id.to_string(),
        root: summary.root.map(root),
        start_unix_nano: summary.start.0.to_string(),
        duration_nano: summary.end.0 - summary.start.0,
        span_count: summary.span_count,
        error_count: summary.error_count,
        services: services.collect(),
        matched: MatchedFields {
            span_count: summary.matched.span_count,
            span_id: best.span_id.to_string(),
            service: best.service,
            name: best.name,
            start_unix_nano: best.start.0.to_string(),
            duration_nano: best.duration_nano,
        },
    }
}
