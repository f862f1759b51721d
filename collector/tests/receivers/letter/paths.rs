//! Where requests go, and how.

use serde_json::json;

use super::case::{
    Case, Expected, JSON, LOGS, METRICS, PROTOBUF, Request, TRACES, Wire, json_span, nothing,
    refused, stored_span,
};

const UNKNOWN: &str = "an unknown path is 404, which is not retried, and names the known ones";
const ONLY_POST: &str = "OTLP/HTTP is POST only";
const SLASHES: &str = "an endpoint configured with a slash too many still means the same";

fn unknown(
    name: &'static str,
    path: &'static str,
    content_type: (&'static str, &'static str),
) -> Case {
    let message = format!(
        "nothing is received at {path}; this receiver knows /v1/traces, /v1/logs, /v1/metrics, \
         /api/v2/spans, /loki/api/v1/push and /api/v1/ingest/logs"
    );
    let request = Request::post(path, content_type, "");
    Case::new(
        name,
        UNKNOWN,
        request,
        refused(404, 12, &message),
        nothing(),
    )
}

fn other_method(name: &'static str, method: &'static str, path: &'static str) -> Case {
    let message = format!("{method} is not supported here; telemetry is sent with POST");
    let request = Request::post(path, PROTOBUF, "").method(method);
    let expected = refused(405, 3, &message);
    Case::new(name, ONLY_POST, request, expected, nothing()).answers("allow", "POST")
}

fn accepted(name: &'static str, why: &'static str, path: &'static str) -> Case {
    let request = Request::post(path, JSON, json_span(r#""name":"a""#));
    let stored = stored_span(json!({ "name": "a" }));
    Case::new(name, why, request, Expected::Success, stored)
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        accepted("a slash at the end", SLASHES, "/v1/traces/"),
        accepted("a doubled slash", SLASHES, "//v1/traces"),
        accepted(
            "a query",
            "a query says nothing to OTLP",
            "/v1/traces?key=1",
        ),
        unknown("the root, JSON", "/", JSON),
        unknown("the root, protobuf", "/", PROTOBUF),
        unknown("the singular", "/v1/trace", JSON),
        unknown("another version", "/v2/traces", PROTOBUF),
        unknown("another case", "/V1/Traces", JSON),
        unknown("below a known path", "/v1/traces/more", JSON),
        unknown("an encoded slash", "/v1%2Ftraces", JSON),
        unknown("no version", "/traces", JSON),
        unknown(
            "profiles, which are in development",
            "/v1development/profiles",
            PROTOBUF,
        ),
        other_method("GET", "GET", TRACES),
        other_method("PUT", "PUT", LOGS),
        other_method("PATCH", "PATCH", METRICS),
        other_method("DELETE", "DELETE", TRACES),
        other_method("OPTIONS of no browser", "OPTIONS", TRACES),
        other_method("an invented method", "EXPORT", TRACES),
        other_method("GET over HTTP/2", "GET", TRACES).over_http2(),
        Case::new(
            "HEAD",
            ONLY_POST,
            Request::post(TRACES, JSON, "").method("HEAD"),
            Expected::Plain { http: 405 },
            nothing(),
        )
        .answers("allow", "POST"),
    ]
}

impl Case {
    fn over_http2(mut self) -> Self {
        self.request = self.request.over(Wire::Http2);
        self
    }
}
