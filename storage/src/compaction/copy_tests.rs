//! A merge keeps every value, and finds it, whatever the files of its inputs look like.

use model::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::filter::{Filter, Test, TextMatch};
use crate::testing::{found, logs, open, traces};
use crate::{Append, Storage};

/// Rows of a request: enough for columns of their own.
const ROWS: u64 = 64;

fn attribute(key: &str, value: Value) -> Value {
    json!({"key": key, "value": value})
}

/// Texts and numbers that repeat, that are all different, that come in runs, and that have a form.
fn shop(n: u64, offset: u64) -> Vec<Value> {
    let mut attributes = vec![
        attribute(
            "route",
            json!({"stringValue": format!("/items/{}", "abc".repeat((n % 3) as usize))}),
        ),
        attribute(
            "url",
            json!({"stringValue": format!("https://shop/v1/items/{}?q={:08x}", n + offset, n * 7)}),
        ),
        attribute(
            "session",
            json!({"stringValue": format!("s-{}", (n + offset) / 8)}),
        ),
        attribute("status", json!({"intValue": (200 + n % 3).to_string()})),
        attribute(
            "port",
            json!({"intValue": (n * 1_003 + offset).to_string()}),
        ),
        attribute("cached", json!({"boolValue": n.is_multiple_of(2)})),
        attribute("share", json!({"doubleValue": n as f64 / 8.0})),
    ];
    if n.is_multiple_of(4) {
        attributes.push(attribute("route", json!({"stringValue": "twice"})));
        attributes.push(attribute("status", json!({"stringValue": "no number"})));
        attributes.push(attribute(
            "items",
            json!({"arrayValue": {"values": [{"intValue": "1"}]}}),
        ));
    }
    attributes
}

/// The same keys, the last ones in more rows than the first.
fn shop_turned(n: u64, offset: u64) -> Vec<Value> {
    let mut attributes = shop(n, offset);
    attributes.reverse();
    attributes.truncate(attributes.len() - (n % 3) as usize);
    attributes
}

/// Some keys of before with values of another form or type, and one more.
fn stock(n: u64, offset: u64) -> Vec<Value> {
    vec![
        attribute(
            "url",
            json!({"stringValue": if n.is_multiple_of(2) { "none" } else { "elsewhere" }}),
        ),
        attribute("status", json!({"stringValue": format!("s{}", n % 2)})),
        attribute(
            "shelf",
            json!({"stringValue": format!("{}-{offset}", n % 5)}),
        ),
        attribute("empty", json!({})),
    ]
}

type Attributes = fn(u64, u64) -> Vec<Value>;

/// Traces of eight spans, of which each request has a part; their parents are in any of the requests.
fn spans_with(attributes: Attributes, part: u64) -> Append {
    let spans: Vec<Value> = (0..ROWS)
        .map(|n| {
            let (trace, start) = (n / 4 + 1, n * 100 + part * 30);
            let id = |n: u64, part: u64| format!("{:016x}", 1 + n * 10 + part);
            let parent = (n % 4 > 0).then(|| id(n - n % 4, (part + n) % 3));
            json!({
                "traceId": format!("{trace:032x}"), "spanId": id(n, part), "parentSpanId": parent,
                "name": format!("op {}", n % 5), "kind": 1 + n % 3,
                "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + n).to_string(),
                "attributes": attributes(n, part * 1_000),
                "status": {"code": n % 3, "message": if n % 3 == 2 { "failed" } else { "" }},
                "events": (0..n % 3).map(|at| json!({
                    "timeUnixNano": start.to_string(), "name": "event",
                    "attributes": [attribute("at", json!({"intValue": at.to_string()}))],
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    traces(&json!({"resourceSpans": [{
        "resource": {"attributes": [
            attribute("service.name", json!({"stringValue": format!("service-{part}")})),
        ]},
        "scopeSpans": [{"scope": {"name": "s", "attributes": [
            attribute("part", json!({"intValue": part.to_string()})),
        ]}, "spans": spans}],
    }]}))
}

fn logs_with(attributes: Attributes, part: u64) -> Append {
    let records: Vec<Value> = (0..ROWS)
        .map(|n| {
            json!({
                "timeUnixNano": (n * 100 + part * 30).to_string(), "severityNumber": 1 + n % 20,
                "severityText": if n.is_multiple_of(2) { "low" } else { "high" },
                "eventName": if n.is_multiple_of(4) { "seen" } else { "" },
                "traceId": (n % 2 == 0).then(|| format!("{:032x}", n + 1)),
                "body": (n % 9 > 0).then(|| json!({"stringValue": format!("item {n} of {part}")})),
                "attributes": attributes(n, part * 1_000),
            })
        })
        .collect();
    logs(&json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}))
}

fn filters() -> Vec<Filter> {
    let attribute = |key: &str, value: &str| Test::Attribute {
        key: key.to_owned(),
        value: TextMatch::Exact(value.to_owned()),
    };
    let values = [
        ("route", "/items/abc"),
        ("route", "twice"),
        ("url", "https://shop/v1/items/1012?q=00000054"),
        ("url", "elsewhere"),
        ("session", "s-2"),
        ("status", "201"),
        ("status", "no number"),
        ("status", "s1"),
        ("port", "11030"),
        ("cached", "true"),
        ("share", "0.5"),
        ("shelf", "3-2000"),
        ("items", r#"[{"intValue":"1"}]"#),
        ("at", "1"),
        ("part", "1"),
    ];
    let tests = values.map(|(key, value)| Filter::everything().and(attribute(key, value)));
    let services = ["service-0", "service-2"];
    let services = services
        .map(|name| Filter::everything().and(Test::Service(TextMatch::Exact(name.to_owned()))));
    let mut filters = vec![Filter::everything()];
    filters.extend(tests);
    filters.extend(services);
    filters
}

async fn seal_each(dir: &TempDir, requests: Vec<Append>) -> Storage {
    let storage = open(dir.path());
    for request in requests {
        storage.append(request).await.unwrap();
        storage.seal().await.unwrap();
    }
    storage
}

/// Merges the splits of these requests; everything must be found as before.
async fn assert_same_after_merge(signal: Signal, requests: Vec<Append>) {
    let dir = TempDir::new().unwrap();
    let count = requests.len();
    let storage = seal_each(&dir, requests).await;
    let answers = |storage: &Storage| -> Vec<Vec<String>> {
        let snapshot = storage.snapshot();
        filters()
            .iter()
            .map(|filter| found(&snapshot, signal, filter))
            .collect()
    };
    let before = answers(&storage);
    let everything = before.first().map_or(0, Vec::len);
    assert_eq!(everything, ROWS as usize * count);
    assert_eq!(storage.snapshot().sources(signal).len(), count);
    storage.merge_all().await.unwrap();
    assert_eq!(storage.snapshot().sources(signal).len(), 1);
    assert_eq!(answers(&storage), before);
}

/// Files with the same columns, with the same in another order, and with others.
const INPUTS: [&[Attributes]; 4] = [
    &[shop, shop, shop],
    &[shop, shop_turned, shop],
    &[shop, stock, shop],
    &[stock, shop, shop_turned],
];

#[tokio::test]
async fn spans_are_the_same_and_found_as_before_whatever_columns_the_inputs_have() {
    for attributes in INPUTS {
        let requests = attributes.iter().zip(0..);
        let requests = requests.map(|(attributes, part)| spans_with(*attributes, part));
        assert_same_after_merge(Signal::Traces, requests.collect()).await;
    }
}

#[tokio::test]
async fn log_records_are_the_same_and_found_as_before_whatever_columns_the_inputs_have() {
    for attributes in INPUTS {
        let requests = attributes.iter().zip(0..);
        let requests = requests.map(|(attributes, part)| logs_with(*attributes, part));
        assert_same_after_merge(Signal::Logs, requests.collect()).await;
    }
}
