//! Strategies that make export requests of every shape OTLP allows, as protobuf bytes.
//!
//! Left out on purpose, since they do not read back equal by design: NaN (equal to nothing), all-zero parent
//! ids (stored as no parent) and values nested deeper than [`super::MAX_VALUE_DEPTH`].

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use prost::Message;

use super::{Accepted, DecodeError};
use crate::signal::Signal;

/// Any acceptable trace export request.
pub fn any_traces_payload() -> impl Strategy<Value = Vec<u8>> {
    vec(resource_spans(), 0..3)
        .prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans }.encode_to_vec())
}

/// Any acceptable log export request.
pub fn any_logs_payload() -> impl Strategy<Value = Vec<u8>> {
    vec(resource_logs(), 0..3)
        .prop_map(|resource_logs| ExportLogsServiceRequest { resource_logs }.encode_to_vec())
}

/// What [`super::decode`] gives for protobuf, by the way it leaves unusual requests to.
///
/// # Errors
/// As [`super::decode`].
pub fn decode_by_objects(signal: Signal, body: Bytes) -> Result<Accepted, DecodeError> {
    super::objects::decode(signal, body)
}

/// The records of a trace request one by one, each as a request of its own: equal lists mean equal records
/// in equal envelopes, however they were grouped.
pub fn single_span_payloads(payload: &[u8]) -> Result<Vec<Vec<u8>>, DecodeError> {
    let request: ExportTraceServiceRequest = super::decode_protobuf(payload)?;
    let mut singles = Vec::new();
    for resource_spans in &request.resource_spans {
        for scope_spans in &resource_spans.scope_spans {
            for span in &scope_spans.spans {
                let scope_spans = vec![ScopeSpans {
                    spans: vec![span.clone()],
                    ..scope_spans.clone()
                }];
                let resource_spans = vec![ResourceSpans {
                    scope_spans,
                    ..resource_spans.clone()
                }];
                singles.push(ExportTraceServiceRequest { resource_spans }.encode_to_vec());
            }
        }
    }
    Ok(singles)
}

/// The records of a log request one by one, each as a request of its own.
pub fn single_log_payloads(payload: &[u8]) -> Result<Vec<Vec<u8>>, DecodeError> {
    let request: ExportLogsServiceRequest = super::decode_protobuf(payload)?;
    let mut singles = Vec::new();
    for resource_logs in &request.resource_logs {
        for scope_logs in &resource_logs.scope_logs {
            for record in &scope_logs.log_records {
                let log_records = vec![record.clone()];
                let scope_logs = vec![ScopeLogs {
                    log_records,
                    ..scope_logs.clone()
                }];
                let resource_logs = vec![ResourceLogs {
                    scope_logs,
                    ..resource_logs.clone()
                }];
                singles.push(ExportLogsServiceRequest { resource_logs }.encode_to_vec());
            }
        }
    }
    Ok(singles)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("service.name".to_owned()),
        Just("quote \" backslash \\ nul \u{0} ümlaut 漢字".to_owned()),
        vec(any::<char>(), 0..8).prop_map(|chars| chars.into_iter().collect()),
    ]
}

fn any_value() -> impl Strategy<Value = AnyValue> {
    let scalar = prop_oneof![
        Just(None),
        text().prop_map(|it| Some(Value::StringValue(it))),
        any::<bool>().prop_map(|it| Some(Value::BoolValue(it))),
        any::<i64>().prop_map(|it| Some(Value::IntValue(it))),
        any::<f64>().prop_map(|it| Some(Value::DoubleValue(if it.is_nan() {
            f64::INFINITY
        } else {
            it
        }))),
        vec(any::<u8>(), 0..5).prop_map(|it| Some(Value::BytesValue(it))),
    ]
    .prop_map(|value| AnyValue { value });
    scalar.prop_recursive(3, 12, 3, |inner| {
        let entry = (text(), option::of(inner.clone()));
        prop_oneof![
            vec(inner, 0..3).prop_map(|values| AnyValue {
                value: Some(Value::ArrayValue(ArrayValue { values }))
            }),
            vec(
                entry.prop_map(|(key, value)| KeyValue {
                    key,
                    value,
                    ..KeyValue::default()
                }),
                0..3
            )
            .prop_map(|values| AnyValue {
                value: Some(Value::KvlistValue(KeyValueList { values }))
            }),
        ]
    })
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let attribute = (text(), option::of(any_value())).prop_map(|(key, value)| KeyValue {
        key,
        value,
        ..KeyValue::default()
    });
    vec(attribute, 0..4)
}

fn resource() -> impl Strategy<Value = Resource> {
    let entity_ref = (text(), text(), vec(text(), 0..2), vec(text(), 0..2)).prop_map(
        |(schema_url, r#type, id_keys, description_keys)| EntityRef {
            schema_url,
            r#type,
            id_keys,
            description_keys,
        },
    );
    (attributes(), any::<u32>(), vec(entity_ref, 0..2)).prop_map(
        |(attributes, dropped_attributes_count, entity_refs)| Resource {
            attributes,
            dropped_attributes_count,
            entity_refs,
        },
    )
}

fn scope() -> impl Strategy<Value = InstrumentationScope> {
    (text(), text(), attributes(), any::<u32>()).prop_map(
        |(name, version, attributes, dropped_attributes_count)| InstrumentationScope {
            name,
            version,
            attributes,
            dropped_attributes_count,
        },
    )
}

fn valid_id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), length).prop_map(|mut bytes| {
        bytes[0] |= 1;
        bytes
    })
}

fn event() -> impl Strategy<Value = Event> {
    (any::<u64>(), text(), attributes(), any::<u32>()).prop_map(
        |(time_unix_nano, name, attributes, dropped_attributes_count)| Event {
            time_unix_nano,
            name,
            attributes,
            dropped_attributes_count,
        },
    )
}

fn link() -> impl Strategy<Value = Link> {
    let ids = (vec(any::<u8>(), 0..17), vec(any::<u8>(), 0..9));
    (ids, text(), attributes(), any::<u32>(), any::<u32>()).prop_map(
        |((trace_id, span_id), trace_state, attributes, dropped_attributes_count, flags)| Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count,
            flags,
        },
    )
}

fn span() -> impl Strategy<Value = Span> {
    let parent = prop_oneof![Just(Vec::new()), valid_id(8)];
    let ids = (valid_id(16), valid_id(8), parent);
    let head = (
        text(),
        any::<u32>(),
        text(),
        prop_oneof![0..6_i32, any::<i32>()],
    );
    let times = (any::<u64>(), any::<u64>());
    let lists = (attributes(), vec(event(), 0..3), vec(link(), 0..3));
    let dropped = (any::<u32>(), any::<u32>(), any::<u32>());
    let status = option::of(
        (text(), prop_oneof![0..3_i32, any::<i32>()])
            .prop_map(|(message, code)| Status { message, code }),
    );
    (ids, head, times, lists, dropped, status).prop_map(
        |(ids, head, times, (attributes, events, links), dropped, status)| Span {
            trace_id: ids.0,
            span_id: ids.1,
            parent_span_id: ids.2,
            trace_state: head.0,
            flags: head.1,
            name: head.2,
            kind: head.3,
            start_time_unix_nano: times.0,
            end_time_unix_nano: times.1,
            attributes,
            dropped_attributes_count: dropped.0,
            events,
            dropped_events_count: dropped.1,
            links,
            dropped_links_count: dropped.2,
            status,
        },
    )
}

fn resource_spans() -> impl Strategy<Value = ResourceSpans> {
    let scope_spans =
        (option::of(scope()), vec(span(), 0..4), text()).prop_map(|(scope, spans, schema_url)| {
            ScopeSpans {
                scope,
                spans,
                schema_url,
            }
        });
    (option::of(resource()), vec(scope_spans, 0..3), text()).prop_map(
        |(resource, scope_spans, schema_url)| ResourceSpans {
            resource,
            scope_spans,
            schema_url,
        },
    )
}

fn log_record() -> impl Strategy<Value = LogRecord> {
    let ids = (
        prop_oneof![valid_id(16), vec(any::<u8>(), 0..17)],
        prop_oneof![valid_id(8), vec(any::<u8>(), 0..9)],
    );
    let times = (any::<u64>(), any::<u64>());
    let severity = (prop_oneof![0..25_i32, any::<i32>()], text());
    let rest = (
        option::of(any_value()),
        attributes(),
        any::<u32>(),
        any::<u32>(),
        text(),
    );
    (ids, times, severity, rest).prop_map(|(ids, times, severity, rest)| LogRecord {
        time_unix_nano: times.0,
        observed_time_unix_nano: times.1,
        severity_number: severity.0,
        severity_text: severity.1,
        body: rest.0,
        attributes: rest.1,
        dropped_attributes_count: rest.2,
        flags: rest.3,
        trace_id: ids.0,
        span_id: ids.1,
        event_name: rest.4,
    })
}

fn resource_logs() -> impl Strategy<Value = ResourceLogs> {
    let scope_logs = (option::of(scope()), vec(log_record(), 0..4), text()).prop_map(
        |(scope, log_records, schema_url)| ScopeLogs {
            scope,
            log_records,
            schema_url,
        },
    );
    (option::of(resource()), vec(scope_logs, 0..3), text()).prop_map(
        |(resource, scope_logs, schema_url)| ResourceLogs {
            resource,
            scope_logs,
            schema_url,
        },
    )
}
