//! Promises of the whole storage.

use model::{Signal, TraceId};
use tempfile::TempDir;

use crate::error::{AppendError, OpenError};
use crate::filter::{Filter, Test, TextMatch};
use crate::testing::{ManualClock, found, open, open_with, span_names, spans};
use crate::{Storage, StorageConfig};

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
    let rows = |source: &crate::Source| source.rows_of_trace(trace).unwrap().len();
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
    assert_eq!(count(&everything().and(Test::BodyPhrase(String::new()))), 0);
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
    let storage = open_with(dir.path(), |config| config.hot_bytes_max = 1);
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
