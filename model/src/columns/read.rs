//! Typed access to the columns of a batch.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, TimestampNanosecondType};
use arrow_array::{
    Array, ArrayRef, BinaryArray, Int32Array, ListArray, MapArray, RecordBatch, StringArray,
    StructArray, TimestampNanosecondArray, UInt32Array,
};

use arrow_buffer::OffsetBuffer;

use super::BatchError;
use crate::attributes::{Attribute, AttributeValue};
use crate::schema::column;
use crate::span::{Event, Link};
use crate::time::UnixNanos;

/// The column with this name.
pub(crate) fn required_column<'a>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a ArrayRef, BatchError> {
    batch
        .column_by_name(name)
        .ok_or_else(|| BatchError::MissingColumn {
            column: name.to_owned(),
        })
}

/// The array as the type the schema gives the column.
pub(crate) fn downcast<T: Array + Clone + 'static>(
    array: &ArrayRef,
    name: &str,
) -> Result<T, BatchError> {
    array
        .as_any()
        .downcast_ref::<T>()
        .cloned()
        .ok_or_else(|| BatchError::WrongType {
            column: name.to_owned(),
        })
}

fn damaged(column: &str, row: usize) -> BatchError {
    BatchError::DamagedValue {
        column: column.to_owned(),
        row,
    }
}

/// Texts behind a dictionary, read without touching a row twice.
#[derive(Debug, Clone)]
pub(crate) struct DictionaryColumn {
    keys: Int32Array,
    values: StringArray,
}

impl DictionaryColumn {
    pub(crate) fn new(array: &ArrayRef, name: &str) -> Result<Self, BatchError> {
        let wrong = || BatchError::WrongType {
            column: name.to_owned(),
        };
        let dictionary = array.as_dictionary_opt::<Int32Type>().ok_or_else(wrong)?;
        let values = dictionary
            .values()
            .as_string_opt::<i32>()
            .ok_or_else(wrong)?
            .clone();
        Ok(Self {
            keys: dictionary.keys().clone(),
            values,
        })
    }

    /// Position of the row's text among [`DictionaryColumn::values`].
    pub(crate) fn key(&self, row: usize) -> usize {
        usize::try_from(self.keys.value(row)).unwrap_or(usize::MAX)
    }

    pub(crate) fn value(&self, row: usize) -> &str {
        self.values.value(self.key(row))
    }

    pub(crate) fn values(&self) -> &StringArray {
        &self.values
    }

    fn is_valid(&self, row: usize) -> bool {
        self.keys.is_valid(row)
    }
}

/// The attribute columns of spans, log records, events or links, by row.
///
/// The entries of a row lie side by side; each has the number of its key, so that whoever goes through many of
/// them looks at every key of the batch once.
#[derive(Debug, Clone)]
pub struct AttributesColumn {
    offsets: OffsetBuffer<i32>,
    keys: DictionaryColumn,
    values: DictionaryColumn,
    types: BinaryArray,
    dropped: UInt32Array,
}

impl AttributesColumn {
    pub(crate) fn of_batch(batch: &RecordBatch) -> Result<Self, BatchError> {
        Self::new(|name| required_column(batch, name))
    }

    fn of_struct(items: &StructArray) -> Result<Self, BatchError> {
        Self::new(|name| struct_column(items, name))
    }

    fn new<'a>(get: impl Fn(&str) -> Result<&'a ArrayRef, BatchError>) -> Result<Self, BatchError> {
        let map: MapArray = downcast(get(column::ATTRIBUTES)?, column::ATTRIBUTES)?;
        let types = downcast(get(column::ATTRIBUTE_TYPES)?, column::ATTRIBUTE_TYPES)?;
        let dropped = downcast(
            get(column::DROPPED_ATTRIBUTES_COUNT)?,
            column::DROPPED_ATTRIBUTES_COUNT,
        )?;
        Ok(Self {
            keys: DictionaryColumn::new(map.keys(), column::ATTRIBUTES)?,
            values: DictionaryColumn::new(map.values(), column::ATTRIBUTES)?,
            offsets: map.offsets().clone(),
            types,
            dropped,
        })
    }

    /// The entries of the row.
    pub fn entries(&self, row: usize) -> Range<usize> {
        let at = |index: usize| usize::try_from(self.offsets[index]).unwrap_or(0);
        at(row)..at(row + 1)
    }

    /// The keys of the batch by number. A batch that was not made by decoding may hold one twice, or one
    /// that no entry has.
    pub fn keys(&self) -> &StringArray {
        self.keys.values()
    }

    /// The number of the entry's key among [`AttributesColumn::keys`].
    pub fn key_id(&self, entry: usize) -> usize {
        self.keys.key(entry)
    }

    /// The entry's key.
    pub fn key(&self, entry: usize) -> &str {
        self.keys.value(entry)
    }

    /// The text of the entry's value; `None` when the value is empty or missing.
    pub fn value(&self, entry: usize) -> Option<&str> {
        self.value_id(entry)
            .map(|id| self.values.values().value(id))
    }

    /// The number of the entry's text among [`AttributesColumn::values`]; `None` when the value is empty
    /// or missing.
    pub fn value_id(&self, entry: usize) -> Option<usize> {
        self.values.is_valid(entry).then(|| self.values.key(entry))
    }

    /// The texts of the batch by number. A batch that was not made by decoding may hold one twice, or one
    /// that no entry has.
    pub fn values(&self) -> &StringArray {
        self.values.values()
    }

    /// The type codes of the row's entries: see [`crate::attributes::ValueType`].
    pub fn types(&self, row: usize) -> &[u8] {
        self.types.value(row)
    }

    /// How many attributes of the row the sender dropped.
    pub fn dropped(&self, row: usize) -> u32 {
        self.dropped.value(row)
    }

    /// Keys and texts of the row, without building values.
    pub(crate) fn texts(&self, row: usize) -> impl Iterator<Item = (&str, &str)> {
        self.entries(row)
            .map(|entry| (self.key(entry), self.value(entry).unwrap_or_default()))
    }

    /// The attributes of the row.
    pub(crate) fn attributes(&self, row: usize) -> Result<Vec<Attribute>, BatchError> {
        let entries = self.entries(row);
        let types = self.types(row);
        if types.len() != entries.len() {
            return Err(damaged(column::ATTRIBUTE_TYPES, row));
        }
        let read = |(entry, type_code): (usize, &u8)| {
            let text = self.value(entry).unwrap_or_default();
            let value = AttributeValue::from_text(text, *type_code)
                .map_err(|_| damaged(column::ATTRIBUTES, row))?;
            Ok(Attribute {
                key: self.key(entry).to_owned(),
                value,
            })
        };
        entries.zip(types).map(read).collect()
    }
}

fn struct_column<'a>(items: &'a StructArray, name: &str) -> Result<&'a ArrayRef, BatchError> {
    items
        .column_by_name(name)
        .ok_or_else(|| BatchError::MissingColumn {
            column: name.to_owned(),
        })
}

/// A list column's items and where each row's items are.
#[derive(Debug, Clone)]
struct Items {
    list: ListArray,
    items: StructArray,
}

impl Items {
    fn new(array: &ArrayRef, name: &str) -> Result<Self, BatchError> {
        let list: ListArray = downcast(array, name)?;
        let items = downcast(&Arc::clone(list.values()), name)?;
        Ok(Self { list, items })
    }

    fn range(&self, row: usize) -> Range<usize> {
        let offsets = self.list.value_offsets();
        let at = |index: usize| usize::try_from(offsets[index]).unwrap_or(0);
        at(row)..at(row + 1)
    }
}

/// The list column of span events.
#[derive(Debug, Clone)]
pub(crate) struct EventsColumn {
    items: Items,
    times: TimestampNanosecondArray,
    names: StringArray,
    attributes: AttributesColumn,
}

impl EventsColumn {
    pub(crate) fn of_batch(batch: &RecordBatch) -> Result<Self, BatchError> {
        let items = Items::new(required_column(batch, column::EVENTS)?, column::EVENTS)?;
        let times = struct_column(&items.items, column::TIME)?
            .as_primitive_opt::<TimestampNanosecondType>()
            .ok_or_else(|| BatchError::WrongType {
                column: column::TIME.to_owned(),
            })?
            .clone();
        let names = downcast(struct_column(&items.items, column::NAME)?, column::NAME)?;
        let attributes = AttributesColumn::of_struct(&items.items)?;
        Ok(Self {
            items,
            times,
            names,
            attributes,
        })
    }

    /// Where the row's items are among the rows of `attributes`.
    pub(crate) fn items(&self, row: usize) -> Range<usize> {
        self.items.range(row)
    }

    pub(crate) fn attributes(&self) -> &AttributesColumn {
        &self.attributes
    }

    pub(crate) fn texts(&self, row: usize) -> impl Iterator<Item = (&str, &str)> {
        self.items
            .range(row)
            .flat_map(|item| self.attributes.texts(item))
    }

    pub(crate) fn events(&self, row: usize) -> Result<Vec<Event>, BatchError> {
        let read = |item: usize| {
            Ok(Event {
                time: UnixNanos::from_column(self.times.value(item)),
                name: self.names.value(item).to_owned(),
                attributes: self.attributes.attributes(item)?,
                dropped_attributes_count: self.attributes.dropped(item),
            })
        };
        self.items.range(row).map(read).collect()
    }
}

/// The list column of span links.
#[derive(Debug, Clone)]
pub(crate) struct LinksColumn {
    items: Items,
    trace_ids: BinaryArray,
    span_ids: BinaryArray,
    trace_states: StringArray,
    flags: UInt32Array,
    attributes: AttributesColumn,
}

impl LinksColumn {
    pub(crate) fn of_batch(batch: &RecordBatch) -> Result<Self, BatchError> {
        let items = Items::new(required_column(batch, column::LINKS)?, column::LINKS)?;
        let child = |name| struct_column(&items.items, name);
        Ok(Self {
            trace_ids: downcast(child(column::TRACE_ID)?, column::TRACE_ID)?,
            span_ids: downcast(child(column::SPAN_ID)?, column::SPAN_ID)?,
            trace_states: downcast(child(column::TRACE_STATE)?, column::TRACE_STATE)?,
            flags: downcast(child(column::FLAGS)?, column::FLAGS)?,
            attributes: AttributesColumn::of_struct(&items.items)?,
            items,
        })
    }

    /// Where the row's items are among the rows of `attributes`.
    pub(crate) fn items(&self, row: usize) -> Range<usize> {
        self.items.range(row)
    }

    pub(crate) fn attributes(&self) -> &AttributesColumn {
        &self.attributes
    }

    pub(crate) fn texts(&self, row: usize) -> impl Iterator<Item = (&str, &str)> {
        self.items
            .range(row)
            .flat_map(|item| self.attributes.texts(item))
    }

    pub(crate) fn links(&self, row: usize) -> Result<Vec<Link>, BatchError> {
        let read = |item: usize| {
            Ok(Link {
                trace_id: self.trace_ids.value(item).to_vec(),
                span_id: self.span_ids.value(item).to_vec(),
                trace_state: self.trace_states.value(item).to_owned(),
                flags: self.flags.value(item),
                attributes: self.attributes.attributes(item)?,
                dropped_attributes_count: self.attributes.dropped(item),
            })
        };
        self.items.range(row).map(read).collect()
    }
}
