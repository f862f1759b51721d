//! Spans on their way in.

use http::StatusCode;
use serde_json::json;
use tests::{HttpClient, SpandrelProcess, export_spans};

const TRACE_ID: &str = "5b8efff798038103d269b633813fc60c";
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

#[tokio::test]
async fn acknowledged_spans_are_one_trace_at_once() {
    let spandrel = SpandrelProcess::start().await;
    let otlp = HttpClient::new(spandrel.otlp_http);
    let spans = export_spans(
        "checkout",
        TRACE_ID,
        &["POST /checkout", "reserve", "charge"],
    );

    let answer = otlp.post("/v1/traces", &JSON, spans).await;

    assert_eq!(answer.json(StatusCode::OK), json!({}));
    let trace = spandrel.trace(TRACE_ID).await;
    assert_eq!(trace.names(), ["POST /checkout", "reserve", "charge"]);
    assert_eq!(
        trace.services().into_iter().collect::<Vec<_>>(),
        ["checkout"]
    );
    assert!(trace.orphans().is_empty());
}

#[tokio::test]
async fn spans_of_one_trace_that_come_in_several_requests_are_shown_together() {
    let spandrel = SpandrelProcess::start().await;
    let otlp = HttpClient::new(spandrel.otlp_http);

    for service in ["gateway", "cart", "order"] {
        let spans = export_spans(service, TRACE_ID, &[service]);
        assert_eq!(
            otlp.post("/v1/traces", &JSON, spans).await.status,
            StatusCode::OK
        );
    }

    let trace = spandrel.trace(TRACE_ID).await;
    assert_eq!(
        trace.services().into_iter().collect::<Vec<_>>(),
        ["cart", "gateway", "order"]
    );
}

#[tokio::test]
async fn an_id_without_spans_is_said_to_be_unknown() {
    let spandrel = SpandrelProcess::start().await;

    let answer = spandrel
        .api
        .get(&format!("/api/v1/traces/{TRACE_ID}"))
        .await;

    assert_eq!(
        answer.json(StatusCode::NOT_FOUND)["error"]["code"],
        "not_found"
    );
}

#[tokio::test]
async fn the_status_counts_what_was_stored() {
    let spandrel = SpandrelProcess::start().await;
    let otlp = HttpClient::new(spandrel.otlp_http);
    let spans = export_spans("checkout", TRACE_ID, &["a", "b"]);
    otlp.post("/v1/traces", &JSON, spans)
        .await
        .json(StatusCode::OK);

    let status = spandrel.api.get_json("/api/v1/status").await;

    assert_eq!(status["stored"]["spans"], 2);
    assert_eq!(
        status["endpoints"]["otlp_grpc"],
        spandrel.otlp_grpc.to_string()
    );
    assert_eq!(
        status["endpoints"]["otlp_http"],
        spandrel.otlp_http.to_string()
    );
}
