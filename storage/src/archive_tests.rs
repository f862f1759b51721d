//! A directory that nobody serves is read as it stands.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::error::OpenError;
use crate::export::{Export, ExportFormat};
use crate::testing::{logs, open, spans};

fn count(archive: &Archive, signal: Signal) -> (u64, Vec<String>) {
    let export = Export {
        signal,
        filter: Filter::everything(),
        format: ExportFormat::JsonLines,
    };
    let exported = export.write(archive, std::io::sink()).unwrap();
    let unread = exported.unread.iter().map(ToString::to_string);
    (exported.row_count, unread.collect())
}

fn hot_record() -> Value {
    let record = json!({ "timeUnixNano": "30", "body": { "stringValue": "hot" } });
    json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": [record] }] }] })
}

/// Every file below the directory with its bytes, but not those SQLite keeps for readers.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !name.ends_with("-shm") && !name.ends_with("-wal") {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

#[tokio::test]
async fn splits_and_the_wal_are_both_read_and_no_file_is_changed() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    let sealed = spans("shop", &[(1, 1, "a", 10, 20), (1, 2, "b", 11, 12)]);
    storage.append(sealed).await.unwrap();
    storage.seal().await.unwrap();
    storage
        .append(spans("shop", &[(2, 1, "c", 30, 40)]))
        .await
        .unwrap();
    storage.append(logs(&hot_record())).await.unwrap();
    drop(storage); // Nothing is sealed: the rows stay in the WAL.

    let before = files(dir.path());
    let archive = Archive::open(dir.path()).unwrap();
    assert_eq!(count(&archive, Signal::Traces), (3, Vec::new()));
    assert_eq!(count(&archive, Signal::Logs), (1, Vec::new()));
    drop(archive);
    assert_eq!(files(dir.path()), before);

    let storage = open(dir.path());
    assert_eq!(storage.status().span_count, 3);
    storage.shutdown().await;
}

#[tokio::test]
async fn a_directory_that_is_served_is_refused_and_so_is_one_without_a_catalog() {
    let dir = TempDir::new().unwrap();
    let error = Archive::open(dir.path()).unwrap_err();
    assert!(matches!(error, OpenError::NoDataDirectory { .. }));
    let storage = open(dir.path());
    let error = Archive::open(dir.path()).unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }));
    storage.shutdown().await;
    drop(storage);
    let archive = Archive::open(dir.path()).unwrap();
    assert_eq!(count(&archive, Signal::Traces), (0, Vec::new()));
}

#[tokio::test]
async fn damaged_parts_are_named_and_the_rest_is_read() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    for (trace, name) in [(1, "a"), (2, "b")] {
        let request = spans("shop", &[(trace, 1, name, 10, 20)]);
        storage.append(request).await.unwrap();
        storage.seal().await.unwrap();
    }
    for trace in [3, 4] {
        let request = spans("shop", &[(trace, 1, "c", 10, 20)]);
        storage.append(request).await.unwrap();
    }
    drop(storage);
    let first = fs::read_dir(dir.path().join("splits")).unwrap().next();
    let split = first.unwrap().unwrap().path();
    fs::write(split.join("rows.parquet"), b"gone").unwrap();
    let wal = fs::read_dir(dir.path().join("wal")).unwrap();
    let wal = wal.map(|it| it.unwrap().path()).max().unwrap();
    let mut bytes = fs::read(&wal).unwrap();
    // The payload of the first of two entries.
    bytes[24 + 28 + 3] ^= 0xff;
    fs::write(&wal, bytes).unwrap();

    let archive = Archive::open(dir.path()).unwrap();
    let (row_count, unread) = count(&archive, Signal::Traces);

    assert_eq!(row_count, 2);
    let id = split.file_name().unwrap().to_str().unwrap();
    assert_eq!(unread.len(), 2, "{unread:?}");
    assert!(
        unread[0].starts_with(&format!("split {id} (1 row): ")),
        "{unread:?}"
    );
    assert!(
        unread[1].starts_with(&format!("wal file {}: ", wal.display())),
        "{unread:?}"
    );
    assert!(unread[1].ends_with("bytes are damaged"), "{unread:?}");
}

#[tokio::test]
async fn what_a_split_holds_is_not_read_from_the_wal_again_after_the_catalog_was_made_again() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    storage.append(logs(&hot_record())).await.unwrap();
    let mut unsealed = files(&dir.path().join("wal"));
    storage.seal().await.unwrap();
    storage
        .append(spans("shop", &[(1, 1, "a", 10, 20)]))
        .await
        .unwrap();
    unsealed.extend(files(&dir.path().join("wal")));
    storage.seal().await.unwrap();
    storage.shutdown().await;
    drop(storage);
    // As after a crash before the log was trimmed.
    for (path, bytes) in unsealed {
        fs::write(path, bytes).unwrap();
    }
    fs::remove_file(dir.path().join(CATALOG_FILE)).unwrap();
    let storage = open(dir.path());
    assert_eq!(storage.status().span_count, 1);
    drop(storage);

    let archive = Archive::open(dir.path()).unwrap();

    assert_eq!(count(&archive, Signal::Traces), (1, Vec::new()));
    assert_eq!(count(&archive, Signal::Logs), (1, Vec::new()));
}

#[tokio::test]
async fn a_split_that_was_deleted_on_a_full_disk_is_not_looked_for() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    for trace in [1, 2] {
        let request = spans("shop", &[(trace, 1, "a", 10, 20)]);
        storage.append(request).await.unwrap();
        storage.seal().await.unwrap();
    }
    storage.shutdown().await;
    drop(storage);
    let splits = dir.path().join("splits");
    let first = fs::read_dir(&splits).unwrap().next().unwrap().unwrap();
    let id = first.file_name().into_string().unwrap().parse().unwrap();
    writer::mark_deleted(&splits, &id).unwrap();

    let archive = Archive::open(dir.path()).unwrap();

    assert_eq!(count(&archive, Signal::Traces), (1, Vec::new()));
}

#[tokio::test]
async fn a_file_of_the_wal_that_cannot_be_read_is_named() {
    let dir = TempDir::new().unwrap();
    let storage = open(dir.path());
    storage
        .append(spans("shop", &[(1, 1, "a", 10, 20)]))
        .await
        .unwrap();
    drop(storage);
    let path = dir.path().join("wal/00000000000000000000.wal");
    fs::create_dir(&path).unwrap();

    let archive = Archive::open(dir.path()).unwrap();

    let (row_count, unread) = count(&archive, Signal::Traces);
    assert_eq!(row_count, 1);
    let place = format!("wal file {}", path.display());
    assert!(unread[0].starts_with(&place), "{unread:?}");
}
