//! Jaeger's traces: JSON as its API of version 1 answers and its user interface downloads it.
//!
//! Format: `internal/uimodel/model.go` of jaegertracing/jaeger.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::fields::{Micros, parent_id, span_id, trace_id};
use super::tags::{Envelopes, Tags, text_attribute};
use super::{Reason, Skipped, Visit, malformed, offset_in};
use crate::attributes::{Attribute, AttributeValue};
use crate::ids::{SpanId, TraceId};
use crate::resource::Resource;
use crate::semconv::SERVICE_NAME;
use crate::span::{Event, Link, Span, SpanKind};

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Trace<'a> {
    #[serde(borrow)]
    spans: Vec<&'a RawValue>,
    processes: Option<HashMap<String, Process>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Process {
    service_name: Option<String>,
    tags: Option<Vec<Tag>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JaegerSpan {
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
    /// Written by Jaeger before references had their place.
    #[serde(rename = "parentSpanID")]
    parent_span_id: Option<String>,
    operation_name: Option<String>,
    references: Option<Vec<Reference>>,
    flags: Option<u32>,
    start_time: Micros,
    duration: Option<Micros>,
    tags: Option<Vec<Tag>>,
    logs: Option<Vec<Log>>,
    #[serde(rename = "processID")]
    process_id: Option<String>,
    /// In the place of `processID` where spans are stored one by one.
    process: Option<Process>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    ref_type: String,
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
}

#[derive(Deserialize)]
struct Log {
    timestamp: Micros,
    fields: Option<Vec<Tag>>,
}

#[derive(Deserialize)]
struct Tag {
    key: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    value: Value,
}

/// Visits the spans of a document: an answer with `data`, or one trace with `spans` and `processes`.
///
/// # Errors
/// When the document as a whole is not such JSON; what was visited before is right.
pub fn visit_spans(document: &str, visit: &mut Visit<'_>) -> Result<(), serde_json::Error> {
    let answer: Answer<'_> = serde_json::from_str(document)?;
    let traces = match answer.data {
        Some(traces) => traces,
        None => vec![serde_json::from_str(document)?],
    };
    let mut envelopes = Envelopes::default();
    for raw in traces {
        let trace: Trace<'_> = match serde_json::from_str(raw.get()) {
            Ok(trace) => trace,
            Err(error) => {
                let problem = malformed(&error).replacen("not a span", "not a trace", 1);
                visit(Err(Skipped {
                    offset: offset_in(document, raw),
                    reason: Reason::Owned(problem),
                }));
                continue;
            }
        };
        let processes = trace.processes.unwrap_or_default().into_iter();
        let processes = processes
            .map(|(id, process)| (id, Arc::new(resource(process))))
            .collect();
        for record in trace.spans {
            let span = serde_json::from_str(record.get())
                .map_err(|error| malformed(&error))
                .and_then(|span| to_span(span, &processes, &mut envelopes));
            visit(span.map_err(|reason| Skipped {
                offset: offset_in(document, record),
                reason,
            }));
        }
    }
    Ok(())
}

fn resource(process: Process) -> Resource {
    let service = process.service_name.filter(|name| !name.is_empty());
    let service = service.map(|name| text_attribute(SERVICE_NAME, name));
    let tags = process.tags.unwrap_or_default().into_iter().map(attribute);
    Resource {
        is_present: true,
        attributes: service.into_iter().chain(tags).collect(),
        ..Resource::default()
    }
}

fn to_span(
    span: JaegerSpan,
    processes: &HashMap<String, Arc<Resource>>,
    envelopes: &mut Envelopes,
) -> Result<Span, Reason> {
    let resource = match (span.process, span.process_id) {
        (Some(process), _) => Arc::new(resource(process)),
        (None, Some(id)) => processes
            .get(&id)
            .map(Arc::clone)
            .ok_or(Reason::Borrowed("a span names a process that is not there"))?,
        (None, None) => envelopes.resource(""),
    };
    let mut tags = Tags::default();
    for tag in span.tags.unwrap_or_default() {
        add_tag(&mut tags, attribute(tag));
    }
    let id = trace_id(&span.trace_id)?;
    let references = span.references.unwrap_or_default();
    let Relations { parent, links } = relations(id, &references)?;
    let events = span.logs.unwrap_or_default();
    let start = span.start_time.moment()?;
    Ok(Span {
        trace_id: id,
        span_id: span_id(&span.span_id)?,
        parent_span_id: match parent {
            Some(parent) => Some(parent),
            None => parent_id(&span.parent_span_id.unwrap_or_default())?,
        },
        flags: span.flags.unwrap_or_default() & 0xff,
        name: span.operation_name.unwrap_or_default(),
        kind: tags.kind.unwrap_or(SpanKind::INTERNAL),
        start,
        end: span.duration.unwrap_or_default().after(start)?,
        dropped_attributes_count: tags.dropped_attributes_count,
        events: events.into_iter().map(event).collect::<Result<_, _>>()?,
        dropped_events_count: tags.dropped_events_count,
        links,
        dropped_links_count: tags.dropped_links_count,
        status: tags.status(),
        resource,
        scope: envelopes.scope(&tags),
        trace_state: tags.trace_state,
        attributes: tags.attributes,
    })
}

fn add_tag(tags: &mut Tags, tag: Attribute) {
    if tag.key == "error" && tag.text() == "true" {
        tags.set_failed("");
    } else {
        tags.add(tag);
    }
}

/// The parent of a span, and the spans it links to.
struct Relations {
    parent: Option<SpanId>,
    links: Vec<Link>,
}

/// The first `CHILD_OF` of the same trace is the parent, every other reference a link. Where no reference is
/// a `CHILD_OF`, the first `FOLLOWS_FROM` of the same trace is the parent too, as Jaeger draws it.
fn relations(own: TraceId, references: &[Reference]) -> Result<Relations, Reason> {
    let mut relations = Relations {
        parent: None,
        links: Vec::new(),
    };
    let mut followed = None;
    for reference in references {
        let (trace, span) = (trace_id(&reference.trace_id)?, span_id(&reference.span_id)?);
        let is_child = reference.ref_type == "CHILD_OF";
        if is_child && trace == own && relations.parent.is_none() {
            relations.parent = Some(span);
            continue;
        }
        if !is_child && trace == own && followed.is_none() {
            followed = Some(span);
        }
        relations.links.push(Link {
            trace_id: trace.as_bytes().to_vec(),
            span_id: span.as_bytes().to_vec(),
            trace_state: String::new(),
            flags: 0,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
        });
    }
    relations.parent = relations.parent.or(followed);
    Ok(relations)
}

fn event(log: Log) -> Result<Event, Reason> {
    let mut event = Event {
        time: log.timestamp.moment()?,
        name: String::new(),
        attributes: Vec::new(),
        dropped_attributes_count: 0,
    };
    for field in log.fields.unwrap_or_default() {
        let field = attribute(field);
        match (field.key.as_str(), &field.value) {
            ("event", Some(AttributeValue::String(name))) if event.name.is_empty() => {
                event.name.clone_from(name);
            }
            ("otel.event.dropped_attributes_count", Some(AttributeValue::Int(count))) => {
                event.dropped_attributes_count = u32::try_from(*count).unwrap_or(u32::MAX);
            }
            _ => event.attributes.push(field),
        }
    }
    Ok(event)
}

/// The attribute a tag is. A value that is not what its type says is kept as text.
fn attribute(tag: Tag) -> Attribute {
    let typed = match tag.kind.as_deref() {
        Some("bool") => as_bool(&tag.value).map(AttributeValue::Bool),
        Some("int64") => as_int(&tag.value).map(AttributeValue::Int),
        Some("float64") => as_double(&tag.value).map(AttributeValue::Double),
        Some("binary") => as_bytes(&tag.value).map(AttributeValue::Bytes),
        Some(_) => None,
        None => untyped(&tag.value),
    };
    let value = typed.unwrap_or_else(|| {
        AttributeValue::String(match tag.value {
            Value::String(text) => text,
            other => other.to_string(),
        })
    });
    Attribute::new(tag.key, value)
}

fn untyped(value: &Value) -> Option<AttributeValue> {
    as_int(value)
        .map(AttributeValue::Int)
        .filter(|_| value.is_number())
        .or_else(|| value.as_f64().map(AttributeValue::Double))
        .or_else(|| value.as_bool().map(AttributeValue::Bool))
}

fn as_bool(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| value.as_str()?.parse().ok())
}

fn as_int(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn as_double(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn as_bytes(value: &Value) -> Option<Vec<u8>> {
    BASE64.decode(value.as_str()?).ok()
}

#[cfg(test)]
#[path = "jaeger_tests.rs"]
mod tests;
