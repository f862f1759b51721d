//! Small splits become few large ones in the background, and nobody notices but by the numbers.

use http::StatusCode;
use serde_json::Value;
use tests::{HttpClient, SpandrelProcess, export_logs, export_spans, until};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
/// Every request is more than a split takes.
const FLAGS: [&str; 2] = ["--seal-rows", "3"];
const NAMES: [&str; 4] = ["POST /checkout", "reserve", "charge", "ship"];
const BODIES: [&str; 4] = ["stock reserved", "card charged", "parcel sent", "done"];
/// The trace that goes on while all others come and go.
const LONG_TRACE_ID: &str = "5b8efff798038103d269b633813fc60c";
const SEALS: usize = 36;
/// Fewer than this many splits of similar size never wait for a merge.
const FAN_IN: u64 = 16;

fn trace_id(number: usize) -> String {
    format!("{number:032x}")
}

async fn post(spandrel: &SpandrelProcess, path: &str, request: Vec<u8>) {
    let otlp = HttpClient::new(spandrel.otlp_http);
    otlp.post(path, &JSON, request).await.json(StatusCode::OK);
}

async fn status(spandrel: &SpandrelProcess) -> Value {
    spandrel.api.get_json("/api/v1/status").await
}

async fn wait_until_sealed(spandrel: &SpandrelProcess) {
    until("all records to be in splits", || async {
        let stored = status(spandrel).await["stored"].clone();
        if stored["hot_spans"] == 0 && stored["hot_log_records"] == 0 {
            Ok(())
        } else {
            Err(stored.to_string())
        }
    })
    .await;
}

/// Waits until nothing is left to merge, and returns the status then.
async fn wait_until_compacted(spandrel: &SpandrelProcess) -> Value {
    until("compaction to have nothing to do", || async {
        let status = status(spandrel).await;
        let backlog = |signal: &str| status["on_disk"][signal]["backlog_splits"].clone();
        if backlog("traces") == 0 && backlog("logs") == 0 {
            Ok(status)
        } else {
            Err(format!("{status}\n{}", spandrel.log_tail()))
        }
    })
    .await
}

#[tokio::test]
async fn many_seals_become_few_splits_and_every_trace_and_log_is_still_there() {
    let mut spandrel = SpandrelProcess::start_with(&FLAGS).await;
    let steps: Vec<String> = (0..SEALS).map(|number| format!("step {number}")).collect();
    for (step, number) in steps.iter().zip(1..) {
        let id = trace_id(number);
        post(
            &spandrel,
            "/v1/traces",
            export_spans("checkout", &id, &NAMES),
        )
        .await;
        let late = export_spans("batch", LONG_TRACE_ID, &[step]);
        post(&spandrel, "/v1/traces", late).await;
        post(&spandrel, "/v1/logs", export_logs("checkout", &id, &BODIES)).await;
        wait_until_sealed(&spandrel).await;
    }

    let compacted = wait_until_compacted(&spandrel).await;

    assert_eq!(compacted["compaction"]["last_error"], Value::Null);
    for signal in ["traces", "logs"] {
        let on_disk = &compacted["on_disk"][signal];
        assert!(on_disk["splits"].as_u64() < Some(FAN_IN + 4), "{compacted}");
        assert!(on_disk["data_bytes"].as_u64() > Some(0), "{compacted}");
        assert!(on_disk["index_bytes"].as_u64() > Some(0), "{compacted}");
    }
    assert!(
        compacted["compaction"]["merges"].as_u64() >= Some(4),
        "{compacted}"
    );
    check_everything(&spandrel, &steps).await;

    spandrel.kill().await;
    spandrel.restart().await;

    check_everything(&spandrel, &steps).await;
    let after = status(&spandrel).await;
    assert_eq!(after["stored"]["splits"], compacted["stored"]["splits"]);
    let directories = std::fs::read_dir(spandrel.data_dir().join("splits"));
    assert_eq!(after["stored"]["splits"], directories.unwrap().count());
}

async fn check_everything(spandrel: &SpandrelProcess, steps: &[String]) {
    for number in 0..SEALS {
        let id = trace_id(number + 1);
        assert_eq!(spandrel.trace(&id).await.names(), NAMES);
        let logs = spandrel.logs(&format!("trace_id={id}")).await;
        let bodies: Vec<&str> = logs.iter().filter_map(|log| log["body"].as_str()).collect();
        assert_eq!(bodies, BODIES);
    }
    let long = spandrel.trace(LONG_TRACE_ID).await;
    let mut names = long.names();
    let mut steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    names.sort_unstable();
    steps.sort_unstable();
    assert_eq!(names, steps);
    let stored = status(spandrel).await["stored"].clone();
    assert_eq!(stored["spans"], SEALS * (NAMES.len() + 1));
    assert_eq!(stored["log_records"], SEALS * BODIES.len());
}

#[tokio::test]
async fn kills_during_merges_neither_lose_nor_double() {
    let mut spandrel = SpandrelProcess::start_with(&FLAGS).await;
    let mut sent = 0;
    let mut kills_during_merges = 0;
    while kills_during_merges < 4 {
        assert!(sent < 400, "no merge was seen in {sent} seals");
        sent += 1;
        let request = export_spans("checkout", &trace_id(sent), &NAMES);
        post(&spandrel, "/v1/traces", request).await;
        wait_until_sealed(&spandrel).await;
        let backlog = status(&spandrel).await["on_disk"]["traces"]["backlog_splits"].clone();
        if backlog != 0 {
            spandrel.kill().await;
            spandrel.restart().await;
            kills_during_merges += 1;
        }
    }

    let compacted = wait_until_compacted(&spandrel).await;

    assert_eq!(compacted["stored"]["spans"], sent * NAMES.len());
    for number in 1..=sent {
        assert_eq!(spandrel.trace(&trace_id(number)).await.names(), NAMES);
    }
}
