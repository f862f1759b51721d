//! A published split, opened for reading. Its files are removed when the last reader of a deleted
//! split lets go of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use arrow_array::{Array, RecordBatch};
use model::schema::column;
use model::{Signal, TimeRange, TraceId};
use parking_lot::Mutex;
use parquet::errors::ParquetError;
use tantivy::TantivyError;
use tantivy::schema::{Field, Term};

use super::attribute_columns::Choice;
use super::id::SplitId;
use super::metadata::{Origin, SplitMetadata};
use super::parquet_file::ParquetFile;
use super::physical::Dedicated;
use super::stored::{self, StoredBatch};
use super::time_blocks::TimeBlocks;
use super::{BODIES_FILE, INDEX_DIR, ROWS_FILE, logical};
use crate::bodies::Bodies;
use crate::catalog::PublishedSplit;
use crate::columns::IdColumn;
use crate::error::{BodiesError, MetadataError, ReadError};
use crate::files;
use crate::snapshot::{Columns, OperationCount, project};
use crate::text_index::reader::TextIndex;
use crate::text_index::{SignalFields, services, term};

/// Services whose counts are kept in memory; a split of more is asked each time.
const KEPT_SERVICES_MAX: usize = 1024;

/// One published split.
#[derive(Debug)]
pub(crate) struct Split {
    id: SplitId,
    dir: PathBuf,
    signal: Signal,
    metadata: SplitMetadata,
    /// Opened when first needed: a start must not read every split there is.
    files: Mutex<Option<Arc<SplitFiles>>>,
    is_deleted: AtomicBool,
    is_unreadable: AtomicBool,
    /// What was found damaged when its files were last needed.
    damage: Mutex<Option<String>>,
}

/// The open files of a split.
#[derive(Debug)]
pub(crate) struct SplitFiles {
    pub(crate) index: TextIndex,
    pub(crate) columns: ParquetFile,
    /// Log records only.
    pub(crate) bodies: Option<Bodies>,
    pub(crate) time_blocks: TimeBlocks,
    /// See [`Split::service_counts`]; kept once somebody asked, when there are few.
    service_counts: OnceLock<Vec<(String, u64)>>,
}

impl Split {
    /// Reads the metadata and checks it against the catalog, and that the files are there; their
    /// contents are checked when they are first needed.
    pub(crate) fn open(splits_dir: &Path, published: &PublishedSplit) -> Result<Self, ReadError> {
        let id = published.id.clone();
        let dir = splits_dir.join(id.as_str());
        let metadata = SplitMetadata::read(&dir, &id)?;
        if metadata.to_published(&id, published.signal) != *published
            || metadata.signal != published.signal.as_str()
        {
            let source = MetadataError::WrongSplit;
            return Err(ReadError::Metadata {
                split_id: id.to_string(),
                source,
            });
        }
        Ok(Self {
            id,
            dir,
            signal: published.signal,
            metadata,
            files: Mutex::new(None),
            is_deleted: AtomicBool::new(false),
            is_unreadable: AtomicBool::new(false),
            damage: Mutex::default(),
        })
    }

    pub(crate) fn id(&self) -> &SplitId {
        &self.id
    }

    pub(crate) fn signal(&self) -> Signal {
        self.signal
    }

    pub(crate) fn row_count(&self) -> u32 {
        self.metadata.row_count
    }

    pub(crate) fn time_range(&self) -> TimeRange {
        self.metadata.time_range()
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.metadata.size_bytes()
    }

    /// Bytes of its index; the others are values.
    pub(crate) fn index_bytes(&self) -> u64 {
        self.metadata.index_bytes()
    }

    /// Where it comes from.
    pub(crate) fn origin(&self) -> Origin {
        self.metadata.origin()
    }

    /// The WAL sequence up to which entries were sealed with it.
    pub(crate) fn wal_sequence(&self) -> u64 {
        self.metadata.wal_sequence
    }

    /// Whether its files could not be opened when they were last needed.
    pub(crate) fn is_unreadable(&self) -> bool {
        self.is_unreadable.load(Ordering::Acquire)
    }

    /// What is damaged, if that is why its files could not be opened.
    pub(crate) fn damage(&self) -> Option<String> {
        if self.is_unreadable() {
            self.damage.lock().clone()
        } else {
            None
        }
    }

    /// Removes the files when the last reader is gone. The catalog must have forgotten the split.
    pub(crate) fn delete_when_unused(&self) {
        self.is_deleted.store(true, Ordering::Release);
    }

    /// The open files. Checksums are compared the first time, so that damage is an error and never
    /// a wrong answer.
    pub(crate) fn files(&self) -> Result<Arc<SplitFiles>, ReadError> {
        let mut slot = self.files.lock();
        if let Some(files) = &*slot {
            return Ok(Arc::clone(files));
        }
        let opened = self.open_files().inspect_err(|error| {
            *self.damage.lock() = error.damage();
            if !self.is_unreadable.swap(true, Ordering::AcqRel) {
                tracing::error!(%error, split_id = %self.id, "failed to open split");
            }
        })?;
        self.is_unreadable.store(false, Ordering::Release);
        let opened = Arc::new(opened);
        *slot = Some(Arc::clone(&opened));
        Ok(opened)
    }

    fn open_files(&self) -> Result<SplitFiles, ReadError> {
        self.metadata.verify(&self.dir, &self.id)?;
        self.guard(|| {
            let rows = self.row_count();
            let metadata = self.metadata.index.clone();
            let index = TextIndex::open(&self.dir.join(INDEX_DIR), self.signal, rows, metadata)
                .map_err(|error| self.index_error(error))?;
            let columns = ParquetFile::open(&self.dir.join(ROWS_FILE), self.signal, rows)
                .map_err(|error| self.column_error(error))?;
            let bodies = match self.signal {
                Signal::Traces => None,
                Signal::Logs => Some(self.open_bodies()?),
            };
            let time_blocks = TimeBlocks::new(rows, |row| index.time(row));
            Ok(SplitFiles {
                index,
                columns,
                bodies,
                time_blocks,
                service_counts: OnceLock::new(),
            })
        })
    }

    fn open_bodies(&self) -> Result<Bodies, ReadError> {
        let bodies = Bodies::open(&self.dir.join(BODIES_FILE));
        let bodies = bodies.map_err(|error| self.body_error(error))?;
        if bodies.row_count() == self.row_count() {
            Ok(bodies)
        } else {
            Err(ReadError::Damaged {
                split_id: self.id.to_string(),
                file: BODIES_FILE.to_owned(),
            })
        }
    }

    /// See [`crate::Source::rows_of_trace`].
    pub(crate) fn rows_of_trace(&self, id: TraceId) -> Result<Vec<u32>, ReadError> {
        let files = self.files()?;
        let candidates = self.guard(|| {
            let candidates = files.index.trace_candidates(id);
            candidates.map_err(|error| self.index_error(error))
        })?;
        let mut rows = Vec::new();
        for candidate in candidates {
            // Rows of one list are of one trace: the first tells which.
            let first = candidate.first().copied().into_iter().collect::<Vec<_>>();
            if self.trace_ids(&first)?.contains(&Some(id)) {
                rows.extend(candidate);
            }
        }
        rows.sort_unstable();
        Ok(rows)
    }

    /// See [`crate::Source::trace_ids`].
    pub(crate) fn trace_ids(&self, rows: &[u32]) -> Result<Vec<Option<TraceId>>, ReadError> {
        let batch = self.read(rows, Columns::Named(&[column::TRACE_ID]))?;
        let ids = IdColumn::new(&batch, column::TRACE_ID)?;
        Ok((0..rows.len())
            .map(|row| TraceId::from_slice(ids.value(row)).ok())
            .collect())
    }

    /// See [`crate::Source::read`].
    pub(crate) fn read(
        &self,
        rows: &[u32],
        columns: Columns<'_>,
    ) -> Result<RecordBatch, ReadError> {
        if let Columns::Named(names) = columns {
            let schema = model::schema::schema(self.signal);
            if let Some(column) = names.iter().find(|name| schema.index_of(name).is_err()) {
                return Err(ReadError::UnknownColumn {
                    column: (*column).to_owned(),
                });
            }
        }
        let files = self.files()?;
        let read = || {
            let (file, bodies) = (&files.columns, files.bodies.as_ref());
            logical::read(file, bodies, self.signal, rows, columns)
                .map_err(|error| self.column_error(error))
        };
        project(&self.guard(read)?, columns)
    }

    /// Takes what was read so far off the memory of this process.
    pub(crate) fn release(&self) {
        if let Some(files) = &*self.files.lock() {
            files.columns.release();
            files.index.release();
            if let Some(bodies) = &files.bodies {
                bodies.release();
            }
        }
    }

    /// The columns that its file has for single attributes.
    pub(crate) fn dedicated_columns(&self) -> Result<Vec<Dedicated>, ReadError> {
        Ok(self.files()?.columns.dedicated().to_vec())
    }

    /// Rows, which ascend and exist, in these columns: a batch or several for all of them, in order; `None`
    /// when the file has other columns.
    pub(crate) fn read_stored(
        &self,
        rows: &[u32],
        choices: &[Choice],
    ) -> Result<Option<Vec<StoredBatch>>, ReadError> {
        let files = self.files()?;
        let Some(numbers) = stored::same_columns(files.columns.dedicated(), choices) else {
            return Ok(None);
        };
        let mut batches = Vec::new();
        let mut rest = rows;
        let read = || {
            stored::read(&files.columns, self.signal, rows, choices, &numbers)
                .map_err(|error| self.column_error(error))
        };
        for columns in self.guard(read)? {
            let (rows, after) = rest.split_at(columns.num_rows().min(rest.len()));
            rest = after;
            let texts = |bodies: &Bodies| {
                self.guard(|| bodies.texts(rows).map_err(|error| self.body_error(error)))
            };
            let bodies = files.bodies.as_ref().map(texts).transpose()?;
            batches.push(StoredBatch { columns, bodies });
        }
        Ok(Some(batches))
    }

    /// See [`crate::Source::service_counts`].
    pub(crate) fn service_counts(&self) -> Result<Vec<(String, u64)>, ReadError> {
        let files = self.files()?;
        if let Some(counts) = files.service_counts.get() {
            return Ok(counts.clone());
        }
        let counts = self.guard(|| {
            let counts = services::counts(&files.index, &|row| {
                let text = self.text_of_row(row, column::SERVICE_NAME);
                text.map_err(|error| TantivyError::InternalError(error.to_string()))
            });
            counts.map_err(|error| self.index_error(error))
        })?;
        if counts.len() <= KEPT_SERVICES_MAX {
            // Somebody else may have been first, with the same.
            files.service_counts.get_or_init(|| counts.clone());
        }
        Ok(counts)
    }

    /// See [`crate::Source::operation_counts`].
    pub(crate) fn operation_counts(&self, service: &str) -> Result<Vec<OperationCount>, ReadError> {
        let files = self.files()?;
        let SignalFields::Traces { operation, .. } = files.index.fields().of_signal else {
            return Ok(Vec::new());
        };
        let whole_prefix = term::operation_prefix(service);
        let (prefix, _) = term::term_prefix(&whole_prefix);
        let mut counts = Vec::new();
        for (text, span_count) in self.term_counts(&files, operation, prefix)? {
            let text = if term::is_cut(&text) {
                let Some(first_row) = self.first_row(&files, operation, &text)? else {
                    continue;
                };
                let service = self.text_of_row(first_row, column::SERVICE_NAME)?;
                let name = self.text_of_row(first_row, column::NAME)?;
                let kind = self.text_of_row(first_row, column::KIND)?;
                format!("{}{kind}:{name}", term::operation_prefix(&service))
            } else {
                text
            };
            let parts = text
                .strip_prefix(&whole_prefix)
                .and_then(|rest| rest.split_once(':'));
            if let Some((kind, name)) = parts
                && let Ok(kind) = kind.parse()
            {
                counts.push(OperationCount {
                    name: name.to_owned(),
                    kind,
                    span_count,
                });
            }
        }
        counts.sort_unstable();
        Ok(counts)
    }

    /// Terms that begin with `prefix`, with the number of rows of each.
    fn term_counts(
        &self,
        files: &SplitFiles,
        field: Field,
        prefix: &str,
    ) -> Result<Vec<(String, u64)>, ReadError> {
        let mut counts = Vec::new();
        self.guard(|| {
            let mut visit = |text: &str, count: u32| {
                counts.push((text.to_owned(), u64::from(count)));
            };
            files
                .index
                .visit_counts(field, prefix, &mut visit)
                .map_err(|error| self.index_error(error))
        })?;
        Ok(counts)
    }

    fn first_row(
        &self,
        files: &SplitFiles,
        field: Field,
        text: &str,
    ) -> Result<Option<u32>, ReadError> {
        self.guard(|| {
            let term = Term::from_field_text(field, text);
            let first = files.index.first_of_term(&term);
            first.map_err(|error| self.index_error(error))
        })
    }

    fn text_of_row(&self, row: u32, name: &str) -> Result<String, ReadError> {
        use arrow_array::cast::AsArray as _;
        let batch = self.read(&[row], Columns::Named(&[name]))?;
        let array = batch.column(0);
        if let Some(texts) = array.as_string_opt::<i32>() {
            return Ok(texts.value(0).to_owned());
        }
        if let Some(numbers) = array.as_primitive_opt::<arrow_array::types::Int32Type>() {
            return Ok(numbers.value(0).to_string());
        }
        debug_assert!(!array.is_empty(), "one row was read");
        Ok(crate::columns::TextDictionary::new(&batch, name)?
            .text(0)
            .to_owned())
    }

    /// Runs a decoder. Checksums make it unlikely that one meets bytes it does not expect, and
    /// when one panics all the same, the other splits must stay readable.
    pub(crate) fn guard<T>(
        &self,
        decode: impl FnOnce() -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| {
            Err(ReadError::Panicked {
                split_id: self.id.to_string(),
            })
        })
    }

    pub(crate) fn index_error(&self, error: TantivyError) -> ReadError {
        ReadError::Index {
            split_id: self.id.to_string(),
            source: Box::new(error),
        }
    }

    pub(crate) fn body_error(&self, error: BodiesError) -> ReadError {
        ReadError::Bodies {
            split_id: self.id.to_string(),
            source: error,
        }
    }

    pub(crate) fn column_error(&self, error: ParquetError) -> ReadError {
        ReadError::Columns {
            split_id: self.id.to_string(),
            source: error,
        }
    }
}

impl Drop for Split {
    fn drop(&mut self) {
        if self.is_deleted.load(Ordering::Acquire)
            && let Err(error) = files::remove_dir(&self.dir)
        {
            // The next start removes it: the catalog no longer knows it.
            tracing::warn!(%error, split_id = %self.id, "failed to remove deleted split");
        }
    }
}
