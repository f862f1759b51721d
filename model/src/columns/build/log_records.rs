//! A batch of log records, column by column.

use std::sync::Arc;

use arrow_array::types::{Int32Type, TimestampNanosecondType, UInt8Type, UInt32Type};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::ArrowError;

use super::bytes::{BytesBuilder, NullableTextBuilder};
use super::{AttributesBuilder, ColumnValue, EnvelopesBuilder, numbers};
use crate::ids::{SpanId, TraceId};
use crate::schema::{TIME_ZONE, log_schema};
use crate::time::UnixNanos;

/// The body is this part of an OTLP log record, roughly: what is too much is given back.
const BODIES_SHARE: usize = 3;
const SEVERITY_TEXT_BYTES: usize = 5;

/// Two times, flags, severity number and the type of the body.
const FIXED_ROW_BYTES: usize = 2 * 8 + 2 * 4 + 1;

/// What a log record holds beside its attributes.
#[derive(Debug)]
pub(crate) struct LogRow<'a> {
    pub(crate) time: UnixNanos,
    pub(crate) observed_time: UnixNanos,
    pub(crate) trace_id: &'a [u8],
    pub(crate) span_id: &'a [u8],
    pub(crate) flags: u32,
    pub(crate) severity_number: i32,
    pub(crate) severity_text: &'a [u8],
    pub(crate) event_name: &'a [u8],
    pub(crate) body: ColumnValue<'a>,
    pub(crate) dropped_attributes_count: u32,
}

/// The columns of the log schema.
#[derive(Debug)]
pub(crate) struct LogBatchBuilder {
    times: Vec<i64>,
    observed_times: Vec<i64>,
    trace_ids: BytesBuilder,
    span_ids: BytesBuilder,
    flags: Vec<u32>,
    severity_numbers: Vec<i32>,
    severity_texts: BytesBuilder,
    event_names: BytesBuilder,
    bodies: NullableTextBuilder,
    body_types: Vec<u8>,
    /// Attributes of the log records, one row per record.
    pub(crate) attributes: AttributesBuilder,
    /// Services, resources and scopes of the log records.
    pub(crate) envelopes: EnvelopesBuilder,
}

impl LogBatchBuilder {
    /// A builder with room for this many log records, which are `record_bytes` of OTLP in all.
    pub(crate) fn new(row_count: usize, record_bytes: usize) -> Self {
        let mut builder = Self {
            times: Vec::with_capacity(row_count),
            observed_times: Vec::with_capacity(row_count),
            trace_ids: BytesBuilder::default(),
            span_ids: BytesBuilder::default(),
            flags: Vec::with_capacity(row_count),
            severity_numbers: Vec::with_capacity(row_count),
            severity_texts: BytesBuilder::default(),
            event_names: BytesBuilder::default(),
            bodies: NullableTextBuilder::default(),
            body_types: Vec::with_capacity(row_count),
            attributes: AttributesBuilder::default(),
            envelopes: EnvelopesBuilder::default(),
        };
        builder
            .trace_ids
            .reserve(row_count, row_count * TraceId::LEN);
        builder.span_ids.reserve(row_count, row_count * SpanId::LEN);
        builder
            .severity_texts
            .reserve(row_count, row_count * SEVERITY_TEXT_BYTES);
        builder.event_names.reserve(row_count, 0);
        builder
            .bodies
            .reserve(row_count, record_bytes / BODIES_SHARE);
        builder.attributes.reserve(row_count, record_bytes);
        builder.envelopes.reserve(row_count);
        builder
    }

    /// Ends a record whose attributes have been pushed. Its envelope is appended apart.
    pub(crate) fn finish_row(&mut self, record: &LogRow<'_>) {
        self.times.push(record.time.to_column());
        self.observed_times.push(record.observed_time.to_column());
        self.trace_ids.append(record.trace_id);
        self.span_ids.append(record.span_id);
        self.flags.push(record.flags);
        self.severity_numbers.push(record.severity_number);
        self.severity_texts.append(record.severity_text);
        self.event_names.append(record.event_name);
        let body_type = self.bodies.append_value(&record.body);
        self.body_types.push(body_type as u8);
        self.attributes.finish_row(record.dropped_attributes_count);
    }

    /// The memory it holds, but for a few bits of each row.
    pub(crate) fn memory_bytes(&self) -> usize {
        FIXED_ROW_BYTES * self.times.capacity()
            + self.trace_ids.memory_bytes()
            + self.span_ids.memory_bytes()
            + self.severity_texts.memory_bytes()
            + self.event_names.memory_bytes()
            + self.bodies.memory_bytes()
            + self.attributes.memory_bytes()
            + self.envelopes.memory_bytes()
    }

    /// The batch. Fails when a text is not UTF-8, and when a column holds more than a batch can.
    pub(crate) fn finish(self) -> Result<RecordBatch, ArrowError> {
        let [attributes, attribute_types, dropped_attributes] = self.attributes.finish()?;
        let [services, resources, scopes] = self.envelopes.finish()?;
        let times = numbers::<TimestampNanosecondType>(self.times, None)?;
        let observed_times = numbers::<TimestampNanosecondType>(self.observed_times, None)?;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(times.with_timezone(TIME_ZONE)),
            Arc::new(observed_times.with_timezone(TIME_ZONE)),
            self.trace_ids.finish_binary()?,
            self.span_ids.finish_binary()?,
            Arc::new(numbers::<UInt32Type>(self.flags, None)?),
            Arc::new(numbers::<Int32Type>(self.severity_numbers, None)?),
            Arc::new(self.severity_texts.finish_text()?),
            Arc::new(self.event_names.finish_text()?),
            self.bodies.finish()?,
            Arc::new(numbers::<UInt8Type>(self.body_types, None)?),
            services,
            attributes,
            attribute_types,
            dropped_attributes,
            resources,
            scopes,
        ];
        RecordBatch::try_new(log_schema(), columns)
    }
}
