//! Metrics, which are answered and not stored.

use super::bytes::{len, num};
use super::case::{Case, Expected, JSON, METRICS, PROTOBUF, Request, bad, nothing, partial};

const NOT_STORED: &str = "spandrel stores traces and logs; metrics are not stored";
const COUNTED: &str = "senders that export metrics too are told so, and do not fail or retry";

fn rejected(name: &'static str, request: Request, count: i64) -> Case {
    Case::new(
        name,
        COUNTED,
        request,
        partial(count, NOT_STORED),
        nothing(),
    )
}

fn empty(name: &'static str, request: Request) -> Case {
    let why = "empty requests succeed; Deno exports metrics when traces are wanted";
    Case::new(name, why, request, Expected::Success, nothing())
}

pub(super) fn cases() -> Vec<Case> {
    let points = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
        {"name":"a","gauge":{"dataPoints":[{"asInt":"1"},{"asDouble":"NaN"}]}},{"name":"b","sum":{"dataPoints":[{}]}},
        {"name":"c","histogram":{"dataPoints":[{}]}},{"name":"d","exponentialHistogram":{"dataPoints":[{}]}},
        {"name":"e","summary":{"dataPoints":[{}]}},{"name":"f"}]}]}]}"#;
    let snake = r#"{"resource_metrics":[{"scope_metrics":[{"metrics":[{"exponential_histogram":{"data_points":[{}]}}]}]}]}"#;
    let gauge = len(5, &[len(1, &num(99, 1)), len(1, b"")].concat());
    let protobuf = len(1, &len(2, &len(2, &[len(1, b"a"), gauge].concat())));
    let wrong = r#"{"resourceMetrics":[{"scopeMetrics":{}}]}"#;
    vec![
        rejected(
            "points of every kind",
            Request::post(METRICS, JSON, points),
            6,
        ),
        rejected(
            "points in snake_case",
            Request::post(METRICS, JSON, snake),
            1,
        ),
        rejected(
            "points in protobuf",
            Request::post(METRICS, PROTOBUF, protobuf),
            2,
        ),
        empty("an empty object", Request::post(METRICS, JSON, "{}")),
        empty("no bytes", Request::post(METRICS, PROTOBUF, "")),
        empty(
            "a metric without points",
            Request::post(
                METRICS,
                JSON,
                r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{}]}]}]}"#,
            ),
        ),
        Case::new(
            "scopes as an object",
            "bad data is bad data here too",
            Request::post(METRICS, JSON, wrong),
            bad(
                "the payload is not a valid export request: resourceMetrics[0].scopeMetrics: must be an array",
            ),
            nothing(),
        ),
    ]
}
