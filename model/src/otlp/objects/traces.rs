//! Trace export requests, as owned objects, to span batches.

use arrow_array::RecordBatch;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span as ProtoSpan;

use super::values::push_attributes;
use crate::columns::{LinkRow, ResourceKeys, SpanBatchBuilder, SpanRow};
use crate::ids::{IdError, SpanId, TraceId};
use crate::otlp::DecodeError;
use crate::otlp::limits::{MAX_VALUE_DEPTH, attributes_fit};
use crate::otlp::reject::id_problem;
use crate::otlp::reject::{Rejected, Rejections, quoted};
use crate::otlp::values::{from_resource, from_scope};
use crate::time::UnixNanos;

/// Drops what cannot be taken from `request`, and makes a batch of the rest.
pub(super) fn accept(
    request: &mut ExportTraceServiceRequest,
) -> Result<(RecordBatch, Option<Rejected>), DecodeError> {
    let mut rejections = Rejections::default();
    for resource_spans in &mut request.resource_spans {
        let resource_fits = resource_spans
            .resource
            .as_ref()
            .is_none_or(|it| attributes_fit(&it.attributes));
        for scope_spans in &mut resource_spans.scope_spans {
            let scope_fits = scope_spans
                .scope
                .as_ref()
                .is_none_or(|it| attributes_fit(&it.attributes));
            scope_spans.spans.retain(|span| {
                let problem = problem_of(span, resource_fits && scope_fits);
                if let Some(problem) = &problem {
                    rejections.add(|| format!("span {}: {problem}", quoted(&span.name)));
                }
                problem.is_none()
            });
        }
    }
    let batch = to_batch(request)?;
    Ok((batch, rejections.into_rejected()))
}

/// Why a span cannot be stored, if it cannot.
fn problem_of(span: &ProtoSpan, envelope_fits: bool) -> Option<String> {
    if let Err(error) = TraceId::from_slice(&span.trace_id) {
        return Some(id_problem("trace", &span.trace_id, error));
    }
    if let Err(error) = SpanId::from_slice(&span.span_id) {
        return Some(id_problem("span", &span.span_id, error));
    }
    // OTLP writes a root's parent as empty; an all-zero one means the same.
    if let Err(error @ IdError::WrongLength { actual: 1.., .. }) =
        SpanId::from_slice(&span.parent_span_id)
    {
        return Some(id_problem("parent span", &span.parent_span_id, error));
    }
    let fits = envelope_fits
        && attributes_fit(&span.attributes)
        && span
            .events
            .iter()
            .all(|event| attributes_fit(&event.attributes))
        && span
            .links
            .iter()
            .all(|link| attributes_fit(&link.attributes));
    (!fits).then(|| format!("a value is nested deeper than {MAX_VALUE_DEPTH} levels"))
}

fn to_batch(request: &ExportTraceServiceRequest) -> Result<RecordBatch, DecodeError> {
    let scopes = request.resource_spans.iter().flat_map(|it| &it.scope_spans);
    let mut builder = SpanBatchBuilder::new(scopes.map(|it| it.spans.len()).sum(), 0);
    for resource_spans in &request.resource_spans {
        let resource = from_resource(resource_spans.resource.as_ref(), &resource_spans.schema_url);
        let mut keys = ResourceKeys::default();
        for scope_spans in &resource_spans.scope_spans {
            for span in &scope_spans.spans {
                push(&mut builder, span);
            }
            let scope = from_scope(scope_spans.scope.as_ref(), &scope_spans.schema_url);
            let row_count = scope_spans.spans.len();
            builder
                .envelopes
                .append(&resource, &mut keys, &scope, row_count);
        }
    }
    builder.finish().map_err(|_| DecodeError::TooLarge)
}

fn push(builder: &mut SpanBatchBuilder, span: &ProtoSpan) {
    let ids = ids_of(span);
    // `problem_of` has seen the ids, so that none of them can be refused.
    assert!(ids.is_ok(), "accepted spans have valid ids");
    let Ok((trace_id, span_id)) = ids else { return };
    push_attributes(&mut builder.attributes, &span.attributes);
    for event in &span.events {
        push_attributes(&mut builder.events.attributes, &event.attributes);
        let time = UnixNanos(event.time_unix_nano).to_column();
        let dropped = event.dropped_attributes_count;
        builder.events.push(time, event.name.as_bytes(), dropped);
    }
    for link in &span.links {
        push_attributes(&mut builder.links.attributes, &link.attributes);
        builder.links.push(&LinkRow {
            trace_id: &link.trace_id,
            span_id: &link.span_id,
            trace_state: link.trace_state.as_bytes(),
            flags: link.flags,
            dropped_attributes_count: link.dropped_attributes_count,
        });
    }
    builder.finish_row(&SpanRow {
        trace_id,
        span_id,
        // OTLP writes a root's parent as empty; an all-zero one means the same.
        parent_span_id: SpanId::from_slice(&span.parent_span_id).ok(),
        trace_state: span.trace_state.as_bytes(),
        flags: span.flags,
        name: span.name.as_bytes(),
        kind: span.kind,
        start: UnixNanos(span.start_time_unix_nano),
        end: UnixNanos(span.end_time_unix_nano),
        dropped_attributes_count: span.dropped_attributes_count,
        dropped_events_count: span.dropped_events_count,
        dropped_links_count: span.dropped_links_count,
        status: span
            .status
            .as_ref()
            .map(|status| (status.code, status.message.as_bytes())),
    });
}

fn ids_of(span: &ProtoSpan) -> Result<(TraceId, SpanId), IdError> {
    Ok((
        TraceId::from_slice(&span.trace_id)?,
        SpanId::from_slice(&span.span_id)?,
    ))
}
