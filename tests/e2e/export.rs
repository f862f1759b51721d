//! Data is taken out of a stopped server, and other programs read it.

use std::path::Path;

use http::StatusCode;
use serde_json::{Value, json};
use tests::{HttpClient, SpandrelProcess, export_logs, export_spans, read_parquet};

use crate::import::{import, lines_of};

pub(crate) const TRACE_ID: &str = "5b8efff798038103d269b633813fc60c";
const START_UNIX_NANO: u64 = 1_790_000_000_000_000_000;
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// What a run of the binary came to.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// Runs the binary to its end.
pub(crate) async fn spandrel(arguments: &[&str]) -> Ran {
    let mut command = tests::command(&tests::binary());
    let ended = tokio::time::timeout(tests::PATIENCE, command.args(arguments).output()).await;
    let output = ended.unwrap().unwrap();
    Ran {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Exports with these arguments, and expects it to work.
pub(crate) async fn export(server: &SpandrelProcess, arguments: &[&str]) -> Ran {
    let data_dir = server.data_dir();
    let fixed = ["export", "--data-dir", data_dir.to_str().unwrap()];
    let ran = spandrel(&[&fixed, arguments].concat()).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran
}

/// A span with something in every field, of the trace of the others.
fn charge() -> Vec<u8> {
    let span = json!({
        "traceId": TRACE_ID, "spanId": "00000000000000c4", "parentSpanId": "0000000000000001",
        "traceState": "a=1", "flags": 257, "name": "charge", "kind": 3,
        "startTimeUnixNano": (START_UNIX_NANO + 500).to_string(),
        "endTimeUnixNano": (START_UNIX_NANO + 777).to_string(),
        "attributes": [
            { "key": "shop.card", "value": { "stringValue": "visa" } },
            { "key": "shop.items", "value": { "intValue": "3" } },
            { "key": "shop.share", "value": { "doubleValue": 0.1 } },
            { "key": "shop.cards", "value": { "arrayValue": { "values": [{ "boolValue": true }] } } },
            { "key": "shop.card", "value": { "bytesValue": "AP8=" } },
        ],
        "droppedAttributesCount": 1,
        "events": [{ "timeUnixNano": (START_UNIX_NANO + 600).to_string(), "name": "declined",
                     "attributes": [{ "key": "code", "value": { "intValue": "51" } }] }],
        "links": [{ "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "flags": 1 }],
        "status": { "code": 2, "message": "card declined" },
    });
    let resource = json!({ "attributes": [
        { "key": "service.name", "value": { "stringValue": "payment" } },
        { "key": "process.pid", "value": { "intValue": "17" } },
    ], "droppedAttributesCount": 2 });
    let scope = json!({ "name": "shop", "version": "1.2" });
    let scope_spans = json!([{ "scope": scope, "spans": [span], "schemaUrl": "https://s" }]);
    let of_resource =
        json!({ "resource": resource, "scopeSpans": scope_spans, "schemaUrl": "https://r" });
    json!({ "resourceSpans": [of_resource] })
        .to_string()
        .into_bytes()
}

/// Three spans of `checkout`, one of `payment`, and two log records.
pub(crate) async fn fill(server: &SpandrelProcess) {
    let otlp = HttpClient::new(server.otlp_http);
    let spans = export_spans("checkout", TRACE_ID, &["POST /checkout", "reserve", "ship"]);
    for (path, body) in [
        ("/v1/traces", spans),
        ("/v1/traces", charge()),
        (
            "/v1/logs",
            export_logs(
                "checkout",
                TRACE_ID,
                &["stock reserved", "card 4711 charged"],
            ),
        ),
    ] {
        let answer = otlp.post(path, &JSON, body).await;
        assert_eq!(answer.json(StatusCode::OK), json!({}));
    }
}

#[tokio::test]
async fn what_is_exported_as_otlp_comes_back_equal_in_another_server() {
    let mut first = SpandrelProcess::start().await;
    fill(&first).await;
    first.kill().await; // The rows are in the WAL only.
    let out = tempfile::tempdir().unwrap();
    let dir = out.path().to_str().unwrap();
    let ran = export(&first, &["--format", "otlp", "--out", dir]).await;
    let (traces, logs) = (
        out.path().join("traces.otlp.jsonl"),
        out.path().join("logs.otlp.jsonl"),
    );
    let size = |path: &Path| std::fs::metadata(path).unwrap().len();
    let expected = format!(
        "{}: 4 spans, {} bytes\n{}: 2 log records, {} bytes\n",
        traces.display(),
        size(&traces),
        logs.display(),
        size(&logs)
    );
    assert_eq!(ran.stderr, expected);

    let mut second = SpandrelProcess::start().await;
    let files = [traces.to_str().unwrap(), logs.to_str().unwrap()];
    let imported = import(&second, &files).await;
    assert_eq!(imported.code, Some(0), "{}", imported.stderr);
    assert!(
        imported
            .stderr
            .starts_with("imported 4 spans and 2 log records in "),
        "{}",
        imported.stderr
    );
    assert_eq!(second.trace(TRACE_ID).await.spans.len(), 4);
    second.stop().await; // The rows are in splits only.

    for (signal, file) in [("--traces", &traces), ("--logs", &logs)] {
        let again = export(&second, &[signal, "--format", "otlp", "--out", "-"]).await;
        let before = std::fs::read(file).unwrap();
        assert_eq!(lines_of(&again.stdout), lines_of(&before));
        assert!(!before.is_empty());
    }
}

#[tokio::test]
async fn a_running_server_writes_the_same_files() {
    let mut server = SpandrelProcess::start().await;
    fill(&server).await;
    let out = tempfile::tempdir().unwrap();
    let url = format!("http://{}", server.http);
    let asked = async |arguments: &[&str]| -> Ran {
        let ran = spandrel(&[&["export", "--server", &url], arguments].concat()).await;
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran
    };
    let live = out.path().join("live");
    asked(&[
        "--format",
        "otlp",
        "--out",
        live.to_str().unwrap(),
        "--traces",
    ])
    .await;
    let charge = [
        "--traces",
        "--format",
        "jsonl",
        "--query",
        "name:charge",
        "--out",
        "-",
    ];
    let live_charge = asked(&charge).await.stdout;
    let refused = spandrel(&[
        "export",
        "--server",
        &url,
        "--out",
        "/nowhere/file",
        "--logs",
    ])
    .await;
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);

    server.stop().await;

    let stopped = export(&server, &["--traces", "--format", "otlp", "--out", "-"])
        .await
        .stdout;
    assert_eq!(lines_of(&std::fs::read(live).unwrap()), lines_of(&stopped));
    assert_eq!(live_charge, export(&server, &charge).await.stdout);
    assert_eq!(live_charge.iter().filter(|byte| **byte == b'\n').count(), 1);
    let gone = spandrel(&["export", "--server", &url, "--logs", "--out", "x"]).await;
    assert!(
        gone.stderr.contains(&format!("cannot export from {url}")),
        "{}",
        gone.stderr
    );
}

#[tokio::test]
async fn duckdb_and_pyarrow_read_exports_and_splits() {
    let mut server = SpandrelProcess::start().await;
    fill(&server).await;
    server.stop().await;
    let out = tempfile::tempdir().unwrap();
    export(&server, &["--out", out.path().to_str().unwrap()]).await;
    std::os::unix::fs::symlink(server.data_dir(), out.path().join("data")).unwrap();

    let found = read_parquet(out.path()).await;

    assert_eq!(found["services"], json!([["checkout", 3], ["payment", 1]]));
    let types = json!(["string", "int", "double", "array"]);
    let charge = json!([[
        TRACE_ID,
        "00000000000000c4",
        "0000000000000001",
        "charge",
        "client",
        START_UNIX_NANO + 500,
        277,
        "visa",
        "3",
        types,
        "declined",
        "payment",
        "shop",
        "error"
    ]]);
    assert_eq!(found["span"], charge);
    let repeated: Value = serde_json::from_str(found["repeated"][0][1].as_str().unwrap()).unwrap();
    assert_eq!(repeated[4]["value"], json!({ "bytesValue": "AP8=" }));
    let bodies = json!([["INFO", "stock reserved"], ["INFO", "card 4711 charged"]]);
    assert_eq!(found["bodies"], bodies);
    let joined = json!([
        ["stock reserved", "POST /checkout"],
        ["card 4711 charged", "POST /checkout"]
    ]);
    assert_eq!(found["joined"], joined);
    let services = json!(["checkout", "checkout", "checkout", "payment"]);
    assert_eq!(found["arrow_services"], services);
    assert_eq!(found["arrow_start_type"], "timestamp[ns, tz=UTC]");
    let starts = [0, 1, 2, 500].map(|after| START_UNIX_NANO + after);
    assert_eq!(found["arrow_starts"], json!(starts));

    let span = |id: &str, parent: Option<&str>, name: &str, kind: u8, after: u64, nanos: u64| {
        let service = if name == "charge" {
            "payment"
        } else {
            "checkout"
        };
        json!([
            TRACE_ID,
            id,
            parent,
            name,
            kind,
            START_UNIX_NANO + after,
            nanos,
            service
        ])
    };
    let root = "0000000000000001";
    let spans = json!([
        span(root, None, "POST /checkout", 2, 0, 1000),
        span("0000000000000002", Some(root), "reserve", 2, 1, 999),
        span("0000000000000003", Some(root), "ship", 2, 2, 998),
        span("00000000000000c4", Some(root), "charge", 3, 500, 277),
    ]);
    assert_eq!(found["split_spans"], spans);
    let columns = found["split_log_columns"].as_array().unwrap();
    assert!(columns.contains(&json!("severity_text")), "{columns:?}");
}

#[tokio::test]
async fn lines_are_flat_and_a_query_and_a_range_choose_them() {
    let mut server = SpandrelProcess::start().await;
    fill(&server).await;
    server.stop().await;
    let names = async |arguments: &[&str]| -> Vec<Value> {
        let fixed = ["--traces", "--format", "jsonl", "--out", "-"];
        let ran = export(&server, &[&fixed, arguments].concat()).await;
        let lines = std::str::from_utf8(&ran.stdout).unwrap().lines();
        let names = lines.map(|line| serde_json::from_str::<Value>(line).unwrap()["name"].clone());
        names.collect()
    };
    assert_eq!(names(&["--query", "service:payment"]).await, ["charge"]);
    let (start, end) = (START_UNIX_NANO + 1, START_UNIX_NANO + 500);
    let range = ["--start", &start.to_string(), "--end", &end.to_string()];
    assert_eq!(names(&range).await, ["reserve", "ship"]);
    let later = ["--start", "2026-09-21T14:13:20.0000005Z"];
    assert_eq!(names(&later).await, ["charge"]);
}

#[tokio::test]
async fn what_cannot_be_exported_is_said() {
    let server = SpandrelProcess::start().await;
    let data_dir = server.data_dir();
    let dir = data_dir.to_str().unwrap();
    let error = async |arguments: &[&str]| -> String {
        let ran = spandrel(&[&["export"], arguments].concat()).await;
        assert_eq!(ran.code, Some(1));
        ran.stderr
    };
    let served = error(&["--data-dir", dir, "--format", "otlp", "--out", "-"]).await;
    assert!(served.contains("is in use by another server"), "{served}");
    let nowhere = error(&["--data-dir", "/nowhere", "--out", "/tmp"]).await;
    assert!(
        nowhere.contains("/nowhere is no data directory"),
        "{nowhere}"
    );
    let stdout = error(&["--data-dir", dir, "--out", "-"]).await;
    assert!(stdout.contains("name a file with --out"), "{stdout}");
    let empty = error(&["--data-dir", dir, "--start", "5", "--end", "5"]).await;
    assert!(
        empty.contains("--end must be later than --start"),
        "{empty}"
    );
    let query = error(&["--data-dir", dir, "--logs", "--query", "duration>5s"]).await;
    assert!(query.contains("does not apply to logs"), "{query}");
}
