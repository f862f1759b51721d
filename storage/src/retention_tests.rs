//! Promises about the size of the data directory: what goes when it is too large, and what stays.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use model::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::compaction::error::MergeError;
use crate::disk::limit::MaxDisk;
use crate::error::AppendError;
use crate::sealer::SealerCommand;
use crate::split::writer;
use crate::testing::{ManualClock, logs, merge_unpublished, names_in, open, span_names, spans};
use crate::{Append, Shortage, Storage, StorageConfig};

const BEGIN: u64 = 1_000_000_000_000;
const STEP: u64 = 1_000_000_000;
/// Less than a split.
const SOME_BLOCKS: u64 = 16 << 10;

/// A storage whose limit is set so that these bytes are `excess_bytes` too many for it.
fn open_with_excess(dir: &TempDir, clock: &Arc<ManualClock>, excess_bytes: u64) -> Storage {
    let storage = open(dir.path());
    let shared = Arc::clone(&storage.inner.shared);
    drop(storage);
    let published = shared.view.published();
    shared.disk.measure(&shared, &published).unwrap();
    let usage = shared.disk.room().usage;
    drop(shared);
    let goal_bytes = usage.total_bytes() + usage.wal_bytes - excess_bytes;
    // Retention keeps an eighth of the limit free.
    let limit_bytes = goal_bytes * 8 / 7;
    open_limited(dir, clock, limit_bytes)
}

/// Splits sealed three steps ago are old enough to go by size.
fn open_limited(dir: &TempDir, clock: &Arc<ManualClock>, limit_bytes: u64) -> Storage {
    open_with_floor(dir, clock, limit_bytes, 3 * STEP)
}

fn open_with_floor(
    dir: &TempDir,
    clock: &Arc<ManualClock>,
    limit_bytes: u64,
    floor_nanos: u64,
) -> Storage {
    let mut config = StorageConfig::in_dir(dir.path());
    config.max_disk = MaxDisk::Bytes(NonZeroU64::new(limit_bytes).unwrap());
    config.min_retention = Duration::from_nanos(floor_nanos);
    Storage::open(config, Arc::<ManualClock>::clone(clock)).unwrap()
}

fn log_record(body: &str) -> Append {
    logs(&json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [
        {"timeUnixNano": "10", "body": {"stringValue": body}},
    ]}]}]}))
}

/// Five splits of spans, and one of log records, sealed one after another: a, b, log, c, d, e.
async fn seal_six(dir: &TempDir) -> Arc<ManualClock> {
    let clock = ManualClock::at(BEGIN);
    let config = StorageConfig::in_dir(dir.path());
    let storage = Storage::open(config, Arc::<ManualClock>::clone(&clock)).unwrap();
    let span = |name: &str| spans("cart", &[(1, 1, name, 10, 20)]);
    let requests = [
        span("a"),
        span("b"),
        log_record("log"),
        span("c"),
        span("d"),
        span("e"),
    ];
    for (request, number) in requests.into_iter().zip(0..) {
        clock.set(BEGIN + number * STEP);
        storage.append(request).await.unwrap();
        storage.seal().await.unwrap();
    }
    clock
}

#[tokio::test]
async fn the_oldest_splits_of_either_signal_go_until_the_rest_fits() {
    let dir = TempDir::new().unwrap();
    let clock = seal_six(&dir).await;
    clock.set(BEGIN + 100 * STEP);
    // The catalog takes a block more or less.
    let storage = open_with_excess(&dir, &clock, SOME_BLOCKS);
    assert_eq!(span_names(&storage.snapshot()), ["b", "c", "d", "e"]);
    let status = storage.status();
    let deleted = status.deleted_by_size;
    assert_eq!(
        (deleted.split_count, status.deleted_by_age.split_count),
        (1, 0)
    );
    assert_eq!(status.log_record_count, 1);
    drop(storage);

    let storage = open_with_excess(&dir, &clock, deleted.bytes + SOME_BLOCKS);
    assert_eq!(span_names(&storage.snapshot()), ["c", "d", "e"]);
    let status = storage.status();
    assert_eq!(status.deleted_by_size.split_count, 2);
    assert_eq!(status.log_record_count, 0);
    assert!(status.disk.usage.total_bytes() <= status.disk.limit_bytes);
    assert_eq!(names_in(&dir.path().join("splits")).len(), 3);
    drop(storage);
    assert_eq!(span_names(&open(dir.path()).snapshot()), ["c", "d", "e"]);
}

#[tokio::test]
async fn what_is_young_stays_and_appends_are_refused_until_it_is_old_enough() {
    let dir = TempDir::new().unwrap();
    let clock = seal_six(&dir).await;
    clock.set(BEGIN + 5 * STEP);
    let storage = open_limited(&dir, &clock, 1);
    // What was sealed three steps ago and earlier is old enough.
    assert_eq!(span_names(&storage.snapshot()), ["c", "d", "e"]);
    let span = || spans("cart", &[(1, 1, "f", 10, 20)]);
    let refused = storage.append(span()).await.unwrap_err();
    assert!(refused.is_retryable());
    let AppendError::NoRoom { source } = refused else {
        panic!("{refused}");
    };
    assert!(matches!(source, Shortage::Limit { limit_bytes: 1, .. }));
    let status = storage.status();
    assert_eq!(status.disk.refused_append_count, 1);
    assert!(matches!(status.disk.shortage, Some(Shortage::Limit { .. })));
    assert_eq!(status.hot_bytes, 0, "what was refused holds no memory");
    assert_eq!(span_names(&storage.snapshot()), ["c", "d", "e"]);
    drop(storage);

    let room_for_one = 1 << 20;
    let storage = open_limited(&dir, &clock, room_for_one);
    storage.append(span()).await.unwrap();
    assert_eq!(storage.status().disk.shortage, None);
    assert_eq!(span_names(&storage.snapshot()), ["c", "d", "e", "f"]);
}

#[tokio::test]
async fn appends_are_taken_again_as_soon_as_retention_has_made_room() {
    let dir = TempDir::new().unwrap();
    let clock = seal_six(&dir).await;
    let storage = open_with_floor(&dir, &clock, 150 << 10, 50 * STEP);
    assert_eq!(span_names(&storage.snapshot()).len(), 5);
    let span = || spans("cart", &[(1, 1, "f", 10, 20)]);
    storage.append(span()).await.unwrap_err();
    clock.set(BEGIN + 100 * STEP);
    storage.expire().await;
    storage.append(span()).await.unwrap();
    let names = span_names(&storage.snapshot());
    assert_eq!(names.last().unwrap(), "f");
    assert!(names.len() < 6, "{names:?}");
    assert_eq!(storage.status().disk.shortage, None);
}

#[tokio::test]
async fn a_merge_does_not_begin_without_room_for_its_result() {
    let dir = TempDir::new().unwrap();
    let clock = seal_six(&dir).await;
    let storage = open_with_floor(&dir, &clock, 150 << 10, 50 * STEP);
    let refused = storage.merge_all().await.unwrap_err();
    assert!(matches!(refused, MergeError::NoRoom(_)), "{refused}");
    assert_eq!(storage.status().split_count, 6);
    drop(storage);
    let storage = open_limited(&dir, &clock, 1 << 20);
    storage.merge_all().await.unwrap();
    assert_eq!(storage.status().traces.split_count, 1);
    assert_eq!(storage.inner.shared.disk.room().merging_bytes, 0);
}

#[tokio::test]
async fn an_input_deleted_by_size_during_its_merge_does_not_come_back() {
    let dir = TempDir::new().unwrap();
    let clock = seal_six(&dir).await;
    let storage = open_limited(&dir, &clock, 1 << 30);
    let replacement = merge_unpublished(&storage, Signal::Traces, &|| false).unwrap();
    drop(storage);
    // The merged split lies there as a crash would leave it, while its oldest inputs go.
    clock.set(BEGIN + 5 * STEP);
    let storage = open_limited(&dir, &clock, 1);
    assert_eq!(span_names(&storage.snapshot()), ["c", "d", "e"]);
    let command = |answer| SealerCommand::Replace(Box::new(replacement), answer);
    let replaced = storage.ask_sealer(command).await.unwrap();
    assert!(matches!(replaced, Err(MergeError::InputGone)));
    assert_eq!(span_names(&storage.snapshot()), ["c", "d", "e"]);
    drop(storage);
    assert_eq!(span_names(&open(dir.path()).snapshot()), ["c", "d", "e"]);
}

#[tokio::test]
async fn a_split_deleted_before_the_catalog_could_forget_it_is_forgotten_by_the_next_start() {
    let dir = TempDir::new().unwrap();
    seal_six(&dir).await;
    let storage = open(dir.path());
    let shared = Arc::clone(&storage.inner.shared);
    drop(storage);
    let published = shared.view.published();
    let oldest = published.iter().min_by_key(|split| split.sealed).unwrap();
    writer::mark_deleted(&shared.directories.splits, &oldest.id).unwrap();
    drop(shared);

    for _ in 0..2 {
        let storage = open(dir.path());
        let snapshot = storage.snapshot();
        assert_eq!(span_names(&snapshot), ["b", "c", "d", "e"]);
        assert_eq!(snapshot.unreadable(), []);
        assert_eq!(names_in(&dir.path().join("splits")).len(), 5);
    }
}

#[tokio::test]
async fn the_wal_is_sealed_before_it_takes_a_large_part_of_the_limit() {
    let dir = TempDir::new().unwrap();
    let clock = ManualClock::at(BEGIN);
    let storage = open_limited(&dir, &clock, 1 << 20);
    let shared = Arc::clone(&storage.inner.shared);
    drop(storage);
    assert!(!shared.is_seal_due());
    assert_eq!(shared.disk.room().wal_bytes_max(), 128 << 10);
    drop(shared);
    let storage = open_limited(&dir, &clock, 1 << 20);
    storage
        .append(log_record(&"x".repeat(130 << 10)))
        .await
        .unwrap();
    storage.seal().await.unwrap();
    assert_eq!(storage.status().logs.split_count, 1);
}
