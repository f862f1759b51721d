//! Rows to OTLP JSON text, streamed into a byte buffer without building a tree.

use std::io::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::attributes::{Attribute, AttributeValue, double_text};
use crate::log_record::LogRecord;
use crate::otlp::grouping::group;
use crate::resource::{EntityRef, Resource, Scope};
use crate::span::{Event, Link, Span};

/// Writes an object or array, placing the commas.
struct Sequence<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
    close: u8,
}

impl<'a> Sequence<'a> {
    fn object(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self {
            out,
            is_empty: true,
            close: b'}',
        }
    }

    fn array(out: &'a mut Vec<u8>) -> Self {
        out.push(b'[');
        Self {
            out,
            is_empty: true,
            close: b']',
        }
    }

    /// The buffer, ready for the next item of an array.
    fn item(&mut self) -> &mut Vec<u8> {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        self.out
    }

    /// The buffer, ready for the value of this key.
    fn key(&mut self, key: &str) -> &mut Vec<u8> {
        let out = self.item();
        write_string(out, key);
        out.push(b':');
        out
    }

    fn text(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            write_string(self.key(key), text);
        }
    }

    fn number(&mut self, key: &str, number: i64) {
        if number != 0 {
            write_display(self.key(key), number);
        }
    }

    /// 64-bit integers are decimal strings.
    fn long(&mut self, key: &str, number: u64) {
        if number != 0 {
            write_display(self.key(key), format_args!("\"{number}\""));
        }
    }

    fn end(self) {
        self.out.push(self.close);
    }
}

fn write_display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    let written = write!(out, "{value}");
    debug_assert!(written.is_ok(), "writing to memory cannot fail");
}

fn write_string(out: &mut Vec<u8>, text: &str) {
    let written = serde_json::to_writer(out, text);
    debug_assert!(written.is_ok(), "writing text to memory cannot fail");
}

fn write_array<T>(out: &mut Vec<u8>, items: &[T], mut write: impl FnMut(&mut Vec<u8>, &T)) {
    let mut array = Sequence::array(out);
    for item in items {
        write(array.item(), item);
    }
    array.end();
}

/// Writes an `AnyValue`.
pub fn write_any_value(out: &mut Vec<u8>, value: &AttributeValue) {
    let mut object = Sequence::object(out);
    match value {
        AttributeValue::Empty => {}
        AttributeValue::String(text) => write_string(object.key("stringValue"), text),
        AttributeValue::Bool(truth) => write_display(object.key("boolValue"), truth),
        AttributeValue::Int(number) => {
            write_display(object.key("intValue"), format_args!("\"{number}\""));
        }
        AttributeValue::Double(number) if number.is_finite() => {
            write_display(object.key("doubleValue"), double_text(*number));
        }
        AttributeValue::Double(number) => {
            write_string(object.key("doubleValue"), &double_text(*number));
        }
        AttributeValue::Bytes(bytes) => {
            write_string(object.key("bytesValue"), &BASE64.encode(bytes));
        }
        AttributeValue::Array(items) => {
            let mut array = Sequence::object(object.key("arrayValue"));
            write_array(array.key("values"), items, write_any_value);
            array.end();
        }
        AttributeValue::KvList(entries) => {
            let mut list = Sequence::object(object.key("kvlistValue"));
            write_attributes(list.key("values"), entries);
            list.end();
        }
    }
    object.end();
}

/// Writes a list of `KeyValue`.
pub fn write_attributes(out: &mut Vec<u8>, attributes: &[Attribute]) {
    write_array(out, attributes, |out, attribute| {
        let mut object = Sequence::object(out);
        write_string(object.key("key"), &attribute.key);
        if let Some(value) = &attribute.value {
            write_any_value(object.key("value"), value);
        }
        object.end();
    });
}

fn attributes_field(object: &mut Sequence<'_>, attributes: &[Attribute], dropped: u32) {
    if !attributes.is_empty() {
        write_attributes(object.key("attributes"), attributes);
    }
    object.number("droppedAttributesCount", i64::from(dropped));
}

fn write_resource(out: &mut Vec<u8>, resource: &Resource) {
    let mut object = Sequence::object(out);
    attributes_field(
        &mut object,
        &resource.attributes,
        resource.dropped_attributes_count,
    );
    if !resource.entity_refs.is_empty() {
        write_array(
            object.key("entityRefs"),
            &resource.entity_refs,
            write_entity_ref,
        );
    }
    object.end();
}

fn write_entity_ref(out: &mut Vec<u8>, reference: &EntityRef) {
    let mut object = Sequence::object(out);
    object.text("schemaUrl", &reference.schema_url);
    object.text("type", &reference.entity_type);
    let strings = |out: &mut Vec<u8>, keys: &[String]| {
        write_array(out, keys, |out, key| write_string(out, key));
    };
    strings(object.key("idKeys"), &reference.id_keys);
    strings(object.key("descriptionKeys"), &reference.description_keys);
    object.end();
}

/// Writes an `InstrumentationScope`.
pub fn write_scope(out: &mut Vec<u8>, scope: &Scope) {
    let mut object = Sequence::object(out);
    object.text("name", &scope.name);
    object.text("version", &scope.version);
    attributes_field(
        &mut object,
        &scope.attributes,
        scope.dropped_attributes_count,
    );
    object.end();
}

/// Writes `resource` and `schemaUrl` as an object of their own.
pub(super) fn write_resource_envelope(out: &mut Vec<u8>, resource: &Resource) {
    let mut object = Sequence::object(out);
    resource_fields(&mut object, resource);
    object.end();
}

/// Writes `scope` and `schemaUrl` as an object of their own.
pub(super) fn write_scope_envelope(out: &mut Vec<u8>, scope: &Scope) {
    let mut object = Sequence::object(out);
    scope_fields(&mut object, scope);
    object.end();
}

fn resource_fields(object: &mut Sequence<'_>, resource: &Resource) {
    if resource.is_present {
        write_resource(object.key("resource"), resource);
    }
    object.text("schemaUrl", &resource.schema_url);
}

fn scope_fields(object: &mut Sequence<'_>, scope: &Scope) {
    if scope.is_present {
        write_scope(object.key("scope"), scope);
    }
    object.text("schemaUrl", &scope.schema_url);
}

/// Writes the value of `resourceSpans`: spans grouped by equal resource and scope, in order of first appearance.
pub fn write_spans(out: &mut Vec<u8>, spans: &[Span]) {
    let names = GroupNames {
        scopes: "scopeSpans",
        records: "spans",
    };
    let envelope = |span: &Span| (Arc::clone(&span.resource), Arc::clone(&span.scope));
    write_grouped(out, spans, &names, envelope, write_span);
}

/// Writes the value of `resourceLogs`: records grouped by equal resource and scope, in order of first appearance.
pub fn write_logs(out: &mut Vec<u8>, records: &[LogRecord]) {
    let names = GroupNames {
        scopes: "scopeLogs",
        records: "logRecords",
    };
    let envelope = |record: &LogRecord| (Arc::clone(&record.resource), Arc::clone(&record.scope));
    write_grouped(out, records, &names, envelope, write_log_record);
}

struct GroupNames {
    scopes: &'static str,
    records: &'static str,
}

fn write_grouped<T>(
    out: &mut Vec<u8>,
    records: &[T],
    names: &GroupNames,
    envelope: impl Fn(&T) -> (Arc<Resource>, Arc<Scope>),
    write: impl Fn(&mut Vec<u8>, &T),
) {
    write_array(out, &group(records, envelope), |out, resource_group| {
        let mut object = Sequence::object(out);
        resource_fields(&mut object, &resource_group.resource);
        write_array(
            object.key(names.scopes),
            &resource_group.scopes,
            |out, scope_group| {
                let mut object = Sequence::object(out);
                scope_fields(&mut object, &scope_group.scope);
                write_array(
                    object.key(names.records),
                    &scope_group.records,
                    |out, record| {
                        write(out, record);
                    },
                );
                object.end();
            },
        );
        object.end();
    });
}

fn write_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    write_display(out, format_args!("\"{}\"", hex::encode(bytes)));
}

fn write_span(out: &mut Vec<u8>, span: &Span) {
    let mut object = Sequence::object(out);
    write_hex(object.key("traceId"), span.trace_id.as_bytes());
    write_hex(object.key("spanId"), span.span_id.as_bytes());
    object.text("traceState", &span.trace_state);
    if let Some(parent) = &span.parent_span_id {
        write_hex(object.key("parentSpanId"), parent.as_bytes());
    }
    object.number("flags", i64::from(span.flags));
    write_string(object.key("name"), &span.name);
    object.number("kind", i64::from(span.kind.0));
    object.long("startTimeUnixNano", span.start.0);
    object.long("endTimeUnixNano", span.end.0);
    attributes_field(&mut object, &span.attributes, span.dropped_attributes_count);
    if !span.events.is_empty() {
        write_array(object.key("events"), &span.events, write_event);
    }
    object.number("droppedEventsCount", i64::from(span.dropped_events_count));
    if !span.links.is_empty() {
        write_array(object.key("links"), &span.links, write_link);
    }
    object.number("droppedLinksCount", i64::from(span.dropped_links_count));
    if let Some(status) = &span.status {
        let mut fields = Sequence::object(object.key("status"));
        fields.text("message", &status.message);
        fields.number("code", i64::from(status.code.0));
        fields.end();
    }
    object.end();
}

fn write_event(out: &mut Vec<u8>, event: &Event) {
    let mut object = Sequence::object(out);
    object.long("timeUnixNano", event.time.0);
    object.text("name", &event.name);
    attributes_field(
        &mut object,
        &event.attributes,
        event.dropped_attributes_count,
    );
    object.end();
}

fn write_link(out: &mut Vec<u8>, link: &Link) {
    let mut object = Sequence::object(out);
    write_hex(object.key("traceId"), &link.trace_id);
    write_hex(object.key("spanId"), &link.span_id);
    object.text("traceState", &link.trace_state);
    attributes_field(&mut object, &link.attributes, link.dropped_attributes_count);
    object.number("flags", i64::from(link.flags));
    object.end();
}

fn write_log_record(out: &mut Vec<u8>, record: &LogRecord) {
    let mut object = Sequence::object(out);
    object.long("timeUnixNano", record.time.0);
    object.long("observedTimeUnixNano", record.observed_time.0);
    object.number("severityNumber", i64::from(record.severity.0));
    object.text("severityText", &record.severity_text);
    if let Some(body) = &record.body {
        write_any_value(object.key("body"), body);
    }
    attributes_field(
        &mut object,
        &record.attributes,
        record.dropped_attributes_count,
    );
    object.number("flags", i64::from(record.flags));
    if !record.trace_id.is_empty() {
        write_hex(object.key("traceId"), &record.trace_id);
    }
    if !record.span_id.is_empty() {
        write_hex(object.key("spanId"), &record.span_id);
    }
    object.text("eventName", &record.event_name);
    object.end();
}
