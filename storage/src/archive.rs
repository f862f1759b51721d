//! The data directory of a server that does not run, opened to be read and not changed.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use model::{Signal, UnixNanos, otlp};

use crate::Directories;
use crate::catalog::{Catalog, PublishedSplit};
use crate::error::{OpenError, ReadError, describe};
use crate::export::ExportError;
use crate::filter::Filter;
use crate::hot::{BatchSize, HotBatch};
use crate::lock::DirectoryLock;
use crate::rebuild::CATALOG_FILE;
use crate::snapshot::Source;
use crate::split::reader::Split;
use crate::split::writer;
use crate::view::SealedMarks;
use crate::wal::format::Entry;
use crate::wal::replay::{self, Found};

/// Rows of the WAL that are looked at together.
const WAL_ROWS: usize = 4096;
/// Bytes of the WAL that are looked at together, counted before they are decoded.
const WAL_BYTES: usize = 4 << 20;

/// Everything a server that does not run has acknowledged. Holds the lock of the directory, so that none is
/// started meanwhile.
#[derive(Debug)]
pub struct Archive {
    directories: Directories,
    published: Vec<PublishedSplit>,
    low_water: u64,
    marks: SealedMarks,
    _lock: DirectoryLock,
}

/// A part of the data that could not be read.
#[derive(Debug)]
pub struct Unread {
    /// The split, or the file of the WAL.
    pub place: String,
    /// How many rows it has, where that is known.
    pub row_count: Option<u64>,
    /// What is wrong with it.
    pub reason: String,
}

impl Archive {
    /// Opens the directory. No file in it is changed, now or later.
    ///
    /// # Errors
    /// When a server uses the directory, it is no data directory, or its catalog cannot be read.
    pub fn open(data_dir: &Path) -> Result<Self, OpenError> {
        let catalog_path = data_dir.join(CATALOG_FILE);
        let directories = Directories::below(data_dir);
        if !catalog_path.exists() {
            if directories.splits.exists() && writer::is_any_split_in(&directories.splits)? {
                return Err(OpenError::CatalogMissing { path: catalog_path });
            }
            return Err(OpenError::NoDataDirectory {
                data_dir: data_dir.to_path_buf(),
            });
        }
        let lock = DirectoryLock::acquire_to_read(data_dir)?;
        let catalog = Catalog::open_to_read(&catalog_path)?;
        let deleted = writer::list_deleted(&directories.splits)?;
        let mut published = catalog.list_splits()?;
        published.retain(|split| !deleted.contains(&split.id));
        published.sort_by_key(|split| (split.time_range.start, split.id.clone()));
        // A catalog that was made again may have a mark below what the splits hold.
        let mut marks = SealedMarks::default();
        for split in &published {
            if let Ok(opened) = Split::open(&directories.splits, split) {
                marks.raise(split.signal, opened.wal_sequence());
            }
        }
        Ok(Self {
            directories,
            low_water: catalog.low_water()?,
            marks,
            published,
            _lock: lock,
        })
    }

    /// Visits what may hold rows that satisfy the filter: splits, the one with the oldest record first, then
    /// what is in the WAL only. Each is closed before the next one is opened. Ends with the first error of
    /// `visit`.
    pub(crate) fn visit(
        &self,
        signal: Signal,
        filter: &Filter,
        visit: &mut Visit<'_>,
    ) -> Result<(), ExportError> {
        for published in &self.published {
            if published.signal != signal || !filter.may_match(&published.time_range) {
                continue;
            }
            let opened = Split::open(&self.directories.splits, published);
            visit(match opened {
                Ok(split) => Ok(Source::split(Arc::new(split))),
                Err(error) => Err(Unread {
                    place: format!("split {}", published.id),
                    row_count: Some(u64::from(published.row_count)),
                    reason: describe(&error),
                }),
            })?;
        }
        self.visit_wal(signal, visit)
    }

    fn visit_wal(&self, signal: Signal, visit: &mut Visit<'_>) -> Result<(), ExportError> {
        let mut waiting = Waiting::new(signal);
        let files = replay::files_to_look_into(&self.directories.wal)?;
        for (position, path) in files.iter().enumerate() {
            let is_newest = position + 1 == files.len();
            let found = match replay::look(path, is_newest, self.low_water) {
                Ok(found) => found,
                Err(error) => {
                    visit(Err(Unread {
                        place: format!("wal file {}", path.display()),
                        row_count: None,
                        reason: describe(&error),
                    }))?;
                    continue;
                }
            };
            for found in found {
                match found {
                    Found::Entry(entry)
                        if entry.signal != signal || entry.sequence <= self.marks.of(signal) => {}
                    Found::Entry(entry) => {
                        if let Err(unread) = waiting.add(&entry) {
                            visit(Err(unread))?;
                        }
                        if waiting.is_full() {
                            visit(waiting.take())?;
                        }
                    }
                    Found::Damage { bytes } => visit(Err(Unread {
                        place: format!("wal file {}", path.display()),
                        row_count: None,
                        reason: format!("{bytes} bytes are damaged"),
                    }))?,
                }
            }
        }
        if waiting.parts.is_empty() {
            Ok(())
        } else {
            visit(waiting.take())
        }
    }
}

/// Takes a source, or what could not be read in the place of one.
type Visit<'a> = dyn FnMut(Result<Source, Unread>) -> Result<(), ExportError> + 'a;

/// Entries of the WAL on their way to be looked at.
struct Waiting {
    signal: Signal,
    parts: Vec<Arc<HotBatch>>,
    row_count: usize,
    bytes: usize,
}

impl Waiting {
    fn new(signal: Signal) -> Self {
        Self {
            signal,
            parts: Vec::new(),
            row_count: 0,
            bytes: 0,
        }
    }

    fn add(&mut self, entry: &Entry) -> Result<(), Unread> {
        let unread = |reason| Unread {
            place: format!("wal entry {}", entry.sequence),
            row_count: None,
            reason,
        };
        let batch = otlp::replay(self.signal, &entry.payload);
        let batch = batch.map_err(|error| unread(describe(&error)))?;
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.row_count += batch.num_rows();
        self.bytes += entry.payload.len();
        let size = BatchSize {
            budget_bytes: batch.get_array_memory_size() as u64,
            wal_bytes: entry.payload.len() as u64,
        };
        let id = format!("wal-{}", entry.sequence);
        let part = HotBatch::new(id, self.signal, batch, size, UnixNanos(0));
        self.parts
            .push(Arc::new(part.map_err(|error| unread(describe(&error)))?));
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.row_count >= WAL_ROWS || self.bytes >= WAL_BYTES
    }

    /// Everything that was added since the last time, as one source.
    fn take(&mut self) -> Result<Source, Unread> {
        let parts = std::mem::take(&mut self.parts);
        let row_count = std::mem::take(&mut self.row_count);
        self.bytes = 0;
        let merged = match <[_; 1]>::try_from(parts) {
            Ok([only]) => Ok(only),
            Err(parts) => HotBatch::merge("wal".to_owned(), &parts).map(Arc::new),
        };
        merged.map(Source::hot).map_err(|error: ReadError| Unread {
            place: "wal".to_owned(),
            row_count: Some(row_count as u64),
            reason: describe(&error),
        })
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row_count {
            Some(1) => write!(f, "{} (1 row): {}", self.place, self.reason),
            Some(rows) => write!(f, "{} ({rows} rows): {}", self.place, self.reason),
            None => write!(f, "{}: {}", self.place, self.reason),
        }
    }
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
