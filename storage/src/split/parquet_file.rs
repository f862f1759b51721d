//! Reads chosen rows and columns of a split's Parquet file.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use model::Signal;
use model::schema;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::PageIndexPolicy;

use crate::snapshot::Columns;

/// The file with its footer and page index in memory. It is opened anew for each read: a shared
/// handle has one position, and readers would move it under each other.
#[derive(Debug)]
pub(crate) struct ParquetFile {
    path: PathBuf,
    metadata: ArrowReaderMetadata,
    schema: SchemaRef,
    /// First row of each row group, and the number of rows at the end.
    group_starts: Vec<usize>,
}

impl ParquetFile {
    /// Reads footer and page index.
    pub(crate) fn open(path: &Path, signal: Signal, row_count: u32) -> ParquetResult<Self> {
        let schema = schema::schema(signal);
        // Which texts are to stand behind a dictionary is not for the file to say: older ones have the keys of
        // attributes as plain texts.
        let options = ArrowReaderOptions::new()
            .with_page_index_policy(PageIndexPolicy::Required)
            .with_schema(SchemaRef::clone(&schema));
        let metadata = ArrowReaderMetadata::load(&File::open(path)?, options)?;
        if metadata.schema().fields() != schema.fields() {
            return Err(ParquetError::General(
                "not the columns of this version".to_owned(),
            ));
        }
        let mut group_starts = vec![0];
        let mut rows = 0;
        for group in metadata.metadata().row_groups() {
            rows += usize::try_from(group.num_rows())
                .map_err(|_| ParquetError::General("negative number of rows".to_owned()))?;
            group_starts.push(rows);
        }
        if rows != row_count as usize {
            return Err(ParquetError::General("not the number of rows".to_owned()));
        }
        Ok(Self {
            path: path.to_path_buf(),
            metadata,
            schema,
            group_starts,
        })
    }

    /// Reads rows, which ascend and exist; the columns come in the order of the schema.
    pub(crate) fn read(&self, rows: &[u32], columns: Columns<'_>) -> ParquetResult<RecordBatch> {
        let mask = self.mask(columns);
        let projected = self.projected_schema(columns)?;
        if rows.is_empty() {
            return Ok(RecordBatch::new_empty(projected));
        }
        let (groups, selection) = self.select(rows);
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(
            File::open(&self.path)?,
            self.metadata.clone(),
        )
        .with_projection(mask)
        .with_row_groups(groups)
        .with_row_selection(selection)
        .with_batch_size(rows.len())
        .build()?;
        let batches = reader.collect::<Result<Vec<_>, _>>()?;
        let batch = match batches.as_slice() {
            [one] => one.clone(),
            many => concat_batches(&projected, many)?,
        };
        if batch.num_rows() != rows.len() {
            return Err(ParquetError::General(
                "fewer rows than the footer promises".to_owned(),
            ));
        }
        Ok(batch)
    }

    /// The row groups that hold the rows, and the rows among those of these groups.
    fn select(&self, rows: &[u32]) -> (Vec<usize>, RowSelection) {
        let mut groups = Vec::new();
        let mut ranges: Vec<Range<usize>> = Vec::new();
        let mut offset = 0;
        let mut rest = rows;
        for (group, bounds) in self.group_starts.windows(2).enumerate() {
            let [start, end] = *bounds else { continue };
            let (inside, after) = rest.split_at(rest.partition_point(|row| (*row as usize) < end));
            rest = after;
            if inside.is_empty() {
                continue;
            }
            groups.push(group);
            for row in inside {
                let position = *row as usize - start + offset;
                match ranges.last_mut() {
                    Some(last) if last.end == position => last.end += 1,
                    _ => ranges.push(position..position + 1),
                }
            }
            offset += end - start;
        }
        (
            groups,
            RowSelection::from_consecutive_ranges(ranges.into_iter(), offset),
        )
    }

    fn mask(&self, columns: Columns<'_>) -> ProjectionMask {
        match columns {
            Columns::All => ProjectionMask::all(),
            Columns::Named(names) => {
                let roots = names
                    .iter()
                    .filter_map(|name| self.schema.index_of(name).ok());
                ProjectionMask::roots(self.metadata.parquet_schema(), roots)
            }
        }
    }

    fn projected_schema(&self, columns: Columns<'_>) -> ParquetResult<SchemaRef> {
        match columns {
            Columns::All => Ok(SchemaRef::clone(&self.schema)),
            Columns::Named(names) => {
                let mut indices: Vec<usize> = names
                    .iter()
                    .filter_map(|name| self.schema.index_of(name).ok())
                    .collect();
                indices.sort_unstable();
                indices.dedup();
                Ok(SchemaRef::new(self.schema.project(&indices)?))
            }
        }
    }
}
