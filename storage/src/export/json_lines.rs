//! One flat JSON object per record: for reading, `jq` and other tools. Values have the types of JSON.

use std::borrow::Cow;
use std::time::{Duration, UNIX_EPOCH};

use model::{
    Attribute, AttributeValue, Event, Link, LogRecord, Resource, Scope, Span, UnixNanos,
    double_text,
};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::records::Records;

/// Writes the records as lines of an object each.
pub(super) fn write(out: &mut Vec<u8>, records: &Records) -> Result<(), serde_json::Error> {
    match records {
        Records::Spans(spans) => spans.iter().try_for_each(|span| {
            serde_json::to_writer(&mut *out, &FlatSpan::new(span))?;
            out.push(b'\n');
            Ok(())
        }),
        Records::Logs(records) => records.iter().try_for_each(|record| {
            serde_json::to_writer(&mut *out, &FlatLog::new(record))?;
            out.push(b'\n');
            Ok(())
        }),
    }
}

#[derive(Serialize)]
struct FlatSpan<'a> {
    trace_id: String,
    span_id: String,
    parent_span_id: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    trace_state: &'a str,
    flags: u32,
    name: &'a str,
    kind: Cow<'static, str>,
    start_time: Moment,
    end_time: Moment,
    duration_nano: u64,
    service_name: Cow<'a, str>,
    attributes: Attributes<'a>,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_attributes_count: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<FlatEvent<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_events_count: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<FlatLink<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_links_count: u32,
    status_code: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    status_message: &'a str,
    #[serde(flatten)]
    envelope: Envelope<'a>,
}

#[derive(Serialize)]
struct FlatLog<'a> {
    time: Option<Moment>,
    observed_time: Option<Moment>,
    trace_id: Option<String>,
    span_id: Option<String>,
    flags: u32,
    severity_number: i32,
    severity_text: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    event_name: &'a str,
    body: Option<Plain<'a>>,
    service_name: Cow<'a, str>,
    attributes: Attributes<'a>,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_attributes_count: u32,
    #[serde(flatten)]
    envelope: Envelope<'a>,
}

#[derive(Serialize)]
struct FlatEvent<'a> {
    time: Moment,
    name: &'a str,
    attributes: Attributes<'a>,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_attributes_count: u32,
}

#[derive(Serialize)]
struct FlatLink<'a> {
    trace_id: String,
    span_id: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    trace_state: &'a str,
    flags: u32,
    attributes: Attributes<'a>,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_attributes_count: u32,
}

#[derive(Serialize)]
struct Envelope<'a> {
    resource_attributes: Attributes<'a>,
    scope_name: &'a str,
    scope_version: &'a str,
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    scope_attributes: Attributes<'a>,
}

impl<'a> FlatSpan<'a> {
    fn new(span: &'a Span) -> Self {
        let status = span.status.as_ref();
        Self {
            trace_id: span.trace_id.to_string(),
            span_id: span.span_id.to_string(),
            parent_span_id: span.parent_span_id.map(|id| id.to_string()),
            trace_state: &span.trace_state,
            flags: span.flags,
            name: &span.name,
            kind: super::table::word(span.kind.0, span.kind.as_str()),
            start_time: Moment(span.start),
            end_time: Moment(span.end),
            duration_nano: span.duration_nano(),
            service_name: span.resource.service_name(),
            attributes: Attributes(&span.attributes),
            dropped_attributes_count: span.dropped_attributes_count,
            events: span.events.iter().map(FlatEvent::new).collect(),
            dropped_events_count: span.dropped_events_count,
            links: span.links.iter().map(FlatLink::new).collect(),
            dropped_links_count: span.dropped_links_count,
            status_code: status.map(|it| super::table::word(it.code.0, it.code.as_str())),
            status_message: status.map_or("", |it| it.message.as_str()),
            envelope: Envelope::new(&span.resource, &span.scope),
        }
    }
}

impl<'a> FlatLog<'a> {
    fn new(record: &'a LogRecord) -> Self {
        Self {
            time: Moment::known(record.time),
            observed_time: Moment::known(record.observed_time),
            trace_id: id(&record.trace_id),
            span_id: id(&record.span_id),
            flags: record.flags,
            severity_number: record.severity.0,
            severity_text: &record.severity_text,
            event_name: &record.event_name,
            body: record.body.as_ref().map(Plain),
            service_name: record.resource.service_name(),
            attributes: Attributes(&record.attributes),
            dropped_attributes_count: record.dropped_attributes_count,
            envelope: Envelope::new(&record.resource, &record.scope),
        }
    }
}

impl<'a> FlatEvent<'a> {
    fn new(event: &'a Event) -> Self {
        Self {
            time: Moment(event.time),
            name: &event.name,
            attributes: Attributes(&event.attributes),
            dropped_attributes_count: event.dropped_attributes_count,
        }
    }
}

impl<'a> FlatLink<'a> {
    fn new(link: &'a Link) -> Self {
        Self {
            trace_id: hex(&link.trace_id),
            span_id: hex(&link.span_id),
            trace_state: &link.trace_state,
            flags: link.flags,
            attributes: Attributes(&link.attributes),
            dropped_attributes_count: link.dropped_attributes_count,
        }
    }
}

impl<'a> Envelope<'a> {
    fn new(resource: &'a Resource, scope: &'a Scope) -> Self {
        Self {
            resource_attributes: Attributes(&resource.attributes),
            scope_name: &scope.name,
            scope_version: &scope.version,
            scope_attributes: Attributes(&scope.attributes),
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// An id that may be missing.
fn id(bytes: &[u8]) -> Option<String> {
    (!bytes.is_empty()).then(|| hex(bytes))
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _written = write!(text, "{byte:02x}");
        text
    })
}

/// A moment in RFC 3339 with nanoseconds.
struct Moment(UnixNanos);

impl Moment {
    /// `None` for the zero that stands for an unknown moment.
    fn known(moment: UnixNanos) -> Option<Self> {
        (moment.0 != 0).then_some(Self(moment))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let moment = UNIX_EPOCH + Duration::from_nanos(self.0.0);
        serializer.collect_str(&humantime::format_rfc3339_nanos(moment))
    }
}

/// Attributes as an object, in their order; a key that occurs twice is written twice.
struct Attributes<'a>(&'a [Attribute]);

impl Attributes<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for attribute in self.0 {
            map.serialize_entry(&attribute.key, &attribute.value.as_ref().map(Plain))?;
        }
        map.end()
    }
}

/// A value as plain JSON: bytes are base64, and doubles that JSON has no number for are texts.
struct Plain<'a>(&'a AttributeValue);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            AttributeValue::Empty => serializer.serialize_unit(),
            AttributeValue::String(text) => serializer.serialize_str(text),
            AttributeValue::Bool(flag) => serializer.serialize_bool(*flag),
            AttributeValue::Int(number) => serializer.serialize_i64(*number),
            AttributeValue::Double(number) if number.is_finite() => {
                serializer.serialize_f64(*number)
            }
            AttributeValue::Double(number) => serializer.serialize_str(&double_text(*number)),
            AttributeValue::Bytes(_) => serializer.serialize_str(&self.0.text()),
            AttributeValue::Array(items) => serializer.collect_seq(items.iter().map(Plain)),
            AttributeValue::KvList(entries) => Attributes(entries).serialize(serializer),
        }
    }
}
