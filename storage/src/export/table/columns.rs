//! The columns a plain table is put together from.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::builder::LargeStringBuilder;
use arrow_array::{
    Array, ArrayRef, ListArray, MapArray, RecordBatch, StructArray, TimestampNanosecondArray,
    UInt32Array,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema};
use model::otlp::json::attributes_text;
use model::{Attribute, Event, Link, UnixNanos};

use crate::export::json_lines::hex;

/// Named columns of one length.
#[derive(Default)]
pub(super) struct Columns {
    fields: Vec<Field>,
    arrays: Vec<ArrayRef>,
}

impl Columns {
    pub(super) fn add(&mut self, name: &str, array: ArrayRef) {
        self.push(name, array, false);
    }

    pub(super) fn add_nullable(&mut self, name: &str, array: ArrayRef) {
        self.push(name, array, true);
    }

    fn push(&mut self, name: &str, array: ArrayRef, is_nullable: bool) {
        let data_type = array.data_type().clone();
        self.fields.push(Field::new(name, data_type, is_nullable));
        self.arrays.push(array);
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.fields.extend(other.fields);
        self.arrays.extend(other.arrays);
    }

    pub(super) fn into_batch(self) -> Result<RecordBatch, ArrowError> {
        RecordBatch::try_new(Arc::new(Schema::new(self.fields)), self.arrays)
    }

    /// Lists of structs with these columns, of so many items each.
    fn into_lists(self, lengths: Vec<usize>) -> Result<ArrayRef, ArrowError> {
        let items = StructArray::try_new(Fields::from(self.fields), self.arrays, None)?;
        list(Arc::new(items), lengths)
    }
}

fn list(items: ArrayRef, lengths: Vec<usize>) -> Result<ArrayRef, ArrowError> {
    let field = Arc::new(Field::new("element", items.data_type().clone(), false));
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(field, offsets, items, None)?))
}

/// Moments in UTC.
pub(super) fn timestamps(moments: impl Iterator<Item = Option<UnixNanos>>) -> ArrayRef {
    let moments = moments.map(|moment| moment.map(UnixNanos::to_column));
    let array: TimestampNanosecondArray = moments.collect();
    Arc::new(array.with_timezone("UTC"))
}

/// A column of texts. Their offsets are 64 bits wide, so that no number of long texts is too much.
#[derive(Default)]
pub(super) struct Texts(LargeStringBuilder);

impl Texts {
    pub(super) fn push(&mut self, text: &str) {
        self.0.append_value(text);
    }

    pub(super) fn push_option(&mut self, text: Option<&str>) {
        self.0.append_option(text);
    }

    pub(super) fn finish(mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}

/// Attributes as a map that has each key once, the types of its values, and all of them as OTLP JSON where
/// the map does not hold all.
#[derive(Default)]
pub(super) struct AttributeColumns {
    keys: Texts,
    values: Texts,
    types: Texts,
    lengths: Vec<usize>,
    otlp: Texts,
    dropped: Vec<u32>,
}

impl AttributeColumns {
    pub(super) fn push(&mut self, attributes: &[Attribute], dropped: u32) {
        let mut known = HashSet::with_capacity(attributes.len());
        let mut length = 0;
        for attribute in attributes {
            // Other programs refuse a map that has a key twice. The first one is what a search finds first.
            if !known.insert(attribute.key.as_str()) {
                continue;
            }
            self.keys.push(&attribute.key);
            let text = attribute.value.as_ref().map(|value| value.text());
            self.values.push_option(text.as_deref());
            self.types.push(attribute.value_type().as_str());
            length += 1;
        }
        self.lengths.push(length);
        let is_whole = length == attributes.len();
        let otlp = (!is_whole).then(|| attributes_text(attributes));
        self.otlp.push_option(otlp.as_deref());
        self.dropped.push(dropped);
    }

    pub(super) fn finish(self) -> Result<Columns, ArrowError> {
        let mut columns = Columns::default();
        let map = map(self.keys, self.values, self.lengths.clone())?;
        columns.add("attributes", map);
        columns.add("attribute_types", list(self.types.finish(), self.lengths)?);
        columns.add_nullable("attributes_otlp", self.otlp.finish());
        let dropped = Arc::new(UInt32Array::from(self.dropped));
        columns.add("dropped_attributes_count", dropped);
        Ok(columns)
    }

    /// The map alone.
    pub(super) fn finish_map(self) -> Result<ArrayRef, ArrowError> {
        map(self.keys, self.values, self.lengths)
    }
}

fn map(keys: Texts, values: Texts, lengths: Vec<usize>) -> Result<ArrayRef, ArrowError> {
    let fields = Fields::from(vec![
        Field::new("key", DataType::LargeUtf8, false),
        Field::new("value", DataType::LargeUtf8, true),
    ]);
    let entries = StructArray::try_new(fields.clone(), vec![keys.finish(), values.finish()], None)?;
    let field = Arc::new(Field::new("key_value", DataType::Struct(fields), false));
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(MapArray::try_new(
        field, offsets, entries, None, false,
    )?))
}

/// The events of spans.
#[derive(Default)]
pub(super) struct EventColumns {
    times: Vec<UnixNanos>,
    names: Texts,
    attributes: AttributeColumns,
    lengths: Vec<usize>,
}

impl EventColumns {
    pub(super) fn push(&mut self, events: &[Event]) {
        for event in events {
            self.times.push(event.time);
            self.names.push(&event.name);
            self.attributes
                .push(&event.attributes, event.dropped_attributes_count);
        }
        self.lengths.push(events.len());
    }

    pub(super) fn finish(self) -> Result<ArrayRef, ArrowError> {
        let mut columns = Columns::default();
        columns.add("time", timestamps(self.times.into_iter().map(Some)));
        columns.add("name", self.names.finish());
        columns.extend(self.attributes.finish()?);
        columns.into_lists(self.lengths)
    }
}

/// The links of spans.
#[derive(Default)]
pub(super) struct LinkColumns {
    trace_ids: Texts,
    span_ids: Texts,
    trace_states: Texts,
    flags: Vec<u32>,
    attributes: AttributeColumns,
    lengths: Vec<usize>,
}

impl LinkColumns {
    pub(super) fn push(&mut self, links: &[Link]) {
        for link in links {
            self.trace_ids.push(&hex(&link.trace_id));
            self.span_ids.push(&hex(&link.span_id));
            self.trace_states.push(&link.trace_state);
            self.flags.push(link.flags);
            self.attributes
                .push(&link.attributes, link.dropped_attributes_count);
        }
        self.lengths.push(links.len());
    }

    pub(super) fn finish(self) -> Result<ArrayRef, ArrowError> {
        let mut columns = Columns::default();
        columns.add("trace_id", self.trace_ids.finish());
        columns.add("span_id", self.span_ids.finish());
        columns.add("trace_state", self.trace_states.finish());
        columns.add("flags", Arc::new(UInt32Array::from(self.flags)));
        columns.extend(self.attributes.finish()?);
        columns.into_lists(self.lengths)
    }
}
