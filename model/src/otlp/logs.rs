//! Log export requests to log record batches and back.

use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, Int32Builder, StringBuilder, TimestampNanosecondBuilder, UInt8Builder,
    UInt32Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::LogRecord as ProtoLogRecord;
use prost::Message;

use super::limits::{MAX_VALUE_DEPTH, attributes_fit, value_fits};
use super::values::{from_resource, from_scope, push_attributes, with_text};
use super::{Accepted, DecodeError, Rejected, batch_of, json};
use crate::attributes::ValueType;
use crate::columns::{AttributesBuilder, DictionaryBuilder};
use crate::schema::log_schema;
use crate::time::UnixNanos;

/// Drops what cannot be taken from `request`, and makes a batch of the rest.
///
/// `original` is the body the request was decoded from; it is kept as the payload when nothing was dropped.
pub(super) fn accept(
    mut request: ExportLogsServiceRequest,
    original: Option<Bytes>,
) -> Result<Accepted, DecodeError> {
    let mut rejected = Rejected::default();
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
                    rejected.add(|| {
                        format!(
                            "log record: a value is nested deeper than {MAX_VALUE_DEPTH} levels"
                        )
                    });
                }
                fits
            });
        }
    }
    let rejected = rejected.into_option();
    let batch = to_batch(&request)?;
    let payload = match original {
        Some(body) if rejected.is_none() => body,
        Some(_) | None => Bytes::from(request.encode_to_vec()),
    };
    Ok(Accepted {
        payload,
        batch,
        rejected,
    })
}

fn record_fits(record: &ProtoLogRecord) -> bool {
    attributes_fit(&record.attributes) && record.body.as_ref().is_none_or(value_fits)
}

fn to_batch(request: &ExportLogsServiceRequest) -> Result<RecordBatch, DecodeError> {
    let mut builder = LogBatchBuilder::default();
    for resource_logs in &request.resource_logs {
        let resource = from_resource(resource_logs.resource.as_ref(), &resource_logs.schema_url);
        let envelope = (resource.service_name(), json::resource_text(&resource));
        for scope_logs in &resource_logs.scope_logs {
            let scope = from_scope(scope_logs.scope.as_ref(), &scope_logs.schema_url);
            let scope = json::scope_text(&scope);
            for record in &scope_logs.log_records {
                builder.push(record);
                builder.services.append(&envelope.0);
                builder.resources.append(&envelope.1);
                builder.scopes.append(&scope);
            }
        }
    }
    builder.finish()
}

#[derive(Default)]
struct LogBatchBuilder {
    times: TimestampNanosecondBuilder,
    observed_times: TimestampNanosecondBuilder,
    trace_ids: BinaryBuilder,
    span_ids: BinaryBuilder,
    flags: UInt32Builder,
    severity_numbers: Int32Builder,
    severity_texts: StringBuilder,
    event_names: StringBuilder,
    bodies: StringBuilder,
    body_types: UInt8Builder,
    services: DictionaryBuilder,
    attributes: AttributesBuilder,
    resources: DictionaryBuilder,
    scopes: DictionaryBuilder,
}

impl LogBatchBuilder {
    /// Adds the record's own columns; resource, scope and service are appended by the caller.
    fn push(&mut self, record: &ProtoLogRecord) {
        self.times
            .append_value(UnixNanos(record.time_unix_nano).to_column());
        self.observed_times
            .append_value(UnixNanos(record.observed_time_unix_nano).to_column());
        self.trace_ids.append_value(&record.trace_id);
        self.span_ids.append_value(&record.span_id);
        self.flags.append_value(record.flags);
        self.severity_numbers.append_value(record.severity_number);
        self.severity_texts.append_value(&record.severity_text);
        self.event_names.append_value(&record.event_name);
        with_text(record.body.as_ref(), |value_type, text| {
            self.body_types.append_value(value_type as u8);
            if matches!(value_type, ValueType::Absent | ValueType::Empty) {
                self.bodies.append_null();
            } else {
                self.bodies.append_value(text);
            }
        });
        push_attributes(&mut self.attributes, &record.attributes);
        self.attributes.finish_row(record.dropped_attributes_count);
    }

    fn finish(mut self) -> Result<RecordBatch, DecodeError> {
        let [attributes, attribute_types, dropped_attributes] = self.attributes.finish();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.times.finish().with_timezone("UTC")),
            Arc::new(self.observed_times.finish().with_timezone("UTC")),
            Arc::new(self.trace_ids.finish()),
            Arc::new(self.span_ids.finish()),
            Arc::new(self.flags.finish()),
            Arc::new(self.severity_numbers.finish()),
            Arc::new(self.severity_texts.finish()),
            Arc::new(self.event_names.finish()),
            Arc::new(self.bodies.finish()),
            Arc::new(self.body_types.finish()),
            self.services.finish(),
            attributes,
            attribute_types,
            dropped_attributes,
            self.resources.finish(),
            self.scopes.finish(),
        ];
        batch_of(log_schema(), columns)
    }
}
