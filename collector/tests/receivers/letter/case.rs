//! What a case is made of.

use serde_json::{Value, json};

pub(super) const TRACE: &str = "5b8efff798038103d269b633813fc60c";
pub(super) const SPAN: &str = "eee19b7ec3c1b174";

/// The content type of the two encodings over HTTP.
pub(super) const JSON: (&str, &str) = ("Content-Type", "application/json");
pub(super) const PROTOBUF: (&str, &str) = ("Content-Type", "application/x-protobuf");

pub(super) const TRACES: &str = "/v1/traces";
pub(super) const LOGS: &str = "/v1/logs";
pub(super) const METRICS: &str = "/v1/metrics";

/// One request, what it must get, and why.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) why: &'static str,
    pub(super) flags: Vec<&'static str>,
    pub(super) request: Request,
    pub(super) expected: Expected,
    /// Headers of the answer beside those that follow from `expected`; an empty value means absent.
    pub(super) headers: Vec<(&'static str, &'static str)>,
    /// All that is in the storage afterwards, as OTLP JSON.
    pub(super) stored: Value,
}

/// How a request travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// HTTP/1.1, written by hand, to the HTTP port.
    Http1,
    /// HTTP/2 without TLS and without asking first, to the HTTP port.
    Http2,
    /// A body that is framed already, over HTTP/2 to the gRPC port.
    Grpc,
    /// All bytes of a connection, to the HTTP port. Only the encoding is read off the headers.
    Raw,
    /// All bytes of a connection, to the gRPC port.
    RawGrpc,
    /// A request that is no gRPC call, over HTTP/2 to the gRPC port.
    NoGrpc,
}

#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) wire: Wire,
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) headers: Vec<(&'static str, &'static str)>,
    pub(super) body: Vec<u8>,
}

/// What the sender is told.
#[derive(Debug, Clone)]
pub(super) enum Expected {
    /// Everything was taken.
    Success,
    /// Some records were not.
    Partial { count: i64, message: String },
    /// Nothing was. Over gRPC there is no HTTP status to look at. A message that ends in `…` is a beginning.
    Refused {
        http: u16,
        code: i32,
        message: String,
    },
    /// An answer of HTTP itself, without a body that OTLP defines.
    Plain { http: u16 },
}

pub(super) fn refused(http: u16, code: i32, message: &str) -> Expected {
    Expected::Refused {
        http,
        code,
        message: message.to_owned(),
    }
}

/// A body of JSON or protobuf that cannot be read.
pub(super) fn bad(message: &str) -> Expected {
    refused(400, 3, message)
}

pub(super) fn partial(count: i64, message: &str) -> Expected {
    Expected::Partial {
        count,
        message: message.to_owned(),
    }
}

impl Request {
    /// A POST over HTTP/1.1.
    pub(super) fn post(
        path: &'static str,
        content_type: (&'static str, &'static str),
        body: impl Into<Vec<u8>>,
    ) -> Self {
        Self {
            wire: Wire::Http1,
            method: "POST",
            path,
            headers: vec![content_type],
            body: body.into(),
        }
    }

    /// The bytes of a connection.
    pub(super) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            wire: Wire::Raw,
            body: bytes.into(),
            ..Self::post(TRACES, JSON, "")
        }
    }

    /// A gRPC call with this body.
    pub(super) fn grpc(path: &'static str, framed: impl Into<Vec<u8>>) -> Self {
        Self {
            wire: Wire::Grpc,
            method: "POST",
            path,
            headers: vec![("content-type", "application/grpc"), ("te", "trailers")],
            body: framed.into(),
        }
    }

    pub(super) fn over(mut self, wire: Wire) -> Self {
        self.wire = wire;
        self
    }

    pub(super) fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Whether the answer is in protobuf, which over HTTP follows the request.
    pub(super) fn is_protobuf(&self) -> bool {
        let is_protobuf = |(name, value): &(&str, &str)| {
            name.eq_ignore_ascii_case("content-type")
                && value.to_ascii_lowercase().contains("x-protobuf")
        };
        self.headers.iter().any(is_protobuf)
    }
}

impl Case {
    pub(super) fn new(
        name: &'static str,
        why: &'static str,
        request: Request,
        expected: Expected,
        stored: Value,
    ) -> Self {
        Self {
            name,
            why,
            flags: Vec::new(),
            request,
            expected,
            headers: Vec::new(),
            stored,
        }
    }

    pub(super) fn flags(mut self, flags: &[&'static str]) -> Self {
        self.flags = flags.to_vec();
        self
    }

    /// The answer has this header; an empty value means that it has not.
    pub(super) fn answers(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// The JSON of a trace request with one span of valid ids and these fields.
pub(super) fn json_span(fields: &str) -> String {
    let comma = if fields.is_empty() { "" } else { "," };
    json_spans(&format!(
        r#"{{"traceId":"{TRACE}","spanId":"{SPAN}"{comma}{fields}}}"#
    ))
}

/// The JSON of a trace request with these spans.
pub(super) fn json_spans(spans: &str) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#)
}

/// The JSON of a log request with these records.
pub(super) fn json_logs(records: &str) -> String {
    format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{records}]}}]}}]}}"#)
}

/// Storage with nothing in it.
pub(super) fn nothing() -> Value {
    json!({ "resourceSpans": [], "resourceLogs": [] })
}

/// Storage with these `resourceSpans`.
pub(super) fn stored_traces(resource_spans: &Value) -> Value {
    json!({ "resourceSpans": resource_spans, "resourceLogs": [] })
}

/// Storage with these spans, which have neither resource nor scope.
pub(super) fn stored_spans(spans: &Value) -> Value {
    stored_traces(&json!([{ "scopeSpans": [{ "spans": spans }] }]))
}

/// Storage with one span of the ids of [`json_span`] and these fields.
pub(super) fn stored_span(fields: Value) -> Value {
    stored_spans(&json!([span(fields)]))
}

/// The JSON of a span with the ids of [`json_span`], an empty name and these fields.
pub(super) fn span(fields: Value) -> Value {
    let mut span = json!({ "traceId": TRACE, "spanId": SPAN, "name": "" });
    let Value::Object(fields) = fields else {
        panic!("fields are an object");
    };
    for (key, value) in fields {
        span[key] = value;
    }
    span
}

/// Storage with these log records, which have neither resource nor scope.
pub(super) fn stored_logs(records: &Value) -> Value {
    json!({ "resourceSpans": [], "resourceLogs": [{ "scopeLogs": [{ "logRecords": records }] }] })
}
