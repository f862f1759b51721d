//! Writes rows into a split's Parquet file and its index, in one pass over their attributes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, Int32Builder};
use arrow_array::{Array, ArrayRef, FixedSizeBinaryArray, RecordBatch, StringArray};
use arrow_schema::SchemaRef;
use arrow_select::interleave::interleave;
use model::schema::{self, column};
use model::{BatchError, Signal, SpanId};
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;

use super::attribute_columns::{AttributeColumns, Choice, KeySurvey};
use super::keys::Keys;
use super::parents::{Parent, ParentOffsets, SpanIds};
use super::physical::physical_schema;
use super::properties::writer_properties;
use super::sort::Position;
use super::source_rows::SourceRows;
use super::stored_rows::KnownNumbers;
use super::{BODIES_FILE, ROWS_FILE};
use crate::bodies::BodiesWriter;
use crate::columns::{IdColumn, typed};
use crate::error::SealError;
use crate::files;
use crate::text_index::writer::IndexWriter;

/// The open file, once its columns are known.
pub(crate) struct RowWriter {
    signal: Signal,
    pub(super) schema: SchemaRef,
    pub(super) file: ArrowWriter<File>,
    attributes: AttributeColumns,
    parents: ParentOffsets,
    /// Log records only.
    pub(super) bodies: Option<BodiesWriter<BufWriter<File>>>,
    pub(super) known_numbers: KnownNumbers,
}

/// The batches that rows come from, looked at once each.
pub(crate) type Sources<'a> = HashMap<usize, SourceRows<'a>>;

/// Looks at the batches that the positions name.
pub(crate) fn look_at<'a>(
    signal: Signal,
    batches: &[&'a RecordBatch],
    positions: &[Position],
    keys: &mut Keys,
) -> Result<Sources<'a>, SealError> {
    let mut sources = Sources::new();
    for (number, _) in positions {
        if !sources.contains_key(number) {
            let Some(batch) = batches.get(*number) else {
                continue;
            };
            sources.insert(*number, SourceRows::new(signal, batch, keys)?);
        }
    }
    Ok(sources)
}

/// The columns worth having for attributes, judged by some rows.
pub(crate) fn survey<'b, 'a: 'b>(
    sources: &'b Sources<'a>,
    positions: impl Iterator<Item = &'b Position>,
) -> KeySurvey<'b> {
    let mut survey = KeySurvey::default();
    for (number, row) in positions {
        let Some(source) = sources.get(number) else {
            continue;
        };
        source.attributes(*row).for_each(|entry| survey.add(entry));
        survey.end_row();
    }
    survey
}

impl RowWriter {
    /// Begins the files in the directory of a split.
    pub(crate) fn create(
        dir: &Path,
        signal: Signal,
        choices: &[Choice],
    ) -> Result<Self, SealError> {
        let file = files::create_new(&dir.join(ROWS_FILE))?;
        let bodies = match signal {
            Signal::Traces => None,
            Signal::Logs => Some(BodiesWriter::create(&dir.join(BODIES_FILE))?),
        };
        let columns: Vec<_> = choices.iter().map(|choice| choice.column.clone()).collect();
        let schema = physical_schema(signal, &columns);
        let properties = writer_properties(signal, choices)?;
        Ok(Self {
            signal,
            file: ArrowWriter::try_new(file, SchemaRef::clone(&schema), Some(properties))?,
            schema,
            attributes: AttributeColumns::new(choices),
            parents: ParentOffsets::default(),
            bodies,
            known_numbers: KnownNumbers::default(),
        })
    }

    /// Adds the next rows to the file and to the index.
    pub(crate) fn write(
        &mut self,
        batches: &[&RecordBatch],
        sources: &mut Sources<'_>,
        positions: &[Position],
        index: &mut IndexWriter,
        keys: &mut Keys,
    ) -> Result<(), SealError> {
        for (number, row) in positions {
            let Some(source) = sources.get_mut(number) else {
                continue;
            };
            source.index(*row, index, keys)?;
            for entry in source.attributes(*row) {
                self.attributes.push(&entry);
            }
            self.attributes.end_row();
        }
        self.write_bodies(batches, positions)?;
        let batch = self.batch(batches, positions)?;
        Ok(self.file.write(&batch)?)
    }

    fn write_bodies(
        &mut self,
        batches: &[&RecordBatch],
        positions: &[Position],
    ) -> Result<(), SealError> {
        let Some(writer) = &mut self.bodies else {
            return Ok(());
        };
        let bodies = batches.iter().map(|batch| typed(batch, column::BODY));
        let bodies = bodies.collect::<Result<Vec<&StringArray>, BatchError>>()?;
        for (number, row) in positions {
            let Some(bodies) = bodies.get(*number) else {
                continue;
            };
            writer.push(bodies.is_valid(*row).then(|| bodies.value(*row)))?;
        }
        Ok(())
    }

    fn batch(
        &mut self,
        batches: &[&RecordBatch],
        positions: &[Position],
    ) -> Result<RecordBatch, SealError> {
        let logical = schema::schema(self.signal);
        let (mut dedicated, rest, layouts) = self.attributes.finish();
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        for (place, field) in logical.fields().iter().enumerate() {
            match field.name().as_str() {
                column::ATTRIBUTES => {
                    columns.append(&mut dedicated);
                    columns.push(Arc::clone(&rest));
                }
                column::BODY => {}
                column::ATTRIBUTE_TYPES => columns.push(Arc::clone(&layouts)),
                column::PARENT_SPAN_ID => columns.extend(self.parents(batches, positions)?),
                _ => {
                    let parts: Vec<&dyn Array> = batches
                        .iter()
                        .map(|batch| batch.column(place).as_ref())
                        .collect();
                    columns.push(interleave(&parts, positions)?);
                }
            }
        }
        Ok(RecordBatch::try_new(
            SchemaRef::clone(&self.schema),
            columns,
        )?)
    }

    /// The columns `parent_offset` and `parent_span_id`.
    pub(super) fn parents(
        &mut self,
        batches: &[&RecordBatch],
        positions: &[Position],
    ) -> Result<[ArrayRef; 2], SealError> {
        let mut ids = Vec::with_capacity(batches.len());
        for batch in batches {
            let parents: &FixedSizeBinaryArray = typed(batch, column::PARENT_SPAN_ID)?;
            let trace_ids = IdColumn::new(batch, column::TRACE_ID)?;
            ids.push((trace_ids, IdColumn::new(batch, column::SPAN_ID)?, parents));
        }
        let spans: Vec<SpanIds<'_>> = positions
            .iter()
            .filter_map(|(number, row)| {
                let (trace_ids, span_ids, parents) = ids.get(*number)?;
                Some(SpanIds {
                    trace_id: trace_ids.value(*row),
                    span_id: span_ids.value(*row),
                    parent: parents.is_valid(*row).then(|| parents.value(*row)),
                })
            })
            .collect();
        let mut offsets = Int32Builder::with_capacity(spans.len());
        let width = i32::try_from(SpanId::LEN).unwrap_or_default();
        let mut elsewhere = FixedSizeBinaryBuilder::new(width);
        for parent in self.parents.resolve(&spans) {
            match parent {
                Parent::None => {
                    offsets.append_null();
                    elsewhere.append_null();
                }
                Parent::Offset(offset) => {
                    offsets.append_value(offset);
                    elsewhere.append_null();
                }
                Parent::Id(id) => {
                    offsets.append_null();
                    elsewhere.append_value(id)?;
                }
            }
        }
        Ok([Arc::new(offsets.finish()), Arc::new(elsewhere.finish())])
    }

    /// Completes the files; their bytes are durable on return.
    pub(crate) fn finish(self) -> Result<(), SealError> {
        let failed = |error: io::Error| SealError::Columns(ParquetError::External(Box::new(error)));
        self.file.into_inner()?.sync_all().map_err(failed)?;
        if let Some(bodies) = self.bodies {
            let (file, summary) = bodies.finish()?;
            let file = file
                .into_inner()
                .map_err(|error| failed(error.into_error()))?;
            file.sync_all().map_err(failed)?;
            tracing::debug!(
                rows = summary.row_count,
                bytes = summary.file_bytes,
                templates = summary.template_count,
                template_blocks = summary.template_block_count,
                text_blocks = summary.text_block_count,
                unfaithful_blocks = summary.unfaithful_block_count,
                "wrote bodies"
            );
        }
        Ok(())
    }
}
