//! A batch of spans, column by column.

use std::sync::Arc;

use arrow_array::types::{Int32Type, Int64Type, TimestampNanosecondType, UInt32Type};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_buffer::NullBufferBuilder;
use arrow_schema::ArrowError;

use super::bytes::{BytesBuilder, IdsBuilder, nulls};
use super::{AttributesBuilder, EnvelopesBuilder, EventsBuilder, LinksBuilder, numbers};
use crate::ids::{SpanId, TraceId};
use crate::schema::{TIME_ZONE, span_schema};
use crate::time::UnixNanos;

/// The name is this part of an OTLP span, roughly: what is too much is given back.
const NAMES_SHARE: usize = 16;

/// Three ids, two times, two counts, flags, kind and status code.
const FIXED_ROW_BYTES: usize = 16 + 8 + 8 + 2 * 8 + 2 * 4 + 3 * 4;

/// What a span holds beside its attributes, events and links.
#[derive(Debug)]
pub(crate) struct SpanRow<'a> {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) parent_span_id: Option<SpanId>,
    pub(crate) trace_state: &'a [u8],
    pub(crate) flags: u32,
    pub(crate) name: &'a [u8],
    pub(crate) kind: i32,
    pub(crate) start: UnixNanos,
    pub(crate) end: UnixNanos,
    pub(crate) dropped_attributes_count: u32,
    pub(crate) dropped_events_count: u32,
    pub(crate) dropped_links_count: u32,
    /// Code and message.
    pub(crate) status: Option<(i32, &'a [u8])>,
}

/// The columns of the span schema.
#[derive(Debug)]
pub(crate) struct SpanBatchBuilder {
    trace_ids: IdsBuilder<{ TraceId::LEN }>,
    span_ids: IdsBuilder<{ SpanId::LEN }>,
    parents: IdsBuilder<{ SpanId::LEN }>,
    trace_states: BytesBuilder,
    flags: Vec<u32>,
    names: BytesBuilder,
    kinds: Vec<i32>,
    starts: Vec<i64>,
    durations: Vec<i64>,
    /// Attributes of the spans, one row per span.
    pub(crate) attributes: AttributesBuilder,
    /// Events of the spans, one row per span.
    pub(crate) events: EventsBuilder,
    dropped_events: Vec<u32>,
    /// Links of the spans, one row per span.
    pub(crate) links: LinksBuilder,
    dropped_links: Vec<u32>,
    status_codes: Vec<i32>,
    status_nulls: NullBufferBuilder,
    status_messages: BytesBuilder,
    /// Services, resources and scopes of the spans.
    pub(crate) envelopes: EnvelopesBuilder,
}

impl SpanBatchBuilder {
    /// A builder with room for this many spans, which are `record_bytes` of OTLP in all.
    pub(crate) fn new(row_count: usize, record_bytes: usize) -> Self {
        let mut builder = Self {
            trace_ids: IdsBuilder::default(),
            span_ids: IdsBuilder::default(),
            parents: IdsBuilder::default(),
            trace_states: BytesBuilder::default(),
            flags: Vec::with_capacity(row_count),
            names: BytesBuilder::default(),
            kinds: Vec::with_capacity(row_count),
            starts: Vec::with_capacity(row_count),
            durations: Vec::with_capacity(row_count),
            attributes: AttributesBuilder::default(),
            events: EventsBuilder::default(),
            dropped_events: Vec::with_capacity(row_count),
            links: LinksBuilder::default(),
            dropped_links: Vec::with_capacity(row_count),
            status_codes: Vec::with_capacity(row_count),
            status_nulls: NullBufferBuilder::new(0),
            status_messages: BytesBuilder::default(),
            envelopes: EnvelopesBuilder::default(),
        };
        builder.trace_ids.reserve(row_count);
        builder.span_ids.reserve(row_count);
        builder.parents.reserve(row_count);
        builder.trace_states.reserve(row_count, 0);
        builder.names.reserve(row_count, record_bytes / NAMES_SHARE);
        builder.attributes.reserve(row_count, record_bytes);
        builder.events.reserve(row_count);
        builder.links.reserve(row_count);
        builder.status_messages.reserve(row_count, 0);
        builder.envelopes.reserve(row_count);
        builder
    }

    /// Ends a span whose attributes, events and links have been pushed. Its envelope is appended apart.
    pub(crate) fn finish_row(&mut self, span: &SpanRow<'_>) {
        self.trace_ids.append(span.trace_id.as_bytes());
        self.span_ids.append(span.span_id.as_bytes());
        match &span.parent_span_id {
            Some(parent) => self.parents.append(parent.as_bytes()),
            None => self.parents.append_null(),
        }
        self.trace_states.append(span.trace_state);
        self.flags.push(span.flags);
        self.names.append(span.name);
        self.kinds.push(span.kind);
        let start = span.start.to_column();
        self.starts.push(start);
        self.durations
            .push(span.end.to_column().wrapping_sub(start));
        self.attributes.finish_row(span.dropped_attributes_count);
        self.events.finish_row();
        self.dropped_events.push(span.dropped_events_count);
        self.links.finish_row();
        self.dropped_links.push(span.dropped_links_count);
        let (code, message) = span.status.unwrap_or_default();
        self.status_codes.push(code);
        self.status_nulls.append(span.status.is_some());
        self.status_messages.append(message);
    }

    /// The memory it holds, but for a few numbers of each row.
    pub(crate) fn memory_bytes(&self) -> usize {
        FIXED_ROW_BYTES * self.starts.capacity()
            + self.trace_states.memory_bytes()
            + self.names.memory_bytes()
            + self.attributes.memory_bytes()
            + self.events.memory_bytes()
            + self.links.memory_bytes()
            + self.status_messages.memory_bytes()
            + self.envelopes.memory_bytes()
    }

    /// The batch. Fails when a text is not UTF-8, and when a column holds more than a batch can.
    pub(crate) fn finish(self) -> Result<RecordBatch, ArrowError> {
        let [attributes, attribute_types, dropped_attributes] = self.attributes.finish()?;
        let [services, resources, scopes] = self.envelopes.finish()?;
        let starts = numbers::<TimestampNanosecondType>(self.starts, None)?;
        let status_codes = numbers::<Int32Type>(self.status_codes, nulls(self.status_nulls))?;
        let columns: Vec<ArrayRef> = vec![
            self.trace_ids.finish()?,
            self.span_ids.finish()?,
            self.parents.finish()?,
            Arc::new(self.trace_states.finish_text()?),
            Arc::new(numbers::<UInt32Type>(self.flags, None)?),
            Arc::new(self.names.finish_text()?),
            Arc::new(numbers::<Int32Type>(self.kinds, None)?),
            Arc::new(starts.with_timezone(TIME_ZONE)),
            Arc::new(numbers::<Int64Type>(self.durations, None)?),
            services,
            attributes,
            attribute_types,
            dropped_attributes,
            self.events.finish()?,
            Arc::new(numbers::<UInt32Type>(self.dropped_events, None)?),
            self.links.finish()?,
            Arc::new(numbers::<UInt32Type>(self.dropped_links, None)?),
            Arc::new(status_codes),
            Arc::new(self.status_messages.finish_text()?),
            resources,
            scopes,
        ];
        RecordBatch::try_new(span_schema(), columns)
    }
}
