//! Page after page over real storage, while records move from memory to disk.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use model::Signal;

use crate::store::Store;

const COUNT: u64 = 60;

/// Spans of 20 traces, three each, and as many log records, of which some share their moment and some
/// are equal in everything.
async fn fill(store: &Store, requests: std::ops::Range<u64>) {
    for request in requests {
        let (mut spans, mut logs) = (String::new(), String::new());
        for number in (0..COUNT).filter(|number| number % 4 == request) {
            let separator = if spans.is_empty() { "" } else { "," };
            let (after, duration) = times(number);
            let (trace, start) = (trace_of(number), 1_700_000_000_000_000_000 + after);
            write!(
                spans,
                r#"{separator}{{"traceId":"{trace:032x}","spanId":"{:016x}","name":"work","startTimeUnixNano":"{start}","endTimeUnixNano":"{}"}}"#,
                number + 1,
                start + duration
            )
            .unwrap();
            write!(
                logs,
                r#"{separator}{{"timeUnixNano":"{start}","body":{{"intValue":"{}"}}}}"#,
                number % 3
            )
            .unwrap();
        }
        let spans = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
        let logs = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{logs}]}}]}}]}}"#);
        store.append(Signal::Traces, &spans).await;
        store.append(Signal::Logs, &logs).await;
    }
}

/// When span `number` starts, after the first one, and how long it takes.
fn times(number: u64) -> (u64, u64) {
    (number / 7 * 1000, number * 37 % 11)
}

/// The trace of span `number`.
fn trace_of(number: u64) -> u64 {
    number % 20 + 1
}

/// The definition of the order: by the best key over all spans of a trace, then by id.
fn in_order(order: &str) -> Vec<String> {
    let mut best: BTreeMap<u64, u64> = BTreeMap::new();
    for number in 0..COUNT {
        let (start, duration) = times(number);
        let key = if order == "newest" { start } else { duration };
        let known = best.entry(trace_of(number)).or_insert(key);
        *known = key.max(*known);
    }
    let mut traces: Vec<(u64, u64)> = best.into_iter().collect();
    traces.sort_by_key(|(trace, key)| (Reverse(*key), *trace));
    traces
        .into_iter()
        .map(|(trace, _)| format!("{trace:032x}"))
        .collect()
}

/// The next page and its cursor.
async fn page(
    store: &Store,
    path: &str,
    cursor: Option<&str>,
    field: &str,
) -> (Vec<serde_json::Value>, Option<String>) {
    let cursor = cursor
        .map(|cursor| format!("&cursor={cursor}"))
        .unwrap_or_default();
    let answer = store.get(&format!("{path}{cursor}")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let json = answer.json();
    assert_eq!(json["complete"], true);
    let next = json["next_cursor"].as_str().map(str::to_owned);
    (json[field].as_array().unwrap().clone(), next)
}

#[tokio::test]
async fn log_pages_neither_lose_nor_repeat_a_record_while_the_store_is_sealed() {
    let mut store = Store::new();
    fill(&store, 0..2).await;
    store = store.seal().await;
    fill(&store, 2..4).await;
    for order in ["newest", "oldest"] {
        let path = format!("/api/v1/logs?order={order}&limit=7");
        let (mut found, mut cursor) = page(&store, &path, None, "logs").await;
        let (rest, _) = page(
            &store,
            &format!("/api/v1/logs?order={order}&limit=1000"),
            None,
            "logs",
        )
        .await;
        // Everything that was in memory is on disk from here on.
        store = store.seal().await;
        while let Some(after) = cursor {
            let (more, next) = page(&store, &path, Some(&after), "logs").await;
            found.extend(more);
            cursor = next;
        }
        assert_eq!(found.len() as u64, COUNT, "{order}");
        assert_eq!(found, rest, "{order}");
    }
}

#[tokio::test]
async fn trace_pages_neither_lose_nor_repeat_a_trace_while_the_store_is_sealed() {
    for order in ["newest", "slowest"] {
        let mut store = Store::new();
        fill(&store, 0..2).await;
        store = store.seal().await;
        fill(&store, 2..4).await;
        let path = format!("/api/v1/traces?order={order}&limit=3");
        let (mut found, mut cursor) = page(&store, &path, None, "traces").await;
        let (rest, _) = page(
            &store,
            &format!("/api/v1/traces?order={order}&limit=1000"),
            None,
            "traces",
        )
        .await;
        store = store.seal().await;
        while let Some(after) = cursor {
            let (more, next) = page(&store, &path, Some(&after), "traces").await;
            found.extend(more);
            cursor = next;
        }
        assert_eq!(found, rest, "{order}");
        let ids: Vec<&str> = found
            .iter()
            .map(|trace| trace["trace_id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, in_order(order), "{order}");
    }
}
