//! Promises about merges: what they keep, what they leave behind when they end early, who sees what.

use std::cell::Cell;
use std::fs;
use std::sync::Arc;

use model::{LogReader, Signal, SpanReader, TraceId};
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::error::MergeError;
use crate::sealer::SealerCommand;
use crate::snapshot::{Columns, Snapshot};
use crate::testing::{
    ManualClock, copy_files, logs, merge_unpublished, names_in, open, span_names, spans,
};
use crate::{Storage, StorageConfig};

/// Seals each request into a split of its own, a moment after the one before.
async fn seal_each(dir: &TempDir, requests: Vec<crate::Append>) -> (Storage, Arc<ManualClock>) {
    let clock = ManualClock::at(1_000_000_000);
    let config = StorageConfig::in_dir(dir.path());
    let storage = Storage::open(config, Arc::<ManualClock>::clone(&clock)).unwrap();
    for (request, number) in requests.into_iter().zip(1..) {
        clock.set(1_000_000_000 + number * 1_000_000);
        storage.append(request).await.unwrap();
        storage.seal().await.unwrap();
    }
    (storage, clock)
}

/// Each split with one span.
async fn seal_spans(dir: &TempDir, names: &[&str]) -> (Storage, Arc<ManualClock>) {
    let request = |(name, span): (&&str, u8)| spans("cart", &[(1, span, name, 10, 20)]);
    seal_each(dir, names.iter().zip(1..).map(request).collect()).await
}

fn split_count(snapshot: &Snapshot) -> usize {
    snapshot.sources(Signal::Traces).len()
}

#[tokio::test]
async fn late_spans_lie_beside_the_rest_of_their_trace_after_a_merge() {
    let dir = TempDir::new().unwrap();
    let first = [
        (1, 1, "a", 100, 900),
        (1, 2, "c", 300, 400),
        (2, 3, "e", 110, 120),
    ];
    let second = [
        (3, 4, "f", 500, 600),
        (1, 5, "b", 200, 210),
        (1, 6, "d", 300, 310),
    ];
    let third = [(2, 7, "early", 90, 95), (3, 8, "g", 700, 710)];
    let requests = [&first[..], &second, &third].map(|rows| spans("cart", rows));
    let (storage, _) = seal_each(&dir, requests.into()).await;
    storage.merge_all().await.unwrap();
    let snapshot = storage.snapshot();
    let [source] = snapshot.sources(Signal::Traces) else {
        panic!("one split: {snapshot:?}");
    };
    let rows: Vec<u32> = (0..source.row_count()).collect();
    let batch = source.read(&rows, Columns::All).unwrap();
    let reader = SpanReader::new(&batch).unwrap();
    let names: Vec<&str> = (0..rows.len()).map(|row| reader.keys().name(row)).collect();
    assert_eq!(names, ["early", "e", "a", "b", "c", "d", "f", "g"]);
    let trace: TraceId = format!("{:032x}", 1).parse().unwrap();
    assert_eq!(source.rows_of_trace(trace).unwrap(), [2, 3, 4, 5]);
}

#[tokio::test]
async fn merged_log_records_are_in_order_by_time() {
    let dir = TempDir::new().unwrap();
    let request = |records: &[(u64, &str)]| {
        let records: Vec<_> = records
            .iter()
            .map(|(time, body)| {
                json!({"timeUnixNano": time.to_string(), "body": {"stringValue": body}})
            })
            .collect();
        logs(&json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}))
    };
    let requests = vec![
        request(&[(50, "e"), (10, "a"), (30, "c")]),
        request(&[(30, "d"), (70, "f")]),
        request(&[(20, "b")]),
    ];
    let (storage, _) = seal_each(&dir, requests).await;
    storage.merge_all().await.unwrap();
    let snapshot = storage.snapshot();
    let source = &snapshot.sources(Signal::Logs)[0];
    let batch = source.read(&[0, 1, 2, 3, 4, 5], Columns::All).unwrap();
    let reader = LogReader::new(&batch).unwrap();
    let body = |row| format!("{:?}", reader.log_record(row).unwrap().body);
    let bodies: String = (0..6).map(body).collect();
    let letters: String = bodies.split('"').filter(|text| text.len() == 1).collect();
    assert_eq!(letters, "abcdef");
}

#[tokio::test]
async fn sixteen_small_splits_become_one_by_themselves() {
    let dir = TempDir::new().unwrap();
    let names: Vec<String> = (0..17).map(|number| format!("{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (storage, _) = seal_spans(&dir, &names).await;
    storage.compact().await;
    let snapshot = storage.snapshot();
    assert_eq!(span_names(&snapshot), names);
    assert_eq!(split_count(&snapshot), 2);
    storage.shutdown().await;
    drop((snapshot, storage));
    let storage = open(dir.path());
    assert_eq!(span_names(&storage.snapshot()), names);
    assert_eq!(split_count(&storage.snapshot()), 2);
    assert_eq!(names_in(&dir.path().join("splits")).len(), 2);
}

#[tokio::test]
async fn a_reader_of_an_old_snapshot_goes_on_and_its_files_go_with_it() {
    let dir = TempDir::new().unwrap();
    let (storage, _) = seal_spans(&dir, &["a", "b", "c"]).await;
    let before = storage.snapshot();
    storage.merge_all().await.unwrap();
    assert_eq!(split_count(&storage.snapshot()), 1);
    assert_eq!(span_names(&storage.snapshot()), ["a", "b", "c"]);
    assert_eq!(span_names(&before), ["a", "b", "c"]);
    assert_eq!(split_count(&before), 3);
    let directories = || names_in(&dir.path().join("splits")).len();
    assert_eq!(directories(), 4);
    drop(before);
    assert_eq!(directories(), 1);
}

#[tokio::test]
async fn a_merge_whose_input_expires_meanwhile_is_thrown_away() {
    let dir = TempDir::new().unwrap();
    let (storage, clock) = seal_spans(&dir, &["old", "new"]).await;
    let replacement = merge_unpublished(&storage, Signal::Traces, &|| false).unwrap();
    let age = storage.inner.shared.config.retention_age;
    clock.set(1_001_000_000 + u64::try_from(age.as_nanos()).unwrap());
    storage.expire().await;
    let command = |answer| SealerCommand::Replace(Box::new(replacement), answer);
    let refused = storage.ask_sealer(command).await.unwrap();
    assert!(matches!(refused, Err(MergeError::InputGone)));
    assert_eq!(span_names(&storage.snapshot()), ["new"]);
    assert_eq!(names_in(&dir.path().join("splits")).len(), 1);
    drop(storage);
    let storage = Storage::open(StorageConfig::in_dir(dir.path()), clock).unwrap();
    assert_eq!(span_names(&storage.snapshot()), ["new"]);
}

#[tokio::test]
async fn what_is_merged_expires_when_the_newest_of_it_would_have() {
    let dir = TempDir::new().unwrap();
    let (storage, clock) = seal_spans(&dir, &["old", "new"]).await;
    storage.merge_all().await.unwrap();
    let age = u64::try_from(storage.inner.shared.config.retention_age.as_nanos()).unwrap();
    clock.set(1_002_000_000 - 1 + age);
    storage.expire().await;
    assert_eq!(span_names(&storage.snapshot()), ["new", "old"]);
    clock.set(1_002_000_000 + age);
    storage.expire().await;
    assert_eq!(span_names(&storage.snapshot()), Vec::<String>::new());
}

#[tokio::test]
async fn a_merge_that_is_stopped_anywhere_leaves_its_inputs_and_half_a_split_for_the_next_start() {
    let dir = TempDir::new().unwrap();
    let (storage, _) = seal_spans(&dir, &["a", "b", "c"]).await;
    let mut stops = 0;
    loop {
        let calls = Cell::new(0);
        let is_stopped = || {
            calls.set(calls.get() + 1);
            calls.get() > stops
        };
        match merge_unpublished(&storage, Signal::Traces, &is_stopped) {
            Err(MergeError::Stopped) => stops += 1,
            result => {
                result.unwrap();
                break;
            }
        }
        assert_eq!(names_in(&dir.path().join("splits")).len(), 3);
    }
    // Three inputs, one chunk of rows, and ids and values of the result.
    assert_eq!(stops, 6);
    let halves = names_in(&dir.path().join("compaction"));
    assert_eq!(halves.len(), 1);
    assert!(halves[0].starts_with("tmp-"));
    drop(storage);
    let storage = open(dir.path());
    assert_eq!(span_names(&storage.snapshot()), ["a", "b", "c"]);
    assert_eq!(names_in(&dir.path().join("compaction")).len(), 0);
    assert_eq!(names_in(&dir.path().join("splits")).len(), 3);
}

#[tokio::test]
async fn a_crash_before_the_publish_leaves_the_inputs_and_one_after_it_the_merged_split() {
    let dir = TempDir::new().unwrap();
    let (storage, _) = seal_spans(&dir, &["a", "b", "c"]).await;
    let written = merge_unpublished(&storage, Signal::Traces, &|| false).unwrap();
    assert_eq!(names_in(&dir.path().join("splits")).len(), 4);
    drop((written, storage));
    let storage = open(dir.path());
    assert_eq!(span_names(&storage.snapshot()), ["a", "b", "c"]);
    assert_eq!(split_count(&storage.snapshot()), 3);
    assert_eq!(names_in(&dir.path().join("splits")).len(), 3);

    // The reader keeps the inputs from being removed, as a crash would.
    let reader = storage.snapshot();
    storage.merge_all().await.unwrap();
    let crashed = TempDir::new().unwrap();
    copy_files(dir.path(), crashed.path());
    drop(reader);
    assert_eq!(names_in(&crashed.path().join("splits")).len(), 4);
    let storage = open(crashed.path());
    assert_eq!(span_names(&storage.snapshot()), ["a", "b", "c"]);
    assert_eq!(split_count(&storage.snapshot()), 1);
    assert_eq!(names_in(&crashed.path().join("splits")).len(), 1);
}

#[tokio::test]
async fn a_damaged_input_is_left_out_and_the_others_are_merged() {
    let dir = TempDir::new().unwrap();
    let (storage, _) = seal_spans(&dir, &["a", "b", "c"]).await;
    drop(storage);
    let splits = dir.path().join("splits");
    let columns = splits.join(&names_in(&splits)[1]).join("rows.parquet");
    let mut bytes = fs::read(&columns).unwrap();
    bytes[100] ^= 1;
    fs::write(&columns, bytes).unwrap();
    let storage = open(dir.path());
    let failed = storage.merge_all().await.unwrap_err();
    assert!(failed.bad_input().is_some(), "{failed}");
    assert_eq!(storage.status().unreadable_split_count, 1);
    storage.merge_all().await.unwrap();
    let status = storage.status();
    assert_eq!((status.unreadable_split_count, status.split_count), (1, 1));
    let snapshot = storage.snapshot();
    let readable = |source: &&crate::Source| source.row_count() == 2;
    assert_eq!(
        snapshot
            .sources(Signal::Traces)
            .iter()
            .filter(readable)
            .count(),
        1
    );
}

#[tokio::test]
async fn a_merge_that_fails_is_reported_and_succeeds_when_the_disk_is_well_again() {
    let dir = TempDir::new().unwrap();
    let (storage, _) = seal_spans(&dir, &["a", "b"]).await;
    let unfinished = dir.path().join("compaction");
    fs::remove_dir(&unfinished).unwrap();
    fs::write(&unfinished, "in the way").unwrap();
    let failed = storage.merge_all().await.unwrap_err();
    assert!(matches!(failed, MergeError::Output(_)), "{failed}");
    let error = || storage.inner.shared.counters.get().compaction.last_error;
    let (_, reason) = error().unwrap();
    assert!(
        reason.starts_with("merged split cannot be written: create directory failed on "),
        "{reason}"
    );
    assert_eq!(span_names(&storage.snapshot()), ["a", "b"]);
    fs::remove_file(&unfinished).unwrap();
    fs::create_dir(&unfinished).unwrap();
    storage.merge_all().await.unwrap();
    assert_eq!(error(), None);
    assert_eq!(span_names(&storage.snapshot()), ["a", "b"]);
    assert_eq!(split_count(&storage.snapshot()), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_every_acknowledged_row_once_while_seals_and_merges_run() {
    const APPENDS: u8 = 60;
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    let mut tasks = JoinSet::new();
    let sender = storage.clone();
    tasks.spawn(async move {
        for number in 0..APPENDS {
            let name = format!("{number:03}");
            let request = spans("cart", &[(number % 5 + 1, 1, &name, 10, 20)]);
            sender.append(request).await.unwrap();
            if number % 3 == 2 {
                sender.seal().await.unwrap();
            }
        }
    });
    let merger = storage.clone();
    tasks.spawn(async move {
        while merger.status().span_count < u64::from(APPENDS) {
            merger.merge_all().await.unwrap();
        }
    });
    let mut seen = 0;
    while seen < usize::from(APPENDS) {
        let names = span_names(&storage.snapshot());
        let expected: Vec<String> = (0..names.len()).map(|it| format!("{it:03}")).collect();
        assert_eq!(names, expected);
        assert!(names.len() >= seen, "{} after {seen}", names.len());
        seen = names.len();
        tokio::task::yield_now().await;
    }
    tasks.join_all().await;
    storage.merge_all().await.unwrap();
    assert_eq!(split_count(&storage.snapshot()), 1);
    assert_eq!(storage.status().span_count, u64::from(APPENDS));
    assert!(storage.status().compaction.merge_count > 1);
}
