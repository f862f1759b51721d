//! Writes a split into a directory of its own: columns, index, metadata, all durable on return.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use model::{BatchError, Signal, TimeRange, UnixNanos};

use super::attribute_columns::Choice;
use super::id::SplitId;
use super::keys::Keys;
use super::metadata::{Origin, SplitMetadata};
use super::physical::Dedicated;
use super::row_writer::{RowWriter, look_at, survey};
use super::sort::Position;
use super::stored::StoredBatch;
use super::stored_rows::StoredRows;
use super::{INDEX_DIR, sort, stored};
use crate::catalog::PublishedSplit;
use crate::error::SealError;
use crate::files;
use crate::hot::HotBatch;
use crate::text_index::writer::IndexWriter;

/// Rows that are put in order at a time, to bound the memory this takes.
const CHUNK_ROWS: usize = 8 * 1024;

/// Writes the batches of one signal as a split below `splits_dir`. The caller renames it when it is
/// complete.
pub(crate) fn write_split(
    splits_dir: &Path,
    signal: Signal,
    batches: &[Arc<HotBatch>],
    origin: Origin,
) -> Result<WrittenSplit, SealError> {
    let batches: Vec<&RecordBatch> = batches.iter().map(|batch| batch.batch()).collect();
    let order = sort::order(signal, &batches)?;
    let mut split = SplitWriter::create(splits_dir, signal, origin)?;
    split.write(&batches, &order)?;
    split.finish()
}

/// Writes one split, row by row in its final order (see [`sort`]), under a name that
/// [`remove_unpublished`] recognises.
pub(crate) struct SplitWriter {
    id: SplitId,
    dir: PathBuf,
    signal: Signal,
    origin: Origin,
    keys: Keys,
    index: IndexWriter,
    /// There once the first rows have shown which columns are worth having.
    rows: Option<RowWriter>,
    time_range: Option<TimeRange>,
}

impl SplitWriter {
    /// Makes the directory.
    pub(crate) fn create(
        splits_dir: &Path,
        signal: Signal,
        origin: Origin,
    ) -> Result<Self, SealError> {
        let id = SplitId::new(origin.sealed);
        let dir = splits_dir.join(format!("{TEMPORARY_PREFIX}{id}"));
        files::create_dir(&dir.join(INDEX_DIR))?;
        Ok(Self {
            id,
            dir,
            signal,
            origin,
            keys: Keys::default(),
            index: IndexWriter::new(signal),
            rows: None,
            time_range: None,
        })
    }

    /// Adds the next rows: positions among the rows of `batches`, which have the signal's schema.
    /// The first call decides which attributes get columns of their own.
    pub(crate) fn write(
        &mut self,
        batches: &[&RecordBatch],
        positions: &[Position],
    ) -> Result<(), SealError> {
        let mut sources = look_at(self.signal, batches, positions, &mut self.keys)?;
        let rows = match &mut self.rows {
            Some(rows) => rows,
            None => {
                let survey = survey(&sources, positions.iter().take(CHUNK_ROWS));
                let choices = survey.choose();
                let rows = RowWriter::create(&self.dir, self.signal, &choices)?;
                self.rows.insert(rows)
            }
        };
        for (number, row) in positions {
            if let Some(source) = sources.get(number) {
                include(&mut self.time_range, source.time(*row));
            }
        }
        for positions in positions.chunks(CHUNK_ROWS) {
            let (index, keys) = (&mut self.index, &mut self.keys);
            rows.write(batches, &mut sources, positions, index, keys)?;
        }
        Ok(())
    }

    /// Decides which attributes get columns of their own, by the first rows of a merge: these, or else what
    /// is best for the rows.
    pub(crate) fn choose(
        &mut self,
        batches: &[&RecordBatch],
        positions: &[Position],
        columns: Option<&[Dedicated]>,
    ) -> Result<Vec<Choice>, SealError> {
        let sources = look_at(self.signal, batches, positions, &mut self.keys)?;
        let survey = survey(&sources, positions.iter().take(CHUNK_ROWS));
        let choices = match columns {
            Some(columns) => survey.choose_as(columns, &mut self.keys),
            None => survey.choose(),
        };
        self.rows = Some(RowWriter::create(&self.dir, self.signal, &choices)?);
        Ok(choices)
    }

    /// Spreads whole rows over the columns, for [`SplitWriter::copy`].
    pub(crate) fn spread(
        &mut self,
        batch: &RecordBatch,
        choices: &[Choice],
    ) -> Result<RecordBatch, BatchError> {
        stored::spread(self.signal, batch, choices, &mut self.keys)
    }

    /// Adds the next rows: positions among the rows of `batches`, which were read for the columns
    /// that were chosen before.
    pub(crate) fn copy(
        &mut self,
        batches: &[StoredBatch],
        positions: &[Position],
        choices: &[Choice],
    ) -> Result<(), SealError> {
        let Some(rows) = &mut self.rows else {
            return Ok(());
        };
        let mut sources = Vec::with_capacity(batches.len());
        for batch in batches {
            sources.push(StoredRows::new(
                self.signal,
                batch,
                choices,
                &mut self.keys,
            )?);
        }
        for positions in positions.chunks(CHUNK_ROWS) {
            for (number, row) in positions {
                if let Some(source) = sources.get(*number) {
                    include(&mut self.time_range, source.time(*row));
                }
            }
            let (index, keys) = (&mut self.index, &mut self.keys);
            rows.copy(batches, &mut sources, positions, index, keys)?;
        }
        Ok(())
    }

    /// Completes the files; durable on return. At least one row was written.
    pub(crate) fn finish(self) -> Result<WrittenSplit, SealError> {
        if let Some(rows) = self.rows {
            rows.finish()?;
        }
        let (row_count, index) = self.index.finish(&self.dir.join(INDEX_DIR))?;
        assert!(row_count > 0, "an empty split is never written");
        let time_range = self.time_range.unwrap_or(TimeRange::ALL);
        let mut metadata =
            SplitMetadata::new(&self.id, self.signal, row_count, time_range, self.origin);
        metadata.index = index;
        metadata.add_files(&self.dir)?;
        metadata.write(&self.dir)?;
        Ok(WrittenSplit {
            id: self.id,
            dir: self.dir,
            metadata,
            signal: self.signal,
        })
    }
}

/// A complete, durable split that nobody can see yet.
#[derive(Debug)]
pub(crate) struct WrittenSplit {
    pub(crate) id: SplitId,
    pub(crate) dir: PathBuf,
    pub(crate) signal: Signal,
    pub(crate) metadata: SplitMetadata,
}

/// What the directory of a split is called until it is complete.
const TEMPORARY_PREFIX: &str = "tmp-";

impl WrittenSplit {
    /// What the catalog is to know of it.
    pub(crate) fn to_published(&self) -> PublishedSplit {
        self.metadata.to_published(&self.id, self.signal)
    }

    /// Gives the directory its final name; durable on return. After a failure it may have either.
    pub(crate) fn rename(&mut self, splits_dir: &Path) -> Result<(), SealError> {
        let temporary = std::mem::replace(&mut self.dir, splits_dir.join(self.id.as_str()));
        Ok(files::rename(&temporary, &self.dir)?)
    }
}

/// What the directory of a split is called that was deleted before the catalog could forget it.
const DELETED_PREFIX: &str = "deleted-";

/// Says that a split is deleted, and removes its files. Needs no space on the disk. The empty
/// directory tells of it until [`remove_deleted`].
pub(crate) fn mark_deleted(splits_dir: &Path, id: &SplitId) -> Result<(), files::FileError> {
    let marked = splits_dir.join(format!("{DELETED_PREFIX}{id}"));
    files::rename(&splits_dir.join(id.as_str()), &marked)?;
    files::clear_dir(&marked)
}

/// The splits for which there is such a directory.
pub(crate) fn list_deleted(splits_dir: &Path) -> Result<Vec<SplitId>, files::FileError> {
    let id = |path: &PathBuf| {
        let name = path.file_name()?.to_str()?;
        name.strip_prefix(DELETED_PREFIX)?.parse().ok()
    };
    Ok(files::list_dir(splits_dir)?.iter().filter_map(id).collect())
}

/// Removes such directories. The catalog must have forgotten the splits.
pub(crate) fn remove_deleted(splits_dir: &Path, ids: &[SplitId]) -> Result<(), files::FileError> {
    for id in ids {
        files::remove_dir(&splits_dir.join(format!("{DELETED_PREFIX}{id}")))?;
    }
    Ok(())
}

/// Removes the directories below `splits_dir` that no published split owns: what a crash left.
pub(crate) fn remove_unpublished(
    splits_dir: &Path,
    is_published: impl Fn(&str) -> bool,
) -> Result<(), files::FileError> {
    for path in files::list_dir(splits_dir)? {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy())
            .unwrap_or_default();
        let is_ours = name.starts_with(TEMPORARY_PREFIX) || name.parse::<SplitId>().is_ok();
        if is_ours && !is_published(&name) {
            tracing::warn!(path = %path.display(), "removed unpublished split");
            files::remove_dir(&path)?;
        }
    }
    files::sync_dir(splits_dir)
}

/// Whether there is a split below `splits_dir`, published or not.
pub(crate) fn is_any_split_in(splits_dir: &Path) -> Result<bool, files::FileError> {
    let is_split = |path: &PathBuf| {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy())
            .unwrap_or_default();
        name.parse::<SplitId>().is_ok()
    };
    Ok(files::list_dir(splits_dir)?.iter().any(is_split))
}

/// Removes what a failed seal left half written.
pub(crate) fn remove_temporary(splits_dir: &Path) -> Result<(), files::FileError> {
    for path in files::list_dir(splits_dir)? {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy())
            .unwrap_or_default();
        if name.starts_with(TEMPORARY_PREFIX) {
            files::remove_dir(&path)?;
        }
    }
    Ok(())
}

fn include(range: &mut Option<TimeRange>, time: UnixNanos) {
    let moment = TimeRange::enclosing(time, time);
    *range = Some(range.map_or(moment, |known| enclosing(known, moment)));
}

fn enclosing(a: TimeRange, b: TimeRange) -> TimeRange {
    TimeRange {
        start: a.start.min(b.start),
        end: a.end.max(b.end),
    }
}
