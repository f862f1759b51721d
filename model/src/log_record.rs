//! Log records: the owned row form, and the reader that makes it from a batch.

use std::sync::Arc;

use arrow_array::{
    Array, BinaryArray, Int32Array, RecordBatch, StringArray, TimestampNanosecondArray, UInt8Array,
    UInt32Array,
};

use crate::attributes::{Attribute, AttributeValue};
use crate::columns::{AttributesColumn, BatchError, DictionaryColumn, downcast, required_column};
use crate::ids::{SpanId, TraceId};
use crate::resource::{Resource, Scope};
use crate::resource_column::EnvelopeColumns;
use crate::schema::column;
use crate::time::UnixNanos;

/// One log record with everything OTLP says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRecord {
    /// When the event happened; zero when unknown.
    pub time: UnixNanos,
    /// When it was observed; zero when unknown.
    pub observed_time: UnixNanos,
    /// Trace id as sent: empty when there is none, of any length in broken data.
    pub trace_id: Vec<u8>,
    /// Span id as sent: empty when there is none, of any length in broken data.
    pub span_id: Vec<u8>,
    /// W3C trace flags in bits 0-7.
    pub flags: u32,
    /// How bad it is.
    pub severity: Severity,
    /// The source's own word for it.
    pub severity_text: String,
    /// Names the event when the record is one; empty otherwise.
    pub event_name: String,
    /// What was logged.
    pub body: Option<AttributeValue>,
    /// The attributes, in the order sent.
    pub attributes: Vec<Attribute>,
    /// How many attributes the sender dropped.
    pub dropped_attributes_count: u32,
    /// Who emitted it.
    pub resource: Arc<Resource>,
    /// The instrumentation that made it.
    pub scope: Arc<Scope>,
}

impl LogRecord {
    /// The moment the record is filed under: `time`, or `observed_time` when that is zero.
    pub fn effective_time(&self) -> UnixNanos {
        if self.time.0 == 0 {
            self.observed_time
        } else {
            self.time
        }
    }

    /// The trace it belongs to, when the id is valid.
    pub fn valid_trace_id(&self) -> Option<TraceId> {
        TraceId::from_slice(&self.trace_id).ok()
    }

    /// The span it belongs to, when both ids are valid.
    pub fn valid_span_id(&self) -> Option<SpanId> {
        self.valid_trace_id()?;
        SpanId::from_slice(&self.span_id).ok()
    }
}

/// OTLP's severity number: 0 unknown, 1-24 in six groups of four. Other numbers are kept as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Severity(pub i32);

impl Severity {
    /// The groups, from harmless to fatal.
    pub const GROUPS: [&'static str; 6] = ["trace", "debug", "info", "warn", "error", "fatal"];

    /// The group's word; `None` for unknown severities.
    pub fn group(self) -> Option<&'static str> {
        let index = usize::try_from(self.0.checked_sub(1)?).ok()? / 4;
        Self::GROUPS.get(index).copied()
    }

    /// First and last number of the group with this word.
    pub fn group_range(word: &str) -> Option<(Self, Self)> {
        let index = Self::GROUPS.iter().position(|group| *group == word)?;
        let first = i32::try_from(index).ok()? * 4 + 1;
        Some((Self(first), Self(first + 3)))
    }
}

/// Reads log records from a batch that has every column of the log schema.
#[derive(Debug)]
pub struct LogReader {
    times: TimestampNanosecondArray,
    observed_times: TimestampNanosecondArray,
    trace_ids: BinaryArray,
    span_ids: BinaryArray,
    flags: UInt32Array,
    severity_numbers: Int32Array,
    severity_texts: StringArray,
    event_names: StringArray,
    bodies: StringArray,
    body_types: UInt8Array,
    services: DictionaryColumn,
    attributes: AttributesColumn,
    envelopes: EnvelopeColumns,
}

impl LogReader {
    /// Reads the columns.
    ///
    /// # Errors
    /// When a column is missing or of another type.
    pub fn new(batch: &RecordBatch) -> Result<Self, BatchError> {
        fn get<T: Array + Clone + 'static>(
            batch: &RecordBatch,
            name: &str,
        ) -> Result<T, BatchError> {
            downcast(required_column(batch, name)?, name)
        }
        Ok(Self {
            times: get(batch, column::TIME)?,
            observed_times: get(batch, column::OBSERVED_TIME)?,
            trace_ids: get(batch, column::TRACE_ID)?,
            span_ids: get(batch, column::SPAN_ID)?,
            flags: get(batch, column::FLAGS)?,
            severity_numbers: get(batch, column::SEVERITY_NUMBER)?,
            severity_texts: get(batch, column::SEVERITY_TEXT)?,
            event_names: get(batch, column::EVENT_NAME)?,
            bodies: get(batch, column::BODY)?,
            body_types: get(batch, column::BODY_TYPE)?,
            services: DictionaryColumn::new(
                required_column(batch, column::SERVICE_NAME)?,
                column::SERVICE_NAME,
            )?,
            attributes: AttributesColumn::of_batch(batch)?,
            envelopes: EnvelopeColumns::of_batch(batch)?,
        })
    }

    /// Rows in the batch.
    pub fn row_count(&self) -> usize {
        self.times.len()
    }

    /// The moment the row is filed under: `time`, or `observed_time` when that is zero.
    pub fn effective_time(&self, row: usize) -> UnixNanos {
        let time = UnixNanos::from_column(self.times.value(row));
        if time.0 == 0 {
            UnixNanos::from_column(self.observed_times.value(row))
        } else {
            time
        }
    }

    /// The trace the row belongs to, when the id is valid.
    pub fn trace_id(&self, row: usize) -> Option<TraceId> {
        TraceId::from_slice(self.trace_ids.value(row)).ok()
    }

    /// The span the row belongs to, when both ids are valid.
    pub fn span_id(&self, row: usize) -> Option<SpanId> {
        self.trace_id(row)?;
        SpanId::from_slice(self.span_ids.value(row)).ok()
    }

    /// Severity of the row.
    pub fn severity(&self, row: usize) -> Severity {
        Severity(self.severity_numbers.value(row))
    }

    /// Event name of the row; empty when it is no event.
    pub fn event_name(&self, row: usize) -> &str {
        self.event_names.value(row)
    }

    /// Text form of the body; empty when there is none.
    pub fn body_text(&self, row: usize) -> &str {
        if self.bodies.is_null(row) {
            ""
        } else {
            self.bodies.value(row)
        }
    }

    /// `service.name`.
    pub fn service_name(&self, row: usize) -> &str {
        self.services.value(row)
    }

    /// Attributes of the records themselves, by row.
    pub fn attributes(&self) -> &AttributesColumn {
        &self.attributes
    }

    /// Calls `visit` with key and text of every attribute of the record itself.
    pub fn visit_own_attributes(&self, row: usize, visit: &mut dyn FnMut(&str, &str)) {
        for (key, text) in self.attributes.texts(row) {
            visit(key, text);
        }
    }

    /// The resource of the row.
    ///
    /// # Errors
    /// When its text is damaged.
    pub fn resource(&self, row: usize) -> Result<Arc<Resource>, BatchError> {
        self.envelopes.resource(row)
    }

    /// The scope of the row.
    ///
    /// # Errors
    /// When its text is damaged.
    pub fn scope(&self, row: usize) -> Result<Arc<Scope>, BatchError> {
        self.envelopes.scope(row)
    }

    /// Number that two rows of this batch share exactly when they share resource and scope dictionary entries.
    pub fn envelope_key(&self, row: usize) -> (usize, usize) {
        self.envelopes.key(row)
    }

    /// The whole record.
    ///
    /// # Errors
    /// When a value in the row is damaged.
    pub fn log_record(&self, row: usize) -> Result<LogRecord, BatchError> {
        let body = AttributeValue::from_text(self.body_text(row), self.body_types.value(row))
            .map_err(|_| BatchError::DamagedValue {
                column: column::BODY.to_owned(),
                row,
            })?;
        Ok(LogRecord {
            time: UnixNanos::from_column(self.times.value(row)),
            observed_time: UnixNanos::from_column(self.observed_times.value(row)),
            trace_id: self.trace_ids.value(row).to_vec(),
            span_id: self.span_ids.value(row).to_vec(),
            flags: self.flags.value(row),
            severity: self.severity(row),
            severity_text: self.severity_texts.value(row).to_owned(),
            event_name: self.event_name(row).to_owned(),
            body,
            attributes: self.attributes.attributes(row)?,
            dropped_attributes_count: self.attributes.dropped(row),
            resource: self.resource(row)?,
            scope: self.scope(row)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_fall_into_six_groups_of_four() {
        assert_eq!(Severity(1).group(), Some("trace"));
        assert_eq!(Severity(9).group(), Some("info"));
        assert_eq!(Severity(24).group(), Some("fatal"));
        assert_eq!(Severity(0).group(), None);
        assert_eq!(Severity(25).group(), None);
        assert_eq!(
            Severity::group_range("error"),
            Some((Severity(17), Severity(20)))
        );
    }
}
