//! Builders: values in, Arrow arrays of the shapes of [`crate::schema`] out.
//!
//! They take bytes where the column holds text: the texts of a column are checked all at once when it is
//! finished, which is much cheaper than one by one.

mod attributes;
mod bytes;
mod dictionary;
mod envelopes;
mod log_records;
mod span_items;
mod spans;

use std::ops::Range;
use std::sync::Arc;

use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{ArrayRef, ListArray, PrimitiveArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, FieldRef, Fields};

pub(crate) use attributes::{AttributesBuilder, ColumnValue};
pub(crate) use envelopes::{EnvelopesBuilder, ResourceKeys};
pub(crate) use log_records::{LogBatchBuilder, LogRow};
pub(crate) use span_items::{EventsBuilder, LinkRow, LinksBuilder};
pub(crate) use spans::{SpanBatchBuilder, SpanRow};

/// Numbers as a column that holds no more memory than they need.
fn numbers<T: ArrowPrimitiveType>(
    mut values: Vec<T::Native>,
    nulls: Option<NullBuffer>,
) -> Result<PrimitiveArray<T>, ArrowError> {
    values.shrink_to_fit();
    PrimitiveArray::try_new(values.into(), nulls)
}

/// Where the items of each row of a list begin and end.
#[derive(Debug)]
struct Offsets(Vec<i32>);

impl Default for Offsets {
    fn default() -> Self {
        Self(vec![0])
    }
}

impl Offsets {
    fn reserve(&mut self, row_count: usize) {
        self.0.reserve(row_count);
    }

    fn memory_bytes(&self) -> usize {
        size_of::<i32>() * self.0.capacity()
    }

    /// Ends a row where the column now has `end` items. An end past what an offset can say is caught when
    /// the column is finished.
    #[inline]
    fn push(&mut self, end: usize) {
        self.0.push(i32::try_from(end).unwrap_or(i32::MAX));
    }

    /// Where the items of a row are.
    fn range(&self, row: usize) -> Range<usize> {
        self.0[row] as usize..self.0[row + 1] as usize
    }

    /// The offsets of a column that has `end` items.
    fn finish(mut self, end: usize) -> Result<OffsetBuffer<i32>, ArrowError> {
        if i32::try_from(end).is_err() {
            return Err(ArrowError::OffsetOverflowError(end));
        }
        self.0.shrink_to_fit();
        Ok(OffsetBuffer::new(self.0.into()))
    }
}

fn list(
    item_field: FieldRef,
    items: ArrayRef,
    offsets: OffsetBuffer<i32>,
) -> Result<ArrayRef, ArrowError> {
    Ok(Arc::new(ListArray::try_new(
        item_field, offsets, items, None,
    )?))
}

/// The struct that the field is of, from its columns.
fn struct_of(field: &FieldRef, columns: Vec<ArrayRef>) -> Result<StructArray, ArrowError> {
    let fields = match field.data_type() {
        DataType::Struct(fields) => fields.clone(),
        _ => Fields::empty(),
    };
    StructArray::try_new(fields, columns, None)
}
