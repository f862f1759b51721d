//! Reads chosen rows and columns of a split's Parquet file, as they stand there.

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchReader as _};
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use bytes::Bytes;
use model::Signal;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, RowSelection,
};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::PageIndexPolicy;

use super::lists;
use super::pages::{ChosenGroups, Footer};
use super::physical::{ATTRIBUTE_LAYOUT, Dedicated, dedicated_columns};
use crate::files::Mapping;

/// So few rows that empty lists among them are worth looking for.
const FEW_ROWS: usize = 256;

/// The mapped file with its footer and page index in memory.
#[derive(Debug)]
pub(crate) struct ParquetFile {
    mapping: Mapping,
    bytes: Bytes,
    footer: Footer,
    schema: SchemaRef,
    dedicated: Vec<Dedicated>,
    /// The leaves of each column: several where it is nested.
    leaves: Vec<Range<usize>>,
    /// First row of each row group, and the number of rows at the end.
    group_starts: Vec<usize>,
}

impl ParquetFile {
    /// Maps the file and reads footer and page index.
    pub(crate) fn open(path: &Path, signal: Signal, row_count: u32) -> ParquetResult<Self> {
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
        let mapping = Mapping::new(&File::open(path)?)?;
        let bytes = mapping.bytes();
        let metadata = ArrowReaderMetadata::load(&bytes, options)?;
        let schema = SchemaRef::clone(metadata.schema());
        let parsed = Arc::clone(metadata.metadata());
        drop(metadata);
        let footer = Footer::new(Arc::unwrap_or_clone(parsed))?;
        let Some(dedicated) = dedicated_columns(signal, &schema) else {
            return Err(ParquetError::General(
                "not the columns of this version".to_owned(),
            ));
        };
        let parquet_schema = footer.metadata().file_metadata().schema_descr();
        let mut leaves = vec![0..0; schema.fields().len()];
        for leaf in (0..parquet_schema.num_columns()).rev() {
            let root = parquet_schema.get_column_root_idx(leaf);
            if let Some(range) = leaves.get_mut(root) {
                *range = match range.end {
                    0 => leaf..leaf + 1,
                    end => leaf..end,
                };
            }
        }
        let mut group_starts = vec![0];
        let mut rows = 0;
        for group in footer.metadata().row_groups() {
            rows += usize::try_from(group.num_rows())
                .map_err(|_| ParquetError::General("negative number of rows".to_owned()))?;
            group_starts.push(rows);
        }
        if rows != row_count as usize {
            return Err(ParquetError::General("not the number of rows".to_owned()));
        }
        Ok(Self {
            mapping,
            bytes,
            footer,
            schema,
            dedicated,
            leaves,
            group_starts,
        })
    }

    /// See [`Mapping::release`].
    pub(crate) fn release(&self) {
        self.mapping.release();
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
        let is_list = |column: &usize| {
            let field = self.schema.fields().get(*column);
            field.is_some_and(|field| matches!(field.data_type(), DataType::List(_)))
        };
        let may_be_empty = |column: &usize| rows.len() <= FEW_ROWS && is_list(column);
        // Few rows mostly have no events and no links: one column tells, and saves the others.
        let first = |column: &usize| {
            let leaves = self.leaves(*column);
            let count = if may_be_empty(column) {
                1
            } else {
                leaves.len()
            };
            leaves.take(count)
        };
        let found = self.read_leaves(rows, columns.iter().flat_map(first), self.schema.fields())?;
        let fields = projected.fields().iter().zip(found.columns());
        let whole = |(column, (field, array)): (&usize, (&Arc<Field>, &ArrayRef))| {
            if !may_be_empty(column) {
                Ok(Arc::clone(array))
            } else if lists::are_empty(array) {
                Ok(lists::empty(field, rows.len())?)
            } else {
                let read = self.read_leaves(rows, self.leaves(*column), self.schema.fields())?;
                Ok::<ArrayRef, ParquetError>(Arc::clone(read.column(0)))
            }
        };
        let arrays = columns.iter().zip(fields).map(whole);
        let arrays = arrays.collect::<Result<Vec<_>, _>>()?;
        Ok(RecordBatch::try_new(projected, arrays)?)
    }

    /// Reads every column of rows, which ascend and exist: a batch for each row group that has some, in
    /// which texts stand behind a dictionary where they do in the file.
    pub(crate) fn read_stored(&self, rows: &[u32]) -> ParquetResult<Vec<RecordBatch>> {
        let mut batches = Vec::new();
        let mut rest = rows;
        for (group, bounds) in self.group_starts.windows(2).enumerate() {
            let end = bounds.last().copied().unwrap_or_default();
            let (inside, after) = rest.split_at(rest.partition_point(|row| (*row as usize) < end));
            rest = after;
            if !inside.is_empty() {
                let leaves = self.leaves.iter().cloned().flatten();
                batches.push(self.read_leaves(inside, leaves, &self.stored_fields(group))?);
            }
        }
        Ok(batches)
    }

    /// The columns of a row group, with dictionaries where it has them.
    fn stored_fields(&self, group: usize) -> Fields {
        let chunks = self.footer.metadata().row_group(group).columns();
        let fields = self.schema.fields().iter().zip(&self.leaves);
        fields
            .map(|(field, leaves)| {
                let is_text =
                    *field.data_type() == DataType::Utf8 || field.name() == ATTRIBUTE_LAYOUT;
                let chunk = chunks.get(leaves.start);
                let has_dictionary = chunk.and_then(|chunk| chunk.dictionary_page_offset());
                if is_text && has_dictionary.is_some() {
                    let texts = Box::new(field.data_type().clone());
                    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), texts);
                    Arc::new(field.as_ref().clone().with_data_type(dictionary))
                } else {
                    Arc::clone(field)
                }
            })
            .collect()
    }

    /// The leaves of a column.
    fn leaves(&self, column: usize) -> Range<usize> {
        self.leaves.get(column).cloned().unwrap_or_default()
    }

    /// Reads the leaves of the file with these positions, which ascend.
    fn read_leaves(
        &self,
        rows: &[u32],
        leaves: impl Iterator<Item = usize>,
        fields: &Fields,
    ) -> ParquetResult<RecordBatch> {
        let parquet_schema = self.footer.metadata().file_metadata().schema_descr();
        let mask = ProjectionMask::leaves(parquet_schema, leaves);
        let levels = parquet_to_arrow_field_levels(parquet_schema, mask, Some(fields))?;
        let (groups, selection) = self.select(rows);
        let chosen = ChosenGroups {
            bytes: &self.bytes,
            footer: &self.footer,
            groups,
        };
        let reader = ParquetRecordBatchReader::try_new_with_row_groups(
            &levels,
            &chosen,
            rows.len(),
            Some(selection),
        )?;
        let schema = reader.schema();
        let batches = reader.collect::<Result<Vec<_>, _>>()?;
        let batch = match batches.as_slice() {
            [one] => one.clone(),
            many => concat_batches(&schema, many)?,
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
