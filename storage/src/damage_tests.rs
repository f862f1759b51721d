//! Files that were cut or changed anywhere: the same answers, or fewer and an explicit word about it.
//! Never a panic, never a wrong row, and nothing that is whole is thrown away.

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use model::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::error::{CatalogError, OpenError};
use crate::filter::Filter;
use crate::snapshot::Columns;
use crate::testing::{
    ManualClock, copy_files, logs, names_in, open_with, spans, temporary_dir, texts,
};
use crate::{Append, Snapshot, Storage, StorageConfig};

/// Set to damage every byte instead of a sample.
const EVERY_BYTE: &str = "SPANDREL_TEST_EVERY_BYTE";

/// Positions in a file of so many bytes: all, or about so many.
fn positions(length: usize, sample: usize) -> impl Iterator<Item = usize> {
    let is_every_byte = std::env::var_os(EVERY_BYTE).is_some();
    let step = if is_every_byte {
        1
    } else {
        length / sample + 1
    };
    (0..length).step_by(step)
}

/// What is done to a file.
#[derive(Debug, Clone, Copy)]
enum Damage {
    /// It ends before this byte.
    Cut(usize),
    /// This byte is another one.
    Flip(usize),
}

impl Damage {
    fn everywhere(length: usize, sample: usize) -> impl Iterator<Item = Self> {
        let cuts = positions(length, sample).map(Self::Cut);
        cuts.chain(positions(length, sample).map(Self::Flip))
    }

    fn apply(self, whole: &[u8]) -> Vec<u8> {
        match self {
            Self::Cut(length) => whole[..length].to_vec(),
            Self::Flip(position) => {
                let mut bytes = whole.to_vec();
                // Any change but none.
                bytes[position] ^= u8::try_from(position % 255).unwrap() + 1;
                bytes
            }
        }
    }
}

/// A data directory with a split of each signal and a WAL of three files.
struct Original {
    dir: TempDir,
    /// The rows of each request, as texts.
    requests: Vec<BTreeSet<String>>,
}

fn log_request(first: u32, count: u32) -> Append {
    let record = |number: u32| {
        let body = match number % 3 {
            0 => format!(
                "user {number} paid {}.{number:02} EUR for order {}",
                number * 7,
                number * 31
            ),
            1 => format!(
                "cache miss for key k-{:08x}, loaded in {number} ms",
                number * 77_777
            ),
            _ => format!("{number}: something else, and never again like this"),
        };
        json!({
            "timeUnixNano": (u64::from(number) * 1_000 + 1_000).to_string(), "severityNumber": 9,
            "body": {"stringValue": body},
            "attributes": [{"key": "http.route", "value": {"stringValue": format!("/r{}", number % 4)}}],
        })
    };
    let records: Vec<_> = (first..first + count).map(record).collect();
    logs(&json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}))
}

impl Original {
    async fn make() -> Self {
        let dir = temporary_dir();
        let mut requests = Vec::new();
        // A WAL file for each request.
        let storage = open_with(dir.path(), |config| config.wal_file_bytes = 1);
        let mut append = async |append: Append| {
            let rows = texts(append.signal, &append.batch);
            requests.push(rows.into_iter().collect());
            storage.append(append).await.unwrap();
        };
        append(spans(
            "cart",
            &[(1, 1, "GET /cart", 10, 20), (1, 2, "query", 11, 12)],
        ))
        .await;
        append(spans("order", &[(2, 3, "POST /order", 30, 90)])).await;
        append(log_request(0, 40)).await;
        storage.seal().await.unwrap();
        append(spans("cart", &[(3, 4, "late", 100, 200)])).await;
        append(log_request(40, 3)).await;
        append(spans("order", &[(4, 5, "last", 300, 400)])).await;
        drop(storage);
        // The newest file holds two.
        let storage = open_with(dir.path(), |_| {});
        for append in [
            spans("cart", &[(4, 6, "later than last", 300, 400)]),
            log_request(50, 2),
        ] {
            let rows = texts(append.signal, &append.batch);
            requests.push(rows.into_iter().collect());
            storage.append(append).await.unwrap();
        }
        drop(storage);
        Self { dir, requests }
    }

    fn files(&self, below: &str) -> Vec<PathBuf> {
        let mut dirs = vec![self.dir.path().join(below)];
        let mut files = Vec::new();
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files.sort();
        let root = self.dir.path();
        files
            .iter()
            .map(|it| it.strip_prefix(root).unwrap().to_path_buf())
            .collect()
    }

    /// A copy with one file damaged.
    fn damaged(&self, file: &Path, damage: Damage) -> TempDir {
        let copy = temporary_dir();
        copy_files(self.dir.path(), copy.path());
        let path = copy.path().join(file);
        let whole = fs::read(&path).unwrap();
        fs::write(path, damage.apply(&whole)).unwrap();
        copy
    }

    /// The requests of which all rows are there. Panics when there is half a request of the WAL, a
    /// row twice, or a row that was never sent.
    fn whole_requests(&self, rows: &[String]) -> usize {
        let distinct: BTreeSet<&String> = rows.iter().collect();
        assert_eq!(distinct.len(), rows.len(), "a row twice: {rows:?}");
        let is_known = |row: &&String| self.requests.iter().any(|request| request.contains(*row));
        assert!(rows.iter().all(|row| is_known(&row)), "{rows:?}");
        let is_there = |request: &&BTreeSet<String>| {
            let count = request.iter().filter(|row| distinct.contains(row)).count();
            assert!(count == 0 || count == request.len(), "half of {request:?}");
            count > 0
        };
        self.requests.iter().filter(is_there).count()
    }
}

/// The rows that can be read, and how many sources cannot, by their own words.
fn read_all(snapshot: &Snapshot) -> (Vec<String>, usize) {
    let mut rows = Vec::new();
    // Parts of the WAL are told of for both signals.
    let splits = snapshot.unreadable().iter();
    let mut unreadable = splits.filter(|it| it.name.starts_with("split")).count();
    for signal in Signal::ALL {
        for source in snapshot.sources(signal) {
            let mut found = Vec::new();
            let mut visit = |it: crate::Match| {
                found.push(it.row);
                ControlFlow::Continue(())
            };
            let read = source
                .find(&Filter::everything(), &mut visit)
                .and_then(|()| source.read(&found, Columns::All));
            match read {
                Ok(batch) => rows.extend(texts(signal, &batch)),
                Err(_) => unreadable += 1,
            }
        }
    }
    (rows, unreadable)
}

fn try_open(dir: &Path) -> Result<Storage, OpenError> {
    Storage::open(StorageConfig::in_dir(dir), ManualClock::at(1_000))
}

#[tokio::test]
async fn a_wal_damaged_at_any_byte_costs_one_request_at_most_and_says_so() {
    let original = Original::make().await;
    let all = original.requests.len();
    let mut damages = 0;
    let files = original.files("wal");
    for file in &files {
        let length = fs::read(original.dir.path().join(file)).unwrap().len();
        for damage in Damage::everywhere(length, 60) {
            let context = format!("{damage:?} of {}", file.display());
            let copy = original.damaged(file, damage);
            let storage = try_open(copy.path()).unwrap();
            let (rows, unreadable) = read_all(&storage.snapshot());
            let there = original.whole_requests(&rows);
            assert_eq!(unreadable, 0, "{context}");
            // The newest file may end anywhere when the power fails, and holds two requests.
            let is_torn = matches!(damage, Damage::Cut(_)) && Some(file) == files.last();
            let lost_max = if is_torn { 2 } else { 1 };
            assert!(
                there + lost_max >= all,
                "{context}: {there} of {all} requests"
            );
            let is_said = !storage.snapshot().unreadable().is_empty();
            assert!(
                there == all || is_said || is_torn,
                "{context}: lost in silence"
            );
            // The log goes on, and a start finds the same.
            storage
                .append(spans("probe", &[(9, 9, "probe", 1, 2)]))
                .await
                .unwrap();
            drop(storage);
            let (again, _) = read_all(&try_open(copy.path()).unwrap().snapshot());
            assert_eq!(again.len(), rows.len() + 1, "{context}");
            damages += 1;
        }
    }
    report(damages, "of the WAL");
}

#[tokio::test]
async fn a_split_damaged_at_any_byte_is_left_out_and_says_so_and_the_rest_is_answered() {
    let original = Original::make().await;
    let all: usize = original.requests.iter().map(BTreeSet::len).sum();
    let mut damages = 0;
    for file in original.files("splits") {
        let length = fs::read(original.dir.path().join(&file)).unwrap().len();
        for damage in Damage::everywhere(length, 8) {
            let context = format!("{damage:?} of {}", file.display());
            let copy = original.damaged(&file, damage);
            let storage = try_open(copy.path()).unwrap();
            let (rows, unreadable) = read_all(&storage.snapshot());
            original.whole_requests(&rows);
            if rows.len() < all {
                assert_eq!(unreadable, 1, "{context}");
                let status = storage.status();
                let told = status.unreadable_split_count + status.set_aside.len() as u64;
                assert_eq!(told, 1, "{context}");
            } else {
                // Only what nobody reads: blanks, or the number that is for people.
                assert!(file.ends_with("metadata.json"), "{context} goes unnoticed");
            }
            drop(storage);
            // It is kept, for whoever can repair it.
            let aside = Path::new("set-aside").join(file.strip_prefix("splits").unwrap());
            let is_kept = |file: &Path| copy.path().join(file).exists();
            assert!(is_kept(&file) || is_kept(&aside), "{context}");
            damages += 1;
        }
    }
    report(damages, "of splits");
}

#[tokio::test]
async fn a_wrong_digit_anywhere_in_metadata_misleads_no_catalog_that_is_made_from_it() {
    let original = Original::make().await;
    let all: usize = original.requests.iter().map(BTreeSet::len).sum();
    let published = |storage: &Storage| storage.inner.shared.view.published();
    let known = published(&try_open(original.dir.path()).unwrap());
    let mut damages = 0;
    for file in original.files("splits") {
        if !file.ends_with("metadata.json") {
            continue;
        }
        let json = fs::read(original.dir.path().join(&file)).unwrap();
        let digits = (0..json.len()).filter(|position| json[*position].is_ascii_digit());
        for position in digits {
            let context = format!("digit {position} of {}", file.display());
            let copy = original.damaged(&file, Damage::Cut(json.len()));
            let mut wrong = json.clone();
            wrong[position] ^= 1;
            fs::write(copy.path().join(&file), wrong).unwrap();
            fs::remove_file(copy.path().join("catalog.sqlite")).unwrap();
            let storage = try_open(copy.path()).unwrap();
            let (rows, unreadable) = read_all(&storage.snapshot());
            original.whole_requests(&rows);
            let is_there = |split| known.contains(split);
            assert!(published(&storage).iter().all(is_there), "{context}");
            assert!(rows.len() == all || unreadable > 0, "{context}");
            damages += 1;
        }
    }
    report(damages, "of metadata, without a catalog");
}

#[tokio::test]
async fn a_split_whose_directory_is_gone_is_said_to_be_unreadable_and_the_rest_is_answered() {
    let original = Original::make().await;
    let all: usize = original.requests.iter().map(BTreeSet::len).sum();
    let splits = original.dir.path().join("splits");
    for name in names_in(&splits) {
        let aside = original.dir.path().join("aside");
        fs::rename(splits.join(&name), &aside).unwrap();
        let storage = try_open(original.dir.path()).unwrap();
        let snapshot = storage.snapshot();
        let (rows, unreadable) = read_all(&snapshot);
        original.whole_requests(&rows);
        assert!(rows.len() < all);
        assert_eq!(unreadable, 1);
        assert_eq!(snapshot.unreadable()[0].name, format!("split {name}"));
        drop((snapshot, storage));
        // It is not forgotten: when it comes back, it is read.
        fs::rename(&aside, splits.join(&name)).unwrap();
    }
    let storage = try_open(original.dir.path()).unwrap();
    assert_eq!(read_all(&storage.snapshot()).0.len(), all);
}

#[tokio::test]
async fn a_catalog_damaged_at_any_byte_throws_nothing_away() {
    let original = Original::make().await;
    let (all_rows, _) = read_all(&try_open(original.dir.path()).unwrap().snapshot());
    let file = Path::new("catalog.sqlite");
    let whole = fs::read(original.dir.path().join(file)).unwrap();
    let mut damages = 0;
    // SQLite takes what is shorter than its header for nothing.
    let short = (0..120).map(Damage::Cut);
    for damage in short.chain(Damage::everywhere(whole.len(), 100)) {
        let context = format!("{damage:?} of the catalog");
        let copy = original.damaged(file, damage);
        match try_open(copy.path()) {
            Ok(storage) => {
                let (rows, unreadable) = read_all(&storage.snapshot());
                original.whole_requests(&rows);
                assert_eq!((rows.len(), unreadable), (all_rows.len(), 0), "{context}");
            }
            // As if a later version had written it.
            Err(OpenError::Catalog(CatalogError::Version { .. })) => {}
            Err(error) => panic!("{context}: {error:?}"),
        }
        // With the catalog as it was, everything is there.
        for name in [
            "catalog.sqlite-wal",
            "catalog.sqlite-shm",
            "catalog.sqlite-journal",
        ] {
            if copy.path().join(name).exists() {
                fs::remove_file(copy.path().join(name)).unwrap();
            }
        }
        fs::write(copy.path().join(file), &whole).unwrap();
        let (rows, unreadable) = read_all(&try_open(copy.path()).unwrap().snapshot());
        assert_eq!((rows.len(), unreadable), (all_rows.len(), 0), "{context}");
        damages += 1;
    }
    report(damages, "of the catalog");
}

fn report(damages: usize, what: &str) {
    #[expect(clippy::print_stdout, reason = "long runs are reported")]
    {
        println!("{damages} cuts and flips {what}: nothing wrong, nothing lost in silence");
    }
}
