//! Promises about the start: whatever the files are like, it starts, tells what is wrong, and neither
//! loses nor repeats a row.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use model::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::error::ReadError;
use crate::filter::Filter;
use crate::sealer::SealerCommand;
use crate::testing::{
    copy_files, found, logs, merge_unpublished, names_in, open, span_names, spans,
};
use crate::{Append, Snapshot, Storage};

fn span(name: &str) -> Append {
    spans("cart", &[(1, 1, name, 10, 20)])
}

fn log_record(body: &str) -> Append {
    logs(&json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [
        {"timeUnixNano": "10", "body": {"stringValue": body}},
    ]}]}]}))
}

fn log_count(snapshot: &Snapshot) -> usize {
    found(snapshot, Signal::Logs, &Filter::everything()).len()
}

async fn seal(storage: &Storage, requests: Vec<Append>) {
    for request in requests {
        storage.append(request).await.unwrap();
    }
    storage.seal().await.unwrap();
}

/// Spans a to d and two log records: three seals, and one span and one log record in the WAL only.
async fn fill(dir: &Path) {
    let storage = open(dir);
    seal(&storage, vec![span("a"), log_record("1")]).await;
    seal(&storage, vec![span("b")]).await;
    seal(&storage, vec![span("c")]).await;
    storage.append(span("d")).await.unwrap();
    storage.append(log_record("2")).await.unwrap();
}

/// Everything that [`fill`] stored is there once, now and after more was stored.
async fn expect_all(dir: &Path, context: &str) {
    for _ in 0..2 {
        let snapshot = open(dir).snapshot();
        assert_eq!(span_names(&snapshot), ["a", "b", "c", "d"], "{context}");
        assert_eq!(log_count(&snapshot), 2, "{context}");
        assert_eq!(snapshot.unreadable(), [], "{context}");
    }
    let storage = open(dir);
    seal(&storage, vec![span("e")]).await;
    drop(storage);
    let snapshot = open(dir).snapshot();
    assert_eq!(
        span_names(&snapshot),
        ["a", "b", "c", "d", "e"],
        "{context}"
    );
    assert_eq!(log_count(&snapshot), 2, "{context}");
}

fn lose_catalog(dir: &Path) {
    for name in names_in(dir)
        .iter()
        .filter(|name| name.starts_with("catalog"))
    {
        fs::remove_file(dir.join(name)).unwrap();
    }
}

#[tokio::test]
async fn a_missing_catalog_is_made_again_from_the_splits() {
    let dir = TempDir::new().unwrap();
    fill(dir.path()).await;
    lose_catalog(dir.path());
    expect_all(dir.path(), "missing").await;
    assert_eq!(open(dir.path()).status().set_aside, []);
}

#[tokio::test]
async fn a_damaged_catalog_is_set_aside_and_made_again() {
    let filled = TempDir::new().unwrap();
    fill(filled.path()).await;
    let whole = fs::read(filled.path().join("catalog.sqlite")).unwrap();
    for (damage, bytes) in [
        ("garbage", b"not a database".repeat(1_000)),
        ("zeroes", vec![0; whole.len()]),
        ("half", whole[..whole.len() / 2].to_vec()),
    ] {
        let dir = TempDir::new().unwrap();
        copy_files(filled.path(), dir.path());
        fs::write(dir.path().join("catalog.sqlite"), bytes).unwrap();
        let status = open(dir.path()).status();
        let [aside] = &status.set_aside[..] else {
            panic!("{damage}: {:?}", status.set_aside);
        };
        assert_eq!(aside.name, "catalog.sqlite.1", "{damage}");
        assert_eq!(aside.what, "catalog", "{damage}");
        expect_all(dir.path(), damage).await;
        assert_eq!(open(dir.path()).status().set_aside, status.set_aside);
    }
    // An empty file is nothing to keep.
    fs::write(filled.path().join("catalog.sqlite"), b"").unwrap();
    expect_all(filled.path(), "empty").await;
}

#[tokio::test]
async fn a_flipped_bit_in_the_catalog_deletes_no_split() {
    let filled = TempDir::new().unwrap();
    fill(filled.path()).await;
    let whole = fs::read(filled.path().join("catalog.sqlite")).unwrap();
    let mut ids: Vec<String> = names_in(&filled.path().join("splits"));
    // The id of every split, and whatever lies around the rows.
    let mut positions: Vec<usize> = (0..whole.len()).step_by(509).collect();
    for id in ids.drain(..) {
        let at = whole.windows(id.len()).position(|it| it == id.as_bytes());
        positions.extend(at.iter().flat_map(|at| [*at, at + 20, at + 37, at + 45]));
    }
    for position in positions {
        let dir = TempDir::new().unwrap();
        copy_files(filled.path(), dir.path());
        let mut bytes = whole.clone();
        bytes[position] ^= 1;
        fs::write(dir.path().join("catalog.sqlite"), bytes).unwrap();
        let snapshot = open(dir.path()).snapshot();
        let names = span_names(&snapshot);
        assert_eq!(
            names,
            ["a", "b", "c", "d"],
            "bit flipped in byte {position}"
        );
        assert_eq!(log_count(&snapshot), 2, "bit flipped in byte {position}");
    }
}

#[tokio::test]
async fn a_catalog_that_lost_its_last_changes_is_made_again() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    seal(&storage, vec![span("a"), log_record("1")]).await;
    drop(storage);
    let saved = fs::read(dir.path().join("catalog.sqlite")).unwrap();
    let storage = open(dir.path());
    seal(&storage, vec![span("b"), log_record("2")]).await;
    seal(&storage, vec![span("c"), span("d")]).await;
    drop(storage);
    fs::write(dir.path().join("catalog.sqlite"), saved).unwrap();
    expect_all(dir.path(), "stale").await;
}

#[tokio::test]
async fn a_merge_that_was_interrupted_counts_once_when_the_catalog_is_lost_too() {
    for is_published in [false, true] {
        let dir = TempDir::new().unwrap();
        fill(dir.path()).await;
        let storage = open(dir.path());
        let replacement = merge_unpublished(&storage, Signal::Traces, &|| false).unwrap();
        let saved = TempDir::new().unwrap();
        copy_files(&dir.path().join("splits"), saved.path());
        assert_eq!(names_in(saved.path()).len(), 5);
        if is_published {
            let command = |answer| SealerCommand::Replace(Box::new(replacement), answer);
            storage.ask_sealer(command).await.unwrap().unwrap();
        }
        drop(storage);
        copy_files(saved.path(), &dir.path().join("splits"));
        lose_catalog(dir.path());
        expect_all(dir.path(), &format!("published: {is_published}")).await;
        assert_eq!(open(dir.path()).status().set_aside, []);
    }
}

#[tokio::test]
async fn a_damaged_merged_split_gives_way_to_its_inputs() {
    let dir = TempDir::new().unwrap();
    fill(dir.path()).await;
    let storage = open(dir.path());
    let before = names_in(&dir.path().join("splits"));
    merge_unpublished(&storage, Signal::Traces, &|| false).unwrap();
    drop(storage);
    let after = names_in(&dir.path().join("splits"));
    let merged = after.iter().find(|name| !before.contains(name)).unwrap();
    damage(&dir.path().join("splits").join(merged).join("rows.parquet"));
    lose_catalog(dir.path());
    let storage = open(dir.path());
    assert_eq!(span_names(&storage.snapshot()), ["a", "b", "c", "d"]);
    let status = storage.status();
    assert_eq!(status.set_aside.len(), 1);
    assert_eq!(status.set_aside[0].name, *merged);
    assert_eq!(status.set_aside[0].reason, "file rows.parquet is damaged");
}

#[tokio::test]
async fn a_seal_that_wrote_one_signal_only_counts_once_when_the_catalog_is_lost_too() {
    let dir = TempDir::new().unwrap();
    fill(dir.path()).await;
    let saved = TempDir::new().unwrap();
    copy_files(&dir.path().join("wal"), saved.path());
    let before = names_in(&dir.path().join("splits"));
    let storage = open(dir.path());
    storage.seal().await.unwrap();
    let written: Vec<PathBuf> = storage
        .inner
        .shared
        .view
        .published()
        .iter()
        .filter(|split| !before.contains(&split.id.to_string()))
        .filter(|split| split.signal == Signal::Logs)
        .map(|split| dir.path().join("splits").join(split.id.as_str()))
        .collect();
    drop(storage);
    assert_eq!(written.len(), 1);
    fs::remove_dir_all(&written[0]).unwrap();
    copy_files(saved.path(), &dir.path().join("wal"));
    lose_catalog(dir.path());
    expect_all(dir.path(), "one signal").await;
}

/// Flips a bit.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    bytes[100] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_damaged_split_is_set_aside_and_told_of_until_it_is_taken_away() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    for name in ["a", "b", "c"] {
        seal(&storage, vec![span(name)]).await;
    }
    let mut ids: Vec<String> = storage
        .inner
        .shared
        .view
        .published()
        .iter()
        .map(|split| split.id.to_string())
        .collect();
    drop(storage);
    let in_splits = |id: &str| dir.path().join("splits").join(id);
    damage(&in_splits(&ids[0]).join("rows.parquet"));
    fs::write(in_splits(&ids[1]).join("metadata.json"), "{").unwrap();

    let storage = open(dir.path());
    // The metadata is read at once, the rows when they are needed.
    assert_eq!(storage.status().set_aside.len(), 1);
    let mut failed = 0;
    for source in storage.snapshot().sources(Signal::Traces) {
        let found = source.find(&Filter::everything(), &mut |_| ControlFlow::Continue(()));
        if let Err(error) = found {
            assert!(matches!(error, ReadError::Damaged { .. }), "{error}");
            failed += 1;
        }
    }
    assert_eq!(failed, 1);
    storage.expire().await;
    drop(storage);

    ids.pop();
    ids.sort();
    for _ in 0..2 {
        let storage = open(dir.path());
        let snapshot = storage.snapshot();
        assert_eq!(span_names(&snapshot), ["c"]);
        let status = storage.status();
        let mut aside: Vec<_> = status.set_aside.iter().map(|it| it.name.clone()).collect();
        aside.sort();
        assert_eq!(aside, ids);
        let told: Vec<_> = snapshot.unreadable().iter().map(|it| it.signal).collect();
        assert_eq!(told, [Signal::Traces; 2]);
        let reasons: Vec<_> = status
            .set_aside
            .iter()
            .map(|it| it.reason.as_str())
            .collect();
        assert!(reasons.contains(&"its metadata is damaged"), "{reasons:?}");
        assert!(
            reasons.contains(&"file rows.parquet is damaged"),
            "{reasons:?}"
        );
        assert_eq!((status.unreadable_split_count, status.split_count), (0, 1));
    }

    let storage = open(dir.path());
    let aside = dir.path().join("set-aside");
    for name in names_in(&aside) {
        let path = aside.join(name);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }
    storage.expire().await;
    assert_eq!(storage.snapshot().unreadable(), []);
    assert_eq!(storage.status().set_aside, []);
}

#[tokio::test]
async fn a_split_that_was_moved_aside_when_the_process_died_is_told_of_by_the_next_start() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    seal(&storage, vec![span("a")]).await;
    drop(storage);
    let id = names_in(&dir.path().join("splits")).remove(0);
    let aside = dir.path().join("set-aside").join(&id);
    fs::rename(dir.path().join("splits").join(&id), &aside).unwrap();
    for _ in 0..2 {
        let storage = open(dir.path());
        let snapshot = storage.snapshot();
        assert_eq!(span_names(&snapshot), Vec::<String>::new());
        assert_eq!(snapshot.unreadable().len(), 1);
        assert_eq!(snapshot.unreadable()[0].name, format!("split {id}"));
        assert!(aside.exists());
    }
}

#[tokio::test]
async fn splits_that_are_not_there_today_are_not_forgotten() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    seal(&storage, vec![span("a")]).await;
    drop(storage);
    // As if the disk they are on were not mounted.
    let (splits, elsewhere) = (dir.path().join("splits"), dir.path().join("elsewhere"));
    fs::rename(&splits, &elsewhere).unwrap();
    let storage = open(dir.path());
    assert_eq!(storage.snapshot().unreadable().len(), 1);
    assert_eq!(storage.status().unreadable_split_count, 1);
    drop(storage);
    fs::remove_dir_all(&splits).unwrap();
    fs::rename(&elsewhere, &splits).unwrap();
    assert_eq!(span_names(&open(dir.path()).snapshot()), ["a"]);
}

#[tokio::test]
async fn a_damaged_part_of_the_wal_is_told_of_by_every_later_answer() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    for name in ["a", "b", "c"] {
        storage.append(span(name)).await.unwrap();
    }
    drop(storage);
    let wal = dir.path().join("wal");
    let oldest = wal.join(names_in(&wal).remove(0));
    // In the payload of the first entry.
    damage(&oldest);
    let storage = open(dir.path());
    assert_eq!(span_names(&storage.snapshot()), ["b", "c"]);
    storage.seal().await.unwrap();
    drop(storage);
    let storage = open(dir.path());
    let snapshot = storage.snapshot();
    assert_eq!(span_names(&snapshot), ["b", "c"]);
    let signals: Vec<_> = snapshot.unreadable().iter().map(|it| it.signal).collect();
    assert_eq!(signals, Signal::ALL, "nobody knows what it was");
    assert_eq!(storage.status().set_aside[0].what, "part of the wal");
}

#[tokio::test]
async fn an_entry_at_which_two_starts_ended_is_set_aside_and_the_others_come_back() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    for name in ["a", "poison", "c"] {
        storage.append(span(name)).await.unwrap();
    }
    drop(storage);
    let mut record = 2_u64.to_le_bytes().to_vec();
    record.extend_from_slice(&2_u32.to_le_bytes());
    fs::write(dir.path().join("replaying"), record).unwrap();
    for _ in 0..2 {
        let storage = open(dir.path());
        let snapshot = storage.snapshot();
        assert_eq!(span_names(&snapshot), ["a", "c"]);
        assert_eq!(snapshot.unreadable().len(), 1);
        assert_eq!(snapshot.unreadable()[0].signal, Signal::Traces);
        let aside = storage.status().set_aside;
        assert_eq!(aside[0].name, "00000000000000000002.poison");
        assert!(!dir.path().join("replaying").exists());
    }
}
