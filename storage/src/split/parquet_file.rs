//! Reads chosen rows and columns of a split's Parquet file, as they stand there.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use bytes::Bytes;
use model::Signal;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::PageIndexPolicy;

use super::physical::{Dedicated, dedicated_columns};
use crate::files;

/// The mapped file with its footer and page index in memory.
#[derive(Debug)]
pub(crate) struct ParquetFile {
    bytes: Bytes,
    metadata: ArrowReaderMetadata,
    schema: SchemaRef,
    dedicated: Vec<Dedicated>,
    /// First row of each row group, and the number of rows at the end.
    group_starts: Vec<usize>,
}

impl ParquetFile {
    /// Maps the file and reads footer and page index.
    pub(crate) fn open(path: &Path, signal: Signal, row_count: u32) -> ParquetResult<Self> {
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
        let bytes = files::map(&File::open(path)?)?;
        let metadata = ArrowReaderMetadata::load(&bytes, options)?;
        let schema = SchemaRef::clone(metadata.schema());
        let Some(dedicated) = dedicated_columns(signal, &schema) else {
            return Err(ParquetError::General(
                "not the columns of this version".to_owned(),
            ));
        };
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
            bytes,
            metadata,
            schema,
            dedicated,
            group_starts,
        })
    }

    /// The columns for single attributes, by number.
    pub(crate) fn dedicated(&self) -> &[Dedicated] {
        &self.dedicated
    }

    /// Every column of the file.
    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Reads columns, by position in ascending order, of rows, which ascend and exist.
    pub(crate) fn read(&self, rows: &[u32], columns: &[usize]) -> ParquetResult<RecordBatch> {
        let projected = SchemaRef::new(self.schema.project(columns)?);
        if rows.is_empty() {
            return Ok(RecordBatch::new_empty(projected));
        }
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), columns.iter().copied());
        let (groups, selection) = self.select(rows);
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(
            self.bytes.clone(),
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
}
