//! Records in formats that other programs read, written in portions so that memory does not grow with them.
//!
//! What is in the files: `docs/formats/export.md`.

mod encoder;
mod file;
mod json_lines;
mod otlp_lines;
mod records;
mod table;

#[cfg(test)]
mod tests;

use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use arrow_schema::ArrowError;
use model::Signal;
use parquet::errors::ParquetError;

use crate::archive::{Archive, Unread};
use crate::error::{FileError, ReadError, describe};
use crate::filter::Filter;
use crate::snapshot::{Columns, Snapshot, Source};
use encoder::Encoder;
use records::Records;

pub use file::ExportFile;

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// One Parquet file whose columns are plain.
    Parquet,
    /// One flat JSON object per record and line.
    JsonLines,
    /// OTLP JSON, one export request per line, as the file exporter of the OpenTelemetry Collector writes it.
    OtlpLines,
}

/// What to write, and how.
#[derive(Debug, Clone)]
pub struct Export {
    /// Spans or log records.
    pub signal: Signal,
    /// Which of them.
    pub filter: Filter,
    /// As what.
    pub format: ExportFormat,
}

/// What was written.
#[derive(Debug)]
pub struct Exported {
    /// Records.
    pub row_count: u64,
    /// Bytes.
    pub size_bytes: u64,
    /// What may be missing, because it could not be read.
    pub unread: Vec<Unread>,
}

/// Why an export ended before everything was written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The output took no more.
    #[error("output cannot be written")]
    Output(#[from] io::Error),
    /// A record could not be written as JSON.
    #[error("record cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// The columns could not be put together.
    #[error("columns cannot be put together")]
    Arrow(#[from] ArrowError),
    /// The Parquet file could not be written.
    #[error("parquet cannot be written")]
    Parquet(#[from] ParquetError),
}

impl ExportFormat {
    /// What the name of a file of this format ends with.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::JsonLines => "jsonl",
            Self::OtlpLines => "otlp.jsonl",
        }
    }
}

impl Export {
    /// Writes the file, which appears under its name when it is complete and replaces one that is there.
    ///
    /// # Errors
    /// When the file cannot be written. Data that cannot be read is told in [`Exported::unread`].
    pub fn write_file(&self, archive: &Archive, path: &Path) -> Result<Exported, ExportError> {
        let mut file = ExportFile::create(path)?;
        let exported = self.write(archive, &mut file)?;
        file.publish()?;
        Ok(exported)
    }

    /// Writes to `out`.
    ///
    /// # Errors
    /// When `out` takes no more. Data that cannot be read is told in [`Exported::unread`].
    pub fn write(
        &self,
        archive: &Archive,
        out: impl io::Write + Send,
    ) -> Result<Exported, ExportError> {
        let mut writing = self.start(out)?;
        archive.visit(self.signal, &self.filter, &mut |source| match source {
            Ok(source) => writing.add(&source),
            Err(unread) => {
                writing.unread.push(unread);
                Ok(())
            }
        })?;
        writing.finish()
    }

    /// Writes what a snapshot of a running server holds to `out`.
    ///
    /// # Errors
    /// When `out` takes no more. Data that cannot be read is told in [`Exported::unread`].
    pub fn write_snapshot(
        &self,
        snapshot: &Snapshot,
        out: impl io::Write + Send,
    ) -> Result<Exported, ExportError> {
        let mut writing = self.start(out)?;
        for it in snapshot.unreadable() {
            if it.signal == self.signal && self.filter.may_match(&it.time_range) {
                writing.unread.push(Unread {
                    place: it.name.clone(),
                    row_count: None,
                    reason: it.reason.clone(),
                });
            }
        }
        for source in snapshot.sources(self.signal).iter().rev() {
            if self.filter.may_match(&source.time_range()) {
                writing.add(source)?;
            }
        }
        writing.finish()
    }

    fn start<W: io::Write + Send>(&self, out: W) -> Result<Writing<'_, W>, ExportError> {
        Ok(Writing {
            encoder: Encoder::new(self.signal, self.format, out)?,
            filter: &self.filter,
            portion_rows: PORTION_ROWS_FIRST,
            row_count: 0,
            unread: Vec::new(),
        })
    }
}

/// Rows that are read together before it is known how large they are.
const PORTION_ROWS_FIRST: usize = 512;
/// Most rows that are read together.
const PORTION_ROWS_MAX: usize = 8192;
/// How large rows that are read together should be, by the size of those before them.
const PORTION_BYTES: usize = 8 << 20;

struct Writing<'a, W: io::Write + Send> {
    encoder: Encoder<W>,
    filter: &'a Filter,
    portion_rows: usize,
    row_count: u64,
    unread: Vec<Unread>,
}

/// Why a portion was not written.
enum Failure {
    /// It could not be read: what comes from elsewhere still can.
    Read(ReadError),
    Write(ExportError),
}

impl<W: io::Write + Send> Writing<'_, W> {
    fn finish(self) -> Result<Exported, ExportError> {
        Ok(Exported {
            row_count: self.row_count,
            size_bytes: self.encoder.finish()?,
            unread: self.unread,
        })
    }

    fn add(&mut self, source: &Source) -> Result<(), ExportError> {
        let written_before = self.row_count;
        match self.add_rows(source) {
            Ok(()) => Ok(()),
            Err(Failure::Write(error)) => Err(error),
            Err(Failure::Read(error)) => {
                let written = self.row_count - written_before;
                self.unread.push(Unread {
                    place: format!("split {}", source.id()),
                    row_count: Some(u64::from(source.row_count()).saturating_sub(written)),
                    reason: describe(&error),
                });
                Ok(())
            }
        }
    }

    fn add_rows(&mut self, source: &Source) -> Result<(), Failure> {
        let mut rows = Vec::with_capacity(self.portion_rows);
        let mut failure = None;
        let filter = self.filter;
        let found = source.find(filter, &mut |found| {
            rows.push(found.row);
            if rows.len() < self.portion_rows {
                return ControlFlow::Continue(());
            }
            match self.write(source, &rows) {
                Ok(()) => rows.clear(),
                Err(error) => failure = Some(error),
            }
            if failure.is_none() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        if let Some(failure) = failure {
            return Err(failure);
        }
        found.map_err(Failure::Read)?;
        if rows.is_empty() {
            Ok(())
        } else {
            self.write(source, &rows)
        }
    }

    fn write(&mut self, source: &Source, rows: &[u32]) -> Result<(), Failure> {
        let batch = source.read(rows, Columns::All).map_err(Failure::Read)?;
        let row_bytes = (batch.get_array_memory_size() / rows.len().max(1)).max(1);
        self.portion_rows = (PORTION_BYTES / row_bytes).clamp(1, PORTION_ROWS_MAX);
        let records = Records::read(source.signal(), &batch);
        let records = records.map_err(|error| Failure::Read(error.into()))?;
        drop(batch);
        self.encoder.write(&records).map_err(Failure::Write)?;
        self.row_count += rows.len() as u64;
        Ok(())
    }
}
