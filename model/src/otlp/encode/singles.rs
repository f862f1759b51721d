//! Rows one by one, to prove that nothing was lost on the way into the columns.

use arrow_array::RecordBatch;

use super::{encode_logs, encode_spans};
use crate::columns::BatchError;
use crate::log_record::LogReader;
use crate::span::SpanReader;

/// The spans of a batch, each as a request of its own: what `testing::single_span_payloads` makes of a request.
pub(in crate::otlp) fn single_span_payloads(
    batch: &RecordBatch,
) -> Result<Vec<Vec<u8>>, BatchError> {
    let reader = SpanReader::new(batch)?;
    let encode = |row| reader.span(row).map(|span| encode_spans(&[span]));
    (0..batch.num_rows()).map(encode).collect()
}

/// The log records of a batch, each as a request of its own: what `testing::single_log_payloads` makes of a request.
pub(in crate::otlp) fn single_log_payloads(
    batch: &RecordBatch,
) -> Result<Vec<Vec<u8>>, BatchError> {
    let reader = LogReader::new(batch)?;
    let encode = |row| reader.log_record(row).map(|record| encode_logs(&[record]));
    (0..batch.num_rows()).map(encode).collect()
}
