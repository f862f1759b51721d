//! Columns whose values are lists.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, ArrayRef, ListArray, new_empty_array};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{ArrowError, DataType, Field};

/// Whether no row has an element. A column of another type has elements.
pub(super) fn are_empty(column: &ArrayRef) -> bool {
    let lists = column.as_list_opt::<i32>();
    lists.is_some_and(|lists| lists.values().is_empty())
}

/// Rows without an element.
///
/// # Errors
/// When the field has another type.
pub(super) fn empty(field: &Field, row_count: usize) -> Result<ArrayRef, ArrowError> {
    let DataType::List(element) = field.data_type() else {
        return Err(ArrowError::SchemaError("not a column of lists".to_owned()));
    };
    let offsets = OffsetBuffer::new_zeroed(row_count);
    let elements = new_empty_array(element.data_type());
    let lists = ListArray::try_new(Arc::clone(element), offsets, elements, None)?;
    Ok(Arc::new(lists))
}
