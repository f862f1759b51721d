//! Copies rows of other splits: their values go into the columns as they stand, and only the index
//! looks at each.

use std::sync::Arc;

use arrow_array::{Array as _, ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema};
use model::schema::column;

use super::gather::gather;
use super::keys::Keys;
use super::physical::PARENT_OFFSET;
use super::row_writer::RowWriter;
use super::sort::Position;
use super::stored::StoredBatch;
use super::stored_rows::StoredRows;
use crate::error::SealError;
use crate::text_index::writer::IndexWriter;

impl RowWriter {
    /// Adds the next rows to the file and to the index, as [`RowWriter::write`] does.
    pub(super) fn copy(
        &mut self,
        batches: &[StoredBatch],
        sources: &mut [StoredRows<'_>],
        positions: &[Position],
        index: &mut IndexWriter,
        keys: &mut Keys,
    ) -> Result<(), SealError> {
        for (number, row) in positions {
            let Some(source) = sources.get_mut(*number) else {
                continue;
            };
            source.index(*row, index, keys, &mut self.known_numbers)?;
        }
        if let Some(writer) = &mut self.bodies {
            for (number, row) in positions {
                let bodies = batches.get(*number).and_then(|batch| batch.bodies.as_ref());
                let body = bodies.filter(|bodies| bodies.is_valid(*row));
                writer.push(body.map(|bodies| bodies.value(*row)))?;
            }
        }
        let batch = self.gathered(batches, positions)?;
        Ok(self.file.write(&batch)?)
    }

    fn gathered(
        &mut self,
        batches: &[StoredBatch],
        positions: &[Position],
    ) -> Result<RecordBatch, SealError> {
        let schema = Arc::clone(&self.schema);
        let (mut fields, mut columns) = (Vec::new(), Vec::<ArrayRef>::new());
        let mut add = |field: &Field, array: ArrayRef| {
            let data_type = array.data_type().clone();
            fields.push(field.clone().with_data_type(data_type));
            columns.push(array);
        };
        // The columns of a batch are those of the file without this one.
        let copied = schema.fields().iter();
        let copied = copied.filter(|field| field.name() != PARENT_OFFSET);
        for (place, field) in copied.enumerate() {
            if field.name() == column::PARENT_SPAN_ID {
                let whole: Vec<&RecordBatch> = batches.iter().map(|it| &it.columns).collect();
                let [offsets, elsewhere] = self.parents(&whole, positions)?;
                add(
                    &Field::new(PARENT_OFFSET, offsets.data_type().clone(), true),
                    offsets,
                );
                add(field, elsewhere);
                continue;
            }
            let arrays = batches.iter().map(|batch| batch.columns.column(place));
            add(field, gather(&arrays.collect::<Vec<_>>(), positions)?);
        }
        Ok(RecordBatch::try_new(
            Arc::new(Schema::new(fields)),
            columns,
        )?)
    }
}
