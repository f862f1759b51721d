//! Everything that was acknowledged comes out, field by field.

use std::path::Path;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use arrow_array::types::TimestampNanosecondType;
use bytes::Bytes;
use model::UnixNanos;
use model::otlp::testing::{
    any_logs_payload, any_traces_payload, single_log_payloads, single_span_payloads,
};
use model::otlp::{self, Encoding};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::filter::Test;
use crate::testing::{logs, open, spans};
use crate::{Append, Storage};

fn export(dir: &Path, signal: Signal, format: ExportFormat, filter: Filter) -> Vec<u8> {
    let archive = Archive::open(dir).unwrap();
    let export = Export {
        signal,
        filter,
        format,
    };
    let mut out = Vec::new();
    let exported = export.write(&archive, &mut out).unwrap();
    assert_eq!(exported.size_bytes, out.len() as u64);
    assert!(exported.unread.is_empty(), "{:?}", exported.unread);
    out
}

/// Keeps the first half in a split and the second half in the WAL.
fn store(dir: &Path, signal: Signal, payloads: &[Vec<u8>]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let storage = open(dir);
        let (sealed, hot) = payloads.split_at(payloads.len() / 2);
        append_all(&storage, signal, sealed).await;
        storage.seal().await.unwrap();
        append_all(&storage, signal, hot).await;
    });
}

async fn append_all(storage: &Storage, signal: Signal, payloads: &[Vec<u8>]) {
    for payload in payloads {
        let payload = Bytes::from(payload.clone());
        let accepted = otlp::decode(signal, Encoding::Protobuf, payload).unwrap();
        let append = Append {
            signal,
            payload: accepted.payload,
            batch: accepted.batch,
        };
        storage.append(append).await.unwrap();
    }
}

type Singles = fn(&[u8]) -> Result<Vec<Vec<u8>>, otlp::DecodeError>;

fn sorted(payloads: &[Vec<u8>], singles: Singles) -> Vec<Vec<u8>> {
    let mut records: Vec<Vec<u8>> = payloads
        .iter()
        .flat_map(|it| singles(it).unwrap())
        .collect();
    records.sort();
    records
}

/// The payloads that the lines of an export decode to.
fn read_back(signal: Signal, lines: &[u8]) -> Vec<Vec<u8>> {
    let lines = lines.split_inclusive(|byte| *byte == b'\n');
    lines
        .map(|line| {
            let line = Bytes::copy_from_slice(line.strip_suffix(b"\n").unwrap());
            let accepted = otlp::decode(signal, Encoding::Json, line).unwrap();
            assert_eq!(accepted.rejected, None);
            accepted.payload.to_vec()
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn spans_exported_as_otlp_read_back_equal_in_every_field(
        payloads in vec(any_traces_payload(), 0..6),
    ) {
        let dir = TempDir::new().unwrap();
        store(dir.path(), Signal::Traces, &payloads);
        let lines = export(dir.path(), Signal::Traces, ExportFormat::OtlpLines, Filter::everything());
        let read = read_back(Signal::Traces, &lines);
        prop_assert_eq!(
            sorted(&read, single_span_payloads),
            sorted(&payloads, single_span_payloads)
        );
    }

    #[test]
    fn log_records_exported_as_otlp_read_back_equal_in_every_field(
        payloads in vec(any_logs_payload(), 0..6),
    ) {
        let dir = TempDir::new().unwrap();
        store(dir.path(), Signal::Logs, &payloads);
        let lines = export(dir.path(), Signal::Logs, ExportFormat::OtlpLines, Filter::everything());
        let read = read_back(Signal::Logs, &lines);
        prop_assert_eq!(
            sorted(&read, single_log_payloads),
            sorted(&payloads, single_log_payloads)
        );
    }

    #[test]
    fn any_records_become_a_table_and_lines(
        traces in vec(any_traces_payload(), 0..4),
        logs in vec(any_logs_payload(), 0..4),
    ) {
        for (signal, payloads) in [(Signal::Traces, traces), (Signal::Logs, logs)] {
            let dir = TempDir::new().unwrap();
            store(dir.path(), signal, &payloads);
            let count: usize = payloads
                .iter()
                .map(|it| otlp::replay(signal, it).unwrap().num_rows())
                .sum();
            let everything = Filter::everything;
            let table = export(dir.path(), signal, ExportFormat::Parquet, everything());
            let rows: usize = read_table(table).iter().map(RecordBatch::num_rows).sum();
            prop_assert_eq!(rows, count);
            let lines = export(dir.path(), signal, ExportFormat::JsonLines, everything());
            prop_assert_eq!(read_lines(&lines).len(), count);
        }
    }
}

fn read_table(bytes: Vec<u8>) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
    let batches = reader.build().unwrap();
    batches.collect::<Result<_, _>>().unwrap()
}

fn read_lines(lines: &[u8]) -> Vec<Value> {
    let lines = std::str::from_utf8(lines).unwrap().lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn hot_record() -> Value {
    let record = json!({ "timeUnixNano": "30", "body": { "stringValue": "hot" } });
    json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": [record] }] }] })
}

/// A request with one span that has something everywhere.
fn rich_span() -> Append {
    let attributes = json!([
        { "key": "http.route", "value": { "stringValue": "/pay/{id}" } },
        { "key": "items", "value": { "intValue": "3" } },
        { "key": "share", "value": { "doubleValue": 0.5 } },
        { "key": "cards", "value": { "arrayValue": { "values": [{ "stringValue": "visa" }] } } },
        { "key": "none" },
        { "key": "items", "value": { "boolValue": true } },
    ]);
    let span = json!({
        "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174",
        "parentSpanId": "eee19b7ec3c1b173", "name": "POST /pay", "kind": 2,
        "startTimeUnixNano": "1700000000123456789", "endTimeUnixNano": "1700000000123456889",
        "attributes": attributes,
        "events": [{ "timeUnixNano": "1700000000123456790", "name": "retry",
                     "attributes": [{ "key": "try", "value": { "intValue": "2" } }] }],
        "links": [{ "traceId": "01", "spanId": "02" }],
        "status": { "code": 2, "message": "declined" },
    });
    let resource = json!({ "attributes": [
        { "key": "service.name", "value": { "stringValue": "payment" } },
        { "key": "host.name", "value": { "stringValue": "n1" } },
    ]});
    let scopes = json!([{ "scope": { "name": "shop", "version": "2" }, "spans": [span] }]);
    let request = json!({ "resourceSpans": [{ "resource": resource, "scopeSpans": scopes }] });
    let body = Bytes::from(request.to_string());
    let accepted = otlp::decode(Signal::Traces, Encoding::Json, body).unwrap();
    Append {
        signal: Signal::Traces,
        payload: accepted.payload,
        batch: accepted.batch,
    }
}

#[tokio::test]
async fn the_line_of_a_span_is_flat_and_has_values_of_their_types() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    storage.append(rich_span()).await.unwrap();
    drop(storage);
    let everything = Filter::everything();
    let line = export(
        dir.path(),
        Signal::Traces,
        ExportFormat::JsonLines,
        everything,
    );
    let expected = concat!(
        r#"{"trace_id":"5b8efff798038103d269b633813fc60c","span_id":"eee19b7ec3c1b174","#,
        r#""parent_span_id":"eee19b7ec3c1b173","flags":0,"name":"POST /pay","kind":"server","#,
        r#""start_time":"2023-11-14T22:13:20.123456789Z","end_time":"2023-11-14T22:13:20.123456889Z","#,
        r#""duration_nano":100,"service_name":"payment","#,
        r#""attributes":{"http.route":"/pay/{id}","items":3,"share":0.5,"cards":["visa"],"none":null,"items":true},"#,
        r#""events":[{"time":"2023-11-14T22:13:20.123456790Z","name":"retry","attributes":{"try":2}}],"#,
        r#""links":[{"trace_id":"01","span_id":"02","flags":0,"attributes":{}}],"#,
        r#""status_code":"error","status_message":"declined","#,
        r#""resource_attributes":{"service.name":"payment","host.name":"n1"},"#,
        r#""scope_name":"shop","scope_version":"2"}"#,
        "\n"
    );
    assert_eq!(std::str::from_utf8(&line).unwrap(), expected);
}

#[tokio::test]
async fn the_table_of_spans_has_each_key_once_and_loses_nothing() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    storage.append(rich_span()).await.unwrap();
    drop(storage);
    let everything = Filter::everything();
    let table = export(
        dir.path(),
        Signal::Traces,
        ExportFormat::Parquet,
        everything,
    );
    let batches = read_table(table);
    let [batch] = batches.as_slice() else {
        panic!("{} batches", batches.len());
    };
    let text = |name: &str| batch[name].as_string::<i32>().value(0).to_owned();
    assert_eq!(text("trace_id"), "5b8efff798038103d269b633813fc60c");
    assert_eq!(
        (text("kind"), text("status_code")),
        ("server".into(), "error".into())
    );
    let start = batch["start_time"].as_primitive::<TimestampNanosecondType>();
    assert_eq!(start.value(0), 1_700_000_000_123_456_789);
    assert_eq!(start.timezone(), Some("UTC"));
    let attributes = batch["attributes"].as_map().value(0);
    let (keys, values) = (attributes.column(0), attributes.column(1));
    let entries: Vec<_> = keys
        .as_string::<i32>()
        .iter()
        .zip(values.as_string::<i32>())
        .collect();
    let cards = r#"{"arrayValue":{"values":[{"stringValue":"visa"}]}}"#;
    assert_eq!(
        entries,
        [
            (Some("http.route"), Some("/pay/{id}")),
            (Some("items"), Some("3")),
            (Some("share"), Some("0.5")),
            (Some("cards"), Some(cards)),
            (Some("none"), None),
        ]
    );
    let types = batch["attribute_types"].as_list::<i32>().value(0);
    let types: Vec<_> = types.as_string::<i32>().iter().flatten().collect();
    assert_eq!(types, ["string", "int", "double", "array", "absent"]);
    let all: Value = serde_json::from_str(&text("attributes_otlp")).unwrap();
    assert_eq!(all.as_array().unwrap().len(), 6);
    assert_eq!(all[5]["value"], json!({ "boolValue": true }));
    let resource: Value = serde_json::from_str(&text("resource")).unwrap();
    assert_eq!(resource["resource"]["attributes"][1]["key"], "host.name");
    let events = batch["events"].as_list::<i32>().value(0);
    let names = events.as_struct().column_by_name("name").unwrap();
    assert_eq!(names.as_string::<i32>().value(0), "retry");
}

#[tokio::test]
async fn only_what_the_filter_lets_through_is_written() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    storage
        .append(spans("shop", &[(1, 1, "a", 10, 20), (1, 2, "b", 20, 22)]))
        .await
        .unwrap();
    storage.seal().await.unwrap();
    storage
        .append(spans("cart", &[(2, 1, "c", 15, 40), (2, 2, "d", 30, 31)]))
        .await
        .unwrap();
    drop(storage);
    let names = |filter: Filter| -> Vec<String> {
        let lines = export(dir.path(), Signal::Traces, ExportFormat::JsonLines, filter);
        let names = read_lines(&lines).into_iter();
        names
            .map(|it| it["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let mut filter = Filter::everything();
    filter.time = model::TimeRange::new(UnixNanos(15), UnixNanos(30)).unwrap();
    assert_eq!(names(filter.clone()), ["b", "c"]);
    let cart = Test::Service(crate::TextMatch::Exact("cart".into()));
    assert_eq!(names(filter.and(cart)), ["c"]);
}

#[tokio::test]
async fn a_running_server_exports_what_a_stopped_one_does() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    for (trace, start) in [(2, 50), (1, 10)] {
        let request = spans("shop", &[(trace, 1, "a", start, start + 5)]);
        storage.append(request).await.unwrap();
        storage.seal().await.unwrap();
    }
    storage.append(rich_span()).await.unwrap();
    let live = Export {
        signal: Signal::Traces,
        filter: Filter::everything(),
        format: ExportFormat::OtlpLines,
    };
    let mut out = Vec::new();
    let exported = live.write_snapshot(&storage.snapshot(), &mut out).unwrap();
    assert_eq!((exported.row_count, exported.unread.len()), (3, 0));
    drop(storage);
    let everything = Filter::everything();
    let stopped = export(
        dir.path(),
        Signal::Traces,
        ExportFormat::OtlpLines,
        everything,
    );
    assert_eq!(std::str::from_utf8(&out), std::str::from_utf8(&stopped));
}

#[tokio::test]
async fn a_file_appears_when_it_is_whole_and_nothing_is_left_of_a_failed_one() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    storage.append(logs(&hot_record())).await.unwrap();
    drop(storage);
    let archive = Archive::open(dir.path()).unwrap();
    let out = TempDir::new().unwrap();
    let export = Export {
        signal: Signal::Logs,
        filter: Filter::everything(),
        format: ExportFormat::JsonLines,
    };
    let path = out.path().join("logs.jsonl");
    let exported = export.write_file(&archive, &path).unwrap();
    assert_eq!(exported.row_count, 1);
    let written = std::fs::read(&path).unwrap();
    assert_eq!(read_lines(&written)[0]["body"], "hot");
    // A directory stands where the file should go.
    let blocked = out.path().join("blocked");
    std::fs::create_dir(&blocked).unwrap();
    std::fs::write(blocked.join("file"), b"").unwrap();
    let error = export.write_file(&archive, &blocked).unwrap_err();
    assert!(matches!(error, ExportError::File(_)), "{error}");
    let names = std::fs::read_dir(out.path()).unwrap();
    let mut names: Vec<_> = names.map(|it| it.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["blocked", "logs.jsonl"]);
}
