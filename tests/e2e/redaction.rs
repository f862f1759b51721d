//! What must never be kept is nowhere to be found, whichever way it came.

use std::path::Path;

use bytes::Bytes;
use http::StatusCode;
use model::Signal;
use model::otlp::{Encoding, decode};
use serde_json::{Value, json};
use tests::{GrpcClient, HttpClient, SpandrelProcess};

use crate::export::spandrel;

/// Begins every secret of this story.
const CANARY: &str = "canary7hunter2";
const CARD: &str = "4111 1111 1111 1111";
const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.canary7hunter2signature";

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
const PROTOBUF: [(&str, &str); 1] = [("content-type", "application/x-protobuf")];

/// A text with a secret of every form in it.
fn text() -> String {
    format!("charge {CARD} with Bearer {CANARY} or {JWT}")
}

fn attributes() -> Value {
    let secret = json!({ "stringValue": CANARY });
    json!([
        { "key": "http.request.header.authorization", "value": secret },
        { "key": "user.password", "value": { "arrayValue": { "values": [secret] } } },
        { "key": "note", "value": { "stringValue": text() } },
        { "key": "map", "value": { "kvlistValue": { "values": [
            { "key": "Set-Cookie", "value": secret },
        ] } } },
        { "key": "gen_ai.usage.input_tokens", "value": { "intValue": "42" } },
    ])
}

fn spans(trace_id: &str) -> Value {
    let attributes = attributes();
    let ids = json!({ "traceId": trace_id, "spanId": "b7ad6b7169203331" });
    let mut link = ids.clone();
    link["attributes"] = attributes.clone();
    let mut span = ids;
    for (name, value) in [
        ("name", json!(text())),
        ("startTimeUnixNano", json!("1790000000000000000")),
        ("endTimeUnixNano", json!("1790000000000000001")),
        ("attributes", attributes.clone()),
        (
            "events",
            json!([{ "name": text(), "attributes": attributes }]),
        ),
        ("links", json!([link])),
        ("status", json!({ "code": 2, "message": text() })),
    ] {
        span[name] = value;
    }
    let scope = json!({ "name": text(), "attributes": attributes });
    json!({ "resourceSpans": [{
        "resource": { "attributes": attributes },
        "scopeSpans": [{ "scope": scope, "spans": [span] }],
    }] })
}

fn logs() -> Value {
    let attributes = attributes();
    let records = json!([
        { "body": { "stringValue": text() }, "attributes": attributes },
        { "body": { "kvlistValue": { "values": attributes } } },
    ]);
    json!({ "resourceLogs": [{
        "resource": { "attributes": attributes }, "scopeLogs": [{ "logRecords": records }],
    }] })
}

fn protobuf(signal: Signal, request: &Value) -> Bytes {
    let body = Bytes::from(request.to_string());
    decode(signal, Encoding::Json, body).unwrap().payload
}

/// Sends secrets by every protocol; returns the ids of the traces.
async fn send_everything(server: &SpandrelProcess) -> Vec<String> {
    let trace_id = |door: u32| format!("{door:032x}");
    let http = HttpClient::new(server.otlp_http);
    let grpc = GrpcClient::new(server.otlp_grpc);
    let service = "opentelemetry.proto.collector";
    for (signal, method, request) in [
        (Signal::Traces, "trace.v1.TraceService", spans(&trace_id(1))),
        (Signal::Logs, "logs.v1.LogsService", logs()),
    ] {
        let path = format!("/{service}.{method}/Export");
        let called = grpc.try_call(&path, &protobuf(signal, &request)).await;
        assert_eq!(called, Ok(0));
    }
    let zipkin = json!([{
        "traceId": trace_id(4), "id": "b7ad6b7169203331", "name": text(), "duration": 5,
        "timestamp": 1_790_000_000_000_000_u64,
        "tags": { "http.request.header.authorization": CANARY, "note": text() },
        "annotations": [{ "timestamp": 1_790_000_000_000_001_u64, "value": text() }],
    }]);
    let nanos = "1790000000000000000";
    let metadata = json!({ "password": CANARY, "note": text() });
    let loki = json!({ "streams": [{
        "stream": { "service_name": "loki", "api_key": CANARY },
        "values": [[nanos, text(), metadata]],
    }] });
    let lines = json!({ "message": text(), "password": CANARY, "request": { "cookie": CANARY } });
    let requests = [
        (
            "/v1/traces",
            PROTOBUF,
            protobuf(Signal::Traces, &spans(&trace_id(2))),
        ),
        ("/v1/logs", PROTOBUF, protobuf(Signal::Logs, &logs())),
        (
            "/v1/traces",
            JSON,
            Bytes::from(spans(&trace_id(3)).to_string()),
        ),
        ("/v1/logs", JSON, Bytes::from(logs().to_string())),
        ("/api/v2/spans", JSON, Bytes::from(zipkin.to_string())),
        ("/loki/api/v1/push", JSON, Bytes::from(loki.to_string())),
        ("/api/v1/ingest/logs", JSON, Bytes::from(lines.to_string())),
    ];
    for (path, headers, body) in requests {
        let answer = http.post(path, &headers, body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text());
        assert_is_clean(path, &answer.body);
    }
    (1..=4).map(trace_id).collect()
}

fn assert_is_clean(place: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for secret in [CANARY, CARD, "eyJhbGci"] {
        assert!(!text.contains(secret), "{secret} is in {place}\n{text}");
    }
}

/// Looks into every file below the directory; returns how many there are.
fn assert_files_are_clean(directory: &Path) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            count += assert_files_are_clean(&path);
        } else {
            assert_is_clean(&path.display().to_string(), &std::fs::read(&path).unwrap());
            count += 1;
        }
    }
    count
}

async fn assert_answers_are_clean(server: &SpandrelProcess, trace_ids: &[String]) {
    let mut paths: Vec<String> = [
        "/api/v1/traces?limit=100&start=0",
        "/api/v1/logs?limit=100&start=0",
        "/api/v1/logs/patterns?start=0",
        "/api/v1/services",
        "/api/v1/status",
        "/api/v1/status/ingest",
        "/jaeger/api/services",
        "/metrics",
        "/api/v1/export?signal=traces&format=otlp",
        "/api/v1/export?signal=logs&format=jsonl",
    ]
    .map(str::to_owned)
    .to_vec();
    for id in trace_ids {
        paths.push(format!("/api/v1/traces/{id}"));
        paths.push(format!("/api/v1/traces/{id}/skeleton"));
        paths.push(format!("/jaeger/api/traces/{id}"));
    }
    for path in paths {
        let answer = server.api.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        assert_is_clean(&path, &answer.body);
    }
}

#[tokio::test]
async fn secrets_are_in_no_file_answer_or_log_whichever_way_they_came() {
    let flags = ["--log", "debug"];
    let mut server = SpandrelProcess::start_with(&flags).await;

    let trace_ids = send_everything(&server).await;

    assert_answers_are_clean(&server, &trace_ids).await;
    assert!(assert_files_are_clean(&server.data_dir()) > 0);
    for id in &trace_ids {
        let trace = server.trace(id).await;
        let name = &trace.spans[0].name;
        assert_eq!(
            name,
            "charge [redacted] with Bearer [redacted] or [redacted]"
        );
        let authorization = &trace.spans[0].attributes["http.request.header.authorization"];
        assert_eq!(authorization, &json!({ "stringValue": "[redacted]" }));
    }
    let tokens =
        &server.trace(&trace_ids[0]).await.spans[0].attributes["gen_ai.usage.input_tokens"];
    assert_eq!(tokens, &json!({ "intValue": "42" }));
    let page = server.api.get("/metrics").await.text();
    for rule in ["key:authorization", "pattern:card", "pattern:jwt"] {
        let name = format!("spandrel_redacted_values_total{{rule=\"{rule}\"}} ");
        let count = page.lines().find_map(|line| line.strip_prefix(&name));
        assert!(count.is_some_and(|count| count != "0"), "{rule}\n{page}");
    }

    server.stop().await;
    assert!(assert_files_are_clean(&server.data_dir()) > 0);
    let dir = server.data_dir();
    let log = std::fs::read(dir.with_file_name("spandrel.log")).unwrap();
    assert_is_clean("the log", &log);
    let exported = dir.with_file_name("exported");
    std::fs::create_dir(&exported).unwrap();
    let arguments = [
        "export",
        "--data-dir",
        dir.to_str().unwrap(),
        "--format",
        "otlp",
        "--out",
        exported.to_str().unwrap(),
    ];
    let ran = spandrel(&arguments).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(assert_files_are_clean(&exported), 2);
}

#[tokio::test]
async fn whoever_switches_it_off_keeps_everything() {
    let flags = ["--redact-keys", "none", "--redact-patterns", "none"];
    let server = SpandrelProcess::start_with(&flags).await;
    let trace_id = "0af7651916cd43dd8448eb211c80319c";

    let http = HttpClient::new(server.otlp_http);
    let answer = http
        .post("/v1/traces", &JSON, spans(trace_id).to_string())
        .await;

    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(server.trace(trace_id).await.spans[0].name, text());
}
