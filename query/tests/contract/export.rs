//! Records as files.

use crate::shop;

fn names(lines: &str) -> Vec<String> {
    let line = |line: &str| -> serde_json::Value { serde_json::from_str(line).unwrap() };
    let names = lines.lines().map(line);
    names
        .map(|it| it["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn what_satisfies_the_query_is_sent_as_a_file_from_memory_as_from_splits() {
    let mut store = shop::store().await;
    for _ in 0..2 {
        let path = "/api/v1/export?signal=traces&format=jsonl&q=service:cart";
        let answer = store.get(path).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers["content-type"], "application/jsonl");
        let disposition = &answer.headers["content-disposition"];
        assert_eq!(disposition, "attachment; filename=\"traces.jsonl\"");
        assert_eq!(names(&answer.body), ["reserve", "count items"]);
        let range = "&start=1700000002000000000&end=1700000002005000001";
        let answer = store.get(&format!("{path}{range}")).await;
        assert_eq!(answer.status, 200, "one after another: {}", answer.body);
        assert_eq!(names(&answer.body), ["count items"]);
        let answer = store
            .get("/api/v1/export?signal=logs&format=otlp&q=socks")
            .await;
        assert!(answer.body.starts_with("{\"resourceLogs\":["));
        assert!(answer.body.contains("out of stock: socks"));
        assert_eq!(answer.body.matches("timeUnixNano").count(), 1);
        store = store.seal().await;
    }
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let store = shop::store().await;
    for (query, message) in [
        ("", "signal must be given: traces or logs"),
        ("signal=metrics", "signal must be traces or logs"),
        (
            "signal=logs&format=csv",
            "format must be parquet, jsonl or otlp",
        ),
        (
            "signal=logs&limit=3",
            "unknown parameter \"limit\", known: signal, format, q, start, end",
        ),
    ] {
        let answer = store.get(&format!("/api/v1/export?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.json()["error"]["message"], message);
    }
}

#[tokio::test]
async fn an_export_that_cannot_read_everything_breaks_off() {
    let store = shop::store().await.seal().await.damage("rows.parquet");
    let path = "/api/v1/export?signal=traces&format=jsonl";
    assert_eq!(store.get_broken(path).await, "the export ended early");
}
