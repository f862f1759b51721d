//! Writes a split into a directory of its own: columns, index, metadata, all durable on return.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_select::interleave::interleave_record_batch;
use model::schema::{self, column};
use model::{Signal, TimeRange};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::id::SplitId;
use super::metadata::{Origin, SplitMetadata};
use super::sort::Position;
use super::{INDEX_DIR, ROWS_FILE, sort};
use crate::catalog::PublishedSplit;
use crate::error::SealError;
use crate::files;
use crate::hot::HotBatch;
use crate::text_index::writer::IndexWriter;

/// Rows that are decoded together; a smaller number makes reading one trace cheaper.
const PAGE_ROWS: usize = 1024;
/// Rows that share dictionaries.
pub(crate) const ROW_GROUP_ROWS: usize = 64 * 1024;
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
    for positions in order.chunks(CHUNK_ROWS) {
        split.write(&batches, positions)?;
    }
    split.finish()
}

/// Writes one split, row by row in its final order (see [`sort`]), under a name that
/// [`remove_unpublished`] recognises.
pub(crate) struct SplitWriter {
    id: SplitId,
    dir: PathBuf,
    signal: Signal,
    origin: Origin,
    columns: ArrowWriter<File>,
    index: IndexWriter,
    time_range: Option<TimeRange>,
}

impl SplitWriter {
    /// Makes the directory and begins its files.
    pub(crate) fn create(
        splits_dir: &Path,
        signal: Signal,
        origin: Origin,
    ) -> Result<Self, SealError> {
        let id = SplitId::new(origin.sealed);
        let dir = splits_dir.join(format!("{TEMPORARY_PREFIX}{id}"));
        let index_dir = dir.join(INDEX_DIR);
        files::create_dir(&index_dir)?;
        let file = files::create_new(&dir.join(ROWS_FILE))?;
        let properties = writer_properties(signal)?;
        Ok(Self {
            columns: ArrowWriter::try_new(file, schema::schema(signal), Some(properties))?,
            index: IndexWriter::create(&index_dir, signal)?,
            id,
            dir,
            signal,
            origin,
            time_range: None,
        })
    }

    /// Adds the next rows: positions among the rows of `batches`, which have the signal's schema.
    pub(crate) fn write(
        &mut self,
        batches: &[&RecordBatch],
        positions: &[Position],
    ) -> Result<(), SealError> {
        let chunk = interleave_record_batch(batches, positions)?;
        self.columns.write(&chunk)?;
        self.index.add_rows(&chunk)?;
        let range = crate::hot::time_range_of(self.signal, &chunk)?;
        let known = self.time_range.unwrap_or(range);
        self.time_range = Some(enclosing(known, range));
        Ok(())
    }

    /// Completes the files; durable on return. At least one row was written.
    pub(crate) fn finish(self) -> Result<WrittenSplit, SealError> {
        finish_columns(self.columns)?;
        let row_count = self.index.finish()?;
        assert!(row_count > 0, "an empty split is never written");
        let time_range = self.time_range.unwrap_or(TimeRange::ALL);
        let mut metadata =
            SplitMetadata::new(&self.id, self.signal, row_count, time_range, self.origin);
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

fn finish_columns(columns: ArrowWriter<File>) -> Result<(), SealError> {
    let file = columns.into_inner()?;
    file.sync_all()
        .map_err(|error| SealError::Columns(ParquetError::External(Box::new(error))))
}

fn enclosing(a: TimeRange, b: TimeRange) -> TimeRange {
    TimeRange {
        start: a.start.min(b.start),
        end: a.end.max(b.end),
    }
}

/// Measured choices, see docs/formats/split.md.
fn writer_properties(signal: Signal) -> Result<WriterProperties, SealError> {
    let path = |name: &str| ColumnPath::from(name);
    let mut builder = WriterProperties::builder()
        .set_created_by("spandrel".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_column_statistics_enabled(path(column::TRACE_ID), EnabledStatistics::Page);
    // Random bytes neither compress nor repeat.
    for name in [column::SPAN_ID, column::PARENT_SPAN_ID] {
        if schema::schema(signal).index_of(name).is_ok() {
            builder = builder
                .set_column_dictionary_enabled(path(name), false)
                .set_column_compression(path(name), Compression::UNCOMPRESSED);
        }
    }
    let numbers: &[&str] = match signal {
        Signal::Traces => &[column::START_TIME, column::DURATION_NANO],
        Signal::Logs => &[column::TIME, column::OBSERVED_TIME],
    };
    for name in numbers {
        builder = builder
            .set_column_dictionary_enabled(path(name), false)
            .set_column_encoding(path(name), Encoding::DELTA_BINARY_PACKED);
    }
    let time = numbers.first().copied().unwrap_or_default();
    Ok(builder
        .set_column_statistics_enabled(path(time), EnabledStatistics::Page)
        .build())
}
