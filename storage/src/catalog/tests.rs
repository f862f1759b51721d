//! Promises about the catalog: both or neither, and durable.

use tempfile::TempDir;

use super::*;

fn split(range: Range<u64>) -> PublishedSplit {
    PublishedSplit {
        id: SplitId::new(UnixNanos((range.start + 1) * 1_000_000)),
        signal: Signal::Logs,
        row_count: 3,
        time_range: TimeRange {
            start: UnixNanos(range.start),
            end: UnixNanos(range.end),
        },
        size_bytes: 77,
        sealed: UnixNanos(5),
    }
}

#[test]
fn published_splits_and_the_low_water_mark_survive_reopening() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("catalog.sqlite");
    let splits = [split(0..10), split(5..u64::MAX)];
    let mut catalog = Catalog::open(&path).unwrap();
    catalog.publish(&splits, 0..41).unwrap();
    drop(catalog);
    let mut catalog = Catalog::open(&path).unwrap();
    assert_eq!(catalog.low_water().unwrap(), 41);
    assert_eq!(catalog.list_splits().unwrap(), splits);
    catalog.remove(&[splits[0].id.clone()]).unwrap();
    assert_eq!(catalog.list_splits().unwrap(), splits[1..]);
}

#[test]
fn a_publish_that_fails_leaves_the_low_water_mark_where_it_was() {
    let dir = TempDir::new().unwrap();
    let mut catalog = Catalog::open(&dir.path().join("catalog.sqlite")).unwrap();
    let first = split(0..1);
    catalog.publish(std::slice::from_ref(&first), 0..5).unwrap();
    let again = catalog.publish(&[first], 5..9);
    assert!(matches!(
        again,
        Err(CatalogError::Sqlite {
            operation: "publish",
            ..
        })
    ));
    assert_eq!(catalog.low_water().unwrap(), 5);
    let stale = catalog.publish(&[split(0..1)], 4..9);
    assert!(matches!(
        stale,
        Err(CatalogError::Sqlite {
            operation: "publish",
            ..
        })
    ));
    assert_eq!(catalog.list_splits().unwrap().len(), 1);
}

#[test]
fn a_split_replaces_others_only_when_all_of_them_are_there() {
    let dir = TempDir::new().unwrap();
    let mut catalog = Catalog::open(&dir.path().join("catalog.sqlite")).unwrap();
    let [a, b, gone, merged] = [0, 1, 2, 3].map(|start| split(start..start + 1));
    catalog.publish(&[a.clone(), b.clone()], 0..5).unwrap();
    let refused = catalog.replace(&[a.id.clone(), gone.id], &merged);
    assert!(matches!(
        refused,
        Err(CatalogError::Sqlite {
            operation: "replace splits",
            ..
        })
    ));
    assert_eq!(catalog.list_splits().unwrap(), [a.clone(), b.clone()]);
    catalog.replace(&[a.id, b.id], &merged).unwrap();
    assert_eq!(catalog.list_splits().unwrap(), [merged]);
    assert_eq!(catalog.low_water().unwrap(), 5);
}

#[test]
fn a_catalog_without_a_checksum_gets_one_and_one_whose_rows_have_changed_is_refused() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("catalog.sqlite");
    let mut catalog = Catalog::open(&path).unwrap();
    catalog.publish(&[split(0..1), split(1..2)], 0..5).unwrap();
    let old = "DROP TABLE catalog_checksum; UPDATE catalog_version SET version = 1";
    catalog.connection.execute_batch(old).unwrap();
    drop(catalog);
    let catalog = Catalog::open(&path).unwrap();
    assert_eq!(catalog.list_splits().unwrap().len(), 2);
    for change in [
        "UPDATE wal_low_water SET sequence = 6",
        "UPDATE splits SET row_count = 4",
        "DELETE FROM splits WHERE start_unix_nano = 1",
    ] {
        let copy = dir.path().join("copy");
        std::fs::copy(&path, &copy).unwrap();
        let changed = Connection::open(&copy).unwrap();
        changed.execute(change, []).unwrap();
        let refused = Catalog::open(&copy).unwrap_err();
        assert!(matches!(refused, CatalogError::Damaged { .. }), "{change}");
    }
}

#[test]
fn a_catalog_of_another_version_is_refused() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("catalog.sqlite");
    let catalog = Catalog::open(&path).unwrap();
    catalog
        .connection
        .execute("UPDATE catalog_version SET version = 99", [])
        .unwrap();
    drop(catalog);
    let found = Catalog::open(&path).unwrap_err();
    assert!(matches!(found, CatalogError::Version { found: 99, .. }));
}
