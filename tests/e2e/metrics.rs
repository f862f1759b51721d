//! What the receivers tell of themselves, and of metrics, which are not stored.

use http::StatusCode;
use serde_json::{Value, json};
use tests::{HttpClient, SpandrelProcess, export_spans};

#[tokio::test]
async fn metrics_are_answered_so_that_exporters_neither_fail_nor_retry() {
    let spandrel = SpandrelProcess::start().await;
    let otlp = HttpClient::new(spandrel.otlp_http);
    let points = json!([{ "asInt": "1" }, { "asInt": "2" }]);
    let metrics = json!([{ "name": "requests", "sum": { "dataPoints": points } }]);
    let request = json!({ "resourceMetrics": [{ "scopeMetrics": [{ "metrics": metrics }] }] });

    for _ in 0..3 {
        let headers = [("content-type", "application/json")];
        let answer = otlp
            .post("/v1/metrics", &headers, request.to_string())
            .await;
        let partial = &answer.json(StatusCode::OK)["partialSuccess"];
        assert_eq!(partial["rejectedDataPoints"], "2");
    }

    let log = spandrel.log_tail();
    assert_eq!(log.matches("metrics are not stored").count(), 1, "{log}");
}

#[tokio::test]
async fn the_metrics_page_counts_what_was_received() {
    let spandrel = SpandrelProcess::start().await;
    let otlp = HttpClient::new(spandrel.otlp_http);
    let headers = [("content-type", "application/json")];
    otlp.post("/v1/traces", &headers, "{}")
        .await
        .json(StatusCode::OK);
    otlp.post("/v1/traces", &headers, "no json")
        .await
        .json(StatusCode::BAD_REQUEST);

    let page = spandrel.api.get("/metrics").await.text();

    for (outcome, reason) in [("accepted", "none"), ("invalid", "bad_payload")] {
        let labels = format!("signal=\"traces\",protocol=\"otlp_http\",outcome=\"{outcome}\"");
        let labels = format!("{labels},reason=\"{reason}\"");
        let line = format!("spandrel_ingest_requests_total{{{labels}}} 1");
        assert!(page.lines().any(|it| it == line), "no {line} in\n{page}");
    }
}

#[tokio::test]
async fn why_data_is_not_there_is_answered_with_what_to_change() {
    let spandrel = SpandrelProcess::start_with(&["--max-request-bytes", "20KiB"]).await;
    let otlp = HttpClient::new(spandrel.otlp_http);
    let headers = [
        ("content-type", "application/json"),
        ("user-agent", "shop/1"),
    ];
    let long_ago = export_spans("checkout", &"a".repeat(32), &["pay"]);
    otlp.post("/v1/traces", &headers, long_ago)
        .await
        .json(StatusCode::OK);
    let large = "x".repeat(20 * 1024 + 1);
    otlp.post("/v1/traces", &headers, large)
        .await
        .json(StatusCode::PAYLOAD_TOO_LARGE);
    otlp.post("/v1/trace", &headers, "{}")
        .await
        .json(StatusCode::NOT_FOUND);

    let status = spandrel.api.get_json("/api/v1/status/ingest").await;

    let [sender] = status["senders"].as_array().unwrap().as_slice() else {
        panic!("{status}");
    };
    assert_eq!(sender["address"], "127.0.0.1");
    assert_eq!(sender["user_agent"], "shop/1");
    assert_eq!(sender["services"], json!(["checkout"]));
    assert_eq!(sender["records_accepted"], 1);
    assert_eq!(sender["requests_refused"], 2);
    let problems: Vec<Value> = sender["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| json!([it["reason"], it["signal"], it["answer"]]))
        .collect();
    assert_eq!(
        problems,
        [
            json!(["unknown_path", null, "404"]),
            json!(["too_large", "traces", "413"]),
            json!(["old_time", "traces", "200"]),
        ]
    );
    let advice = sender["problems"][1]["advice"].as_str().unwrap();
    assert!(
        advice.contains("OTEL_BSP_MAX_EXPORT_BATCH_SIZE"),
        "{advice}"
    );
}
