//! Rows back to protobuf: requests of spans and log records that did not come as OTLP.

#[cfg(test)]
pub(super) mod singles;

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef as ProtoEntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord as ProtoLogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource as ProtoResource;
use opentelemetry_proto::tonic::trace::v1::span::{Event as ProtoEvent, Link as ProtoLink};
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span as ProtoSpan, Status as ProtoStatus,
};
use prost::Message;

use super::grouping::{ResourceGroup, ScopeGroup, group};
use crate::attributes::{Attribute, AttributeValue};
use crate::log_record::LogRecord;
use crate::resource::{EntityRef, Resource, Scope};
use crate::span::{Event, Link, Span};

/// The spans as an OTLP protobuf request, grouped by equal resource and scope in order of first appearance.
pub fn encode_spans(spans: &[Span]) -> Vec<u8> {
    let envelope = |span: &Span| (Arc::clone(&span.resource), Arc::clone(&span.scope));
    let groups = group(spans, envelope);
    ExportTraceServiceRequest {
        resource_spans: groups.iter().map(to_resource_spans).collect(),
    }
    .encode_to_vec()
}

/// The log records as an OTLP protobuf request, grouped like the spans of [`encode_spans`].
pub fn encode_logs(records: &[LogRecord]) -> Vec<u8> {
    let envelope = |record: &LogRecord| (Arc::clone(&record.resource), Arc::clone(&record.scope));
    let groups = group(records, envelope);
    ExportLogsServiceRequest {
        resource_logs: groups.iter().map(to_resource_logs).collect(),
    }
    .encode_to_vec()
}

fn to_resource_logs(group: &ResourceGroup<'_, LogRecord>) -> ResourceLogs {
    ResourceLogs {
        resource: to_resource(&group.resource),
        scope_logs: group.scopes.iter().map(to_scope_logs).collect(),
        schema_url: group.resource.schema_url.clone(),
    }
}

fn to_scope_logs(group: &ScopeGroup<'_, LogRecord>) -> ScopeLogs {
    ScopeLogs {
        scope: to_scope(&group.scope),
        log_records: group.records.iter().map(|it| to_log_record(it)).collect(),
        schema_url: group.scope.schema_url.clone(),
    }
}

fn to_log_record(record: &LogRecord) -> ProtoLogRecord {
    ProtoLogRecord {
        time_unix_nano: record.time.0,
        observed_time_unix_nano: record.observed_time.0,
        severity_number: record.severity.0,
        severity_text: record.severity_text.clone(),
        body: record.body.as_ref().map(to_any_value),
        attributes: to_key_values(&record.attributes),
        dropped_attributes_count: record.dropped_attributes_count,
        flags: record.flags,
        trace_id: record.trace_id.clone(),
        span_id: record.span_id.clone(),
        event_name: record.event_name.clone(),
    }
}

fn to_resource_spans(group: &ResourceGroup<'_, Span>) -> ResourceSpans {
    ResourceSpans {
        resource: to_resource(&group.resource),
        scope_spans: group.scopes.iter().map(to_scope_spans).collect(),
        schema_url: group.resource.schema_url.clone(),
    }
}

fn to_scope_spans(group: &ScopeGroup<'_, Span>) -> ScopeSpans {
    ScopeSpans {
        scope: to_scope(&group.scope),
        spans: group.records.iter().map(|span| to_span(span)).collect(),
        schema_url: group.scope.schema_url.clone(),
    }
}

fn to_span(span: &Span) -> ProtoSpan {
    ProtoSpan {
        trace_id: span.trace_id.as_bytes().to_vec(),
        span_id: span.span_id.as_bytes().to_vec(),
        trace_state: span.trace_state.clone(),
        parent_span_id: span
            .parent_span_id
            .map_or_else(Vec::new, |id| id.as_bytes().to_vec()),
        flags: span.flags,
        name: span.name.clone(),
        kind: span.kind.0,
        start_time_unix_nano: span.start.0,
        end_time_unix_nano: span.end.0,
        attributes: to_key_values(&span.attributes),
        dropped_attributes_count: span.dropped_attributes_count,
        events: span.events.iter().map(to_event).collect(),
        dropped_events_count: span.dropped_events_count,
        links: span.links.iter().map(to_link).collect(),
        dropped_links_count: span.dropped_links_count,
        status: span.status.as_ref().map(|status| ProtoStatus {
            message: status.message.clone(),
            code: status.code.0,
        }),
    }
}

fn to_event(event: &Event) -> ProtoEvent {
    ProtoEvent {
        time_unix_nano: event.time.0,
        name: event.name.clone(),
        attributes: to_key_values(&event.attributes),
        dropped_attributes_count: event.dropped_attributes_count,
    }
}

fn to_link(link: &Link) -> ProtoLink {
    ProtoLink {
        trace_id: link.trace_id.clone(),
        span_id: link.span_id.clone(),
        trace_state: link.trace_state.clone(),
        attributes: to_key_values(&link.attributes),
        dropped_attributes_count: link.dropped_attributes_count,
        flags: link.flags,
    }
}

fn to_any_value(value: &AttributeValue) -> AnyValue {
    let value = match value {
        AttributeValue::Empty => None,
        AttributeValue::String(text) => Some(Value::StringValue(text.clone())),
        AttributeValue::Bool(truth) => Some(Value::BoolValue(*truth)),
        AttributeValue::Int(number) => Some(Value::IntValue(*number)),
        AttributeValue::Double(number) => Some(Value::DoubleValue(*number)),
        AttributeValue::Bytes(bytes) => Some(Value::BytesValue(bytes.clone())),
        AttributeValue::Array(items) => Some(Value::ArrayValue(ArrayValue {
            values: items.iter().map(to_any_value).collect(),
        })),
        AttributeValue::KvList(entries) => Some(Value::KvlistValue(KeyValueList {
            values: to_key_values(entries),
        })),
    };
    AnyValue { value }
}

fn to_key_values(attributes: &[Attribute]) -> Vec<KeyValue> {
    let convert = |attribute: &Attribute| KeyValue {
        key: attribute.key.clone(),
        value: attribute.value.as_ref().map(to_any_value),
        ..KeyValue::default()
    };
    attributes.iter().map(convert).collect()
}

fn to_resource(resource: &Resource) -> Option<ProtoResource> {
    let entity_ref = |reference: &EntityRef| ProtoEntityRef {
        schema_url: reference.schema_url.clone(),
        r#type: reference.entity_type.clone(),
        id_keys: reference.id_keys.clone(),
        description_keys: reference.description_keys.clone(),
    };
    resource.is_present.then(|| ProtoResource {
        attributes: to_key_values(&resource.attributes),
        dropped_attributes_count: resource.dropped_attributes_count,
        entity_refs: resource.entity_refs.iter().map(entity_ref).collect(),
    })
}

fn to_scope(scope: &Scope) -> Option<InstrumentationScope> {
    scope.is_present.then(|| InstrumentationScope {
        name: scope.name.clone(),
        version: scope.version.clone(),
        attributes: to_key_values(&scope.attributes),
        dropped_attributes_count: scope.dropped_attributes_count,
    })
}
