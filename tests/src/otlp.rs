//! OTLP JSON: export requests to send, and traces as the API returns them, in a form that is easy to
//! compare.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

const START_UNIX_NANO: u64 = 1_790_000_000_000_000_000;

/// One span of a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanView {
    /// `service.name` of its resource.
    pub service: String,
    /// Its id, in hex.
    pub span_id: String,
    /// The id of its parent, in hex; empty for a root.
    pub parent_span_id: String,
    /// Its name.
    pub name: String,
    /// The number of its kind.
    pub kind: i64,
    /// When it started.
    pub start_unix_nano: u64,
    /// The number of its status code; 0 when unset.
    pub status_code: i64,
    /// Its attributes; values as in OTLP JSON.
    pub attributes: BTreeMap<String, Value>,
    /// The span ids of its links, in hex.
    pub linked_span_ids: Vec<String>,
}

/// A whole trace, in the order in which its spans started.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TraceView {
    /// The spans.
    pub spans: Vec<SpanView>,
}

impl TraceView {
    /// Reads the `resourceSpans` of an answer.
    pub fn from_json(answer: &Value) -> Self {
        let mut spans = Vec::new();
        for resource_spans in list(&answer["resourceSpans"]) {
            let resource = attributes(&resource_spans["resource"]["attributes"]);
            let service = resource
                .get("service.name")
                .map_or("", |it| text(&it["stringValue"]));
            for scope_spans in list(&resource_spans["scopeSpans"]) {
                spans.extend(
                    list(&scope_spans["spans"])
                        .iter()
                        .map(|it| span(service, it)),
                );
            }
        }
        spans.sort_by(|a, b| (a.start_unix_nano, &a.span_id).cmp(&(b.start_unix_nano, &b.span_id)));
        Self { spans }
    }

    /// The services with spans in it.
    pub fn services(&self) -> BTreeSet<&str> {
        self.spans
            .iter()
            .map(|span| span.service.as_str())
            .collect()
    }

    /// The names of all spans, in the order of their starts.
    pub fn names(&self) -> Vec<&str> {
        self.spans.iter().map(|span| span.name.as_str()).collect()
    }

    /// The names that begin with `prefix`, in the order of their starts.
    pub fn names_with(&self, prefix: &str) -> Vec<&str> {
        self.names()
            .into_iter()
            .filter(|name| name.starts_with(prefix))
            .collect()
    }

    /// The one span with this name.
    pub fn span(&self, name: &str) -> &SpanView {
        let mut spans = self.spans.iter().filter(|span| span.name == name);
        let span = spans
            .next()
            .unwrap_or_else(|| panic!("no {name:?} in {:?}", self.names()));
        assert_eq!(spans.next(), None, "two spans are called {name:?}");
        span
    }

    /// The span with this id, if it is there.
    pub fn by_id(&self, span_id: &str) -> Option<&SpanView> {
        self.spans.iter().find(|span| span.span_id == span_id)
    }

    /// Which service called or messaged which: parent and child spans of different services.
    pub fn edges(&self) -> BTreeSet<(&str, &str)> {
        let parents: BTreeMap<&str, &SpanView> = self
            .spans
            .iter()
            .map(|span| (span.span_id.as_str(), span))
            .collect();
        let edge = |span: &'_ SpanView| parents.get(span.parent_span_id.as_str()).copied();
        self.spans
            .iter()
            .filter_map(|span| edge(span).map(|parent| (parent, span)))
            .map(|(parent, span)| (parent.service.as_str(), span.service.as_str()))
            .filter(|(parent, child)| parent != child)
            .collect()
    }

    /// Spans whose parent is not in the trace, although they name one.
    pub fn orphans(&self) -> Vec<&SpanView> {
        let is_orphan = |span: &&SpanView| {
            !span.parent_span_id.is_empty() && self.by_id(&span.parent_span_id).is_none()
        };
        self.spans.iter().filter(is_orphan).collect()
    }
}

impl SpanView {
    /// The text of a string attribute; empty when it is not there.
    pub fn attribute(&self, key: &str) -> &str {
        self.attributes
            .get(key)
            .map_or("", |value| text(&value["stringValue"]))
    }
}

fn span(service: &str, span: &Value) -> SpanView {
    let links = list(&span["links"]).iter();
    SpanView {
        service: service.to_owned(),
        span_id: text(&span["spanId"]).to_owned(),
        parent_span_id: text(&span["parentSpanId"]).to_owned(),
        name: text(&span["name"]).to_owned(),
        kind: span["kind"].as_i64().unwrap_or(0),
        start_unix_nano: text(&span["startTimeUnixNano"]).parse().unwrap(),
        status_code: span["status"]["code"].as_i64().unwrap_or(0),
        attributes: attributes(&span["attributes"]),
        linked_span_ids: links.map(|link| text(&link["spanId"]).to_owned()).collect(),
    }
}

fn attributes(list_of_pairs: &Value) -> BTreeMap<String, Value> {
    list(list_of_pairs)
        .iter()
        .map(|it| (text(&it["key"]).to_owned(), it["value"].clone()))
        .collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

/// An export request with one span for each name; the first is the root, the others its children.
pub fn export_spans(service: &str, trace_id: &str, names: &[&str]) -> Vec<u8> {
    let spans: Vec<Value> = names
        .iter()
        .enumerate()
        .map(|(index, name)| {
            json!({
                "traceId": trace_id,
                "spanId": format!("{:016x}", index + 1),
                "parentSpanId": if index == 0 { String::new() } else { format!("{:016x}", 1) },
                "name": name,
                "kind": 2,
                "startTimeUnixNano": (START_UNIX_NANO + index as u64).to_string(),
                "endTimeUnixNano": (START_UNIX_NANO + 1_000).to_string(),
            })
        })
        .collect();
    let scope_spans = json!([{ "scope": { "name": "e2e" }, "spans": spans }]);
    let resource = resource(service);
    json!({ "resourceSpans": [{ "resource": resource, "scopeSpans": scope_spans }] })
        .to_string()
        .into_bytes()
}

/// An export request with one log record for each body, of one trace.
pub fn export_logs(service: &str, trace_id: &str, bodies: &[&str]) -> Vec<u8> {
    let records: Vec<Value> = bodies
        .iter()
        .enumerate()
        .map(|(index, body)| {
            json!({
                "timeUnixNano": (START_UNIX_NANO + index as u64).to_string(),
                "severityNumber": 9,
                "severityText": "INFO",
                "body": { "stringValue": body },
                "traceId": trace_id,
                "spanId": format!("{:016x}", 1),
            })
        })
        .collect();
    let scope_logs = json!([{ "scope": { "name": "e2e" }, "logRecords": records }]);
    let resource = resource(service);
    json!({ "resourceLogs": [{ "resource": resource, "scopeLogs": scope_logs }] })
        .to_string()
        .into_bytes()
}

fn resource(service: &str) -> Value {
    json!({ "attributes": [{ "key": "service.name", "value": { "stringValue": service } }] })
}
