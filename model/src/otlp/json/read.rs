//! OTLP JSON to protobuf messages.

use opentelemetry_proto::tonic::common::v1::any_value::Value as ProtoValue;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use serde_json::Value;

use super::object::{FieldError, Object, Read};
use super::scalars::{base64_bytes, boolean, double, integer, string};

pub(super) fn any_value(value: &Value) -> Read<AnyValue> {
    let object = Object::of(value)?;
    let mut found = object
        .field("stringValue", string)?
        .map(ProtoValue::StringValue);
    if found.is_none() {
        found = object
            .field("boolValue", boolean)?
            .map(ProtoValue::BoolValue);
    }
    if found.is_none() && object.get("intValue").is_some() {
        let read = |value: &Value| {
            i64::try_from(integer(value)?).map_err(|_| FieldError::new("is out of range"))
        };
        found = object.field("intValue", read)?.map(ProtoValue::IntValue);
    }
    if found.is_none() {
        found = object
            .field("doubleValue", double)?
            .map(ProtoValue::DoubleValue);
    }
    if found.is_none() {
        found = object
            .field("bytesValue", base64_bytes)?
            .map(ProtoValue::BytesValue);
    }
    if found.is_none() {
        found = object
            .field("arrayValue", array_value)?
            .map(ProtoValue::ArrayValue);
    }
    if found.is_none() {
        found = object
            .field("kvlistValue", kvlist_value)?
            .map(ProtoValue::KvlistValue);
    }
    Ok(AnyValue { value: found })
}

fn array_value(value: &Value) -> Read<ArrayValue> {
    Ok(ArrayValue {
        values: Object::of(value)?.list("values", any_value)?,
    })
}

fn kvlist_value(value: &Value) -> Read<KeyValueList> {
    Ok(KeyValueList {
        values: Object::of(value)?.list("values", key_value)?,
    })
}

fn key_value(value: &Value) -> Read<KeyValue> {
    let object = Object::of(value)?;
    Ok(KeyValue {
        key: object.string("key")?,
        value: object.field("value", any_value)?,
        ..KeyValue::default()
    })
}

pub(in crate::otlp) fn resource(value: &Value) -> Read<Resource> {
    let object = Object::of(value)?;
    Ok(Resource {
        attributes: object.list("attributes", key_value)?,
        dropped_attributes_count: object.u32("droppedAttributesCount")?,
        entity_refs: object.list("entityRefs", entity_ref)?,
    })
}

fn entity_ref(value: &Value) -> Read<EntityRef> {
    let object = Object::of(value)?;
    Ok(EntityRef {
        schema_url: object.string("schemaUrl")?,
        r#type: object.string("type")?,
        id_keys: object.list("idKeys", string)?,
        description_keys: object.list("descriptionKeys", string)?,
    })
}

pub(in crate::otlp) fn scope(value: &Value) -> Read<InstrumentationScope> {
    let object = Object::of(value)?;
    Ok(InstrumentationScope {
        name: object.string("name")?,
        version: object.string("version")?,
        attributes: object.list("attributes", key_value)?,
        dropped_attributes_count: object.u32("droppedAttributesCount")?,
    })
}

/// `resource` and `schemaUrl` of an envelope object.
pub(super) fn resource_envelope(value: &Value) -> Read<(Option<Resource>, String)> {
    let object = Object::of(value)?;
    Ok((
        object.field("resource", resource)?,
        object.string("schemaUrl")?,
    ))
}

/// `scope` and `schemaUrl` of an envelope object.
pub(super) fn scope_envelope(value: &Value) -> Read<(Option<InstrumentationScope>, String)> {
    let object = Object::of(value)?;
    Ok((object.field("scope", scope)?, object.string("schemaUrl")?))
}

pub(in crate::otlp) fn span(value: &Value) -> Read<Span> {
    let object = Object::of(value)?;
    Ok(Span {
        trace_id: object.id("traceId")?,
        span_id: object.id("spanId")?,
        trace_state: object.string("traceState")?,
        parent_span_id: object.id("parentSpanId")?,
        flags: object.u32("flags")?,
        name: object.string("name")?,
        kind: object.enumeration("kind", kind_number)?,
        start_time_unix_nano: object.u64("startTimeUnixNano")?,
        end_time_unix_nano: object.u64("endTimeUnixNano")?,
        attributes: object.list("attributes", key_value)?,
        dropped_attributes_count: object.u32("droppedAttributesCount")?,
        events: object.list("events", event)?,
        dropped_events_count: object.u32("droppedEventsCount")?,
        links: object.list("links", link)?,
        dropped_links_count: object.u32("droppedLinksCount")?,
        status: object.field("status", status)?,
    })
}

fn kind_number(name: &str) -> Option<i32> {
    SpanKind::from_str_name(name).map(i32::from)
}

fn event(value: &Value) -> Read<Event> {
    let object = Object::of(value)?;
    Ok(Event {
        time_unix_nano: object.u64("timeUnixNano")?,
        name: object.string("name")?,
        attributes: object.list("attributes", key_value)?,
        dropped_attributes_count: object.u32("droppedAttributesCount")?,
    })
}

fn link(value: &Value) -> Read<Link> {
    let object = Object::of(value)?;
    Ok(Link {
        trace_id: object.optional_id("traceId")?,
        span_id: object.optional_id("spanId")?,
        trace_state: object.string("traceState")?,
        attributes: object.list("attributes", key_value)?,
        dropped_attributes_count: object.u32("droppedAttributesCount")?,
        flags: object.u32("flags")?,
    })
}

fn status(value: &Value) -> Read<Status> {
    let object = Object::of(value)?;
    Ok(Status {
        message: object.string("message")?,
        code: object.enumeration("code", status_code_number)?,
    })
}

fn status_code_number(name: &str) -> Option<i32> {
    StatusCode::from_str_name(name).map(i32::from)
}

pub(in crate::otlp) fn log_record(value: &Value) -> Read<LogRecord> {
    let object = Object::of(value)?;
    Ok(LogRecord {
        time_unix_nano: object.u64("timeUnixNano")?,
        observed_time_unix_nano: object.u64("observedTimeUnixNano")?,
        severity_number: object.enumeration("severityNumber", severity_number)?,
        severity_text: object.string("severityText")?,
        body: object.field("body", any_value)?,
        attributes: object.list("attributes", key_value)?,
        dropped_attributes_count: object.u32("droppedAttributesCount")?,
        flags: object.u32("flags")?,
        trace_id: object.optional_id("traceId")?,
        span_id: object.optional_id("spanId")?,
        event_name: object.string("eventName")?,
    })
}

fn severity_number(name: &str) -> Option<i32> {
    SeverityNumber::from_str_name(name).map(i32::from)
}
