//! A disk that is full, or fuller than it may be, stops nothing but what would make it fuller, and the
//! server heals by itself.

use std::fmt::Write as _;

use http::StatusCode;
use serde_json::{Value, json};
use tests::{Answer, HttpClient, SpandrelProcess, export_logs, export_spans, until};

const TRACE_ID: &str = "5b8efff798038103d269b633813fc60c";
const OTHER_TRACE_ID: &str = "0000000000000000000000000000000f";
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

#[expect(clippy::print_stderr, reason = "whoever runs the tests has to know")]
async fn start(megabytes: u32, flags: &[&str]) -> Option<SpandrelProcess> {
    match SpandrelProcess::start_on_small_disk(megabytes, flags).await {
        Ok(spandrel) => Some(spandrel),
        Err(reason) => {
            eprintln!("skipped, no small disk: {reason}");
            None
        }
    }
}

async fn try_export(spandrel: &SpandrelProcess, body: Vec<u8>, path: &str) -> Answer {
    let otlp = HttpClient::new(spandrel.otlp_http);
    otlp.post(path, &JSON, body).await
}

async fn export(spandrel: &SpandrelProcess, trace_id: &str) {
    let spans = export_spans("checkout", trace_id, &["a", "b"]);
    let answer = try_export(spandrel, spans, "/v1/traces").await;
    assert_eq!(answer.json(StatusCode::OK), json!({}));
}

/// A sender is told to come back, and everybody can see why.
async fn expect_refusal(spandrel: &SpandrelProcess) {
    let spans = export_spans("checkout", OTHER_TRACE_ID, &["refused"]);
    let answer = try_export(spandrel, spans, "/v1/traces").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let status = disk(spandrel).await;
    assert!(status["shortage"].is_string(), "{status}");
    let metrics = spandrel.api.get("/metrics").await.text();
    assert!(metrics.contains("\nspandrel_storage_disk_short 1\n"));
}

async fn disk(spandrel: &SpandrelProcess) -> Value {
    spandrel.api.get_json("/api/v1/status").await["disk"].clone()
}

/// Refused until it is not, and nobody does anything.
async fn export_when_there_is_room(spandrel: &SpandrelProcess, trace_id: &str) {
    until("an export to be taken again", || async {
        let spans = export_spans("checkout", trace_id, &["a", "b"]);
        match try_export(spandrel, spans, "/v1/traces").await {
            answer if answer.status == StatusCode::OK => Ok(()),
            answer => Err(answer.text()),
        }
    })
    .await;
}

#[tokio::test]
async fn a_full_disk_refuses_keeps_reading_and_heals_by_itself() {
    let Some(mut spandrel) = start(48, &[]).await else {
        return;
    };
    export(&spandrel, TRACE_ID).await;
    spandrel.fill_disk();

    expect_refusal_soon(&spandrel).await;
    assert_eq!(spandrel.trace(TRACE_ID).await.names(), ["a", "b"]);

    // It starts on the full disk, after a kill and after a good end.
    spandrel.kill().await;
    spandrel.restart_without_waiting().await;
    assert_eq!(spandrel.trace(TRACE_ID).await.names(), ["a", "b"]);
    expect_refusal(&spandrel).await;
    let ready = spandrel.api.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    spandrel.stop().await;
    spandrel.restart_without_waiting().await;
    expect_refusal(&spandrel).await;

    spandrel.free_disk();
    let later = "00000000000000000000000000000001";
    export_when_there_is_room(&spandrel, later).await;
    spandrel.wait_until_ready().await;
    spandrel.stop().await;
    spandrel.restart().await;
    for trace_id in [TRACE_ID, later] {
        assert_eq!(spandrel.trace(trace_id).await.names(), ["a", "b"]);
    }
}

/// What others take of the disk is seen within a second.
async fn expect_refusal_soon(spandrel: &SpandrelProcess) {
    until("the full disk to be noticed", || async {
        let spans = export_spans("checkout", OTHER_TRACE_ID, &["refused"]);
        match try_export(spandrel, spans, "/v1/traces").await.status {
            StatusCode::SERVICE_UNAVAILABLE => Ok(()),
            status => Err(status.to_string()),
        }
    })
    .await;
    expect_refusal(spandrel).await;
}

/// Text that does not compress: the numbers of a simple generator.
fn noise(seed: u64, bytes: usize) -> String {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut text = String::new();
    while text.len() < bytes {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        write!(text, "{:08x}", state >> 32).unwrap();
    }
    text
}

/// Sends until the server has deleted something by size; returns how many records were taken.
async fn send_until_deleted(spandrel: &SpandrelProcess) -> u64 {
    let mut taken = 0;
    for seed in 0..4_000 {
        let bodies: Vec<String> = (0..16).map(|n| noise(seed * 16 + n, 16 << 10)).collect();
        let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
        let body = export_logs("checkout", TRACE_ID, &bodies);
        let answer = try_export(spandrel, body, "/v1/logs").await;
        if answer.status == StatusCode::OK {
            taken += 16;
        } else {
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        }
        let status = disk(spandrel).await;
        let (used, limit) = (&status["used_bytes"], &status["limit_bytes"]);
        assert!(used.as_u64() <= limit.as_u64(), "{used} of {limit}");
        let page = spandrel.api.get_json("/api/v1/status").await;
        if page["deleted"]["by_size"]["splits"].as_u64() > Some(2) {
            return taken;
        }
    }
    panic!("nothing was deleted");
}

#[tokio::test]
async fn the_limit_of_the_disk_is_kept_by_deleting_the_oldest() {
    let flags = ["--max-disk", "50%", "--min-retention", "0s"];
    let Some(mut spandrel) = start(64, &flags).await else {
        return;
    };
    let taken = send_until_deleted(&spandrel).await;
    let page = spandrel.api.get_json("/api/v1/status").await;
    assert_eq!(page["disk"]["limit_bytes"], 32 << 20);
    assert!(page["stored"]["log_records"].as_u64().unwrap() < taken);
    spandrel.kill().await;
    spandrel.restart().await;
    assert_eq!(page["set_aside"], json!([]));
    export(&spandrel, "00000000000000000000000000000002").await;
}

#[tokio::test]
async fn what_is_younger_than_the_floor_is_kept_and_senders_wait() {
    let flags = ["--max-disk", "50%", "--min-retention", "1h"];
    let Some(spandrel) = start(64, &flags).await else {
        return;
    };
    until("the limit to be reached", || async {
        let body = export_logs("checkout", TRACE_ID, &[&noise(7, 1 << 20)]);
        match try_export(&spandrel, body, "/v1/logs").await.status {
            StatusCode::SERVICE_UNAVAILABLE => Ok(()),
            status => Err(status.to_string()),
        }
    })
    .await;
    let page = spandrel.api.get_json("/api/v1/status").await;
    assert_eq!(page["deleted"]["by_size"]["splits"], 0);
    let (used, limit) = (&page["disk"]["used_bytes"], &page["disk"]["limit_bytes"]);
    assert!(used.as_u64() <= limit.as_u64(), "{used} of {limit}");
    assert_eq!(page["disk"]["refused_appends"], 1);
}

#[tokio::test]
async fn retention_runs_on_a_full_disk_and_what_it_deletes_stays_deleted() {
    let Some(mut spandrel) = start(48, &["--retention-age", "5s"]).await else {
        return;
    };
    export(&spandrel, TRACE_ID).await;
    spandrel.stop().await;
    spandrel.fill_disk();
    spandrel.restart_without_waiting().await;
    until("the split to expire", || async {
        let page = spandrel.api.get_json("/api/v1/status").await;
        match page["deleted"]["by_age"]["splits"].as_u64() {
            Some(1) => Ok(()),
            _ => Err(page["deleted"].to_string()),
        }
    })
    .await;
    spandrel.fill_disk();
    spandrel.kill().await;
    spandrel.restart_without_waiting().await;
    assert_eq!(spandrel.try_trace(TRACE_ID).await.names(), [""; 0]);
    let page = spandrel.api.get_json("/api/v1/status").await;
    assert_eq!(page["set_aside"], json!([]));
    assert_eq!(page["unreadable_splits"], 0);
    spandrel.free_disk();
    export_when_there_is_room(&spandrel, TRACE_ID).await;
}
