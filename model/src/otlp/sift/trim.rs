//! Brings records within the limits: what is over is left out or cut, counted, and marked in the record.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use crate::otlp::TRUNCATED_KEY;
use crate::otlp::limits::{RecordLimits, Trimmed};

/// How many names the mark says at most, and how many bytes of each.
const MARKED_NAMES_MAX: usize = 16;
const MARKED_NAME_BYTES_MAX: usize = 128;

/// Brings one record, resource or scope within the limits.
#[derive(Debug)]
pub(super) struct Trimmer<'a> {
    limits: &'a RecordLimits,
    trimmed: &'a mut Trimmed,
    /// What has been cut since the last mark.
    cut: Vec<String>,
}

impl<'a> Trimmer<'a> {
    pub(super) fn new(limits: &'a RecordLimits, trimmed: &'a mut Trimmed) -> Self {
        Self {
            limits,
            trimmed,
            cut: Vec::new(),
        }
    }

    pub(super) fn span(&mut self, span: &mut Span) {
        let (events, links) = (self.limits.events, self.limits.links);
        self.trimmed.events += leave_out(&mut span.events, events, &mut span.dropped_events_count);
        self.trimmed.links += leave_out(&mut span.links, links, &mut span.dropped_links_count);
        for event in &mut span.events {
            self.text("name", &mut event.name);
            self.attributes(&mut event.attributes, &mut event.dropped_attributes_count);
        }
        for link in &mut span.links {
            self.text("trace_state", &mut link.trace_state);
            self.attributes(&mut link.attributes, &mut link.dropped_attributes_count);
        }
        self.text("name", &mut span.name);
        self.text("trace_state", &mut span.trace_state);
        if let Some(status) = &mut span.status {
            self.text("status.message", &mut status.message);
        }
        self.attributes(&mut span.attributes, &mut span.dropped_attributes_count);
    }

    pub(super) fn log_record(&mut self, record: &mut LogRecord) {
        self.text("severity_text", &mut record.severity_text);
        self.text("event_name", &mut record.event_name);
        if let Some(body) = &mut record.body {
            let bytes_max = self.limits.body_bytes;
            if !self.value("body", body, bytes_max) {
                // Half of a structure would be taken for all of it.
                *body = AnyValue::default();
                self.trimmed.values += 1;
                self.cut.push("body".to_owned());
            }
        }
        self.attributes(&mut record.attributes, &mut record.dropped_attributes_count);
    }

    pub(super) fn resource(&mut self, resource: &mut Resource) {
        let dropped = &mut resource.dropped_attributes_count;
        self.attributes(&mut resource.attributes, dropped);
    }

    pub(super) fn scope(&mut self, scope: &mut InstrumentationScope) {
        self.text("scope.name", &mut scope.name);
        self.text("scope.version", &mut scope.version);
        let dropped = &mut scope.dropped_attributes_count;
        self.attributes(&mut scope.attributes, dropped);
    }

    /// The attributes that stay, and a mark that names what has been cut beside them and among them.
    fn attributes(&mut self, attributes: &mut Vec<KeyValue>, dropped: &mut u32) {
        let attributes_max = self.limits.attributes;
        let mut left_out = leave_out(attributes, attributes_max, dropped);
        let bytes_max = self.limits.value_bytes;
        let before = attributes.len();
        attributes.retain_mut(|attribute| {
            attribute.key.len() <= bytes_max
                && attribute
                    .value
                    .as_mut()
                    .is_none_or(|value| self.value(&attribute.key, value, bytes_max))
        });
        left_out += add(dropped, before - attributes.len());
        self.trimmed.attributes += left_out;
        if !self.cut.is_empty() {
            attributes.push(mark(&std::mem::take(&mut self.cut)));
        }
    }

    /// Cuts a text or bytes to `bytes_max`. False for an array or list that is larger than that.
    fn value(&mut self, name: &str, value: &mut AnyValue, bytes_max: usize) -> bool {
        match &mut value.value {
            Some(Value::StringValue(text)) => {
                if cut_text(text, bytes_max) {
                    self.note(name);
                }
                true
            }
            Some(Value::BytesValue(bytes)) => {
                if bytes.len() > bytes_max {
                    bytes.truncate(bytes_max);
                    self.note(name);
                }
                true
            }
            Some(Value::ArrayValue(array)) => array.encoded_len() <= bytes_max,
            Some(Value::KvlistValue(list)) => list.encoded_len() <= bytes_max,
            Some(
                Value::BoolValue(_)
                | Value::IntValue(_)
                | Value::DoubleValue(_)
                | Value::StringValueStrindex(_),
            )
            | None => true,
        }
    }

    fn text(&mut self, name: &str, text: &mut String) {
        if cut_text(text, self.limits.value_bytes) {
            self.note(name);
        }
    }

    fn note(&mut self, name: &str) {
        self.trimmed.values += 1;
        let mut name = name.to_owned();
        cut_text(&mut name, MARKED_NAME_BYTES_MAX);
        self.cut.push(name);
    }
}

/// The attribute that says what has been cut.
fn mark(cut: &[String]) -> KeyValue {
    let mut names = cut.get(..MARKED_NAMES_MAX).unwrap_or(cut).join(", ");
    if cut.len() > MARKED_NAMES_MAX {
        names.push_str(", ...");
    }
    KeyValue {
        key: TRUNCATED_KEY.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(names)),
        }),
        ..KeyValue::default()
    }
}

/// Keeps the first `most` and counts the others as dropped; returns how many those are.
fn leave_out<T>(items: &mut Vec<T>, most: usize, dropped: &mut u32) -> u64 {
    let over = items.len().saturating_sub(most);
    items.truncate(most);
    add(dropped, over)
}

fn add(dropped: &mut u32, count: usize) -> u64 {
    *dropped = dropped.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
    count as u64
}

/// Cuts a text at the last character that ends within `bytes_max`; true when there was more.
fn cut_text(text: &mut String, bytes_max: usize) -> bool {
    if text.len() <= bytes_max {
        return false;
    }
    text.truncate(text.floor_char_boundary(bytes_max));
    true
}
