//! Promises of the whole storage.

use model::{Signal, TimeRange, TraceId, UnixNanos};
use serde_json::json;
use tempfile::TempDir;

use crate::bodies::{BodyRegex, LetterCase, Needle};
use crate::error::{AppendError, OpenError, ReadError};
use crate::filter::{Filter, Test, TextMatch};
use crate::testing::{ManualClock, found, logs, open, open_with, span_names, spans};
use crate::{Columns, Source, Storage, StorageConfig};

#[tokio::test]
async fn what_was_acknowledged_is_visible_at_once_and_after_a_crash() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    storage
        .append(spans("cart", &[(1, 1, "a", 10, 20), (1, 2, "b", 11, 12)]))
        .await
        .unwrap();
    assert_eq!(span_names(&storage.snapshot()), ["a", "b"]);
    drop(storage);
    let storage = open(dir.path());
    assert_eq!(span_names(&storage.snapshot()), ["a", "b"]);
    storage
        .append(spans("cart", &[(1, 3, "c", 12, 13)]))
        .await
        .unwrap();
    drop(storage);
    assert_eq!(span_names(&open(dir.path()).snapshot()), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_snapshot_does_not_change_under_its_reader() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    storage
        .append(spans("cart", &[(1, 1, "a", 10, 20)]))
        .await
        .unwrap();
    let before = storage.snapshot();
    storage
        .append(spans("cart", &[(1, 2, "b", 10, 20)]))
        .await
        .unwrap();
    assert_eq!(span_names(&before), ["a"]);
    assert_eq!(span_names(&storage.snapshot()), ["a", "b"]);
}

#[tokio::test]
async fn many_small_batches_are_merged_without_losing_or_repeating_a_row() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    let mut names = Vec::new();
    for number in 0..200_u8 {
        let name = format!("span-{number:03}");
        storage
            .append(spans("cart", &[(1, number.max(1), &name, 10, 20)]))
            .await
            .unwrap();
        names.push(name);
    }
    let snapshot = storage.snapshot();
    assert_eq!(span_names(&snapshot), names);
    assert!(snapshot.sources(Signal::Traces).len() < 30);
    let trace: TraceId = format!("{:032x}", 1).parse().unwrap();
    let rows = |source: &Source| source.rows_of_trace(trace).unwrap().len();
    assert_eq!(
        snapshot
            .sources(Signal::Traces)
            .iter()
            .map(rows)
            .sum::<usize>(),
        200
    );
}

#[tokio::test]
async fn filters_find_exactly_the_rows_they_describe() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    storage
        .append(spans(
            "cart",
            &[(1, 1, "GET /cart", 10, 20), (2, 2, "add", 30, 90)],
        ))
        .await
        .unwrap();
    storage
        .append(spans("order", &[(1, 3, "POST /order", 12, 19)]))
        .await
        .unwrap();
    let count = |filter: &Filter| found(&storage.snapshot(), Signal::Traces, filter).len();
    let everything = Filter::everything;
    let cart = Test::Service(TextMatch::Exact("cart".into()));
    assert_eq!(count(&everything()), 3);
    assert_eq!(count(&everything().and(cart.clone())), 2);
    assert_eq!(count(&everything().and_not(cart)), 1);
    assert_eq!(
        count(&everything().and(Test::NameContains("get /C".into()))),
        1
    );
    assert_eq!(
        count(&everything().and(Test::DurationNano(60..=u64::MAX))),
        1
    );
    let key = Test::Attribute {
        key: "service.name".into(),
        value: TextMatch::Prefix("o".into()),
    };
    assert_eq!(count(&everything().and(key)), 1);
    assert_eq!(
        count(&everything().and(Test::Body(Needle::phrase("", LetterCase::Ignored)))),
        0
    );
}

#[tokio::test]
async fn two_servers_never_share_a_directory() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    let second = Storage::open(StorageConfig::in_dir(dir.path()), ManualClock::at(0));
    assert!(
        matches!(second.unwrap_err(), OpenError::Locked { data_dir } if data_dir == dir.path())
    );
    drop(storage);
    open(dir.path());
}

#[tokio::test]
async fn appends_above_the_memory_limit_are_refused_for_now() {
    let dir = TempDir::new().unwrap();
    let storage = open_with(dir.path(), |config| {
        config.hot_bytes_max = 1;
        config.append_wait = std::time::Duration::ZERO;
    });
    storage
        .append(spans("cart", &[(1, 1, "a", 10, 20)]))
        .await
        .unwrap();
    let refused = storage
        .append(spans("cart", &[(1, 2, "b", 10, 20)]))
        .await
        .unwrap_err();
    assert!(matches!(
        refused,
        AppendError::Full {
            capacity_bytes: 1,
            ..
        }
    ));
    assert!(refused.is_retryable());
    assert_eq!(span_names(&storage.snapshot()), ["a"]);
}

#[tokio::test]
async fn appends_after_shutdown_are_refused() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    storage.shutdown().await;
    storage.shutdown().await;
    let refused = storage
        .append(spans("cart", &[(1, 1, "a", 10, 20)]))
        .await
        .unwrap_err();
    assert!(matches!(refused, AppendError::ShuttingDown));
}

#[tokio::test]
async fn long_texts_are_found_exactly_in_splits_too() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    let long = |end: &str| "long name ".repeat(40) + end;
    let (a, b) = (long("a"), long("b"));
    storage
        .append(spans(&a, &[(1, 1, &a, 10, 20), (1, 2, &b, 10, 20)]))
        .await
        .unwrap();
    storage
        .append(spans(&b, &[(1, 3, &a, 10, 20), (1, 4, "short", 10, 20)]))
        .await
        .unwrap();
    storage.seal().await.unwrap();
    let snapshot = storage.snapshot();
    let count =
        |test: Test| found(&snapshot, Signal::Traces, &Filter::everything().and(test)).len();
    assert_eq!(count(Test::Name(TextMatch::Exact(a.clone()))), 2);
    assert_eq!(count(Test::Name(TextMatch::Prefix(b.clone()))), 1);
    assert_eq!(count(Test::NameContains("NAME B".into())), 1);
    assert_eq!(count(Test::Service(TextMatch::Exact(b.clone()))), 2);
    let service = |value| Test::Attribute {
        key: "service.name".into(),
        value,
    };
    assert_eq!(count(service(TextMatch::Exact(a.clone()))), 2);
    assert_eq!(count(service(TextMatch::Prefix(long("")))), 4);
    let source = &snapshot.sources(Signal::Traces)[0];
    assert_eq!(
        source.service_counts().unwrap(),
        [(a.clone(), 2), (b.clone(), 2)]
    );
    let names: Vec<String> = source
        .operation_counts(&b)
        .unwrap()
        .into_iter()
        .map(|operation| operation.name)
        .collect();
    assert_eq!(names, [a, "short".to_owned()]);
}

#[tokio::test]
async fn rows_and_columns_that_are_not_there_are_errors() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    storage
        .append(spans("cart", &[(1, 1, "a", 10, 20), (1, 2, "b", 10, 20)]))
        .await
        .unwrap();
    for _ in ["hot", "split"] {
        let snapshot = storage.snapshot();
        let source = &snapshot.sources(Signal::Traces)[0];
        let bad_row = source.read(&[1, 1], Columns::All);
        assert!(matches!(
            bad_row,
            Err(ReadError::BadRow {
                row: 1,
                row_count: 2
            })
        ));
        let bad_row = source.trace_ids(&[2]);
        assert!(matches!(
            bad_row,
            Err(ReadError::BadRow {
                row: 2,
                row_count: 2
            })
        ));
        let unknown = source
            .read(&[0], Columns::Named(&["nonsense"]))
            .unwrap_err();
        assert!(matches!(unknown, ReadError::UnknownColumn { column } if column == "nonsense"));
        let batch = source
            .read(&[1], Columns::Named(&["name", "kind"]))
            .unwrap();
        assert_eq!(batch.schema_ref().field(0).name(), "name");
        assert_eq!(batch.num_rows(), 1);
        storage.seal().await.unwrap();
    }
}

#[tokio::test]
async fn log_records_are_found_by_their_words_phrases_severity_and_span() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    let record = |time: u64, severity: u8, body: &str, span: u8| {
        json!({
            "observedTimeUnixNano": time.to_string(), "severityNumber": severity,
            "body": {"stringValue": body},
            "traceId": format!("{:032x}", 1), "spanId": format!("{span:016x}"),
        })
    };
    let records = [
        record(3, 17, "Payment declined: card_expired", 7),
        record(1, 9, "payment accepted", 7),
        record(2, 9, "cart emptied", 8),
    ];
    let request = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]});
    storage.append(logs(&request)).await.unwrap();
    for _ in ["hot", "split"] {
        let snapshot = storage.snapshot();
        let count =
            |test: Test| found(&snapshot, Signal::Logs, &Filter::everything().and(test)).len();
        let any_case = LetterCase::Ignored;
        let exact = LetterCase::Exact;
        for (needle, expected) in [
            (Needle::word("PAYMENT", any_case), 2),
            (Needle::word("PAYMENT", exact), 0),
            (Needle::word("Payment", exact), 1),
            (Needle::word("card", any_case), 0),
            (Needle::word_prefix("CARD", any_case), 1),
            (Needle::word_prefix("ard", any_case), 0),
            (Needle::phrase("declined: CARD", any_case), 1),
            (Needle::phrase("declined: CARD", exact), 0),
            (Needle::phrase("PIR", any_case), 1),
        ] {
            assert_eq!(count(Test::Body(needle.clone())), expected, "{needle:?}");
        }
        for (pattern, expected) in [
            ("^pay.*ed$", 1),
            ("(?i)^pay.*ed$", 2),
            ("t [ad]", 2),
            ("x{2}", 0),
        ] {
            let regex = BodyRegex::new(pattern).unwrap();
            assert_eq!(count(Test::BodyRegex(regex)), expected, "{pattern}");
        }
        assert_eq!(count(Test::SeverityNumber(17..=20)), 1);
        assert_eq!(count(Test::SpanId("0000000000000007".parse().unwrap())), 2);
        assert_eq!(count(Test::Kind(0)), 0);
        let source = &snapshot.sources(Signal::Logs)[0];
        assert_eq!(
            source.time_range(),
            TimeRange::enclosing(UnixNanos(1), UnixNanos(3))
        );
        assert_eq!(
            source.service_counts().unwrap(),
            [("unknown_service".to_owned(), 3)]
        );
        storage.seal().await.unwrap();
    }
}
