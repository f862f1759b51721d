//! Rows one by one, to prove that nothing was lost on the way into the columns.

use arrow_array::RecordBatch;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord as ProtoLogRecord, ResourceLogs, ScopeLogs};
use prost::Message;

use super::{encode_spans, to_any_value, to_key_values, to_resource, to_scope};
use crate::columns::BatchError;
use crate::log_record::{LogReader, LogRecord};
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
    let encode = |row| {
        reader
            .log_record(row)
            .map(|record| log_request(&record).encode_to_vec())
    };
    (0..batch.num_rows()).map(encode).collect()
}

fn log_request(record: &LogRecord) -> ExportLogsServiceRequest {
    let scope_logs = ScopeLogs {
        scope: to_scope(&record.scope),
        log_records: vec![to_log_record(record)],
        schema_url: record.scope.schema_url.clone(),
    };
    let resource_logs = ResourceLogs {
        resource: to_resource(&record.resource),
        scope_logs: vec![scope_logs],
        schema_url: record.resource.schema_url.clone(),
    };
    ExportLogsServiceRequest {
        resource_logs: vec![resource_logs],
    }
}

fn to_log_record(record: &LogRecord) -> ProtoLogRecord {
    ProtoLogRecord {
        time_unix_nano: record.time.0,
        observed_time_unix_nano: record.observed_time.0,
        severity_number: record.severity.0,
        severity_text: record.severity_text.clone(),
        body: record.body.as_ref().map(to_any_value),
        attributes: to_key_values(&record.attributes),
        dropped_attributes_count: record.dropped_attributes_count,
        flags: record.flags,
        trace_id: record.trace_id.clone(),
        span_id: record.span_id.clone(),
        event_name: record.event_name.clone(),
    }
}
