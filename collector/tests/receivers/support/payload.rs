//! Export requests as senders encode them, and the error message they decode.

use std::io::Write as _;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use serde_json::json;

/// The trace of every span in these requests.
pub(crate) const TRACE_ID: &str = "5b8efff798038103d269b633813fc60c";

/// A trace export request in protobuf. An empty name gets an invalid, all-zero span id.
pub(crate) fn spans_protobuf(names: &[&str]) -> Vec<u8> {
    let spans = names.iter().enumerate().map(|(index, name)| Span {
        trace_id: (1..=16).collect(),
        span_id: if name.is_empty() {
            vec![0; 8]
        } else {
            vec![u8::try_from(index).unwrap() + 1; 8]
        },
        name: (*name).to_owned(),
        start_time_unix_nano: 1_790_000_000_000_000_000,
        end_time_unix_nano: 1_790_000_000_000_001_000,
        ..Span::default()
    });
    let scope_spans = vec![ScopeSpans {
        spans: spans.collect(),
        ..ScopeSpans::default()
    }];
    let resource_spans = vec![ResourceSpans {
        scope_spans,
        ..ResourceSpans::default()
    }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

/// The same in JSON, with upper-case ids, times both as string and as number, and unknown fields.
pub(crate) fn spans_json(names: &[&str]) -> Vec<u8> {
    let spans: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let span_id = if name.is_empty() { 0 } else { index + 1 };
            json!({
                "traceId": TRACE_ID.to_uppercase(),
                "spanId": format!("{span_id:016x}"),
                "name": name,
                "kind": 2,
                "startTimeUnixNano": "1790000000000000000",
                "endTimeUnixNano": 1_790_000_000_000_001_000_u64,
                "inventedLater": { "deep": [1, 2] },
            })
        })
        .collect();
    let request = json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": spans }] }] });
    serde_json::to_vec(&request).unwrap()
}

/// A log export request in JSON: bodies with their trace ids.
pub(crate) fn logs_json(records: &[(&str, &str)]) -> Vec<u8> {
    let records: Vec<_> = records
        .iter()
        .map(|(body, trace_id)| {
            json!({
                "timeUnixNano": "1790000000000000000",
                "severityNumber": 9,
                "body": { "stringValue": body },
                "traceId": trace_id,
            })
        })
        .collect();
    let request = json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": records }] }] });
    serde_json::to_vec(&request).unwrap()
}

/// Compresses a body.
pub(crate) fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body).unwrap();
    Bytes::from(encoder.finish().unwrap())
}

/// `google.rpc.Status`, as a sender reads it.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Detail>,
}

#[derive(Clone, PartialEq, Message)]
struct Detail {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<RetryDelay>,
}

#[derive(Clone, PartialEq, Message)]
struct RetryDelay {
    #[prost(int64, tag = "1")]
    seconds: i64,
}

impl RpcStatus {
    /// The types of the details, without the prefix that is the same for all.
    pub(crate) fn detail_types(&self) -> Vec<&str> {
        self.details
            .iter()
            .map(|it| it.type_url.rsplit_once('/').unwrap().1)
            .collect()
    }

    /// The seconds of `RetryInfo`, which makes an error retryable.
    pub(crate) fn retry_seconds(&self) -> Option<i64> {
        let info = self
            .details
            .iter()
            .find(|it| it.type_url.ends_with("google.rpc.RetryInfo"))?;
        RetryInfo::decode(info.value.as_slice())
            .unwrap()
            .retry_delay
            .map(|delay| delay.seconds)
    }
}
