//! Files that earlier versions wrote must stay readable.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use model::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::filter::{Filter, Test, TextMatch};
use crate::split::id::SplitId;
use crate::split::reader::Split;
use crate::testing::{copy_files, texts, traces};
use crate::{Append, Columns, Match, Source};

/// The directory is a split of version 1 as it was written when that version was made. Splits that
/// people have must stay readable: when this test fails, raise the version and keep reading both.
#[test]
fn a_split_written_by_the_first_version_is_still_read() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/split-v1");
    let dir = TempDir::new().unwrap();
    let id: SplitId = "018bcfe5-6800-7fc5-bc5a-f8676fc6ef71".parse().unwrap();
    copy_files(&golden, &dir.path().join(id.as_str()));
    let split = Arc::new(Split::open(dir.path(), id, Signal::Traces).unwrap());
    let source = Source::split(split);
    let rows: Vec<u32> = (0..source.row_count()).collect();
    let batch = source.read(&rows, Columns::All).unwrap();
    let original = golden_append();
    assert_eq!(
        texts(Signal::Traces, &batch),
        texts(Signal::Traces, &original.batch)
    );
    let key = Test::Attribute {
        key: "http.route".into(),
        value: TextMatch::Prefix("/ca".into()),
    };
    let mut found = Vec::new();
    let mut visit = |it: Match| {
        found.push(it.row);
        ControlFlow::Continue(())
    };
    source
        .find(&Filter::everything().and(key), &mut visit)
        .unwrap();
    assert_eq!(found, [1]);
}

fn golden_append() -> Append {
    traces(&json!({"resourceSpans": [{
        "resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": "cart"}},
            {"key": "process.pid", "value": {"intValue": "4242"}},
        ]},
        "schemaUrl": "https://opentelemetry.io/schemas/1.37.0",
        "scopeSpans": [{"scope": {"name": "golden", "version": "1"}, "spans": [
            {
                "traceId": format!("{:032x}", 10), "spanId": format!("{:016x}", 1),
                "name": "root", "kind": 1, "traceState": "a=b", "flags": 257,
                "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000000500000000",
                "status": {"code": 2, "message": "card declined"},
                "events": [{"timeUnixNano": "1700000000100000000", "name": "retry",
                    "attributes": [{"key": "attempt", "value": {"intValue": "2"}}]}],
                "links": [{"traceId": format!("{:032x}", 11), "spanId": format!("{:016x}", 9)}],
            },
            {
                "traceId": format!("{:032x}", 10), "spanId": format!("{:016x}", 2),
                "parentSpanId": format!("{:016x}", 1), "name": "GET /cart", "kind": 3,
                "startTimeUnixNano": "1700000000001000000", "endTimeUnixNano": "1700000000002000000",
                "attributes": [
                    {"key": "http.route", "value": {"stringValue": "/cart"}},
                    {"key": "retryable", "value": {"boolValue": true}},
                    {"key": "ratio", "value": {"doubleValue": 0.1}},
                    {"key": "raw", "value": {"bytesValue": "AP8H"}},
                    {"key": "list", "value": {"arrayValue": {"values": [{"intValue": "1"}]}}},
                ],
            },
        ]}],
    }]}))
}
