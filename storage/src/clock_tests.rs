//! Promises about clocks that are wrong: ours, and those of senders.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{Clock, Signal};
use tempfile::TempDir;

use crate::testing::{ManualClock, names_in, span_names, spans};
use crate::{Storage, StorageConfig};

const YEAR: i64 = 365 * 24 * 3600 * 1_000_000_000;
/// A day in 2026.
const BEGIN: u64 = 1_795_000_000 * 1_000_000_000;

fn age_nanos() -> u64 {
    let age = StorageConfig::in_dir("unused").retention_age();
    u64::try_from(age.as_nanos()).unwrap()
}

fn open(dir: &TempDir, clock: &Arc<ManualClock>) -> Storage {
    let config = StorageConfig::in_dir(dir.path());
    Storage::open(config, Arc::<ManualClock>::clone(clock)).unwrap()
}

async fn seal_span(storage: &Storage, name: &str, start: u64) {
    let span = spans("cart", &[(1, 1, name, start, start + 1)]);
    storage.append(span).await.unwrap();
    storage.seal().await.unwrap();
}

/// What is there after retention has run.
async fn kept(storage: &Storage) -> Vec<String> {
    storage.expire().await;
    span_names(&storage.snapshot())
}

#[tokio::test]
async fn a_clock_that_is_set_while_the_server_runs_changes_no_age() {
    for step in [YEAR, -YEAR] {
        let dir = TempDir::new().unwrap();
        let clock = ManualClock::at(BEGIN);
        let storage = open(&dir, &clock);
        seal_span(&storage, "before", 10).await;
        clock.let_pass(100);
        clock.step(step);
        assert_eq!(kept(&storage).await, ["before"], "step {step}");
        seal_span(&storage, "after", 10).await;
        clock.let_pass(age_nanos() - 101);
        assert_eq!(kept(&storage).await, ["after", "before"], "step {step}");
        clock.let_pass(1);
        assert_eq!(kept(&storage).await, ["after"], "step {step}");
        clock.let_pass(100);
        assert_eq!(kept(&storage).await, Vec::<String>::new(), "step {step}");
    }
}

#[tokio::test]
async fn a_start_with_a_wrong_clock_deletes_nothing_and_keeps_nothing_forever() {
    for step in [YEAR, -YEAR, 74 * YEAR, -56 * YEAR] {
        let dir = TempDir::new().unwrap();
        let clock = ManualClock::at(BEGIN);
        let storage = open(&dir, &clock);
        seal_span(&storage, "before", 10).await;
        drop(storage);

        clock.step(step);
        let storage = open(&dir, &clock);
        assert_eq!(kept(&storage).await, ["before"], "step {step}");
        seal_span(&storage, "wrong", 10).await;
        clock.step(-step);
        drop(storage);

        let storage = open(&dir, &clock);
        assert_eq!(kept(&storage).await, ["before", "wrong"], "step {step}");
        clock.let_pass(age_nanos());
        assert_eq!(kept(&storage).await, Vec::<String>::new(), "step {step}");
    }
}

#[tokio::test]
async fn a_server_that_begins_its_life_in_1970_counts_ages_right_after_the_clock_is_set() {
    let dir = TempDir::new().unwrap();
    let clock = ManualClock::at(5_000);
    let storage = open(&dir, &clock);
    seal_span(&storage, "early", 10).await;
    clock.step(i64::try_from(BEGIN).unwrap());
    clock.let_pass(100);
    assert_eq!(kept(&storage).await, ["early"]);
    let oldest = storage.status().traces.oldest_sealed.unwrap();
    assert_eq!(oldest.0, BEGIN + 5_000, "as the wall shows it now");
    drop(storage);
    let storage = open(&dir, &clock);
    assert_eq!(kept(&storage).await, ["early"]);
    clock.let_pass(age_nanos() - 100);
    assert_eq!(kept(&storage).await, Vec::<String>::new());
}

#[tokio::test]
async fn records_from_1970_and_from_2100_are_kept_as_long_as_any_other() {
    const IN_2100: u64 = 4_102_444_800 * 1_000_000_000;
    let dir = TempDir::new().unwrap();
    let clock = ManualClock::at(BEGIN);
    let storage = open(&dir, &clock);
    for (name, start) in [
        ("now", BEGIN),
        ("old", 1),
        ("new", IN_2100),
        ("last", u64::MAX - 1),
    ] {
        seal_span(&storage, name, start).await;
    }
    storage.merge_all().await.unwrap();
    seal_span(&storage, "more", 1).await;
    clock.let_pass(age_nanos() - 1);
    assert_eq!(kept(&storage).await, ["last", "more", "new", "now", "old"]);
    clock.let_pass(1);
    assert_eq!(kept(&storage).await, Vec::<String>::new());
}

#[tokio::test]
async fn ids_stay_unique_and_the_wal_stays_in_order_when_the_clock_goes_back() {
    let dir = TempDir::new().unwrap();
    let clock = ManualClock::at(BEGIN);
    let mut expected = Vec::new();
    for number in 0..8 {
        let storage = open(&dir, &clock);
        // The same moment again, then a year earlier.
        for place in ["split", "wal"] {
            let name = format!("{number}-{place}");
            let span = spans("cart", &[(1, 1, &name, 10, 20)]);
            storage.append(span).await.unwrap();
            if place == "split" {
                storage.seal().await.unwrap();
            }
            expected.push(name);
        }
        clock.step(-YEAR);
    }
    expected.sort();
    let storage = open(&dir, &clock);
    assert!(clock.now().0 < BEGIN);
    let snapshot = storage.snapshot();
    assert_eq!(span_names(&snapshot), expected);
    let ids: BTreeSet<&str> = snapshot
        .sources(Signal::Traces)
        .iter()
        .map(crate::Source::id)
        .collect();
    assert_eq!(ids.len(), snapshot.sources(Signal::Traces).len());
    assert_eq!(names_in(&dir.path().join("splits")).len(), 8);
}

#[tokio::test]
async fn the_hot_buffer_is_sealed_by_its_age_when_the_clock_was_set_back() {
    let dir = TempDir::new().unwrap();
    let clock = ManualClock::at(BEGIN);
    let storage = open(&dir, &clock);
    let shared = Arc::clone(&storage.inner.shared);
    let span = spans("cart", &[(1, 1, "a", 10, 20)]);
    storage.append(span).await.unwrap();
    // Without its threads nothing is sealed while this looks.
    drop(storage);
    clock.step(-YEAR);
    clock.let_pass(u64::try_from(shared.config.seal_age.as_nanos()).unwrap());
    assert!(shared.is_seal_due());
}
