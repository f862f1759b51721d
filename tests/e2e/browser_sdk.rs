//! Web pages that are instrumented with the OpenTelemetry SDK for JavaScript and export from the browser (CORS).

use http::StatusCode;
use serde_json::Value;
use tests::{JAVASCRIPT, Order, Pages, SpandrelProcess, until};

#[tokio::test]
async fn a_page_exports_field_by_field_when_its_origin_is_allowed_and_no_other_page_can() {
    let mut pages = Pages::open().await;
    let flags = ["--cors-origin", &pages.allowed_origin];
    let spandrel = SpandrelProcess::start_with(&flags).await;

    let said = pages
        .export(&format!("http://{}", spandrel.otlp_http))
        .await;

    for encoding in ["json", "protobuf"] {
        let order = Order::from_json(&said[encoding]);
        assert_eq!(order.failures, Vec::<String>::new(), "{encoding}");
        assert_eq!(order.resource["service.name"], format!("{encoding}-page"));
        order.assert_spans_are_stored(&spandrel, &JAVASCRIPT).await;
    }
    let order = Order::from_json(&said["json"]);
    let logs = spandrel.logs(&format!("trace_id={}", order.trace_id)).await;
    assert_eq!(logs.len(), 1, "{logs:?}");
    assert_eq!(logs[0]["event_name"], "card.declined");

    // A beacon is what a page that is being closed sends; nobody waits for its answer.
    let beacon = text(&said["beacon_trace_id"]);
    until("the beacon to arrive", || async {
        match spandrel.try_trace(beacon).await.names().as_slice() {
            ["closed"] => Ok(()),
            names => Err(format!("{names:?}")),
        }
    })
    .await;

    let order = Order::from_json(&said["other"]);
    assert_ne!(order.failures, Vec::<String>::new());
    let answer = spandrel
        .api
        .get(&format!("/api/v1/traces/{}", order.trace_id))
        .await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn no_page_can_export_by_default() {
    let mut pages = Pages::open().await;
    let spandrel = SpandrelProcess::start().await;

    let said = pages
        .export(&format!("http://{}", spandrel.otlp_http))
        .await;

    for page in ["json", "protobuf", "other"] {
        let order = Order::from_json(&said[page]);
        assert_ne!(order.failures, Vec::<String>::new(), "{page}");
    }
    let status = spandrel.api.get_json("/api/v1/status").await;
    assert_eq!(status["stored"]["spans"], 0);
    assert_eq!(status["stored"]["log_records"], 0);
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
