//! What is answered when there is no answer.

use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use http::Method;
use model::Signal;
use query::Limits;
use serde_json::json;

use crate::shop::{self, ORDER};
use crate::store::{Store, generous_limits};

#[tokio::test]
async fn bad_requests_are_refused_by_name() {
    let store = Store::new();
    for (path, expected) in [
        (
            "/api/v1/traces/xyz",
            r#"{"code":"invalid_parameter","message":"\"xyz\" is not a trace id: 32 hexadecimal digits that are not all zero","parameter":"trace_id"}"#,
        ),
        (
            "/api/v1/traces/00000000000000000000000000000000/skeleton",
            r#"{"code":"invalid_parameter","message":"\"00000000000000000000000000000000\" is not a trace id: 32 hexadecimal digits that are not all zero","parameter":"trace_id"}"#,
        ),
        (
            "/api/v1/traces?q=status:bad",
            r#"{"code":"invalid_parameter","message":"\"bad\" is none of unset, ok, error at position 8","parameter":"q"}"#,
        ),
        (
            "/api/v1/traces?limit=1001",
            r#"{"code":"invalid_parameter","message":"limit must be a whole number from 1 to 1000","parameter":"limit"}"#,
        ),
        (
            "/api/v1/traces?order=oldest",
            r#"{"code":"invalid_parameter","message":"order must be newest or slowest","parameter":"order"}"#,
        ),
        (
            "/api/v1/traces?start=yesterday",
            r#"{"code":"invalid_parameter","message":"\"yesterday\" is neither RFC 3339 nor unix nanoseconds","parameter":"start"}"#,
        ),
        (
            "/api/v1/logs?start=5&end=5",
            r#"{"code":"invalid_parameter","message":"end must be later than start","parameter":"end"}"#,
        ),
        (
            "/api/v1/logs?cursor=zzz",
            r#"{"code":"invalid_parameter","message":"cursor is not one that was given out","parameter":"cursor"}"#,
        ),
        (
            "/api/v1/logs?span_id=12",
            r#"{"code":"invalid_parameter","message":"\"12\" is not a span id: 16 hexadecimal digits that are not all zero","parameter":"span_id"}"#,
        ),
        (
            "/api/v1/services?limit=3",
            r#"{"code":"invalid_parameter","message":"unknown parameter \"limit\", known: none","parameter":"limit"}"#,
        ),
    ] {
        let answer = store.get(path).await;
        assert_eq!(
            (answer.status, answer.body),
            (400, format!("{{\"error\":{expected}}}"))
        );
    }
}

#[tokio::test]
async fn what_is_not_stored_is_not_found() {
    let store = Store::new();
    let message = format!("no span of trace {ORDER} is stored");
    let expected =
        format!(r#"{{"error":{{"code":"not_found","message":"{message}","parameter":null}}}}"#);
    for path in ["", "/skeleton"] {
        let answer = store.get(&format!("/api/v1/traces/{ORDER}{path}")).await;
        assert_eq!((answer.status, answer.body), (404, expected.clone()));
    }
}

#[tokio::test]
async fn unknown_api_paths_and_methods_are_answered_in_json() {
    let store = Store::new();
    for path in [
        "/api/v2/traces",
        "/api",
        "/api/",
        "/jaeger/api/nothing",
        "/api/v1/traces/a/b/c",
    ] {
        let answer = store.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.headers["content-type"], "application/json", "{path}");
        assert_eq!(answer.json()["error"]["code"], "not_found", "{path}");
    }
    let answer = store.ask(Method::DELETE, "/api/v1/logs", "").await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (
            405,
            r#"{"error":{"code":"method_not_allowed","message":"method DELETE is not allowed here","parameter":null}}"#
        )
    );
}

#[tokio::test]
async fn bad_bodies_are_refused() {
    let store = Store::new();
    let path = format!("/api/v1/traces/{ORDER}/spans");
    let too_many = format!(
        "{{\"span_ids\":[{}]}}",
        vec!["\"00000000000000a1\""; 1001].join(",")
    );
    let too_large = " ".repeat(256 * 1024 + 1);
    for (body, status, code) in [
        ("", 400, "invalid_body"),
        ("{\"ids\":[]}", 400, "invalid_body"),
        ("{\"span_ids\":[\"xy\"]}", 400, "invalid_parameter"),
        (too_many.as_str(), 400, "invalid_parameter"),
        (too_large.as_str(), 413, "body_too_large"),
    ] {
        let answer = store.ask(Method::POST, &path, body).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_eq!(answer.json()["error"]["code"], code);
    }
}

#[tokio::test]
async fn limits_that_are_reached_are_told() {
    let limits = Limits {
        rows_max: NonZeroUsize::MIN,
        ..generous_limits()
    };
    let store = shop::store().await.with_limits(limits);
    let answer = store.get("/api/v1/logs").await.json();
    assert_eq!(answer["complete"], false);
    assert_eq!(answer["incomplete_reason"], "more than 1 matching records");

    let limits = Limits {
        timeout: Duration::ZERO,
        ..generous_limits()
    };
    let store = store.with_limits(limits);
    for path in ["/api/v1/traces", "/api/v1/logs", "/api/v1/services"] {
        let answer = store.get(path).await.json();
        assert_eq!(answer["complete"], false, "{path}");
        assert_eq!(
            answer["incomplete_reason"], "the time limit of 0s was reached",
            "{path}"
        );
    }

    let limits = Limits {
        trace_spans_max: NonZeroUsize::new(2).unwrap(),
        ..generous_limits()
    };
    let store = store.with_limits(limits);
    let answer = store
        .get(&format!("/api/v1/traces/{ORDER}/skeleton"))
        .await
        .json();
    assert_eq!(answer["span_count"], 2);
    assert_eq!(
        answer["incomplete_reason"],
        "more than 2 spans in the answer"
    );
}

/// A record of this moment whose body is of so many bytes.
fn large_log(time: u64, body_bytes: usize) -> String {
    let body = json!({"stringValue": "x".repeat(body_bytes)});
    let record = json!({"timeUnixNano": time.to_string(), "body": body});
    json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).to_string()
}

/// Spans of one trace with a name of so many bytes.
fn large_spans(count: usize, name_bytes: usize) -> String {
    let name = "x".repeat(name_bytes);
    let spans: Vec<_> = (1..=count)
        .map(|n| {
            json!({
                "traceId": ORDER, "spanId": format!("{n:016x}"), "name": name,
                "startTimeUnixNano": n.to_string(), "endTimeUnixNano": (n + 1).to_string()
            })
        })
        .collect();
    json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string()
}

#[tokio::test]
async fn a_query_that_finds_no_memory_left_is_asked_to_come_back_and_gives_back_what_it_held() {
    let store = Store::new().with_query_memory(16 << 20);
    for time in 1..=12 {
        store.append(Signal::Logs, &large_log(time, 1 << 19)).await;
    }
    store
        .append(Signal::Traces, &large_spans(300, 60_000))
        .await;
    let store = store.seal().await.with_query_memory(16 << 20);
    for path in [
        "/api/v1/logs".to_owned(),
        format!("/api/v1/traces/{ORDER}"),
        format!("/jaeger/api/v3/traces/{ORDER}"),
        format!("/jaeger/api/traces/{ORDER}"),
    ] {
        let answer = store.get(&path).await;
        assert_eq!(answer.status, 503, "{path}: {}", answer.body.len());
        assert_eq!(answer.headers["retry-after"], "1", "{path}");
        let message = "of the 16777216 bytes of memory that queries may hold (--query-memory)";
        assert!(answer.body.contains(message), "{}", answer.body);
    }
    let error = store.get("/api/v1/logs").await.json();
    assert_eq!(error["error"]["code"], "out_of_memory");

    let page = store.get("/api/v1/status").await.json();
    assert_eq!(page["memory"]["query_bytes"], 0);
    assert_eq!(page["memory"]["query_bytes_max"], 16 << 20);
    let one = store.get("/api/v1/logs?limit=1").await;
    assert_eq!(one.status, 200, "less at once fits");
    let count = store.get("/api/v1/logs/count").await.json();
    assert_eq!(count["count"], 12);
}

#[tokio::test]
async fn a_scan_of_bodies_is_bounded_and_says_so() {
    let limits = Limits {
        scan_bytes_max: NonZeroU64::MIN,
        ..generous_limits()
    };
    let mut store = shop::store().await.with_limits(limits);
    for _ in ["hot", "split"] {
        for path in [
            "/api/v1/logs",
            "/api/v1/logs/count",
            "/api/v1/logs/patterns",
        ] {
            let answer = store
                .get(&format!("{path}?q=body~%5Bx-z%5D%7B9%7D"))
                .await
                .json();
            assert_eq!(answer["complete"], false, "{path}");
            assert_eq!(
                answer["incomplete_reason"],
                "more than 1 bytes of log bodies to look through one by one",
                "{path}"
            );
            let answer = store.get(&format!("{path}?q=severity:error")).await.json();
            assert_eq!(answer["complete"], true, "{path}");
        }
        store = store.seal().await;
    }
}

#[tokio::test]
async fn a_regular_expression_that_is_none_is_refused_where_it_is_wrong() {
    let store = Store::new();
    for path in ["logs", "logs/count", "logs/patterns"] {
        let answer = store
            .get(&format!("/api/v1/{path}?q=a+body~%22ab(c%22"))
            .await;
        assert_eq!(answer.status, 400);
        let error = &answer.json()["error"];
        assert_eq!(error["parameter"], "q");
        assert_eq!(
            error["message"],
            "not a regular expression: unclosed group at position 11"
        );
    }
}

#[tokio::test]
async fn a_trace_that_could_not_be_looked_for_is_not_called_missing() {
    let limits = Limits {
        timeout: Duration::ZERO,
        ..generous_limits()
    };
    let store = shop::store().await.with_limits(limits);
    let answer = store.get(&format!("/api/v1/traces/{ORDER}")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["complete"], false);
}

#[tokio::test]
async fn damaged_splits_are_told_in_every_answer() {
    let store = shop::store().await.seal().await.damage("rows.parquet");
    for path in [
        format!("/api/v1/traces/{ORDER}"),
        format!("/api/v1/traces/{ORDER}/skeleton"),
        "/api/v1/traces".to_owned(),
        "/api/v1/traces?q=service:cart".to_owned(),
        "/api/v1/logs".to_owned(),
        "/api/v1/services".to_owned(),
        "/api/v1/services/cart/operations".to_owned(),
    ] {
        let answer = store.get(&path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        let json = answer.json();
        assert_eq!(json["complete"], false, "{path}");
        let reason = json["incomplete_reason"].as_str().unwrap();
        assert!(reason.starts_with("split "), "{path}: {reason}");
        assert!(reason.ends_with(" could not be read"), "{path}: {reason}");
    }
    let answer = store.get("/jaeger/api/services").await;
    assert!(
        answer.headers["x-spandrel-incomplete"]
            .to_str()
            .unwrap()
            .starts_with("split ")
    );
    assert_eq!(answer.json()["errors"][0]["code"], 206);
    assert_eq!(store.get("/readyz").await.status, 503);
}
