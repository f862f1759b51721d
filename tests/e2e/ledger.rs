//! Senders keep a ledger of what was acknowledged, while the server is killed again and again.

use std::sync::Arc;

use http::StatusCode;
use tests::{HttpClient, PATIENCE, SpandrelProcess, export_spans};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const SENDERS: u64 = 4;
const ROUNDS: u64 = 4;
// Small enough that splits are being written at the moment of most kills.
const FLAGS: [&str; 2] = ["--seal-rows", "20"];
const ACKNOWLEDGED_BEFORE_KILL: u32 = 60;
const NAMES: [&str; 2] = ["POST /checkout", "reserve"];

/// What one sender sent, by trace id.
#[derive(Default)]
struct Ledger {
    acknowledged: Vec<String>,
    /// Sent, and the server died before it answered.
    unknown: Vec<String>,
}

/// Sends one trace after the other until the server is gone or `stop` is cancelled.
async fn send(
    otlp: HttpClient,
    sender: u64,
    acknowledged: Arc<Semaphore>,
    stop: CancellationToken,
) -> Ledger {
    let mut ledger = Ledger::default();
    let headers = [("content-type", "application/json")];
    for number in 1.. {
        let trace_id = format!("{sender:016x}{number:016x}");
        let spans = export_spans("checkout", &trace_id, &NAMES);
        match otlp.try_post("/v1/traces", &headers, spans).await {
            Ok(answer) if answer.status == StatusCode::OK => {
                ledger.acknowledged.push(trace_id);
                acknowledged.add_permits(1);
            }
            Ok(answer) => panic!("{} {}", answer.status, answer.text()),
            Err(_) => {
                ledger.unknown.push(trace_id);
                break;
            }
        }
        if stop.is_cancelled() {
            break;
        }
    }
    ledger
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_acknowledged_is_there_once_after_many_kills() {
    let mut spandrel = SpandrelProcess::start_with(&FLAGS).await;
    let mut ledgers = Vec::new();

    for round in 0..ROUNDS {
        // One permit for each acknowledgement.
        let acknowledged = Arc::new(Semaphore::new(0));
        let stop = CancellationToken::new();
        let mut senders = JoinSet::new();
        for sender in 0..SENDERS {
            let otlp = HttpClient::new(spandrel.otlp_http);
            let number = round * SENDERS + sender + 1;
            senders.spawn(send(otlp, number, Arc::clone(&acknowledged), stop.clone()));
        }
        let enough = acknowledged.acquire_many(ACKNOWLEDGED_BEFORE_KILL);
        let enough = timeout(PATIENCE, enough)
            .await
            .expect("too few acknowledgements");
        enough.unwrap().forget();
        spandrel.kill().await;
        stop.cancel();
        ledgers.extend(senders.join_all().await);
        spandrel.restart().await;
    }

    let mut stored_spans = 0;
    for ledger in &ledgers {
        for trace_id in &ledger.acknowledged {
            let trace = spandrel.trace(trace_id).await;
            assert_eq!(trace.names(), NAMES, "acknowledged trace {trace_id}");
            stored_spans += trace.spans.len();
        }
        for trace_id in &ledger.unknown {
            let trace = spandrel.try_trace(trace_id).await;
            let is_all_or_nothing = trace.spans.is_empty() || trace.names() == NAMES;
            assert!(is_all_or_nothing, "half of {trace_id}: {:?}", trace.names());
            stored_spans += trace.spans.len();
        }
    }
    // The count of what is stored would be higher if a kill had doubled anything.
    let status = spandrel.api.get_json("/api/v1/status").await;
    assert_eq!(status["stored"]["spans"], stored_spans);
    assert!(
        status["stored"]["splits"].as_u64() > Some(0),
        "no split was written: {status}"
    );
}
