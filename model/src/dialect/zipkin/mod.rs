//! Zipkin's spans: version 2 of its API, in JSON and in protobuf.
//!
//! Formats: `zipkin2-api.yaml` and `zipkin.proto` of openzipkin/zipkin-api.

mod protobuf;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::endpoints::{Endpoint, LOCAL, REMOTE};
use super::fields::{Micros, parent_id, span_id, trace_id};
use super::tags::{Envelopes, Tags, text_attribute};
use super::translation::{Admit, TranslateError, Translated, Translation};
use super::{Reason, Skipped, Visit, elements, malformed, offset_in, text_of};
use crate::attributes::{Attribute, AttributeValue};
use crate::otlp::encode_spans;
use crate::span::{Event, Span, SpanKind};
use crate::time::UnixNanos;

pub use protobuf::translate_protobuf;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ZipkinSpan {
    trace_id: String,
    id: String,
    parent_id: Option<String>,
    kind: Option<String>,
    name: Option<String>,
    timestamp: Option<Micros>,
    duration: Option<Micros>,
    debug: Option<bool>,
    shared: Option<bool>,
    local_endpoint: Option<Endpoint>,
    remote_endpoint: Option<Endpoint>,
    annotations: Option<Vec<Annotation>>,
    tags: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Annotation {
    timestamp: Micros,
    value: String,
}

/// Visits the spans of a document: a list of spans, or one span.
///
/// # Errors
/// When the document as a whole is not JSON; nothing of it was visited then.
pub fn visit_spans(document: &str, visit: &mut Visit<'_>) -> Result<(), serde_json::Error> {
    let records: Vec<&RawValue> = if document.trim_start().starts_with('[') {
        serde_json::from_str(document)?
    } else {
        vec![serde_json::from_str(document)?]
    };
    let mut envelopes = Envelopes::default();
    for record in records {
        visit(read_span(record, &mut envelopes).map_err(|reason| Skipped {
            offset: offset_in(document, record),
            reason,
        }));
    }
    Ok(())
}

/// Turns what a reporter sends, a list of spans, into OTLP.
///
/// # Errors
/// When the body as a whole is no list, or [`Admit`] says no.
pub fn translate_json(body: &[u8], admit: &mut Admit<'_>) -> Result<Translated, TranslateError> {
    let document = text_of(body)?;
    let mut envelopes = Envelopes::default();
    let mut translation = Translation::new(encode_spans, admit);
    let mut number = 0_u64;
    elements::visit(document, |record| {
        number += 1;
        match read_span(record, &mut envelopes) {
            Ok(span) => translation.push(span, record.get().len()),
            Err(reason) => {
                translation.reject(|| format!("span {number}"), reason);
                Ok(())
            }
        }
    })??;
    translation.finish()
}

fn read_span(record: &RawValue, envelopes: &mut Envelopes) -> Result<Span, Reason> {
    serde_json::from_str(record.get())
        .map_err(|error| malformed(&error))
        .and_then(|span| to_span(span, envelopes))
}

fn to_span(span: ZipkinSpan, envelopes: &mut Envelopes) -> Result<Span, Reason> {
    let mut tags = Tags::default();
    for (key, value) in span.tags.unwrap_or_default() {
        add_tag(&mut tags, &key, value);
    }
    let local = span.local_endpoint.unwrap_or_default();
    local.add_to(&mut tags, &LOCAL);
    span.remote_endpoint
        .unwrap_or_default()
        .add_to(&mut tags, &REMOTE);
    for (key, flag) in [("zipkin.debug", span.debug), ("zipkin.shared", span.shared)] {
        if flag == Some(true) {
            let value = AttributeValue::Bool(true);
            tags.attributes.push(Attribute::new(key, value));
        }
    }
    let events = span.annotations.unwrap_or_default();
    let events = events.iter().map(event).collect::<Result<Vec<_>, _>>()?;
    let start = start(span.timestamp, &events)?;
    Ok(Span {
        trace_id: trace_id(&span.trace_id)?,
        span_id: span_id(&span.id)?,
        parent_span_id: parent_id(&span.parent_id.unwrap_or_default())?,
        flags: 0,
        name: span.name.unwrap_or_default(),
        kind: kind(span.kind.as_deref(), &tags),
        start,
        end: span.duration.unwrap_or_default().after(start)?,
        dropped_attributes_count: tags.dropped_attributes_count,
        events,
        dropped_events_count: tags.dropped_events_count,
        links: Vec::new(),
        dropped_links_count: tags.dropped_links_count,
        status: tags.status(),
        resource: envelopes.resource(local.service_name.as_deref().unwrap_or_default()),
        scope: envelopes.scope(&tags),
        trace_state: tags.trace_state,
        attributes: tags.attributes,
    })
}

fn add_tag(tags: &mut Tags, key: &str, value: Value) {
    // Zipkin's tags are texts; what else is found in the wild is taken by its JSON.
    let text = match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    match (key, text.as_str()) {
        // Zipkin takes any span with this tag for a failed one, whatever it says.
        ("error", "true" | "") => tags.set_failed(""),
        ("error", "false") => {}
        ("error", message) => tags.set_failed(message),
        _ => tags.add(text_attribute(key, text)),
    }
}

/// A span of Zipkin without a kind is internal, as an exporter that follows the specification leaves it out.
fn kind(name: Option<&str>, tags: &Tags) -> SpanKind {
    name.and_then(|name| SpanKind::from_name(&name.to_lowercase()))
        .or(tags.kind)
        .unwrap_or(SpanKind::INTERNAL)
}

/// A span that was reported before it was known when it began has its first annotation.
fn start(timestamp: Option<Micros>, events: &[Event]) -> Result<UnixNanos, Reason> {
    match timestamp.filter(|timestamp| timestamp.0 != 0) {
        Some(timestamp) => timestamp.moment(),
        None => events
            .iter()
            .map(|event| event.time)
            .min()
            .ok_or(Reason::Borrowed(
                "a span has neither timestamp nor annotations",
            )),
    }
}

fn event(annotation: &Annotation) -> Result<Event, Reason> {
    let (name, attributes) = match named_attributes(&annotation.value) {
        Some(parts) => parts,
        None => (annotation.value.clone(), Vec::new()),
    };
    Ok(Event {
        time: annotation.timestamp.moment()?,
        name,
        attributes,
        dropped_attributes_count: 0,
    })
}

/// An event with attributes, as exporters of OpenTelemetry write it: `"name": {"key": "value"}`.
fn named_attributes(text: &str) -> Option<(String, Vec<Attribute>)> {
    if !text.starts_with('"') {
        return None;
    }
    let pairs: Map<String, Value> = serde_json::from_str(&format!("{{{text}}}")).ok()?;
    let mut pairs = pairs.into_iter();
    let (name, Value::Object(values)) = pairs.next()? else {
        return None;
    };
    let attributes = values.into_iter().map(|(key, value)| {
        let value = match value {
            Value::String(text) => AttributeValue::String(text),
            Value::Bool(flag) => AttributeValue::Bool(flag),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => AttributeValue::Int(whole),
                (None, Some(double)) => AttributeValue::Double(double),
                (None, None) => AttributeValue::String(number.to_string()),
            },
            other @ (Value::Null | Value::Array(_) | Value::Object(_)) => {
                AttributeValue::String(other.to_string())
            }
        };
        Attribute::new(key, value)
    });
    pairs.next().is_none().then(|| (name, attributes.collect()))
}

#[cfg(test)]
mod tests;
