//! Log records.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use super::envelopes::RecordColumns;
use super::values::{column_value, push_attribute};
use super::wire::{Fields, Seen, delimited, fixed32, fixed64, varint};
use super::{Unusual, Walk, within};
use crate::columns::{ColumnValue, EnvelopesBuilder, LogBatchBuilder, LogRow};
use crate::otlp::limits::RecordLimits;
use crate::time::UnixNanos;

/// `LogRecord`.
mod log_record {
    use super::{delimited, fixed32, fixed64, varint};
    pub(super) const TIME_UNIX_NANO: u32 = fixed64(1);
    pub(super) const SEVERITY_NUMBER: u32 = varint(2);
    pub(super) const SEVERITY_TEXT: u32 = delimited(3);
    pub(super) const BODY: u32 = delimited(5);
    pub(super) const ATTRIBUTES: u32 = delimited(6);
    pub(super) const DROPPED_ATTRIBUTES_COUNT: u32 = varint(7);
    pub(super) const FLAGS: u32 = fixed32(8);
    pub(super) const TRACE_ID: u32 = delimited(9);
    pub(super) const SPAN_ID: u32 = delimited(10);
    pub(super) const OBSERVED_TIME_UNIX_NANO: u32 = fixed64(11);
    pub(super) const EVENT_NAME: u32 = delimited(12);
    pub(super) const LAST: u32 = 12;
}

impl RecordColumns for LogBatchBuilder {
    fn push(&mut self, record: &[u8], limits: &RecordLimits) -> Walk<()> {
        let mut row = LogRow {
            time: UnixNanos(0),
            observed_time: UnixNanos(0),
            trace_id: &[],
            span_id: &[],
            flags: 0,
            severity_number: 0,
            severity_text: &[],
            event_name: &[],
            body: ColumnValue::Absent,
            dropped_attributes_count: 0,
        };
        let mut attributes = 0;
        let mut seen = Seen::default();
        let mut fields = Fields::of(record);
        while let Some(key) = fields.key()? {
            match key {
                log_record::ATTRIBUTES => {
                    attributes += 1;
                    push_attribute(fields.bytes()?, &mut self.attributes, limits)?;
                }
                _ if key >> 3 > log_record::LAST => fields.skip(key)?,
                _ => {
                    seen.once(key)?;
                    read_singular(&mut row, key, &mut fields, limits)?;
                }
            }
        }
        within(attributes, limits.attributes)?;
        let longest_text = row.severity_text.len().max(row.event_name.len());
        within(longest_text, limits.value_bytes)?;
        self.finish_row(&row);
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        self.memory_bytes()
    }

    fn envelopes(&mut self) -> &mut EnvelopesBuilder {
        &mut self.envelopes
    }
}

#[inline]
fn read_singular<'a>(
    row: &mut LogRow<'a>,
    key: u32,
    fields: &mut Fields<'a>,
    limits: &RecordLimits,
) -> Walk<()> {
    match key {
        log_record::TIME_UNIX_NANO => row.time = UnixNanos(fields.fixed64()?),
        log_record::OBSERVED_TIME_UNIX_NANO => row.observed_time = UnixNanos(fields.fixed64()?),
        log_record::SEVERITY_NUMBER => row.severity_number = fields.varint_i32()?,
        log_record::SEVERITY_TEXT => row.severity_text = fields.bytes()?,
        log_record::BODY => {
            let body = fields.bytes()?;
            within(body.len(), limits.body_bytes)?;
            row.body = column_value(Some(body))?;
        }
        log_record::DROPPED_ATTRIBUTES_COUNT => {
            row.dropped_attributes_count = fields.varint_u32()?;
        }
        log_record::FLAGS => row.flags = fields.fixed32()?,
        log_record::TRACE_ID => row.trace_id = fields.bytes()?,
        log_record::SPAN_ID => row.span_id = fields.bytes()?,
        log_record::EVENT_NAME => row.event_name = fields.bytes()?,
        _ => return Err(Unusual),
    }
    Ok(())
}
