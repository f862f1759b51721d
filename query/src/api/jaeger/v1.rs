//! Jaeger v1: what Grafana and older jaeger-ui ask for.

use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use model::{Span, TraceId};
use serde::Serialize;

use super::request::{lookback, parse_trace_id, search_v1};
use super::{TRACES_MAX, marked, trace};
use crate::api::json::{public_message, response, with_retry_after};
use crate::api::params::Params;
use crate::api::{Api, PathParameter};
use crate::error::QueryError;
use crate::exec::{Answer, dependencies, find_traces, services, trace_by_id};

/// The envelope of every answer.
#[derive(Serialize)]
struct Envelope<T> {
    data: Option<T>,
    total: usize,
    limit: usize,
    offset: usize,
    errors: Option<Vec<ErrorFields>>,
}

#[derive(Serialize)]
struct ErrorFields {
    code: u16,
    msg: String,
    #[serde(rename = "traceID", skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

/// An error in Jaeger's envelope.
pub(super) struct V1Error(QueryError);

impl From<QueryError> for V1Error {
    fn from(error: QueryError) -> Self {
        Self(error)
    }
}

impl IntoResponse for V1Error {
    fn into_response(self) -> Response {
        let (status, _) = self.0.http();
        let mut msg = public_message(&self.0);
        if let Some(parameter) = self.0.parameter() {
            msg = format!("parameter {parameter}: {msg}");
        }
        with_retry_after(failure(status, msg, None))
    }
}

fn failure(status: StatusCode, msg: String, trace_id: Option<String>) -> Response {
    let error = ErrorFields {
        code: status.as_u16(),
        msg,
        trace_id,
    };
    let body: Envelope<()> = Envelope {
        data: None,
        total: 0,
        limit: 0,
        offset: 0,
        errors: Some(vec![error]),
    };
    response(status, serde_json::to_vec(&body).unwrap_or_default())
}

/// An answer; what it may lack is told among the errors, which clients show or ignore.
fn success<T: Serialize>(answer: Answer<T>, total: usize) -> Result<Response, V1Error> {
    let reason = answer.outcome.incomplete_reason.as_ref();
    let errors = reason.map(|reason| {
        let code = StatusCode::PARTIAL_CONTENT.as_u16();
        vec![ErrorFields {
            code,
            msg: format!("incomplete: {reason}"),
            trace_id: None,
        }]
    });
    let body = Envelope {
        data: Some(answer.value),
        total,
        limit: 0,
        offset: 0,
        errors,
    };
    let text = serde_json::to_vec(&body).map_err(QueryError::from)?;
    Ok(marked(response(StatusCode::OK, text), &answer.outcome))
}

/// `GET /api/services`
pub(super) async fn services(State(api): State<Api>) -> Result<Response, V1Error> {
    let answer = service_names(&api).await?;
    let total = answer.value.len();
    success(answer, total)
}

/// The names of services that have sent spans.
pub(super) async fn service_names(api: &Api) -> Result<Answer<Vec<String>>, QueryError> {
    api.pool
        .run(|snapshot, budget| {
            let services = services::services(snapshot, budget).into_iter();
            let has_spans = services.filter(|service| service.span_count > 0);
            Ok(has_spans.map(|service| service.name).collect())
        })
        .await
}

/// `GET /api/services/{service}/operations`
pub(super) async fn service_operations(
    State(api): State<Api>,
    Path(PathParameter(service)): Path<PathParameter>,
) -> Result<Response, V1Error> {
    let answer = operations_of(&api, service).await?;
    let mut names: Vec<String> = answer
        .value
        .into_iter()
        .map(|operation| operation.name)
        .collect();
    names.dedup();
    let total = names.len();
    success(
        Answer {
            value: names,
            outcome: answer.outcome,
        },
        total,
    )
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OperationFields {
    name: String,
    span_kind: &'static str,
}

/// `GET /api/operations`
pub(super) async fn operations(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Response, V1Error> {
    let params = Params::lenient(query.as_deref());
    let service = params
        .text("service")
        .ok_or_else(|| QueryError::invalid("service", "service is required"))?;
    let kind = params.text("spanKind").map(str::to_owned);
    let answer = operations_of(&api, service.to_owned()).await?;
    let fields = answer.value.into_iter().map(|operation| OperationFields {
        name: operation.name,
        span_kind: operation
            .kind
            .as_str()
            .filter(|kind| *kind != "unspecified")
            .unwrap_or(""),
    });
    let is_wanted = |operation: &OperationFields| {
        kind.as_ref()
            .is_none_or(|kind| kind.eq_ignore_ascii_case(operation.span_kind))
    };
    let value: Vec<OperationFields> = fields.filter(is_wanted).collect();
    let total = value.len();
    success(
        Answer {
            value,
            outcome: answer.outcome,
        },
        total,
    )
}

/// The operations of a service by name and kind.
pub(super) async fn operations_of(
    api: &Api,
    service: String,
) -> Result<Answer<Vec<services::OperationCount>>, QueryError> {
    api.pool
        .run(move |snapshot, budget| Ok(services::operations(snapshot, &service, budget)))
        .await
}

/// `GET /api/traces`
pub(super) async fn search(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Response, V1Error> {
    let params = Params::lenient(query.as_deref());
    let ids = params
        .all("traceID")
        .map(parse_trace_id)
        .collect::<Result<Vec<TraceId>, _>>();
    let ids = ids.map_err(|message| QueryError::invalid("traceID", message))?;
    if ids.len() > TRACES_MAX {
        let message = format!("more than {TRACES_MAX} trace ids");
        return Err(QueryError::invalid("traceID", message).into());
    }
    let search = search_v1(&params)?;
    let answer = api
        .pool
        .run(move |snapshot, budget| {
            let ids = if ids.is_empty() {
                let page = find_traces::find_traces(snapshot, &search, budget);
                page.traces.iter().map(|place| place.trace_id).collect()
            } else {
                ids
            };
            let traces = trace_by_id::spans_of(snapshot, &ids, budget)?;
            let convert = |spans: &Vec<Span>| trace::trace(spans, None);
            Ok(traces.iter().map(convert).collect::<Result<Vec<_>, _>>()?)
        })
        .await?;
    success(answer, 0)
}

/// `GET /api/traces/{trace_id}`
pub(super) async fn trace(
    State(api): State<Api>,
    Path(PathParameter(text)): Path<PathParameter>,
) -> Result<Response, V1Error> {
    let trace_id =
        parse_trace_id(&text).map_err(|message| QueryError::invalid("traceID", message))?;
    let answer = api
        .pool
        .run(move |snapshot, budget| {
            let traces = trace_by_id::spans_of(snapshot, &[trace_id], budget)?;
            let warning = budget
                .incomplete_reason()
                .map(|reason| format!("incomplete: {reason}"));
            let convert = |spans: &Vec<Span>| trace::trace(spans, warning.as_deref());
            Ok(traces.iter().map(convert).collect::<Result<Vec<_>, _>>()?)
        })
        .await?;
    if answer.value.is_empty() {
        // Never an empty success: Grafana reads the first trace without looking whether there is one.
        let msg = "trace not found".to_owned();
        let response = failure(StatusCode::NOT_FOUND, msg, Some(trace_id.to_string()));
        return Ok(marked(response, &answer.outcome));
    }
    success(answer, 0)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DependencyFields {
    parent: String,
    child: String,
    call_count: u64,
}

/// `GET /api/dependencies`
pub(super) async fn dependencies(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Response, V1Error> {
    let params = Params::lenient(query.as_deref());
    let time = lookback(&params, api.clock.now())?;
    let service = params.text("service").map(str::to_owned);
    let answer = api
        .pool
        .run(move |snapshot, budget| {
            let found = dependencies::dependencies(snapshot, time, budget)?;
            let is_wanted = |edge: &dependencies::Dependency| {
                service
                    .as_ref()
                    .is_none_or(|name| edge.parent == *name || edge.child == *name)
            };
            let fields = found
                .into_iter()
                .filter(is_wanted)
                .map(|edge| DependencyFields {
                    parent: edge.parent,
                    child: edge.child,
                    call_count: edge.call_count,
                });
            Ok(fields.collect::<Vec<_>>())
        })
        .await?;
    success(answer, 0)
}
