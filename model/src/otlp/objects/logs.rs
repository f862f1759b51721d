//! Log export requests, as owned objects, to log record batches.

use arrow_array::RecordBatch;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::LogRecord as ProtoLogRecord;

use super::values::{column_value, push_attributes};
use crate::columns::{LogBatchBuilder, LogRow, ResourceKeys};
use crate::otlp::DecodeError;
use crate::otlp::limits::{MAX_VALUE_DEPTH, attributes_fit, value_fits};
use crate::otlp::reject::{Rejected, Rejections};
use crate::otlp::values::{from_resource, from_scope};
use crate::time::UnixNanos;

/// Drops what cannot be taken from `request`, and makes a batch of the rest.
pub(super) fn accept(
    request: &mut ExportLogsServiceRequest,
) -> Result<(RecordBatch, Option<Rejected>), DecodeError> {
    let mut rejections = Rejections::default();
    for resource_logs in &mut request.resource_logs {
        let resource_fits = resource_logs
            .resource
            .as_ref()
            .is_none_or(|it| attributes_fit(&it.attributes));
        for scope_logs in &mut resource_logs.scope_logs {
            let scope_fits = scope_logs
                .scope
                .as_ref()
                .is_none_or(|it| attributes_fit(&it.attributes));
            scope_logs.log_records.retain(|record| {
                let fits = resource_fits && scope_fits && record_fits(record);
                if !fits {
                    rejections.add(|| {
                        format!(
                            "log record: a value is nested deeper than {MAX_VALUE_DEPTH} levels"
                        )
                    });
                }
                fits
            });
        }
    }
    let batch = to_batch(request)?;
    Ok((batch, rejections.into_rejected()))
}

fn record_fits(record: &ProtoLogRecord) -> bool {
    attributes_fit(&record.attributes) && record.body.as_ref().is_none_or(value_fits)
}

fn to_batch(request: &ExportLogsServiceRequest) -> Result<RecordBatch, DecodeError> {
    let scopes = request.resource_logs.iter().flat_map(|it| &it.scope_logs);
    let mut builder = LogBatchBuilder::new(scopes.map(|it| it.log_records.len()).sum(), 0);
    for resource_logs in &request.resource_logs {
        let resource = from_resource(resource_logs.resource.as_ref(), &resource_logs.schema_url);
        let mut keys = ResourceKeys::default();
        for scope_logs in &resource_logs.scope_logs {
            for record in &scope_logs.log_records {
                push(&mut builder, record);
            }
            let scope = from_scope(scope_logs.scope.as_ref(), &scope_logs.schema_url);
            let row_count = scope_logs.log_records.len();
            builder
                .envelopes
                .append(&resource, &mut keys, &scope, row_count);
        }
    }
    builder.finish().map_err(|_| DecodeError::TooLarge)
}

fn push(builder: &mut LogBatchBuilder, record: &ProtoLogRecord) {
    push_attributes(&mut builder.attributes, &record.attributes);
    builder.finish_row(&LogRow {
        time: UnixNanos(record.time_unix_nano),
        observed_time: UnixNanos(record.observed_time_unix_nano),
        trace_id: &record.trace_id,
        span_id: &record.span_id,
        flags: record.flags,
        severity_number: record.severity_number,
        severity_text: record.severity_text.as_bytes(),
        event_name: record.event_name.as_bytes(),
        body: column_value(record.body.as_ref()),
        dropped_attributes_count: record.dropped_attributes_count,
    });
}
