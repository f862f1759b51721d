//! A portion of records in the form of rows.

use arrow_array::RecordBatch;
use model::{BatchError, LogReader, LogRecord, Signal, Span, SpanReader};

/// Spans or log records.
pub(super) enum Records {
    Spans(Vec<Span>),
    Logs(Vec<LogRecord>),
}

impl Records {
    /// The rows of a batch of the signal's schema.
    pub(super) fn read(signal: Signal, batch: &RecordBatch) -> Result<Self, BatchError> {
        let rows = 0..batch.num_rows();
        Ok(match signal {
            Signal::Traces => {
                let reader = SpanReader::new(batch)?;
                let spans = rows.map(|row| reader.span(row));
                Self::Spans(spans.collect::<Result<_, _>>()?)
            }
            Signal::Logs => {
                let reader = LogReader::new(batch)?;
                let records = rows.map(|row| reader.log_record(row));
                Self::Logs(records.collect::<Result<_, _>>()?)
            }
        })
    }

    /// No records of a signal.
    pub(super) fn none(signal: Signal) -> Self {
        match signal {
            Signal::Traces => Self::Spans(Vec::new()),
            Signal::Logs => Self::Logs(Vec::new()),
        }
    }
}
