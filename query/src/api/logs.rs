//! `/api/v1/logs`: the search for log records.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use model::otlp::json;
use model::{LogRecord, Scope, Signal};
use storage::filter::{Filter, Predicate, Test};

use super::json::{ObjectWriter, OpenObject, enveloped, write_array};
use super::params::{Params, parse_span_id, parse_trace_id};
use super::{Api, cursor};
use crate::error::QueryError;
use crate::exec::find_logs::{self, LogOrder, LogPlace, LogSearch};
use crate::lang;

const LOGS_DEFAULT: usize = 100;
const LOGS_MAX: usize = 1000;

/// `GET /api/v1/logs`
pub(super) async fn search(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Response, QueryError> {
    let search = log_search(query.as_deref())?;
    let answer = api
        .pool
        .run(move |snapshot, budget| {
            let page = find_logs::find_logs(snapshot, &search, budget)?;
            let next = page.records.last().filter(|_| page.has_more);
            let next_cursor = next.map(|(place, _)| cursor::of_log(*place, search.order));
            OpenObject::written(|body| {
                let mut held_bytes = 0;
                body.raw("logs", |out| {
                    write_array(out, &page.records, |out, record| {
                        write_log(out, record)?;
                        budget.hold_list::<u8>(&mut held_bytes, out.capacity());
                        budget.check_memory()
                    })
                })?;
                body.field("next_cursor", next_cursor)
            })
        })
        .await?;
    enveloped(answer)
}

fn log_search(query: Option<&str>) -> Result<LogSearch, QueryError> {
    let known = [
        "q", "trace_id", "span_id", "start", "end", "order", "limit", "cursor",
    ];
    let params = Params::strict(query, &known)?;
    let order = params.parsed("order", |text| match text {
        "newest" => Ok(LogOrder::Newest),
        "oldest" => Ok(LogOrder::Oldest),
        _ => Err("order must be newest or oldest".to_owned()),
    })?;
    let order = order.unwrap_or(LogOrder::Newest);
    Ok(LogSearch {
        filter: log_filter(&params)?,
        order,
        limit: params.limit("limit", LOGS_DEFAULT, LOGS_MAX)?,
        after: params.parsed("cursor", |text| cursor::to_log(text, order))?,
    })
}

/// What `q`, `trace_id`, `span_id`, `start` and `end` ask for.
pub(super) fn log_filter(params: &Params) -> Result<Filter, QueryError> {
    let trace_id = params
        .parsed("trace_id", parse_trace_id)?
        .map(Test::TraceId);
    let span_id = params.parsed("span_id", parse_span_id)?.map(Test::SpanId);
    let terms = lang::compile(params.text("q").unwrap_or_default(), Signal::Logs)
        .map_err(|error| QueryError::invalid("q", error.to_string()))?;
    let ids = trace_id.into_iter().chain(span_id);
    let ids = ids.map(|test| Predicate {
        negated: false,
        test,
    });
    Ok(Filter {
        time: params.time_range()?,
        all: ids.chain(terms).collect(),
    })
}

fn write_log(out: &mut Vec<u8>, (place, record): &(LogPlace, LogRecord)) -> Result<(), QueryError> {
    let mut log = ObjectWriter::new(out);
    log.field("id", cursor::log_id(*place))?;
    log.field("time_unix_nano", record.time.0.to_string())?;
    log.field(
        "observed_time_unix_nano",
        record.observed_time.0.to_string(),
    )?;
    log.field("severity_number", record.severity.0)?;
    log.field("severity_text", &record.severity_text)?;
    log.field("service", record.resource.service_name())?;
    log.field(
        "body",
        record
            .body
            .as_ref()
            .map(|body| body.text())
            .unwrap_or_default(),
    )?;
    match &record.body {
        Some(body) => log.raw("body_value", |out| json::write_any_value(out, body)),
        None => log.field("body_value", ())?,
    }
    log.field("event_name", &record.event_name)?;
    log.field("trace_id", record.valid_trace_id().map(|id| id.to_string()))?;
    log.field("span_id", record.valid_span_id().map(|id| id.to_string()))?;
    log.field("flags", record.flags)?;
    log.raw("attributes", |out| {
        json::write_attributes(out, &record.attributes);
    });
    log.field("dropped_attributes_count", record.dropped_attributes_count)?;
    log.raw("resource", |out| {
        let mut resource = ObjectWriter::new(out);
        let attributes = &record.resource.attributes;
        resource.raw("attributes", |out| json::write_attributes(out, attributes));
        resource.close();
    });
    log.raw("scope", |out| write_scope(out, &record.scope))?;
    log.close();
    Ok(())
}

fn write_scope(out: &mut Vec<u8>, of_record: &Scope) -> Result<(), QueryError> {
    let mut scope = ObjectWriter::new(out);
    scope.field("name", &of_record.name)?;
    scope.field("version", &of_record.version)?;
    scope.raw("attributes", |out| {
        json::write_attributes(out, &of_record.attributes);
    });
    scope.close();
    Ok(())
}
