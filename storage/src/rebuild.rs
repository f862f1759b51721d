//! Opens the catalog, and makes it again from the splits when it is missing, damaged or too old.
//!
//! Every split says which entries of the WAL it was made from. That tells which directories hold
//! the same rows: a merged split and the inputs that a crash left beside it, or a split that was
//! written twice. Each entry ends up in one split, and what is in none is replayed from the WAL.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use model::Signal;

use crate::Directories;
use crate::catalog::{Catalog, CatalogError, PublishedSplit};
use crate::error::{OpenError, ReadError};
use crate::files;
use crate::set_aside::{self, Note};
use crate::split::id::SplitId;
use crate::split::metadata::SplitMetadata;
use crate::split::reader::Split;
use crate::split::writer;
use crate::view::SealedMarks;
use crate::wal::range::{self, WalRange};
use crate::wal::replay;

/// The catalog, in the data directory.
pub(crate) const CATALOG_FILE: &str = "catalog.sqlite";
/// What it is called until it is complete.
const REBUILT_FILE: &str = "catalog.rebuilt.sqlite";
/// What SQLite puts behind the name of a catalog for files that belong to it.
const SIDE_SUFFIXES: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Opens the catalog. Only another program's version of it, or a disk that cannot be read, is an
/// error.
pub(crate) fn open_catalog(
    data_dir: &Path,
    directories: &Directories,
) -> Result<Catalog, OpenError> {
    let path = data_dir.join(CATALOG_FILE);
    let is_there = std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() > 0);
    let has_splits = writer::is_any_split_in(&directories.splits)?;
    let begins = replay::first_sequence(&directories.wal)?.is_none_or(|first| first <= 1);
    let reason = if is_there || (!has_splits && begins) {
        match open_sound(&path, directories, has_splits) {
            Ok(Ok(catalog)) => return Ok(catalog),
            Ok(Err(reason)) => reason,
            Err(error) if error.is_disk_failure() => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the disk takes nothing, starting with what can be read"
                );
                return Ok(Catalog::open_on_full_disk(&path)?);
            }
            Err(error) => return Err(error.into()),
        }
    } else {
        "it was missing".to_owned()
    };
    rebuild(data_dir, directories, &reason)?;
    Ok(Catalog::open_existing(&path)?)
}

/// The catalog, or what is wrong with it. One that lists nothing may be new.
fn open_sound(
    path: &Path,
    directories: &Directories,
    has_splits: bool,
) -> Result<Result<Catalog, String>, CatalogError> {
    let opened = if has_splits {
        Catalog::open_existing(path)
    } else {
        Catalog::open(path)
    };
    let opened = opened.and_then(|catalog| {
        let known = (catalog.low_water()?, catalog.list_splits()?);
        Ok((catalog, known))
    });
    match opened {
        Ok((catalog, (low_water, splits))) => {
            if is_older_than_wal(directories, low_water, &splits) {
                return Ok(Err("it is older than the wal".to_owned()));
            }
            Ok(Ok(catalog))
        }
        Err(error) if error.is_damage() => Ok(Err("it is damaged".to_owned())),
        Err(error) => Err(error),
    }
}

/// Entries leave the WAL when they are in published splits. When the WAL begins after what the
/// catalog knows to be in splits, later changes of the catalog were lost.
fn is_older_than_wal(directories: &Directories, low_water: u64, splits: &[PublishedSplit]) -> bool {
    let Ok(Some(first)) = replay::first_sequence(&directories.wal) else {
        return false;
    };
    first > low_water.saturating_add(1)
        && splits.iter().all(|split| {
            let dir = directories.splits.join(split.id.as_str());
            SplitMetadata::read(&dir, &split.id)
                .is_ok_and(|metadata| first > metadata.wal_sequence.saturating_add(1))
        })
}

/// Sets the old catalog aside and puts one in its place that lists what is in the splits.
fn rebuild(data_dir: &Path, directories: &Directories, reason: &str) -> Result<(), OpenError> {
    tracing::error!(reason, "rebuilding the catalog from the splits");
    let rebuilt = data_dir.join(REBUILT_FILE);
    remove_catalog(&rebuilt)?;
    let found = find_splits(directories)?;
    let mut verify = |split: &Found| split.verify(directories);
    let choice = choose(&found, &mut verify);
    for (index, reason) in &choice.set_aside {
        if let Some(split) = found.get(*index) {
            take_split(directories, &split.published, reason)?;
        }
    }
    let published: Vec<PublishedSplit> = choice
        .published_of(&found)
        .map(|split| split.published.clone())
        .collect();
    let low_water = low_water(directories, &choice, &found)?;
    Catalog::create_of(&rebuilt, &published, low_water)?;
    let path = data_dir.join(CATALOG_FILE);
    for old in std::iter::once(path.clone()).chain(side_files(&path)) {
        match std::fs::metadata(&old) {
            Ok(metadata) if metadata.len() > 0 => {
                let note = Note::without_records("catalog", reason.to_owned());
                set_aside::take_copy(&directories.set_aside, &old, &note)?;
            }
            _ => files::remove_file(&old)?,
        }
    }
    side_files(&rebuilt).try_for_each(|file| files::remove_file(&file))?;
    files::sync_file(&rebuilt)?;
    files::rename(&rebuilt, &path)?;
    tracing::warn!(splits = published.len(), low_water, "rebuilt the catalog");
    Ok(())
}

/// Entries at or below it are in splits, whatever their signal, or are gone.
fn low_water(
    directories: &Directories,
    choice: &Choice,
    found: &[Found],
) -> Result<u64, files::FileError> {
    let mut marks = SealedMarks::default();
    for split in choice.published_of(found) {
        let sequence = split.wal.last().map_or(0, |run| run.to);
        marks.raise(split.published.signal, sequence);
    }
    Ok(match replay::first_sequence(&directories.wal)? {
        Some(first) => marks.lowest().max(first.saturating_sub(1)),
        None => marks.highest(),
    })
}

fn side_files(path: &Path) -> impl Iterator<Item = PathBuf> {
    SIDE_SUFFIXES.into_iter().map(move |suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    })
}

fn remove_catalog(path: &Path) -> Result<(), files::FileError> {
    files::remove_file(path)?;
    side_files(path).try_for_each(|file| files::remove_file(&file))
}

/// A split that lies in the directory of splits, published or not.
#[derive(Debug, Clone)]
struct Found {
    published: PublishedSplit,
    wal: Vec<WalRange>,
}

impl Found {
    fn verify(&self, directories: &Directories) -> Result<(), ReadError> {
        let split = Split::open(&directories.splits, &self.published)?;
        split.files().map(|_| ())
    }
}

/// Every split whose metadata can be read; others are set aside when they are damaged.
fn find_splits(directories: &Directories) -> Result<Vec<Found>, OpenError> {
    let mut found = Vec::new();
    for path in files::list_dir(&directories.splits)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let Ok(id) = name.parse::<SplitId>() else {
            continue;
        };
        match read_split(&path, &id) {
            Ok(Some(split)) => found.push(split),
            Ok(None) => take_unknown(directories, &path, "its signal is not known")?,
            Err(error) => {
                let reason = error.damage().unwrap_or_else(|| error.to_string());
                take_unknown(directories, &path, &reason)?;
            }
        }
    }
    Ok(found)
}

fn read_split(dir: &Path, id: &SplitId) -> Result<Option<Found>, ReadError> {
    let metadata = SplitMetadata::read(dir, id)?;
    let signal = Signal::ALL
        .into_iter()
        .find(|signal| signal.as_str() == metadata.signal);
    Ok(signal.map(|signal| Found {
        published: metadata.to_published(id, signal),
        wal: metadata.origin().wal,
    }))
}

/// Sets a split aside of which only the name is known. Nobody knows when it was sealed, so queries
/// tell of it until it is taken away.
fn take_unknown(
    directories: &Directories,
    path: &Path,
    reason: &str,
) -> Result<(), files::FileError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let forever = model::UnixNanos::MAX;
    let note = Note::with_records("split", reason.to_owned(), None, forever);
    set_aside::take(&directories.set_aside, path, &name, &note)
}

/// Sets a split aside.
pub(crate) fn take_split(
    directories: &Directories,
    split: &PublishedSplit,
    reason: &str,
) -> Result<(), files::FileError> {
    let (dir, name) = (&directories.set_aside, split.id.as_str());
    let note = Note::of_split(split, reason.to_owned());
    set_aside::take(dir, &directories.splits.join(name), name, &note)
}

/// Positions among the splits that were found.
#[derive(Debug, Default, PartialEq, Eq)]
struct Choice {
    published: Vec<usize>,
    /// And why.
    set_aside: Vec<(usize, String)>,
    // What is in neither has its rows in what is published; the start removes it.
}

impl Choice {
    fn published_of<'a>(&self, found: &'a [Found]) -> impl Iterator<Item = &'a Found> {
        self.published.iter().filter_map(|index| found.get(*index))
    }
}

/// Decides which splits count, so that no row counts twice and as few as possible are left out: the
/// split with the most entries goes first, if it is whole.
fn choose(found: &[Found], verify: &mut dyn FnMut(&Found) -> Result<(), ReadError>) -> Choice {
    let mut order: Vec<usize> = (0..found.len()).collect();
    order.sort_by_key(|index| {
        let split = &found.get(*index);
        split.map(|it| Reverse((range::count(&it.wal), it.published.id.clone())))
    });
    let mut choice = Choice::default();
    let mut taken: HashMap<&str, Vec<WalRange>> = HashMap::new();
    for (position, &index) in order.iter().enumerate() {
        let Some(split) = found.get(index) else {
            continue;
        };
        let signal = split.published.signal;
        let taken = taken.entry(signal.as_str()).or_default();
        if range::covers(taken, &split.wal) {
            continue;
        }
        if range::overlaps(taken, &split.wal) {
            let reason = "some of its records are in other splits";
            choice.set_aside.push((index, reason.to_owned()));
            continue;
        }
        // Only a split that others give way to has to prove that it is worth it.
        let is_like = |other: &Found| {
            other.published.signal == signal && range::overlaps(&other.wal, &split.wal)
        };
        let is_alone = !order
            .iter()
            .skip(position + 1)
            .filter_map(|other| found.get(*other))
            .any(is_like);
        if !is_alone && let Err(error) = verify(split) {
            let reason = error.damage().unwrap_or_else(|| error.to_string());
            choice.set_aside.push((index, reason));
            continue;
        }
        *taken = range::union(taken.iter().chain(&split.wal).copied());
        choice.published.push(index);
    }
    choice
}

#[cfg(test)]
mod tests;
