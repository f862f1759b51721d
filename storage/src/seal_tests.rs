//! Promises about splits: how they come to be, how long they stay, and what damage does to them.

use std::sync::Arc;

use tempfile::TempDir;

use crate::error::SealError;
use crate::testing::{ManualClock, copy_files, open, open_with, span_names, spans};
use crate::{Storage, StorageConfig};

#[tokio::test]
async fn shutdown_seals_and_the_next_start_reads_the_splits() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    storage
        .append(spans("cart", &[(1, 1, "a", 10, 20)]))
        .await
        .unwrap();
    storage.shutdown().await;
    drop(storage);
    let storage = open(dir.path());
    let status = storage.status();
    assert_eq!(
        (status.span_count, status.hot_row_count, status.split_count),
        (1, 0, 1)
    );
    assert_eq!(span_names(&storage.snapshot()), ["a"]);
}

#[tokio::test]
async fn a_seal_that_takes_too_long_on_shutdown_is_left_to_the_next_start() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    storage
        .append(spans("cart", &[(1, 1, "a", 10, 20)]))
        .await
        .unwrap();
    let held = storage.hold_sealer();
    // From here on time passes when nothing else can happen.
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    storage.shutdown().await;
    let grace = StorageConfig::in_dir(dir.path()).shutdown_seal_grace;
    assert_eq!(began.elapsed().as_secs(), grace.as_secs());

    // What is on the disk now is what a process leaves that ends here.
    let left = TempDir::new().unwrap();
    copy_files(dir.path(), left.path());
    drop(held);
    let storage = open(left.path());
    let status = storage.status();
    assert_eq!((status.hot_row_count, status.split_count), (1, 0));
    assert_eq!(span_names(&storage.snapshot()), ["a"]);
}

#[tokio::test]
async fn the_hot_buffer_is_sealed_when_it_has_enough_rows() {
    let dir = TempDir::new().unwrap();
    let storage = open_with(dir.path(), |config| config.seal_rows = 2);
    storage
        .append(spans("cart", &[(1, 1, "a", 10, 20), (1, 2, "b", 10, 20)]))
        .await
        .unwrap();
    // A later seal that finds nothing waits for the one that was begun.
    storage.seal().await.unwrap();
    let status = storage.status();
    assert_eq!(
        (status.hot_row_count, status.split_count, status.hot_bytes),
        (0, 1, 0)
    );
    assert_eq!(span_names(&storage.snapshot()), ["a", "b"]);
}

#[tokio::test]
async fn splits_older_than_the_retention_age_are_deleted_and_old_snapshots_still_read_them() {
    let dir = TempDir::new().unwrap();
    let clock = ManualClock::at(1_000);
    let config = || StorageConfig::in_dir(dir.path());
    let storage = Storage::open(config(), Arc::<ManualClock>::clone(&clock)).unwrap();
    storage
        .append(spans("cart", &[(1, 1, "old", 10, 20)]))
        .await
        .unwrap();
    storage.shutdown().await;
    drop(storage);

    clock.set(2_000);
    let storage = Storage::open(config(), Arc::<ManualClock>::clone(&clock)).unwrap();
    storage
        .append(spans("cart", &[(1, 2, "new", 10, 20)]))
        .await
        .unwrap();
    storage.seal().await.unwrap();
    let before = storage.snapshot();
    let age_nanos = u64::try_from(config().retention_age().as_nanos()).unwrap();
    clock.set(1_000 + age_nanos);
    storage.expire().await;
    assert_eq!(span_names(&storage.snapshot()), ["new"]);
    assert_eq!(storage.status().deleted_by_age.split_count, 1);
    let directories = || {
        std::fs::read_dir(dir.path().join("splits"))
            .unwrap()
            .count()
    };
    assert_eq!(span_names(&before), ["new", "old"]);
    assert_eq!(directories(), 2);
    drop(before);
    assert_eq!(directories(), 1);
    drop(storage);

    let storage = Storage::open(config(), Arc::<ManualClock>::clone(&clock)).unwrap();
    clock.set(2_000 + age_nanos);
    storage.expire().await;
    assert_eq!(span_names(&storage.snapshot()), Vec::<String>::new());
}

#[tokio::test]
async fn a_seal_that_fails_loses_nothing_and_succeeds_when_the_disk_is_well_again() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    storage
        .append(spans("cart", &[(1, 1, "a", 10, 20)]))
        .await
        .unwrap();
    let splits = dir.path().join("splits");
    std::fs::remove_dir(&splits).unwrap();
    std::fs::write(&splits, "in the way").unwrap();
    assert!(matches!(
        storage.seal().await.unwrap_err(),
        SealError::File(_)
    ));
    let status = storage.status();
    let (_, reason) = status.last_seal_error.unwrap();
    assert!(
        reason.starts_with("create directory failed on "),
        "{reason}"
    );
    assert_eq!((status.hot_row_count, status.split_count), (1, 0));
    storage
        .append(spans("cart", &[(1, 2, "b", 10, 20)]))
        .await
        .unwrap();
    assert_eq!(span_names(&storage.snapshot()), ["a", "b"]);

    std::fs::remove_file(&splits).unwrap();
    std::fs::create_dir(&splits).unwrap();
    storage.seal().await.unwrap();
    let status = storage.status();
    assert_eq!(
        (
            status.last_seal_error,
            status.hot_row_count,
            status.hot_bytes
        ),
        (None, 0, 0)
    );
    assert_eq!(span_names(&storage.snapshot()), ["a", "b"]);
    drop(storage);
    assert_eq!(span_names(&open(dir.path()).snapshot()), ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_every_acknowledged_row_once_while_seals_run() {
    const APPENDS: usize = 120;
    let dir = TempDir::new().unwrap();
    let storage = open_with(dir.path(), |config| config.seal_rows = 20);
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..4_u8 {
        let storage = storage.clone();
        senders.spawn(async move {
            for number in 0..APPENDS / 4 {
                let name = format!("{sender}-{number:03}");
                storage
                    .append(spans("cart", &[(sender + 1, 1, &name, 10, 20)]))
                    .await
                    .unwrap();
                let names = span_names(&storage.snapshot());
                assert!(
                    names.contains(&name),
                    "{name} was acknowledged and is not there"
                );
                assert!(
                    names.is_sorted_by(|a, b| a < b),
                    "a row is there twice: {names:?}"
                );
            }
        });
    }
    while let Some(sender) = senders.join_next().await {
        sender.unwrap();
    }
    storage.shutdown().await;
    let status = storage.status();
    assert_eq!(
        (status.span_count, status.hot_row_count),
        (APPENDS as u64, 0)
    );
    assert!(status.sealed_split_count > 1);
}

#[tokio::test]
async fn the_hot_buffer_is_due_when_its_oldest_row_is_old_enough() {
    let dir = TempDir::new().unwrap();
    let clock = ManualClock::at(1_000);
    let config = StorageConfig::in_dir(dir.path());
    let storage = Storage::open(config, Arc::<ManualClock>::clone(&clock)).unwrap();
    let shared = Arc::clone(&storage.inner.shared);
    storage
        .append(spans("cart", &[(1, 1, "a", 10, 20)]))
        .await
        .unwrap();
    // Without its threads nothing is sealed while this looks.
    drop(storage);
    let age_nanos = u64::try_from(shared.config.seal_age.as_nanos()).unwrap();
    clock.set(1_000 + age_nanos - 1);
    assert!(!shared.is_seal_due());
    clock.set(1_000 + age_nanos);
    assert!(shared.is_seal_due());
}

#[tokio::test]
async fn a_log_of_many_small_files_comes_back_whole_and_is_trimmed_by_a_seal() {
    let dir = TempDir::new().unwrap();
    let storage = open_with(dir.path(), |config| config.wal_file_bytes = 1);
    let wal_files = || std::fs::read_dir(dir.path().join("wal")).unwrap().count();
    for (span, name) in [(1, "a"), (2, "b"), (3, "c")] {
        storage
            .append(spans("cart", &[(1, span, name, 10, 20)]))
            .await
            .unwrap();
    }
    drop(storage);
    assert_eq!(wal_files(), 4);
    let storage = open(dir.path());
    assert_eq!(span_names(&storage.snapshot()), ["a", "b", "c"]);
    storage.seal().await.unwrap();
    assert_eq!(wal_files(), 1);
    assert_eq!(span_names(&storage.snapshot()), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_loop_of_restarts_does_not_make_the_log_grow() {
    let dir = TempDir::new().unwrap();
    let wal_files = || std::fs::read_dir(dir.path().join("wal")).unwrap().count();
    let storage = open(dir.path());
    storage
        .append(spans("cart", &[(1, 1, "a", 10, 20)]))
        .await
        .unwrap();
    drop(storage);
    for _ in 0..20 {
        let storage = open(dir.path());
        assert_eq!(span_names(&storage.snapshot()), ["a"]);
        assert_eq!(wal_files(), 2);
    }
    for number in 0..20 {
        let storage = open(dir.path());
        storage
            .append(spans("cart", &[(1, number + 2, "b", 10, 20)]))
            .await
            .unwrap();
    }
    assert_eq!(wal_files(), 21);
    open(dir.path()).seal().await.unwrap();
    assert_eq!(wal_files(), 1);
    assert_eq!(open(dir.path()).status().span_count, 21);
}

/// Kibibytes of mapped files below `dir` that count as memory of this process.
#[cfg(target_os = "linux")]
fn resident_kib(dir: &std::path::Path) -> u64 {
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let dir = dir.to_str().unwrap();
    let mut is_below = false;
    let mut sum = 0;
    for line in maps.lines() {
        if let Some(kib) = line.strip_prefix("Rss:") {
            let kib: u64 = kib.trim().trim_end_matches(" kB").parse().unwrap();
            sum += if is_below { kib } else { 0 };
        } else if line
            .split(' ')
            .next()
            .is_some_and(|word| word.contains('-'))
        {
            is_below = line.contains(dir);
        }
    }
    sum
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn splits_that_nobody_has_asked_for_take_no_memory_and_are_read_without_opening_a_file() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    for number in 1..=3 {
        let batch = spans("cart", &[(number, 1, "a", 10, 20)]);
        storage.append(batch).await.unwrap();
        storage.seal().await.unwrap();
    }
    assert_eq!(storage.status().split_count, 3);
    let splits = dir.path().join("splits");
    assert_eq!(resident_kib(&splits), 0);
    let elsewhere = dir.path().join("elsewhere");
    std::fs::rename(&splits, &elsewhere).unwrap();
    assert_eq!(span_names(&storage.snapshot()), ["a", "a", "a"]);
    std::fs::rename(&elsewhere, &splits).unwrap();
    assert!(resident_kib(&splits) > 0);
    storage.merge_all().await.unwrap();
    assert_eq!(resident_kib(&splits), 0);
}
