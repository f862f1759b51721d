//! What is stored, as the API tells it, compared with what senders know.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use http::StatusCode;
use model::Signal;
use serde_json::Value;
use tests::{HttpClient, SpandrelProcess, TraceView, while_there_is_an_answer};

use super::sender::{Ledger, RECORDS, Request};

/// One in so many requests is compared field by field.
const SAMPLED: usize = 100;

/// The requests of one service, to which nothing comes any more.
pub(crate) struct Round {
    pub(crate) service: String,
    pub(crate) began: Instant,
    pub(crate) ledger: Ledger,
    /// Spans and log records that are stored.
    pub(crate) counts: (u64, u64),
}

impl Round {
    /// Whether none of it can have expired yet.
    pub(crate) fn is_young(&self, retention_age: Duration) -> bool {
        self.began.elapsed() < retention_age
    }

    /// Looks at all that is stored of it. Every acknowledged request must be there as a whole,
    /// every other one as a whole or not at all, and nothing that was not sent. Returns the unknown
    /// requests that are there.
    pub(crate) async fn check(&self, spandrel: &SpandrelProcess) -> Vec<Request> {
        let traces = list(spandrel, "traces", &self.service).await;
        let logs = list(spandrel, "logs", &self.service).await;
        let context = || format!("{}\n{}", self.service, spandrel.log_tail());
        let records = |request: &Request| match request.signal {
            Signal::Traces => traces.get(&request.trace_id).copied().unwrap_or(0),
            Signal::Logs => logs.get(&request.trace_id).copied().unwrap_or(0),
        };
        for request in &self.ledger.acknowledged {
            let found = records(request);
            assert_eq!(found, RECORDS, "acknowledged {request:?} of {}", context());
        }
        let mut there = Vec::new();
        for request in &self.ledger.unknown {
            match records(request) {
                0 => {}
                RECORDS => there.push(request.clone()),
                found => panic!("{found} records of {request:?} of {}", context()),
            }
        }
        let known = self.ledger.acknowledged.len() + there.len();
        let is_sent = traces.len() + logs.len() == known;
        assert!(is_sent, "more than was sent is stored of {}", context());
        for request in self.ledger.acknowledged.iter().step_by(SAMPLED) {
            check_fields(spandrel, request).await;
        }
        there
    }
}

/// The number of records by trace id, of all that is stored of a service.
async fn list(spandrel: &SpandrelProcess, what: &str, service: &str) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    let first = format!("/api/v1/{what}?limit=1000&q=service:{service}");
    let mut path = first.clone();
    loop {
        let page = spandrel.api.get_json(&path).await;
        assert_eq!(page["complete"], true, "{}", page["incomplete_reason"]);
        for entry in page[what].as_array().unwrap() {
            let trace_id = entry["trace_id"].as_str().unwrap().to_owned();
            // A log record counts as one.
            *found.entry(trace_id).or_default() += entry["span_count"].as_u64().unwrap_or(1);
        }
        let Some(cursor) = page["next_cursor"].as_str() else {
            return found;
        };
        path = format!("{first}&cursor={cursor}");
    }
}

async fn check_fields(spandrel: &SpandrelProcess, request: &Request) {
    let sent: Value = serde_json::from_slice(&request.json()).unwrap();
    if request.signal == Signal::Traces {
        let stored = spandrel.trace(&request.trace_id).await;
        assert_eq!(stored, TraceView::from_json(&sent));
        return;
    }
    let stored = spandrel
        .logs(&format!("trace_id={}", request.trace_id))
        .await;
    let sent = sent["resourceLogs"][0]["scopeLogs"][0]["logRecords"].clone();
    let sent = sent.as_array().unwrap();
    assert_eq!(stored.len(), sent.len(), "{request:?}");
    for (stored, sent) in stored.iter().zip(sent) {
        let pairs = [
            (&stored["time_unix_nano"], &sent["timeUnixNano"]),
            (&stored["severity_number"], &sent["severityNumber"]),
            (&stored["severity_text"], &sent["severityText"]),
            (&stored["body_value"], &sent["body"]),
            (&stored["trace_id"], &sent["traceId"]),
            (&stored["span_id"], &sent["spanId"]),
        ];
        for (stored, sent) in pairs {
            assert_eq!(stored, sent, "{request:?}");
        }
        assert_eq!(stored["service"], request.service.as_str());
    }
}

/// Spans and log records by service.
pub(crate) async fn try_counts(api: &HttpClient) -> Option<BTreeMap<String, (u64, u64)>> {
    let answer = api.try_get("/api/v1/services").await.ok()?;
    let answer = answer.json(StatusCode::OK);
    assert_eq!(answer["complete"], true, "{answer}");
    let services = answer["services"].as_array().unwrap();
    let count = |service: &Value, name: &str| service[name].as_u64().unwrap();
    let counts = services.iter().map(|service| {
        let name = service["name"].as_str().unwrap().to_owned();
        (
            name,
            (count(service, "span_count"), count(service, "log_count")),
        )
    });
    Some(counts.collect())
}

/// What the server did besides answering.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Work {
    pub(crate) seals: u64,
    pub(crate) merges: u64,
    pub(crate) expired: u64,
    /// Times the counts of all closed rounds were compared.
    pub(crate) looks: u64,
}

impl Work {
    pub(crate) fn add(&mut self, other: Self) {
        self.seals += other.seals;
        self.merges += other.merges;
        self.expired += other.expired;
        self.looks += other.looks;
    }

    fn read(&mut self, metrics: &str) {
        let value = |name: &str| {
            let line = metrics.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap().trim().parse::<u64>().unwrap()
        };
        self.seals = value("spandrel_storage_sealed_splits_total ");
        self.merges = value("spandrel_storage_compaction_merges_total ");
        self.expired = value("spandrel_storage_deleted_splits_total{reason=\"age\"} ");
    }
}

/// Looks until the server dies: what is in closed rounds neither goes nor comes.
pub(crate) async fn watch(
    api: HttpClient,
    closed: Vec<(String, Instant, (u64, u64))>,
    retention_age: Duration,
) -> Work {
    let work = std::sync::Arc::new(tokio::sync::Mutex::new(Work::default()));
    while_there_is_an_answer(|| async {
        let counts = try_counts(&api).await?;
        for (service, began, expected) in &closed {
            let found = counts.get(service).copied().unwrap_or_default();
            let is_young = began.elapsed() < retention_age;
            assert!(
                !is_young || found == *expected,
                "{service}: {found:?}, not {expected:?}"
            );
        }
        let metrics = api.try_get("/metrics").await.ok()?.text();
        let mut work = work.lock().await;
        work.read(&metrics);
        work.looks += 1;
        Some(())
    })
    .await;
    *work.lock().await
}
