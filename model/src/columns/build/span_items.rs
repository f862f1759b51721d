//! The list columns of span events and links.

use std::sync::{Arc, LazyLock};

use arrow_array::types::{TimestampNanosecondType, UInt32Type};
use arrow_array::{ArrayRef, new_empty_array};
use arrow_schema::ArrowError;

use super::attributes::AttributesBuilder;
use super::bytes::BytesBuilder;
use super::{Offsets, list, numbers, struct_of};
use crate::schema::{TIME_ZONE, event_field, link_field};

/// The items of a batch without events, and of one without links: made once, since that is most batches of lone
/// SDKs, and a dozen empty columns cost as much as a span.
static NO_EVENTS: LazyLock<ArrayRef> = LazyLock::new(|| new_empty_array(event_field().data_type()));
static NO_LINKS: LazyLock<ArrayRef> = LazyLock::new(|| new_empty_array(link_field().data_type()));

/// The list column of span events.
#[derive(Debug, Default)]
pub(crate) struct EventsBuilder {
    offsets: Offsets,
    times: Vec<i64>,
    names: BytesBuilder,
    /// Attributes of the events, one row per event.
    pub(crate) attributes: AttributesBuilder,
}

impl EventsBuilder {
    pub(super) fn reserve(&mut self, row_count: usize) {
        self.offsets.reserve(row_count);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.offsets.memory_bytes()
            + size_of::<i64>() * self.times.capacity()
            + self.names.memory_bytes()
            + self.attributes.memory_bytes()
    }

    /// Adds an event whose attributes have been pushed to `attributes`.
    pub(crate) fn push(&mut self, time: i64, name: &[u8], dropped_attributes_count: u32) {
        self.times.push(time);
        self.names.append(name);
        self.attributes.finish_row(dropped_attributes_count);
    }

    pub(super) fn finish_row(&mut self) {
        self.offsets.push(self.times.len());
    }

    pub(super) fn finish(self) -> Result<ArrayRef, ArrowError> {
        let offsets = self.offsets.finish(self.times.len())?;
        if self.times.is_empty() {
            return list(event_field(), Arc::clone(&NO_EVENTS), offsets);
        }
        let [map, types, dropped] = self.attributes.finish()?;
        let times = numbers::<TimestampNanosecondType>(self.times, None)?.with_timezone(TIME_ZONE);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(times),
            Arc::new(self.names.finish_text()?),
            map,
            types,
            dropped,
        ];
        let items = struct_of(&event_field(), columns)?;
        list(event_field(), Arc::new(items), offsets)
    }
}

/// What a link holds beside its attributes.
#[derive(Debug, Default)]
pub(crate) struct LinkRow<'a> {
    pub(crate) trace_id: &'a [u8],
    pub(crate) span_id: &'a [u8],
    pub(crate) trace_state: &'a [u8],
    pub(crate) flags: u32,
    pub(crate) dropped_attributes_count: u32,
}

/// The list column of span links.
#[derive(Debug, Default)]
pub(crate) struct LinksBuilder {
    offsets: Offsets,
    trace_ids: BytesBuilder,
    span_ids: BytesBuilder,
    trace_states: BytesBuilder,
    flags: Vec<u32>,
    /// Attributes of the links, one row per link.
    pub(crate) attributes: AttributesBuilder,
}

impl LinksBuilder {
    pub(super) fn reserve(&mut self, row_count: usize) {
        self.offsets.reserve(row_count);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.offsets.memory_bytes()
            + self.trace_ids.memory_bytes()
            + self.span_ids.memory_bytes()
            + self.trace_states.memory_bytes()
            + size_of::<u32>() * self.flags.capacity()
            + self.attributes.memory_bytes()
    }

    /// Adds a link whose attributes have been pushed to `attributes`.
    pub(crate) fn push(&mut self, link: &LinkRow<'_>) {
        self.trace_ids.append(link.trace_id);
        self.span_ids.append(link.span_id);
        self.trace_states.append(link.trace_state);
        self.flags.push(link.flags);
        self.attributes.finish_row(link.dropped_attributes_count);
    }

    pub(super) fn finish_row(&mut self) {
        self.offsets.push(self.flags.len());
    }

    pub(super) fn finish(self) -> Result<ArrayRef, ArrowError> {
        let offsets = self.offsets.finish(self.flags.len())?;
        if self.flags.is_empty() {
            return list(link_field(), Arc::clone(&NO_LINKS), offsets);
        }
        let [map, types, dropped] = self.attributes.finish()?;
        let columns: Vec<ArrayRef> = vec![
            self.trace_ids.finish_binary()?,
            self.span_ids.finish_binary()?,
            Arc::new(self.trace_states.finish_text()?),
            Arc::new(numbers::<UInt32Type>(self.flags, None)?),
            map,
            types,
            dropped,
        ];
        let items = struct_of(&link_field(), columns)?;
        list(link_field(), Arc::new(items), offsets)
    }
}
