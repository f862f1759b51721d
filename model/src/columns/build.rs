//! Builders: values in, Arrow arrays of the shapes of [`crate::schema`] out.

use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, StringBuilder, StringDictionaryBuilder, TimestampNanosecondBuilder,
    UInt32Builder,
};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, ListArray, MapArray, StructArray};
use arrow_buffer::OffsetBuffer;

use crate::attributes::ValueType;
use crate::schema::{
    attribute_entries_field, attribute_entry_fields, event_fields, link_fields, list_item_field,
};

/// Texts of which few are distinct.
#[derive(Default)]
pub(crate) struct DictionaryBuilder {
    builder: StringDictionaryBuilder<Int32Type>,
}

impl DictionaryBuilder {
    pub(crate) fn append(&mut self, text: &str) {
        self.builder.append_value(text);
    }

    pub(crate) fn finish(mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}

/// The three attribute columns.
#[derive(Default)]
pub(crate) struct AttributesBuilder {
    keys: StringBuilder,
    values: StringBuilder,
    lengths: Vec<usize>,
    row_length: usize,
    row_types: Vec<u8>,
    types: BinaryBuilder,
    dropped: UInt32Builder,
}

impl AttributesBuilder {
    /// Adds one attribute to the row being built.
    pub(crate) fn push(&mut self, key: &str, value_type: ValueType, text: &str) {
        self.keys.append_value(key);
        match value_type {
            ValueType::Absent | ValueType::Empty => self.values.append_null(),
            ValueType::String
            | ValueType::Bool
            | ValueType::Int
            | ValueType::Double
            | ValueType::Bytes
            | ValueType::Array
            | ValueType::KvList => self.values.append_value(text),
        }
        self.row_types.push(value_type as u8);
        self.row_length += 1;
    }

    /// Ends the row.
    pub(crate) fn finish_row(&mut self, dropped_attributes_count: u32) {
        self.lengths.push(self.row_length);
        self.types.append_value(&self.row_types);
        self.dropped.append_value(dropped_attributes_count);
        self.row_length = 0;
        self.row_types.clear();
    }

    /// The map, the type codes, the dropped counts.
    pub(crate) fn finish(mut self) -> [ArrayRef; 3] {
        let entries = StructArray::new(
            attribute_entry_fields(),
            vec![Arc::new(self.keys.finish()), Arc::new(self.values.finish())],
            None,
        );
        let map = MapArray::new(
            Arc::new(attribute_entries_field()),
            OffsetBuffer::from_lengths(self.lengths),
            entries,
            None,
            false,
        );
        [
            Arc::new(map),
            Arc::new(self.types.finish()),
            Arc::new(self.dropped.finish()),
        ]
    }
}

/// The list column of span events.
#[derive(Default)]
pub(crate) struct EventsBuilder {
    lengths: Vec<usize>,
    times: TimestampNanosecondBuilder,
    names: StringBuilder,
    /// Attributes of the events, one row per event.
    pub(crate) attributes: AttributesBuilder,
    row_length: usize,
}

impl EventsBuilder {
    /// Adds an event whose attributes have been pushed to `attributes`.
    pub(crate) fn push(&mut self, time: i64, name: &str, dropped_attributes_count: u32) {
        self.times.append_value(time);
        self.names.append_value(name);
        self.attributes.finish_row(dropped_attributes_count);
        self.row_length += 1;
    }

    pub(crate) fn finish_row(&mut self) {
        self.lengths.push(self.row_length);
        self.row_length = 0;
    }

    pub(crate) fn finish(mut self) -> ArrayRef {
        let [map, types, dropped] = self.attributes.finish();
        let times = self.times.finish().with_timezone("UTC");
        let columns: Vec<ArrayRef> = vec![
            Arc::new(times),
            Arc::new(self.names.finish()),
            map,
            types,
            dropped,
        ];
        let items = StructArray::new(event_fields(), columns, None);
        list(items, self.lengths)
    }
}

/// The list column of span links.
#[derive(Default)]
pub(crate) struct LinksBuilder {
    lengths: Vec<usize>,
    trace_ids: BinaryBuilder,
    span_ids: BinaryBuilder,
    trace_states: StringBuilder,
    flags: UInt32Builder,
    /// Attributes of the links, one row per link.
    pub(crate) attributes: AttributesBuilder,
    row_length: usize,
}

impl LinksBuilder {
    /// Adds a link whose attributes have been pushed to `attributes`.
    pub(crate) fn push(
        &mut self,
        (trace_id, span_id): (&[u8], &[u8]),
        trace_state: &str,
        flags: u32,
        dropped_attributes_count: u32,
    ) {
        self.trace_ids.append_value(trace_id);
        self.span_ids.append_value(span_id);
        self.trace_states.append_value(trace_state);
        self.flags.append_value(flags);
        self.attributes.finish_row(dropped_attributes_count);
        self.row_length += 1;
    }

    pub(crate) fn finish_row(&mut self) {
        self.lengths.push(self.row_length);
        self.row_length = 0;
    }

    pub(crate) fn finish(mut self) -> ArrayRef {
        let [map, types, dropped] = self.attributes.finish();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.trace_ids.finish()),
            Arc::new(self.span_ids.finish()),
            Arc::new(self.trace_states.finish()),
            Arc::new(self.flags.finish()),
            map,
            types,
            dropped,
        ];
        list(StructArray::new(link_fields(), columns, None), self.lengths)
    }
}

fn list(items: StructArray, lengths: Vec<usize>) -> ArrayRef {
    let field = list_item_field(items.fields().clone());
    Arc::new(ListArray::new(
        Arc::new(field),
        OffsetBuffer::from_lengths(lengths),
        Arc::new(items),
        None,
    ))
}
