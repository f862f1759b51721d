//! Files of this and other systems are brought into a running server.

use http::StatusCode;
use serde_json::{Value, json};
use tests::{SpandrelProcess, TraceView};

use crate::export::{Ran, TRACE_ID, fill, spandrel};

/// Imports the files.
pub(crate) async fn import(server: &SpandrelProcess, arguments: &[&str]) -> Ran {
    let endpoint = format!("http://{}", server.otlp_http);
    let fixed = ["import", "--endpoint", &endpoint];
    spandrel(&[&fixed, arguments].concat()).await
}

/// The records of OTLP lines one by one with what is around them, in an order of their own.
pub(crate) fn lines_of(lines: &[u8]) -> Vec<String> {
    let mut records = Vec::new();
    for line in std::str::from_utf8(lines).unwrap().lines() {
        let request: Value = serde_json::from_str(line).unwrap();
        for (name, resources) in request.as_object().unwrap() {
            let (scopes_name, records_name) = match name.as_str() {
                "resourceSpans" => ("scopeSpans", "spans"),
                _ => ("scopeLogs", "logRecords"),
            };
            for resource in resources.as_array().unwrap() {
                for scope in resource[scopes_name].as_array().unwrap() {
                    for record in scope[records_name].as_array().unwrap() {
                        let mut around = (resource.clone(), scope.clone());
                        around.0[scopes_name].take();
                        around.1[records_name].take();
                        records.push(json!([record, around.0, around.1]).to_string());
                    }
                }
            }
        }
    }
    records.sort();
    records
}

fn write(dir: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_trace_downloaded_as_jaeger_json_comes_back_the_same_trace() {
    let first = SpandrelProcess::start().await;
    fill(&first).await;
    let answer = first
        .api
        .get(&format!("/jaeger/api/traces/{TRACE_ID}"))
        .await;
    let downloaded = answer.json(StatusCode::OK).to_string();
    let dir = tempfile::tempdir().unwrap();
    let file = write(&dir, "jaeger.json", &downloaded);

    let second = SpandrelProcess::start().await;
    let imported = import(&second, &[&file]).await;

    assert_eq!(imported.code, Some(0), "{}", imported.stderr);
    assert!(
        imported
            .stderr
            .starts_with("imported 4 spans and 0 log records in "),
        "{}",
        imported.stderr
    );
    // Jaeger's times are microseconds, and what happens within one has no order.
    let by_id = |mut trace: TraceView| {
        for span in &mut trace.spans {
            span.start_unix_nano -= span.start_unix_nano % 1000;
            // A list of values is a text in Jaeger; a key that came twice is compared by its last value.
            span.attributes.remove("shop.cards");
        }
        trace.spans.sort_by(|a, b| a.span_id.cmp(&b.span_id));
        trace.spans
    };
    let (before, after) = (first.trace(TRACE_ID).await, second.trace(TRACE_ID).await);
    assert_eq!(by_id(after), by_id(before));
}

#[tokio::test]
async fn zipkin_spans_are_imported_and_bad_ones_are_counted_by_reason() {
    let server = SpandrelProcess::start().await;
    let dir = tempfile::tempdir().unwrap();
    let text = r#"[
 {"traceId":"5b8efff798038103d269b633813fc60c","id":"1","name":"post /pay","kind":"CLIENT",
  "timestamp":1790000000000000,"duration":1500,"localEndpoint":{"serviceName":"cart"},
  "remoteEndpoint":{"serviceName":"pay","ipv4":"10.0.0.1","port":80},"tags":{"error":"declined"}},
 {"traceId":"5b8efff798038103d269b633813fc60c","id":"2","parentId":"1","name":"pay","kind":"SERVER",
  "timestamp":1790000000000500,"localEndpoint":{"serviceName":"pay"}},
 {"traceId":"nothex","id":"3","timestamp":1},
 {"traceId":"nothex","id":"4","timestamp":1},
 {"id":"5"}
]"#;
    let file = write(&dir, "zipkin.json", text);

    let imported = import(&server, &[&file]).await;

    assert_eq!(imported.code, Some(0), "{}", imported.stderr);
    let lines: Vec<&str> = imported.stderr.lines().collect();
    assert!(
        lines[0].starts_with("imported 2 spans and 0 log records in "),
        "{lines:?}"
    );
    let reason = "trace id is not 1 to 32 hexadecimal digits, or all zero";
    let expected = [
        format!("skipped 2: {reason} (first at {file}:7:2)"),
        format!("skipped 1: not a span: missing field `traceId` (first at {file}:9:2)"),
    ];
    assert_eq!(lines[1..], expected);
    let trace = server.trace(TRACE_ID).await;
    assert_eq!(
        trace.edges().into_iter().collect::<Vec<_>>(),
        [("cart", "pay")]
    );
    let client = trace.span("post /pay");
    assert_eq!((client.kind, client.status_code), (3, 2));
    assert_eq!(client.attribute("peer.service"), "pay");
    assert_eq!(client.attribute("network.peer.address"), "10.0.0.1");
}

#[tokio::test]
async fn what_cannot_be_imported_fails_and_the_rest_is_taken() {
    let server = SpandrelProcess::start().await;
    let dir = tempfile::tempdir().unwrap();
    let good = r#"[{"traceId":"5b8efff798038103d269b633813fc60c","id":"1","name":"good","timestamp":1790000000000000}]"#;
    let file = write(&dir, "mixed.jsonl", &format!("{good}\n[{{\n{{\"a\":1}}\n"));

    let imported = import(&server, &[&file, "/nowhere.json"]).await;

    assert_eq!(imported.code, Some(1), "{}", imported.stderr);
    let lines: Vec<&str> = imported.stderr.lines().collect();
    let expected = [
        format!("failed: {file}:2:2: not JSON: EOF while parsing an object"),
        format!("failed: {file}:3:1: neither OTLP nor Jaeger nor Zipkin; its fields are: a"),
        "failed: /nowhere.json: No such file or directory (os error 2)".to_owned(),
        "error: 3 failures, see above".to_owned(),
    ];
    assert_eq!(lines[1..], expected);
    assert_eq!(server.trace(TRACE_ID).await.names(), ["good"]);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let mut server = SpandrelProcess::start().await;
    server.kill().await;
    let dir = tempfile::tempdir().unwrap();
    let file = write(&dir, "a.json", r#"{"traceId":"1","id":"1","timestamp":1}"#);

    let imported = import(&server, &["--retry-for", "0s", &file]).await;

    assert_eq!(imported.code, Some(1));
    let expected = format!(
        "failed: {file}:1:1: 1 records: http://{}/v1/traces: ",
        server.otlp_http
    );
    assert!(imported.stderr.contains(&expected), "{}", imported.stderr);
    assert!(
        imported.stderr.contains("Connection refused"),
        "{}",
        imported.stderr
    );
}
