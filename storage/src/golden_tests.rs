//! Files that earlier versions wrote must stay readable.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use model::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::filter::{Filter, Test, TextMatch};
use crate::split::id::SplitId;
use crate::split::metadata::SplitMetadata;
use crate::split::reader::Split;
use crate::testing::{copy_files, texts, traces};
use crate::{Append, Columns, Match, Source};

const GOLDEN_ID: &str = "018bcfe5-6800-7a38-b2a8-8edde20f574b";

/// The directory is a split of version 2 as it was written when that version was made. Splits that
/// people have must stay readable: when this test fails, raise the version and keep reading both.
#[test]
fn a_split_written_by_an_earlier_build_is_still_read() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/split-v2");
    let dir = TempDir::new().unwrap();
    let id: SplitId = GOLDEN_ID.parse().unwrap();
    copy_files(&golden, &dir.path().join(id.as_str()));
    let metadata = SplitMetadata::read(&dir.path().join(id.as_str()), &id).unwrap();
    let published = metadata.to_published(&id, Signal::Traces);
    let split = Arc::new(Split::open(dir.path(), &published).unwrap());
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

#[test]
fn a_flipped_byte_anywhere_in_a_split_is_an_error() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/split-v2");
    let dir = TempDir::new().unwrap();
    let id: SplitId = GOLDEN_ID.parse().unwrap();
    let split_dir = dir.path().join(id.as_str());
    copy_files(&golden, &split_dir);
    let metadata = SplitMetadata::read(&split_dir, &id).unwrap();
    let published = metadata.to_published(&id, Signal::Traces);
    let names = metadata.files.iter().map(|file| file.name.as_str());
    for name in names.chain(["metadata.json"]) {
        let path = split_dir.join(name);
        let whole = fs::read(&path).unwrap();
        for position in (0..whole.len()).step_by(whole.len() / 40 + 1) {
            let mut bad = whole.clone();
            bad[position] ^= 0x10;
            fs::write(&path, &bad).unwrap();
            let opened = Split::open(dir.path(), &published).and_then(|split| split.files());
            assert!(
                opened.is_err() || is_harmless(&whole, &bad),
                "byte {position} of {name}"
            );
        }
        fs::write(&path, &whole).unwrap();
    }
    Split::open(dir.path(), &published)
        .unwrap()
        .files()
        .unwrap();
}

/// The WAL sequence in the metadata is for people; blanks mean nothing at all.
fn is_harmless(whole: &[u8], bad: &[u8]) -> bool {
    let parse = |json: &[u8]| {
        let mut metadata: SplitMetadata = serde_json::from_slice(json).ok()?;
        metadata.wal_sequence = 0;
        Some(metadata)
    };
    parse(bad).is_some_and(|bad| Some(bad) == parse(whole))
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
