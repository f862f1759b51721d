//! SDKs also send metrics, which are not stored.

use http::StatusCode;
use serde_json::json;
use tests::{HttpClient, SpandrelProcess};

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

    for (outcome, count) in [("accepted", 1), ("invalid", 1), ("overloaded", 0)] {
        let labels = format!("signal=\"traces\",transport=\"http\",outcome=\"{outcome}\"");
        let line = format!("spandrel_otlp_requests_total{{{labels}}} {count}");
        assert!(page.lines().any(|it| it == line), "no {line} in\n{page}");
    }
}
