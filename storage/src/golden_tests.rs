//! Files that earlier versions wrote must stay readable.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bodies::{LetterCase, Needle};
use crate::catalog::PublishedSplit;
use crate::filter::{Filter, Test, TextMatch};
use crate::split::id::SplitId;
use crate::split::metadata::SplitMetadata;
use crate::split::reader::Split;
use crate::testing::{copy_files, logs, texts, traces};
use crate::{Append, Columns, Match, Source};

/// A split as it was written when its version was made.
struct Golden {
    directory: &'static str,
    id: &'static str,
    signal: Signal,
}

const SPANS: Golden = Golden {
    directory: "golden/split-v2",
    id: "018bcfe5-6800-7a38-b2a8-8edde20f574b",
    signal: Signal::Traces,
};

const LOGS: Golden = Golden {
    directory: "golden/split-v2-logs",
    id: "00000000-0000-70a5-b713-ebeae6d90460",
    signal: Signal::Logs,
};

impl Golden {
    /// Copies it, so that it can be damaged; names the directory and what the catalog would know.
    fn copy(&self, splits_dir: &Path) -> (PathBuf, PublishedSplit) {
        let id: SplitId = self.id.parse().unwrap();
        let dir = splits_dir.join(id.as_str());
        copy_files(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join(self.directory),
            &dir,
        );
        let metadata = SplitMetadata::read(&dir, &id).unwrap();
        let published = metadata.to_published(&id, self.signal);
        (dir, published)
    }

    /// Asserts that it holds what was appended, and which row a test finds.
    fn check(&self, original: &Append, test: Test, expected: u32) {
        let dir = TempDir::new().unwrap();
        let (_, published) = self.copy(dir.path());
        let source = Source::split(Arc::new(Split::open(dir.path(), &published).unwrap()));
        let rows: Vec<u32> = (0..source.row_count()).collect();
        let batch = source.read(&rows, Columns::All).unwrap();
        assert_eq!(
            texts(self.signal, &batch),
            texts(self.signal, &original.batch)
        );
        let mut found = Vec::new();
        let mut visit = |it: Match| {
            found.push(it.row);
            ControlFlow::Continue(())
        };
        source
            .find(&Filter::everything().and(test), &mut visit)
            .unwrap();
        assert_eq!(found, [expected]);
    }
}

/// Splits that people have must stay readable: when this test or the next one fails, raise the
/// version and keep reading both.
#[test]
fn a_split_of_spans_written_by_an_earlier_build_is_still_read() {
    let test = Test::Attribute {
        key: "http.route".into(),
        value: TextMatch::Prefix("/ca".into()),
    };
    SPANS.check(&golden_spans(), test, 1);
}

#[test]
fn a_split_of_log_records_written_by_an_earlier_build_is_still_read() {
    let test = Test::Body(Needle::phrase("WORLD\" 0", LetterCase::Ignored));
    LOGS.check(&golden_logs(), test, LOG_COUNT);
}

#[test]
fn a_flipped_byte_anywhere_in_a_split_is_an_error() {
    for golden in [SPANS, LOGS] {
        let dir = TempDir::new().unwrap();
        let (split_dir, published) = golden.copy(dir.path());
        let metadata = SplitMetadata::read(&split_dir, &published.id).unwrap();
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

fn golden_spans() -> Append {
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

/// Records of three templates, so many that they are worth columns.
const LOG_COUNT: u32 = 400;

fn golden_logs() -> Append {
    let record = |n: u64| {
        let body = match n % 3 {
            0 => format!(
                "order {:08x} paid after {} ms by customer {}",
                n * 2_654_435_761 % 4_294_967_291,
                n * 7 % 900,
                n % 11
            ),
            1 => format!(
                "cache miss for key item-{}, fetching from shard {:02}",
                n * 31 % 997,
                n % 16
            ),
            _ => format!(
                "retry {} of request {:016x} to inventory failed: connection reset",
                n % 4,
                n * 0x9e37_79b9_7f4a
            ),
        };
        json!({
            "timeUnixNano": (1_700_000_000_000_000_000 + n * 1_000_003).to_string(),
            "severityNumber": 9 + n % 3 * 4,
            "body": {"stringValue": body},
            "attributes": [{"key": "thread", "value": {"stringValue": format!("worker-{}", n % 5)}}],
        })
    };
    let mut records: Vec<Value> = (0..u64::from(LOG_COUNT)).map(record).collect();
    let late = |body: Value, n: u64| {
        json!({
            "observedTimeUnixNano": (1_700_000_001_000_000_000 + n).to_string(),
            "traceId": format!("{:032x}", 10), "spanId": format!("{:016x}", 2), "flags": 1,
            "severityText": "Hinweis", "eventName": "golden.event", "body": body,
        })
    };
    records.push(late(
        json!({"stringValue": "hello \"world\" 0\nsecond line"}),
        0,
    ));
    records.push(late(
        json!({"kvlistValue": {"values": [{"key": "size", "value": {"intValue": "99"}}]}}),
        1,
    ));
    records.push(late(Value::Null, 2));
    logs(&json!({"resourceLogs": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "cart"}}]},
        "scopeLogs": [{"scope": {"name": "golden", "version": "1"}, "logRecords": records}],
    }]}))
}
