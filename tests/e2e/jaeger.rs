//! Tools that speak Jaeger's API: Grafana's Jaeger source, and jaeger-ui.

use http::StatusCode;
use serde_json::json;
use tests::{HttpClient, SpandrelProcess, TraceView, export_spans};

const TRACE_ID: &str = "5b8efff798038103d269b633813fc60c";

async fn spandrel_with_a_trace() -> SpandrelProcess {
    let spandrel = SpandrelProcess::start().await;
    let otlp = HttpClient::new(spandrel.otlp_http);
    let headers = [("content-type", "application/json")];
    let spans = export_spans("checkout", TRACE_ID, &["POST /checkout", "charge"]);
    otlp.post("/v1/traces", &headers, spans)
        .await
        .json(StatusCode::OK);
    spandrel
}

#[tokio::test]
async fn services_and_operations_are_listed() {
    let spandrel = spandrel_with_a_trace().await;

    let services = spandrel.api.get_json("/jaeger/api/services").await;
    assert_eq!(services["data"], json!(["checkout"]));
    let operations = spandrel
        .api
        .get_json("/jaeger/api/services/checkout/operations")
        .await;
    assert_eq!(operations["data"], json!(["POST /checkout", "charge"]));
}

#[tokio::test]
async fn a_trace_is_opened_by_its_id() {
    let spandrel = spandrel_with_a_trace().await;

    let answer = spandrel
        .api
        .get_json(&format!("/jaeger/api/traces/{TRACE_ID}"))
        .await;

    let trace = &answer["data"][0];
    assert_eq!(trace["traceID"], TRACE_ID);
    let mut spans: Vec<_> = trace["spans"]
        .as_array()
        .unwrap()
        .iter()
        .map(|span| {
            (
                span["operationName"].as_str().unwrap(),
                span["spanID"].as_str().unwrap(),
            )
        })
        .collect();
    spans.sort_unstable();
    assert_eq!(
        spans,
        [
            ("POST /checkout", "0000000000000001"),
            ("charge", "0000000000000002")
        ]
    );
    let processes = trace["processes"].as_object().unwrap();
    let services: Vec<_> = processes.values().map(|it| &it["serviceName"]).collect();
    assert_eq!(services, [&json!("checkout")]);
}

#[tokio::test]
async fn traces_are_searched_by_service_and_operation() {
    let spandrel = spandrel_with_a_trace().await;
    let search = |operation: &str| {
        format!(
            "/jaeger/api/traces?service=checkout&operation={operation}&limit=20\
             &start=1780000000000000&end=1800000000000000"
        )
    };

    let found = spandrel.api.get_json(&search("charge")).await;
    assert_eq!(found["data"][0]["traceID"], TRACE_ID);
    let not_found = spandrel.api.get_json(&search("refund")).await;
    assert_eq!(not_found["data"], json!([]));
}

#[tokio::test]
async fn version_3_lists_services_and_opens_a_trace_as_otlp() {
    let spandrel = spandrel_with_a_trace().await;

    let services = spandrel.api.get_json("/jaeger/api/v3/services").await;
    assert_eq!(services["services"], json!(["checkout"]));
    let answer = spandrel
        .api
        .get_json(&format!("/jaeger/api/v3/traces/{TRACE_ID}"))
        .await;
    let trace = TraceView::from_json(&answer["result"]);
    assert_eq!(trace, spandrel.trace(TRACE_ID).await);
    assert_eq!(trace.names(), ["POST /checkout", "charge"]);
}
