//! Portions of records on their way into one output.

use std::io::{self, Write};

use model::Signal;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::records::Records;
use super::{ExportError, ExportFormat, json_lines, otlp_lines, table};

/// Rows of a row group: what other programs work on at a time.
const ROW_GROUP_ROWS: usize = 122_880;
/// Bytes of a row group that wait in memory, after which it ends early.
const ROW_GROUP_BYTES_MAX: usize = 32 << 20;
/// Small files count more here than a little of the time.
const ZSTD_LEVEL: i32 = 3;

/// Writes records in one format.
pub(super) enum Encoder<W: Write + Send> {
    Parquet(Box<ArrowWriter<Counted<W>>>),
    Lines {
        out: Counted<W>,
        lines: Vec<u8>,
        write: fn(&mut Vec<u8>, &Records) -> Result<(), serde_json::Error>,
    },
}

impl<W: Write + Send> Encoder<W> {
    pub(super) fn new(signal: Signal, format: ExportFormat, out: W) -> Result<Self, ExportError> {
        let out = Counted {
            inner: out,
            size_bytes: 0,
        };
        let lines = |out, write| Self::Lines {
            out,
            lines: Vec::new(),
            write,
        };
        Ok(match format {
            ExportFormat::JsonLines => lines(out, json_lines::write),
            ExportFormat::OtlpLines => lines(out, otlp_lines::write),
            ExportFormat::Parquet => {
                let schema = table::batch(&Records::none(signal))?.schema();
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
                    .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
                    .set_created_by("spandrel".to_owned())
                    .build();
                // Without Arrow's own schema beside them, columns have the plain types of Parquet.
                let options = ArrowWriterOptions::new()
                    .with_properties(properties)
                    .with_skip_arrow_metadata(true);
                let writer = ArrowWriter::try_new_with_options(out, schema, options)?;
                Self::Parquet(Box::new(writer))
            }
        })
    }

    pub(super) fn write(&mut self, records: &Records) -> Result<(), ExportError> {
        match self {
            Self::Parquet(writer) => {
                writer.write(&table::batch(records)?)?;
                if writer.in_progress_size() > ROW_GROUP_BYTES_MAX {
                    writer.flush()?;
                }
            }
            Self::Lines { out, lines, write } => {
                lines.clear();
                write(lines, records)?;
                out.write_all(lines)?;
            }
        }
        Ok(())
    }

    /// Writes what is left; returns the number of bytes that were written.
    pub(super) fn finish(self) -> Result<u64, ExportError> {
        let mut out = match self {
            Self::Parquet(writer) => writer.into_inner()?,
            Self::Lines { out, .. } => out,
        };
        out.flush()?;
        Ok(out.size_bytes)
    }
}

/// Counts what is written.
pub(super) struct Counted<W> {
    inner: W,
    size_bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write_all(bytes)?;
        self.size_bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
