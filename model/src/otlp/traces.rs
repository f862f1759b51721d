//! Trace export requests to span batches and back.

use std::sync::Arc;

use arrow_array::builder::{
    FixedSizeBinaryBuilder, Int32Builder, Int64Builder, StringBuilder, TimestampNanosecondBuilder,
    UInt32Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span as ProtoSpan;
use prost::Message;

use super::limits::{MAX_VALUE_DEPTH, attributes_fit};
use super::values::{from_resource, from_scope, push_attributes};
use super::{Accepted, DecodeError, Rejected, batch_of, json};
use crate::columns::{AttributesBuilder, DictionaryBuilder, EventsBuilder, LinksBuilder};
use crate::ids::{SpanId, TraceId};
use crate::schema::span_schema;
use crate::time::UnixNanos;

/// Drops what cannot be taken from `request`, and makes a batch of the rest.
///
/// `original` is the body the request was decoded from; it is kept as the payload when nothing was dropped.
pub(super) fn accept(
    mut request: ExportTraceServiceRequest,
    original: Option<Bytes>,
) -> Result<Accepted, DecodeError> {
    let mut rejected = Rejected::default();
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
                    rejected.add(|| format!("span \"{}\": {problem}", span.name));
                }
                problem.is_none()
            });
        }
    }
    let rejected = rejected.into_option();
    let batch = to_batch(&request)?;
    let payload = match original {
        Some(body) if rejected.is_none() => body,
        Some(_) | None => Bytes::from(request.encode_to_vec()),
    };
    Ok(Accepted {
        payload,
        batch,
        rejected,
    })
}

/// Why a span cannot be stored, if it cannot.
fn problem_of(span: &ProtoSpan, envelope_fits: bool) -> Option<String> {
    if let Err(error) = TraceId::from_slice(&span.trace_id) {
        return Some(format!("trace {error}"));
    }
    if let Err(error) = SpanId::from_slice(&span.span_id) {
        return Some(format!("span {error}"));
    }
    if !matches!(span.parent_span_id.len(), 0 | SpanId::LEN) {
        let actual = span.parent_span_id.len();
        return Some(format!(
            "parent span id has {actual} bytes instead of {}",
            SpanId::LEN
        ));
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
    let mut builder = SpanBatchBuilder::default();
    for resource_spans in &request.resource_spans {
        let resource = from_resource(resource_spans.resource.as_ref(), &resource_spans.schema_url);
        let envelope = (resource.service_name(), json::resource_text(&resource));
        for scope_spans in &resource_spans.scope_spans {
            let scope = from_scope(scope_spans.scope.as_ref(), &scope_spans.schema_url);
            let scope = json::scope_text(&scope);
            for span in &scope_spans.spans {
                builder.push(span);
                builder.services.append(&envelope.0);
                builder.resources.append(&envelope.1);
                builder.scopes.append(&scope);
            }
        }
    }
    builder.finish()
}

struct SpanBatchBuilder {
    trace_ids: FixedSizeBinaryBuilder,
    span_ids: FixedSizeBinaryBuilder,
    parents: FixedSizeBinaryBuilder,
    trace_states: StringBuilder,
    flags: UInt32Builder,
    names: StringBuilder,
    kinds: Int32Builder,
    starts: TimestampNanosecondBuilder,
    durations: Int64Builder,
    services: DictionaryBuilder,
    attributes: AttributesBuilder,
    events: EventsBuilder,
    dropped_events: UInt32Builder,
    links: LinksBuilder,
    dropped_links: UInt32Builder,
    status_codes: Int32Builder,
    status_messages: StringBuilder,
    resources: DictionaryBuilder,
    scopes: DictionaryBuilder,
}

impl Default for SpanBatchBuilder {
    fn default() -> Self {
        Self {
            trace_ids: FixedSizeBinaryBuilder::new(16),
            span_ids: FixedSizeBinaryBuilder::new(8),
            parents: FixedSizeBinaryBuilder::new(8),
            trace_states: StringBuilder::new(),
            flags: UInt32Builder::new(),
            names: StringBuilder::new(),
            kinds: Int32Builder::new(),
            starts: TimestampNanosecondBuilder::new(),
            durations: Int64Builder::new(),
            services: DictionaryBuilder::default(),
            attributes: AttributesBuilder::default(),
            events: EventsBuilder::default(),
            dropped_events: UInt32Builder::new(),
            links: LinksBuilder::default(),
            dropped_links: UInt32Builder::new(),
            status_codes: Int32Builder::new(),
            status_messages: StringBuilder::new(),
            resources: DictionaryBuilder::default(),
            scopes: DictionaryBuilder::default(),
        }
    }
}

impl SpanBatchBuilder {
    /// Adds the span's own columns; resource, scope and service are appended by the caller.
    fn push(&mut self, span: &ProtoSpan) {
        self.push_ids(span);
        self.trace_states.append_value(&span.trace_state);
        self.flags.append_value(span.flags);
        self.names.append_value(&span.name);
        self.kinds.append_value(span.kind);
        let start = UnixNanos(span.start_time_unix_nano).to_column();
        let end = UnixNanos(span.end_time_unix_nano).to_column();
        self.starts.append_value(start);
        self.durations.append_value(end.wrapping_sub(start));
        push_attributes(&mut self.attributes, &span.attributes);
        self.attributes.finish_row(span.dropped_attributes_count);
        self.push_events(span);
        self.push_links(span);
        self.status_codes
            .append_option(span.status.as_ref().map(|status| status.code));
        let message = span
            .status
            .as_ref()
            .map_or("", |status| status.message.as_str());
        self.status_messages.append_value(message);
    }

    fn push_ids(&mut self, span: &ProtoSpan) {
        // Lengths were checked by `problem_of`, so that none of these can be refused.
        let appended = self
            .trace_ids
            .append_value(&span.trace_id)
            .and_then(|()| self.span_ids.append_value(&span.span_id));
        assert!(
            appended.is_ok(),
            "ids of accepted spans have the right length"
        );
        match SpanId::from_slice(&span.parent_span_id) {
            Ok(parent) => {
                let appended = self.parents.append_value(parent.as_bytes());
                assert!(appended.is_ok(), "parent ids have the right length");
            }
            // OTLP writes a root's parent as empty; an all-zero one means the same.
            Err(_) => self.parents.append_null(),
        }
    }

    fn push_events(&mut self, span: &ProtoSpan) {
        for event in &span.events {
            push_attributes(&mut self.events.attributes, &event.attributes);
            let time = UnixNanos(event.time_unix_nano).to_column();
            self.events
                .push(time, &event.name, event.dropped_attributes_count);
        }
        self.events.finish_row();
        self.dropped_events.append_value(span.dropped_events_count);
    }

    fn push_links(&mut self, span: &ProtoSpan) {
        for link in &span.links {
            push_attributes(&mut self.links.attributes, &link.attributes);
            let ids = (link.trace_id.as_slice(), link.span_id.as_slice());
            self.links.push(
                ids,
                &link.trace_state,
                link.flags,
                link.dropped_attributes_count,
            );
        }
        self.links.finish_row();
        self.dropped_links.append_value(span.dropped_links_count);
    }

    fn finish(mut self) -> Result<RecordBatch, DecodeError> {
        let [attributes, attribute_types, dropped_attributes] = self.attributes.finish();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.trace_ids.finish()),
            Arc::new(self.span_ids.finish()),
            Arc::new(self.parents.finish()),
            Arc::new(self.trace_states.finish()),
            Arc::new(self.flags.finish()),
            Arc::new(self.names.finish()),
            Arc::new(self.kinds.finish()),
            Arc::new(self.starts.finish().with_timezone("UTC")),
            Arc::new(self.durations.finish()),
            self.services.finish(),
            attributes,
            attribute_types,
            dropped_attributes,
            self.events.finish(),
            Arc::new(self.dropped_events.finish()),
            self.links.finish(),
            Arc::new(self.dropped_links.finish()),
            Arc::new(self.status_codes.finish()),
            Arc::new(self.status_messages.finish()),
            self.resources.finish(),
            self.scopes.finish(),
        ];
        batch_of(span_schema(), columns)
    }
}
