//! What spans and log records have in common for whoever judges them one by one.

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::Value;

use super::survey::RecordShape;
use super::too_deep;
use super::trim::Trimmer;
use crate::ids::{IdError, SpanId, TraceId};
use crate::otlp::json::object::Read;
use crate::otlp::json::read;
use crate::otlp::limits::{Trimmed, attributes_fit, value_fits};
use crate::otlp::reject::{id_problem, quoted};

/// A record of an export request.
pub(super) trait Record: Message + Default {
    /// Names in JSON of the resources, of their scopes, and of the records in those.
    const JSON_NAMES: [&'static str; 3];
    /// Where in protobuf its values are.
    const SHAPE: RecordShape;

    /// From the value of a JSON text.
    fn from_json(value: &Value) -> Read<Self>;

    /// What it is called where it is rejected.
    fn label(&self) -> String;

    /// What it is called where only its name could be read.
    fn label_by(name: &[u8]) -> String;

    /// Why it cannot be stored, if it cannot.
    fn problem(&self) -> Option<String>;

    /// Counts what was left out before it was decoded: attributes, then the lists of its shape.
    fn count_left_out(&mut self, over: &[u32]) -> Trimmed;

    /// Brings it within the limits.
    fn trim(&mut self, trimmer: &mut Trimmer<'_>);
}

impl Record for Span {
    const JSON_NAMES: [&'static str; 3] = ["resourceSpans", "scopeSpans", "spans"];
    const SHAPE: RecordShape = RecordShape {
        attributes: 9,
        // Of events and of links.
        lists: &[(11, 3), (13, 4)],
        body: None,
        name: Some(5),
    };

    fn from_json(value: &Value) -> Read<Self> {
        read::span(value)
    }

    fn label(&self) -> String {
        Self::label_by(self.name.as_bytes())
    }

    fn label_by(name: &[u8]) -> String {
        format!("span {}", quoted(&String::from_utf8_lossy(name)))
    }

    fn problem(&self) -> Option<String> {
        if let Err(error) = TraceId::from_slice(&self.trace_id) {
            return Some(id_problem("trace", &self.trace_id, error));
        }
        if let Err(error) = SpanId::from_slice(&self.span_id) {
            return Some(id_problem("span", &self.span_id, error));
        }
        // OTLP writes a root's parent as empty; an all-zero one means the same.
        if let Err(error @ IdError::WrongLength { actual: 1.., .. }) =
            SpanId::from_slice(&self.parent_span_id)
        {
            return Some(id_problem("parent span", &self.parent_span_id, error));
        }
        let mut events = self.events.iter();
        let mut links = self.links.iter();
        let fits = attributes_fit(&self.attributes)
            && events.all(|it| attributes_fit(&it.attributes))
            && links.all(|it| attributes_fit(&it.attributes));
        (!fits).then(too_deep)
    }

    fn count_left_out(&mut self, over: &[u32]) -> Trimmed {
        let [attributes, events, links] = *over else {
            return Trimmed::default();
        };
        add(&mut self.dropped_attributes_count, attributes);
        add(&mut self.dropped_events_count, events);
        add(&mut self.dropped_links_count, links);
        Trimmed {
            attributes: u64::from(attributes),
            events: u64::from(events),
            links: u64::from(links),
            ..Trimmed::default()
        }
    }

    fn trim(&mut self, trimmer: &mut Trimmer<'_>) {
        trimmer.span(self);
    }
}

impl Record for LogRecord {
    const JSON_NAMES: [&'static str; 3] = ["resourceLogs", "scopeLogs", "logRecords"];
    const SHAPE: RecordShape = RecordShape {
        attributes: 6,
        lists: &[],
        body: Some(5),
        name: None,
    };

    fn from_json(value: &Value) -> Read<Self> {
        read::log_record(value)
    }

    fn label(&self) -> String {
        Self::label_by(&[])
    }

    fn label_by(_name: &[u8]) -> String {
        "log record".to_owned()
    }

    fn problem(&self) -> Option<String> {
        let fits = attributes_fit(&self.attributes) && self.body.as_ref().is_none_or(value_fits);
        (!fits).then(too_deep)
    }

    fn count_left_out(&mut self, over: &[u32]) -> Trimmed {
        let [attributes] = *over else {
            return Trimmed::default();
        };
        add(&mut self.dropped_attributes_count, attributes);
        Trimmed {
            attributes: u64::from(attributes),
            ..Trimmed::default()
        }
    }

    fn trim(&mut self, trimmer: &mut Trimmer<'_>) {
        trimmer.log_record(self);
    }
}

fn add(dropped: &mut u32, count: u32) {
    *dropped = dropped.saturating_add(count);
}
