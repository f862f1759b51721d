//! A disk that fails and a system that has no handles left: nothing acknowledged is lost, senders are
//! told to come back, and what can heal by itself does.
#![cfg(target_os = "linux")]

use http::StatusCode;
use serde_json::Value;
use tests::{
    Answer, FailingCalls, HttpClient, SpandrelProcess, export_logs, export_spans, limit_handles,
    open_handles, until,
};
use tokio::task::JoinSet;

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
const NAMES: [&str; 2] = ["POST /checkout", "reserve"];

fn trace_id(number: u64) -> String {
    format!("{number:032x}")
}

async fn export(otlp: &HttpClient, number: u64) -> Answer {
    let request = export_spans("checkout", &trace_id(number), &NAMES);
    otlp.post("/v1/traces", &JSON, request).await
}

#[tokio::test]
async fn a_failed_sync_is_never_retried_senders_are_told_to_come_back_and_a_restart_cures_it() {
    let mut spandrel = SpandrelProcess::start().await;
    let otlp = HttpClient::new(spandrel.otlp_http);
    assert_eq!(export(&otlp, 1).await.status, StatusCode::OK);
    let failure = "error=EIO:when=1";
    let Some(calls) = FailingCalls::begin(spandrel.id(), "fdatasync", failure).await else {
        return;
    };

    for number in 2..=5 {
        let answer = export(&otlp, number).await;
        assert_eq!(
            answer.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{}",
            answer.text()
        );
    }

    let is_of_wal = |call: &String| call.contains(".wal>");
    let calls: Vec<String> = calls.end().await.into_iter().filter(is_of_wal).collect();
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert!(calls[0].contains("EIO"), "{calls:?}");
    assert_eq!(spandrel.trace(&trace_id(1)).await.names(), NAMES);
    let ready = spandrel.api.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);

    spandrel.kill().await;
    spandrel.restart().await;

    let otlp = HttpClient::new(spandrel.otlp_http);
    for number in 2..=5 {
        assert_eq!(export(&otlp, number).await.status, StatusCode::OK);
    }
    for number in 1..=5 {
        assert_eq!(spandrel.trace(&trace_id(number)).await.names(), NAMES);
    }
}

/// The memory limit is reached after some dozens of requests that cannot be sealed.
const LITTLE_MEMORY: [&str; 8] = [
    "--seal-rows",
    "20",
    "--seal-bytes",
    "100KiB",
    "--hot-bytes-max",
    "400KiB",
    "--append-wait",
    "10ms",
];
const REQUESTS_MAX: u64 = 2000;

async fn metric(spandrel: &SpandrelProcess, name: &str) -> u64 {
    let page = spandrel.api.get("/metrics").await.text();
    let value = page.lines().find_map(|line| line.strip_prefix(name));
    value
        .unwrap_or_else(|| panic!("{page}"))
        .trim()
        .parse()
        .unwrap()
}

async fn span_count(spandrel: &SpandrelProcess) -> (Value, u64) {
    let answer = spandrel.api.get_json("/api/v1/services").await;
    let services = answer["services"].as_array().unwrap();
    let count = services.iter().map(|it| it["span_count"].as_u64().unwrap());
    (answer["complete"].clone(), count.sum())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_handles_senders_are_told_to_come_back_and_with_them_all_is_well_again() {
    let mut spandrel = SpandrelProcess::start_with(&LITTLE_MEMORY).await;
    // Without handles nobody new is let in.
    let otlp = HttpClient::on_one_connection(spandrel.otlp_http).await;
    spandrel.api = HttpClient::on_one_connection(spandrel.api.address()).await;
    assert_eq!(export(&otlp, 1).await.status, StatusCode::OK);
    assert_eq!(span_count(&spandrel).await, (Value::Bool(true), 2));
    let before = open_handles(spandrel.id());
    limit_handles(spandrel.id(), before).await;

    let mut acknowledged = 1;
    let refused = loop {
        let answer = export(&otlp, acknowledged + 1).await;
        if answer.status != StatusCode::OK {
            break answer;
        }
        acknowledged += 1;
        assert!(
            acknowledged < REQUESTS_MAX,
            "nothing can be sealed, and nothing is refused"
        );
    };
    assert_eq!(
        refused.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{}",
        refused.text()
    );
    // What is known is told, or it is said that it is not all.
    let (complete, found) = span_count(&spandrel).await;
    assert!(
        complete == false || found == acknowledged * 2,
        "{complete} {found}"
    );
    // Who comes now waits.
    let late = HttpClient::new(spandrel.otlp_http);
    let request = export_logs("late", &trace_id(9), &["waited"]);
    let mut waiting = JoinSet::new();
    waiting.spawn(async move { late.try_post("/v1/logs", &JSON, request).await });

    limit_handles(spandrel.id(), 1024).await;

    until("senders to be heard again", || async {
        match export(&otlp, acknowledged + 1).await.status {
            StatusCode::OK => Ok(()),
            status => Err(format!("{status}\n{}", spandrel.log_tail())),
        }
    })
    .await;
    waiting.join_next().await.unwrap().unwrap().unwrap();
    let expected = (Value::Bool(true), (acknowledged + 1) * 2);
    assert_eq!(span_count(&spandrel).await, expected);
    assert!(metric(&spandrel, "spandrel_storage_sealed_splits_total ").await > 0);
    assert_eq!(
        metric(&spandrel, "spandrel_storage_unreadable_splits ").await,
        0
    );
    assert_eq!(metric(&spandrel, "spandrel_storage_wal_failed ").await, 0);
    for number in 1..=acknowledged + 1 {
        assert_eq!(spandrel.trace(&trace_id(number)).await.names(), NAMES);
    }
}
