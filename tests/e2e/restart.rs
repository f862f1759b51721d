//! What was acknowledged is there after the process has died, however it died.

use http::StatusCode;
use serde_json::json;
use tests::{HttpClient, SpandrelProcess, export_logs, export_spans};

use crate::rust_sdk::Instrumented;

const TRACE_ID: &str = "5b8efff798038103d269b633813fc60c";
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

async fn export_checkout(spandrel: &SpandrelProcess) {
    let otlp = HttpClient::new(spandrel.otlp_http);
    let spans = export_spans(
        "checkout",
        TRACE_ID,
        &["POST /checkout", "reserve", "charge"],
    );
    let answer = otlp.post("/v1/traces", &JSON, spans).await;
    assert_eq!(answer.json(StatusCode::OK), json!({}));
    let records = export_logs("checkout", TRACE_ID, &["stock reserved", "card charged"]);
    let answer = otlp.post("/v1/logs", &JSON, records).await;
    assert_eq!(answer.json(StatusCode::OK), json!({}));
}

#[tokio::test]
async fn acknowledged_spans_and_logs_survive_a_kill() {
    let mut spandrel = SpandrelProcess::start().await;
    export_checkout(&spandrel).await;
    let trace = spandrel.trace(TRACE_ID).await;
    let logs = spandrel.logs(&format!("trace_id={TRACE_ID}")).await;
    assert_eq!((trace.spans.len(), logs.len()), (3, 2));

    spandrel.kill().await; // SIGKILL: no flush, no goodbye.
    spandrel.restart().await;

    assert_eq!(spandrel.trace(TRACE_ID).await, trace);
    let bodies = |logs: Vec<serde_json::Value>| -> Vec<String> {
        logs.iter()
            .map(|record| record["body"].to_string())
            .collect()
    };
    let logs_after = spandrel.logs(&format!("trace_id={TRACE_ID}")).await;
    assert_eq!(bodies(logs_after), bodies(logs));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_sdk_has_delivered_survives_a_kill() {
    let mut spandrel = SpandrelProcess::start().await;
    let program = Instrumented::start(spandrel.otlp_grpc);
    let checkout = program.check_out();
    program.shut_down().await;

    spandrel.kill().await;
    spandrel.restart().await;

    let trace_id = checkout.trace_id.to_string();
    let names = ["checkout", "reserve stock", "charge card"];
    assert_eq!(spandrel.trace(&trace_id).await.names(), names);
    let logs = spandrel.logs(&format!("trace_id={trace_id}")).await;
    assert_eq!(logs.len(), 1);
    assert_eq!(logs[0]["body"], "card declined");
}

#[tokio::test]
async fn kill_after_kill_neither_loses_nor_doubles() {
    let mut spandrel = SpandrelProcess::start().await;

    for round in 1..=4_u8 {
        let trace_id = format!("{round:032x}");
        let otlp = HttpClient::new(spandrel.otlp_http);
        let spans = export_spans("checkout", &trace_id, &["a", "b"]);
        otlp.post("/v1/traces", &JSON, spans)
            .await
            .json(StatusCode::OK);
        spandrel.kill().await;
        spandrel.restart().await;
    }

    for round in 1..=4_u8 {
        assert_eq!(
            spandrel.trace(&format!("{round:032x}")).await.names(),
            ["a", "b"]
        );
    }
    assert_eq!(
        spandrel.api.get_json("/api/v1/status").await["stored"]["spans"],
        8
    );
}

#[tokio::test]
async fn a_server_that_is_asked_to_stop_ends_well_and_keeps_everything() {
    let mut spandrel = SpandrelProcess::start().await;
    export_checkout(&spandrel).await;

    spandrel.stop().await;
    spandrel.restart().await;

    assert_eq!(
        spandrel.trace(TRACE_ID).await.names(),
        ["POST /checkout", "reserve", "charge"]
    );
    assert_eq!(
        spandrel.logs(&format!("trace_id={TRACE_ID}")).await.len(),
        2
    );
}
