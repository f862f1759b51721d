//! The native API.

use http::Method;

use crate::shop::{self, BROWSE, ORDER, ORPHAN};
use crate::store::{Answer, Store};

/// Asserts a good answer against its snapshot.
fn check(name: &str, answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.headers["content-type"], "application/json");
    insta::assert_snapshot!(name, answer.body);
}

#[tokio::test]
async fn a_trace_is_answered_whole_as_otlp_json() {
    let store = shop::store().await;
    check(
        "trace_whole",
        &store.get(&format!("/api/v1/traces/{ORDER}")).await,
    );
    let upper = ORDER.to_uppercase();
    check(
        "trace_whole",
        &store.get(&format!("/api/v1/traces/{upper}")).await,
    );
}

#[tokio::test]
async fn a_skeleton_has_parallel_columns_parents_and_missing_parents() {
    let store = shop::store().await;
    check(
        "skeleton_order",
        &store.get(&format!("/api/v1/traces/{ORDER}/skeleton")).await,
    );
    check(
        "skeleton_orphan",
        &store
            .get(&format!("/api/v1/traces/{ORPHAN}/skeleton"))
            .await,
    );
}

#[tokio::test]
async fn named_spans_are_answered_and_unknown_ones_passed_over() {
    let store = shop::store().await;
    let path = format!("/api/v1/traces/{ORDER}/spans");
    let body = r#"{"span_ids":["00000000000000A2","00000000000000ff"]}"#;
    check("spans_some", &store.ask(Method::POST, &path, body).await);
}

#[tokio::test]
async fn a_trace_search_lists_newest_first_with_what_matched() {
    let store = shop::store().await;
    check("traces_all", &store.get("/api/v1/traces").await);
    check(
        "traces_of_cart",
        &store.get("/api/v1/traces?q=service:cart&limit=1").await,
    );
}

#[tokio::test]
async fn every_term_must_hold_on_one_span() {
    let store = shop::store().await;
    for (query, expected) in [
        ("service:cart", vec![BROWSE, ORDER]),
        ("service:cart status:error", vec![ORDER]),
        ("service:gateway retry:true", vec![]),
        ("operation:\"POST /checkout\"", vec![ORDER]),
        ("name:GET*", vec![BROWSE]),
        ("kind:consumer", vec![ORPHAN]),
        ("duration>=900ms", vec![ORDER]),
        ("duration>900ms", vec![]),
        ("http.response.status_code:500", vec![ORDER]),
        ("exception.type:OutOfStock", vec![ORDER]),
        ("host.name:*", vec![ORDER]),
        ("big:9007199254740993", vec![ORDER]),
        ("CHECKOUT", vec![ORDER]),
        ("\"send mail\"", vec![ORPHAN]),
        ("-service:gateway -service:cart", vec![ORPHAN]),
        ("span_id:00000000000000d2", vec![BROWSE]),
        (&format!("trace_id:{ORDER}"), vec![ORDER]),
    ] {
        let escaped: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let answer = store.get(&format!("/api/v1/traces?q={escaped}")).await;
        assert_eq!(trace_ids(&answer), expected, "{query}");
    }
}

#[tokio::test]
async fn time_ranges_hold_their_start_and_not_their_end() {
    let store = shop::store().await;
    let of = async |range: &str| trace_ids(&store.get(&format!("/api/v1/traces?{range}")).await);
    assert_eq!(
        of("start=1700000001000000000&end=1700000002000000000").await,
        [ORPHAN]
    );
    assert_eq!(of("start=2023-11-14T22:13:22Z").await, [BROWSE]);
    assert_eq!(of("end=1700000000000000001").await, [ORDER]);
}

#[tokio::test]
async fn slowest_first_goes_by_the_longest_matching_span() {
    let store = shop::store().await;
    let of = async |query: &str| {
        trace_ids(
            &store
                .get(&format!("/api/v1/traces?order=slowest&{query}"))
                .await,
        )
    };
    assert_eq!(of("").await, [ORDER, ORPHAN, BROWSE]);
    assert_eq!(
        of("q=-name:%22POST+/checkout%22+-name:reserve").await,
        [ORPHAN, BROWSE, ORDER]
    );
}

#[tokio::test]
async fn a_resent_request_is_shown_and_counted_once() {
    let store = shop::store().await;
    shop::send_order_again(&store).await;
    let summary = &store
        .get("/api/v1/traces?q=service:cart+status:error")
        .await
        .json()["traces"][0];
    assert_eq!(summary["span_count"], 3);
    assert_eq!(summary["matched"]["span_count"], 1);
    let skeleton = store
        .get(&format!("/api/v1/traces/{ORDER}/skeleton"))
        .await
        .json();
    assert_eq!(skeleton["span_count"], 3);
    let whole = store.get(&format!("/api/v1/traces/{ORDER}")).await;
    assert_eq!(whole.body.matches("\"spanId\"").count(), 3);
}

#[tokio::test]
async fn spans_that_share_an_id_and_differ_are_all_shown() {
    let store = shop::store().await;
    let other = r#"{"resourceSpans":[{"resource":{"attributes":[
        {"key":"service.name","value":{"stringValue":"gateway"}}]},"scopeSpans":[{"spans":[
        {"traceId":"00000000000000000000000000000b01","spanId":"00000000000000d1","name":"GET /","kind":2,
         "startTimeUnixNano":"1700000002000000000","endTimeUnixNano":"1700000002020000000",
         "attributes":[{"key":"attempt","value":{"intValue":"2"}}]}]}]}]}"#;
    store.append(model::Signal::Traces, other).await;
    let skeleton = store
        .get(&format!("/api/v1/traces/{BROWSE}/skeleton"))
        .await
        .json();
    assert_eq!(
        skeleton["spans"]["id"],
        serde_json::json!(["00000000000000d1", "00000000000000d1", "00000000000000d2"])
    );
    assert_eq!(skeleton["spans"]["parent"], serde_json::json!([-1, -1, 0]));
}

#[tokio::test]
async fn log_records_are_answered_with_everything_they_say() {
    let store = shop::store().await;
    check("logs_all", &store.get("/api/v1/logs").await);
}

#[tokio::test]
async fn log_records_are_found_by_every_key() {
    let store = shop::store().await;
    for (query, expected) in [
        (
            "order=oldest",
            vec![
                "",
                "hello \"world\"",
                "reserving 3 items",
                "out of stock: socks",
                CART_FULL,
            ],
        ),
        (
            "q=severity%3E%3Dwarn",
            vec![CART_FULL, "out of stock: socks"],
        ),
        ("q=severity:error", vec!["out of stock: socks"]),
        ("q=STOCK+out", vec!["out of stock: socks"]),
        ("q=%22of+STOCK%22", vec!["out of stock: socks"]),
        ("q=stoc", vec![]),
        ("q=service:unknown_service+-hello", vec![""]),
        ("q=item.count:3", vec!["reserving 3 items"]),
        ("q=event_name:cart.*", vec![CART_FULL]),
        (
            "trace_id=0af7651916cd43dd8448eb211c80319c&q=socks",
            vec!["out of stock: socks"],
        ),
        (
            "span_id=00000000000000b1&order=oldest",
            vec!["reserving 3 items", "out of stock: socks"],
        ),
        (
            "start=1700000000150000000&end=1700000000250000000",
            vec!["reserving 3 items"],
        ),
        ("start=1700000003000000000", vec![CART_FULL]),
    ] {
        let answer = store.get(&format!("/api/v1/logs?{query}")).await;
        let json = answer.json();
        let mut bodies: Vec<&str> = json["logs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|log| log["body"].as_str().unwrap())
            .collect();
        if query == "order=oldest" {
            // The first two share their moment: which comes first is decided by what they say.
            bodies[..2].sort_unstable();
        }
        assert_eq!(bodies, expected, "{query}");
    }
}

const CART_FULL: &str = r#"{"kvlistValue":{"values":[{"key":"size","value":{"intValue":"99"}}]}}"#;

#[tokio::test]
async fn services_and_operations_are_counted() {
    let store = shop::store().await;
    check("services", &store.get("/api/v1/services").await);
    check(
        "operations",
        &store.get("/api/v1/services/gateway/operations").await,
    );
    check(
        "operations_unknown",
        &store.get("/api/v1/services/no%2Fbody/operations").await,
    );
}

#[tokio::test]
async fn the_status_says_what_is_stored_and_where_to_send() {
    let store = Store::new();
    let empty = store.get("/api/v1/status").await.json();
    assert_eq!(empty["newest_span_unix_nano"], serde_json::Value::Null);
    shop::fill(&store).await;
    let mut status = store.get("/api/v1/status").await.json();
    assert!(status["stored"]["wal_bytes"].as_u64().unwrap() > 0);
    status["stored"]["wal_bytes"] = 0.into();
    // What files take, and how large the disk is, depends on the machine.
    for bytes in status["disk"].as_object_mut().unwrap().values_mut() {
        if bytes.is_u64() {
            *bytes = 0.into();
        }
    }
    insta::assert_json_snapshot!("status", status);
}

#[tokio::test]
async fn sealing_changes_nothing_but_what_was_scanned() {
    let paths = [
        format!("/api/v1/traces/{ORDER}"),
        format!("/api/v1/traces/{ORDER}/skeleton"),
        "/api/v1/traces?order=slowest".to_owned(),
        "/api/v1/traces?q=service:cart&limit=1".to_owned(),
        "/api/v1/logs".to_owned(),
        "/api/v1/services".to_owned(),
        "/api/v1/services/gateway/operations".to_owned(),
        format!("/jaeger/api/traces/{ORDER}"),
        "/jaeger/api/dependencies?endTs=1700000100000&lookback=200000".to_owned(),
    ];
    let store = shop::store().await;
    let mut before = Vec::new();
    for path in &paths {
        before.push(without_scanned(&store.get(path).await));
    }
    let store = store.seal().await;
    let status = store.get("/api/v1/status").await.json();
    assert_eq!(status["stored"]["hot_spans"], 0);
    for (path, before) in paths.iter().zip(before) {
        assert_eq!(without_scanned(&store.get(path).await), before, "{path}");
    }
}

fn without_scanned(answer: &Answer) -> serde_json::Value {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mut json = answer.json();
    if let Some(object) = json.as_object_mut() {
        object.remove("scanned");
    }
    json
}

#[tokio::test]
async fn health_ready_and_metrics_answer_in_text() {
    let store = shop::store().await;
    assert_eq!(store.get("/healthz").await.body, "alive\n");
    let ready = store.get("/readyz").await;
    assert_eq!((ready.status, ready.body.as_str()), (200, "ready\n"));
    let metrics = store.get("/metrics").await;
    assert_eq!(
        metrics.headers["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    assert!(
        metrics.body.contains("\nspandrel_storage_spans 6\n"),
        "{}",
        metrics.body
    );
    assert!(
        metrics.body.ends_with("another_part 1\n"),
        "{}",
        metrics.body
    );
}

#[tokio::test]
async fn the_ingest_status_says_who_sends_and_what_to_change() {
    let status = Store::new().get("/api/v1/status/ingest").await.json();
    insta::assert_json_snapshot!("ingest_status", status);
}

#[tokio::test]
async fn the_committed_openapi_document_is_served() {
    let answer = Store::new().get("/api/v1/openapi.json").await;
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    assert_eq!(answer.body, std::fs::read_to_string(committed).unwrap());
}

#[tokio::test]
async fn api_answers_are_data_and_nothing_else() {
    let answer = shop::store().await.get("/api/v1/services").await;
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        (
            "content-security-policy",
            "default-src 'none'; frame-ancestors 'none'",
        ),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(answer.headers[name], value);
    }
}

fn trace_ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let json = answer.json();
    assert_eq!(json["complete"], true);
    let traces = json["traces"].as_array().unwrap();
    traces
        .iter()
        .map(|trace| trace["trace_id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn bodies_are_searched_by_prefix_part_letter_case_and_regular_expression() {
    let mut store = shop::store().await;
    let expected: [(&str, &[&str]); 15] = [
        ("stoc*", &["out of stock: socks"]),
        ("tock*", &[]),
        ("\"of STO\"*", &["out of stock: socks"]),
        ("\"tock: so\"", &["out of stock: socks"]),
        ("body:stock", &["out of stock: socks"]),
        ("body:Ser*", &[]),
        ("body:\"ERV\"", &["reserving 3 items"]),
        ("case:Stock", &[]),
        ("case:stock", &["out of stock: socks"]),
        ("case:\"erv\"", &["reserving 3 items"]),
        ("case:res*", &["reserving 3 items"]),
        (r#"body~"\d\s""#, &["reserving 3 items"]),
        (r#"body~"hello \"w""#, &["hello \"world\""]),
        (
            "body~(?i)ST[A-O]CK severity:error",
            &["out of stock: socks"],
        ),
        ("body:* -body~[0-9] -body~w.r", &["out of stock: socks"]),
    ];
    for _ in ["hot", "split"] {
        for (query, bodies) in expected {
            let escaped: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
            let answer = store.get(&format!("/api/v1/logs?q={escaped}")).await;
            let json = answer.json();
            assert_eq!(json["complete"], true, "{query}");
            let logs = json["logs"].as_array().unwrap().iter();
            let found: Vec<&str> = logs.map(|log| log["body"].as_str().unwrap()).collect();
            assert_eq!(found, bodies, "{query}");
            for path in ["count", "patterns"] {
                let answer = store.get(&format!("/api/v1/logs/{path}?q={escaped}")).await;
                assert_eq!(answer.json()["count"], bodies.len(), "{path} {query}");
            }
        }
        store = store.seal().await;
    }
}

#[tokio::test]
async fn an_answer_says_how_many_bytes_of_bodies_were_looked_through() {
    let store = shop::store().await.seal().await;
    let scanned = async |query: &str| {
        let count = store
            .get(&format!("/api/v1/logs/count?q={query}"))
            .await
            .json();
        let logs = store.get(&format!("/api/v1/logs?q={query}")).await.json();
        [count, logs].map(|answer| answer["scanned"]["body_bytes"].as_u64().unwrap())
    };
    assert_eq!(scanned("service:cart").await, [0, 0]);
    assert_eq!(scanned("body~%5Bx-z%5D%7B9%7D").await, [118, 118]);
    assert_eq!(
        scanned("severity:error+body~%5Bx-z%5D%7B9%7D").await,
        [19, 19]
    );
}

#[tokio::test]
async fn log_records_are_counted_also_by_pattern() {
    let store = shop::store().await;
    let counts = [
        ("", 5),
        ("?q=STOCK", 1),
        ("?q=-stock", 4),
        ("?q=service:cart", 3),
    ];
    for (query, count) in counts {
        let answer = store.get(&format!("/api/v1/logs/count{query}")).await;
        assert_eq!(answer.json()["count"], count, "{query}");
    }
    let answer = store.get("/api/v1/logs/patterns?limit=2").await.json();
    let rest = ["beyond_limit", "without_pattern", "count"].map(|name| answer[name].as_u64());
    assert_eq!(rest, [Some(2), Some(1), Some(5)]);
    assert_eq!(answer["patterns"].as_array().unwrap().len(), 2);
    let answer = store.get("/api/v1/logs/patterns?q=reserving").await.json();
    let expected = serde_json::json!([{
        "pattern": "reserving <num> items", "count": 1,
        "first_unix_nano": "1700000000150000000", "last_unix_nano": "1700000000150000000",
    }]);
    assert_eq!(answer["patterns"], expected);
}
