//! Jaeger v3: what newer jaeger-ui asks for, and Grafana behind a switch.

use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use model::TraceId;
use model::otlp::json;
use serde::Serialize;

use super::request::{parse_trace_id, search_v3};
use super::{marked, v1};
use crate::api::json::{ObjectWriter, public_message, response, with_retry_after};
use crate::api::params::Params;
use crate::api::{Api, PathParameter};
use crate::error::QueryError;
use crate::exec::find_traces::find_traces;
use crate::exec::summarize::{TraceSummary, summarize};
use crate::exec::{Answer, trace_by_id};

/// An error in v3's envelope.
pub(super) struct V3Error(QueryError);

impl From<QueryError> for V3Error {
    fn from(error: QueryError) -> Self {
        Self(error)
    }
}

#[derive(Serialize)]
struct ErrorBody {
    error: ErrorFields,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorFields {
    http_code: u16,
    message: String,
}

impl IntoResponse for V3Error {
    fn into_response(self) -> Response {
        let (status, _) = self.0.http();
        let error = ErrorFields {
            http_code: status.as_u16(),
            message: public_message(&self.0),
        };
        let text = serde_json::to_vec(&ErrorBody { error }).unwrap_or_default();
        with_retry_after(response(status, text))
    }
}

fn success(answer: Answer<Vec<u8>>) -> Response {
    marked(response(StatusCode::OK, answer.value), &answer.outcome)
}

#[derive(Serialize)]
struct ServicesBody {
    services: Vec<String>,
}

/// `GET /api/v3/services`
pub(super) async fn services(State(api): State<Api>) -> Result<Response, V3Error> {
    let answer = v1::service_names(&api).await?;
    json_answer(answer, |services| ServicesBody { services })
}

#[derive(Serialize)]
struct OperationsBody {
    operations: Vec<OperationFields>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OperationFields {
    name: String,
    span_kind: &'static str,
}

/// `GET /api/v3/operations`
pub(super) async fn operations(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Response, V3Error> {
    let params = Params::lenient(query.as_deref());
    let service = params
        .text("service")
        .ok_or_else(|| QueryError::invalid("service", "service is required"))?;
    let kind = params
        .text("spanKind")
        .or_else(|| params.text("span_kind"))
        .map(str::to_owned);
    let answer = v1::operations_of(&api, service.to_owned()).await?;
    json_answer(answer, |operations| {
        // Never without a kind: jaeger-ui refuses that.
        let kind_of = |name: Option<&'static str>| match name {
            None | Some("unspecified") => "internal",
            Some(name) => name,
        };
        let fields = operations.into_iter().map(|operation| OperationFields {
            span_kind: kind_of(operation.kind.as_str()),
            name: operation.name,
        });
        let is_wanted = |operation: &OperationFields| {
            kind.as_ref()
                .is_none_or(|kind| kind.eq_ignore_ascii_case(operation.span_kind))
        };
        OperationsBody {
            operations: fields.filter(is_wanted).collect(),
        }
    })
}

fn json_answer<T, B: Serialize>(
    answer: Answer<T>,
    body: impl FnOnce(T) -> B,
) -> Result<Response, V3Error> {
    let text = serde_json::to_vec(&body(answer.value)).map_err(QueryError::from)?;
    Ok(success(Answer {
        value: text,
        outcome: answer.outcome,
    }))
}

/// `GET /api/v3/traces`
pub(super) async fn search(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Response, V3Error> {
    let search = search_v3(query.as_deref())?;
    let answer = api
        .pool
        .run(move |snapshot, budget| {
            let page = find_traces(snapshot, &search, budget);
            let ids: Vec<TraceId> = page.traces.iter().map(|place| place.trace_id).collect();
            let spans = trace_by_id::spans_of(snapshot, &ids, budget)?.concat();
            if spans.is_empty() && !budget.is_incomplete() {
                let message = "no trace matches".to_owned();
                return Err(QueryError::NotFound { message });
            }
            Ok(result(|out| json::write_spans(out, &spans)))
        })
        .await?;
    Ok(success(answer))
}

/// `GET /api/v3/traces/{trace_id}`
pub(super) async fn trace(
    State(api): State<Api>,
    Path(PathParameter(text)): Path<PathParameter>,
) -> Result<Response, V3Error> {
    let trace_id =
        parse_trace_id(&text).map_err(|message| QueryError::invalid("trace_id", message))?;
    let answer = api
        .pool
        .run(move |snapshot, budget| {
            let spans = trace_by_id::otlp_json(snapshot, trace_id, None, budget)?;
            Ok(result(|out| out.extend_from_slice(&spans)))
        })
        .await?;
    Ok(success(answer))
}

/// `{"result":{"resourceSpans":…}}`
fn result(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut text = Vec::new();
    let mut body = ObjectWriter::new(&mut text);
    body.raw("result", |out| {
        let mut result = ObjectWriter::new(out);
        result.raw("resourceSpans", write);
        result.close();
    });
    body.close();
    text
}

#[derive(Serialize)]
struct SummariesBody {
    summaries: Vec<SummaryFields>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SummaryFields {
    trace_id: String,
    root_service_name: String,
    root_operation_name: String,
    min_start_time_unix_nano: String,
    max_end_time_unix_nano: String,
    span_count: usize,
    error_span_count: usize,
    orphan_span_count: usize,
    services: Vec<ServiceFields>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceFields {
    name: String,
    span_count: usize,
    error_span_count: usize,
}

/// `GET /api/v3/trace-summaries`
pub(super) async fn summaries(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Response, V3Error> {
    let search = search_v3(query.as_deref())?;
    let answer = api
        .pool
        .run(move |snapshot, budget| {
            let page = find_traces(snapshot, &search, budget);
            let ids: Vec<TraceId> = page.traces.iter().map(|place| place.trace_id).collect();
            let found = summarize(snapshot, &ids, &search.filter, search.order, budget)?;
            let summaries = found.into_iter().map(summary_fields).collect();
            Ok(serde_json::to_vec(&SummariesBody { summaries })?)
        })
        .await?;
    Ok(success(answer))
}

fn summary_fields(summary: TraceSummary) -> SummaryFields {
    let root = summary.root.unwrap_or(summary.first);
    let services = summary.services.into_iter().map(|share| ServiceFields {
        name: share.name,
        span_count: share.span_count,
        error_span_count: share.error_count,
    });
    SummaryFields {
        trace_id: summary.trace_id.to_string(),
        root_service_name: root.service,
        root_operation_name: root.name,
        min_start_time_unix_nano: summary.start.0.to_string(),
        max_end_time_unix_nano: summary.end.0.to_string(),
        span_count: summary.span_count,
        error_span_count: summary.error_count,
        orphan_span_count: summary.orphan_count,
        services: services.collect(),
    }
}
