//! Spans in the shape of Jaeger v1.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use model::{Attribute, AttributeValue, Event, Resource, Scope, Span, SpanKind, StatusCode};
use serde::Serialize;
use serde_json::{Map, Number, Value};

/// The largest whole number that JavaScript keeps exact; larger ones travel as text, as Jaeger does it.
const SAFE_INTEGER_MAX: u64 = (1 << 53) - 1;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Trace {
    #[serde(rename = "traceID")]
    trace_id: String,
    spans: Vec<JaegerSpan>,
    processes: Map<String, Value>,
    warnings: Option<Vec<String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JaegerSpan {
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
    operation_name: String,
    references: Vec<Reference>,
    start_time: u64,
    duration: u64,
    tags: Vec<Tag>,
    logs: Vec<Log>,
    #[serde(rename = "processID")]
    process_id: String,
    warnings: Option<Vec<String>>,
    flags: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    ref_type: &'static str,
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
}

#[derive(Serialize)]
struct Tag {
    key: String,
    #[serde(rename = "type")]
    kind: &'static str,
    value: Value,
}

#[derive(Serialize)]
struct Log {
    timestamp: u64,
    fields: Vec<Tag>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Process {
    service_name: String,
    tags: Vec<Tag>,
}

/// The spans of one trace, of which there is at least one.
pub(super) fn trace(spans: &[Span], warning: Option<&str>) -> Result<Trace, serde_json::Error> {
    let mut processes = Processes::default();
    let mut converted = Vec::with_capacity(spans.len());
    for each in spans {
        let process_id = processes.id(each)?;
        converted.push(span(each, process_id));
    }
    Ok(Trace {
        trace_id: spans
            .first()
            .map(|span| span.trace_id.to_string())
            .unwrap_or_default(),
        spans: converted,
        processes: processes.by_id,
        warnings: warning.map(|text| vec![text.to_owned()]),
    })
}

/// Resources, each with a short id.
#[derive(Default)]
struct Processes {
    by_id: Map<String, Value>,
    /// Resources by their text, since values may be numbers that are not equal to themselves.
    ids: HashMap<String, String>,
}

impl Processes {
    fn id(&mut self, span: &Span) -> Result<String, serde_json::Error> {
        let text = serde_json::to_string(&process(&span.resource))?;
        if let Some(id) = self.ids.get(&text) {
            return Ok(id.clone());
        }
        let id = format!("p{}", self.ids.len() + 1);
        self.by_id.insert(id.clone(), serde_json::from_str(&text)?);
        self.ids.insert(text, id.clone());
        Ok(id)
    }
}

fn process(resource: &Resource) -> Process {
    let is_tag = |attribute: &&Attribute| attribute.key != model::semconv::SERVICE_NAME;
    Process {
        service_name: resource.service_name().into_owned(),
        tags: resource.attributes.iter().filter(is_tag).map(tag).collect(),
    }
}

fn span(span: &Span, process_id: String) -> JaegerSpan {
    let trace_id = span.trace_id.to_string();
    let parent = span.parent_span_id.map(|parent| Reference {
        ref_type: "CHILD_OF",
        trace_id: trace_id.clone(),
        span_id: parent.to_string(),
    });
    let links = span.links.iter().filter_map(model::Link::target);
    let links = links.map(|(trace_id, span_id)| Reference {
        ref_type: "FOLLOWS_FROM",
        trace_id: trace_id.to_string(),
        span_id: span_id.to_string(),
    });
    JaegerSpan {
        span_id: span.span_id.to_string(),
        operation_name: span.name.clone(),
        references: parent.into_iter().chain(links).collect(),
        start_time: span.start.0 / 1000,
        duration: span.duration_nano() / 1000,
        tags: span
            .attributes
            .iter()
            .map(tag)
            .chain(field_tags(span))
            .collect(),
        logs: span.events.iter().map(log).collect(),
        process_id,
        warnings: None,
        flags: span.flags & 0xff,
        trace_id,
    }
}

/// Fields of a span that Jaeger shows as tags.
fn field_tags(span: &Span) -> impl Iterator<Item = Tag> {
    let kind = Some(span.kind)
        .filter(|kind| *kind != SpanKind(0))
        .and_then(SpanKind::as_str);
    let (code, is_error) = match span.status_code() {
        StatusCode::OK => (Some("OK"), None),
        StatusCode::ERROR => (Some("ERROR"), Some(true)),
        _ => (None, None),
    };
    let message = span.status.as_ref().map(|status| status.message.as_str());
    let Scope { name, version, .. } = span.scope.as_ref();
    let texts = [
        ("span.kind", kind),
        ("otel.status_code", code),
        ("otel.status_description", message),
        ("otel.scope.name", Some(name.as_str())),
        ("otel.scope.version", Some(version.as_str())),
        ("w3c.tracestate", Some(span.trace_state.as_str())),
    ];
    let texts = texts.map(|(key, text)| {
        let text = text.filter(|text| !text.is_empty())?;
        Some(Tag {
            key: key.to_owned(),
            kind: "string",
            value: Value::from(text),
        })
    });
    let error = is_error.map(|is_error| Tag {
        key: "error".to_owned(),
        kind: "bool",
        value: Value::from(is_error),
    });
    texts.into_iter().flatten().chain(error)
}

fn log(event: &Event) -> Log {
    let name = Tag {
        key: "event".to_owned(),
        kind: "string",
        value: Value::from(event.name.as_str()),
    };
    let has_name = !event.name.is_empty() && !event.attributes.iter().any(|a| a.key == "event");
    Log {
        timestamp: event.time.0 / 1000,
        fields: has_name
            .then_some(name)
            .into_iter()
            .chain(event.attributes.iter().map(tag))
            .collect(),
    }
}

fn tag(attribute: &Attribute) -> Tag {
    let (kind, value) = match &attribute.value {
        Some(AttributeValue::Bool(flag)) => ("bool", Value::from(*flag)),
        Some(AttributeValue::Int(number)) if number.unsigned_abs() <= SAFE_INTEGER_MAX => {
            ("int64", Value::from(*number))
        }
        Some(AttributeValue::Int(number)) => ("int64", Value::from(number.to_string())),
        Some(AttributeValue::Double(number)) => match Number::from_f64(*number) {
            Some(number) => ("float64", Value::Number(number)),
            None => ("string", Value::from(attribute.text().into_owned())),
        },
        Some(AttributeValue::Bytes(bytes)) => ("binary", Value::from(BASE64.encode(bytes))),
        Some(
            AttributeValue::Empty
            | AttributeValue::String(_)
            | AttributeValue::Array(_)
            | AttributeValue::KvList(_),
        )
        | None => ("string", Value::from(attribute.text().into_owned())),
    };
    Tag {
        key: attribute.key.clone(),
        kind,
        value,
    }
}
