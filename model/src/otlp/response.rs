//! What a receiver answers: export responses and `google.rpc.Status`, in both encodings.
//!
//! Formats: `opentelemetry/proto/collector/*/v1` for the responses, `google/rpc/status.proto` and
//! `google/rpc/error_details.proto` for errors.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use serde_json::json;

use super::{DecodeError, Encoding, Rejected, decode_protobuf};
use crate::signal::Signal;

/// Which service answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResponseKind {
    /// `ExportTraceServiceResponse`.
    Traces,
    /// `ExportLogsServiceResponse`.
    Logs,
    /// `ExportMetricsServiceResponse`.
    Metrics,
}

/// The body of a successful answer; partial when something was rejected.
pub fn encode_response(
    kind: ResponseKind,
    encoding: Encoding,
    rejected: Option<&Rejected>,
) -> Vec<u8> {
    match encoding {
        Encoding::Protobuf => protobuf_response(kind, rejected),
        Encoding::Json => json_response(kind, rejected),
    }
}

fn protobuf_response(kind: ResponseKind, rejected: Option<&Rejected>) -> Vec<u8> {
    let count = |it: &Rejected| i64::try_from(it.count).unwrap_or(i64::MAX);
    match kind {
        ResponseKind::Traces => ExportTraceServiceResponse {
            partial_success: rejected.map(|it| ExportTracePartialSuccess {
                rejected_spans: count(it),
                error_message: it.reason.clone(),
            }),
        }
        .encode_to_vec(),
        ResponseKind::Logs => ExportLogsServiceResponse {
            partial_success: rejected.map(|it| ExportLogsPartialSuccess {
                rejected_log_records: count(it),
                error_message: it.reason.clone(),
            }),
        }
        .encode_to_vec(),
        ResponseKind::Metrics => ExportMetricsServiceResponse {
            partial_success: rejected.map(|it| ExportMetricsPartialSuccess {
                rejected_data_points: count(it),
                error_message: it.reason.clone(),
            }),
        }
        .encode_to_vec(),
    }
}

/// What a successful protobuf answer says was rejected, or warns of with a count of 0.
///
/// # Errors
/// When the body is not an answer to a request of this signal.
pub fn decode_response(signal: Signal, body: &[u8]) -> Result<Option<Rejected>, DecodeError> {
    let rejected = |count: i64, reason| Rejected {
        count: u64::try_from(count).unwrap_or(0),
        reason,
    };
    Ok(match signal {
        Signal::Traces => decode_protobuf::<ExportTraceServiceResponse>(body)?
            .partial_success
            .map(|it| rejected(it.rejected_spans, it.error_message)),
        Signal::Logs => decode_protobuf::<ExportLogsServiceResponse>(body)?
            .partial_success
            .map(|it| rejected(it.rejected_log_records, it.error_message)),
    })
}

fn json_response(kind: ResponseKind, rejected: Option<&Rejected>) -> Vec<u8> {
    let Some(rejected) = rejected else {
        return b"{}".to_vec();
    };
    let field = match kind {
        ResponseKind::Traces => "rejectedSpans",
        ResponseKind::Logs => "rejectedLogRecords",
        ResponseKind::Metrics => "rejectedDataPoints",
    };
    // 64-bit integers are decimal strings in OTLP JSON.
    let partial = json!({ field: rejected.count.to_string(), "errorMessage": rejected.reason });
    json!({ "partialSuccess": partial })
        .to_string()
        .into_bytes()
}

/// A `google.rpc.Status`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// gRPC code number.
    pub code: i32,
    /// For the person who reads the exporter's log.
    pub message: String,
    /// Sent as `google.rpc.RetryInfo`, which makes the error retryable.
    pub retry_after: Option<Duration>,
    /// What was wrong with the request, sent as one `google.rpc.BadRequest`: field and description.
    pub field_violations: Vec<(String, String)>,
}

/// The body of an error answer, also what gRPC carries in `grpc-status-details-bin`.
pub fn encode_status(encoding: Encoding, status: &Status) -> Vec<u8> {
    match encoding {
        Encoding::Protobuf => ProtoStatus {
            code: status.code,
            message: status.message.clone(),
            details: details(status),
        }
        .encode_to_vec(),
        Encoding::Json => json_status(status),
    }
}

/// The message of an error answer in protobuf; `None` when the body is no status, or says nothing.
pub fn decode_status_message(body: &[u8]) -> Option<String> {
    let status = ProtoStatus::decode(body).ok()?;
    Some(status.message).filter(|message| !message.is_empty())
}

fn json_status(status: &Status) -> Vec<u8> {
    let mut details = Vec::new();
    if let Some(delay) = status.retry_after {
        let delay = format!("{}s", delay.as_secs_f64());
        details.push(json!({ "@type": RETRY_INFO, "retryDelay": delay }));
    }
    if !status.field_violations.is_empty() {
        let violations: Vec<_> = status
            .field_violations
            .iter()
            .map(|(field, description)| json!({ "field": field, "description": description }))
            .collect();
        details.push(json!({ "@type": BAD_REQUEST, "fieldViolations": violations }));
    }
    json!({ "code": status.code, "message": status.message, "details": details })
        .to_string()
        .into_bytes()
}

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";
const BAD_REQUEST: &str = "type.googleapis.com/google.rpc.BadRequest";

fn details(status: &Status) -> Vec<ProtoAny> {
    let mut details = Vec::new();
    if let Some(delay) = status.retry_after {
        let retry_delay = ProtoDuration {
            seconds: i64::try_from(delay.as_secs()).unwrap_or(i64::MAX),
            nanos: i32::try_from(delay.subsec_nanos()).unwrap_or(0),
        };
        let value = ProtoRetryInfo {
            retry_delay: Some(retry_delay),
        }
        .encode_to_vec();
        details.push(ProtoAny {
            type_url: RETRY_INFO.to_owned(),
            value,
        });
    }
    if !status.field_violations.is_empty() {
        let violation = |(field, description): &(String, String)| ProtoFieldViolation {
            field: field.clone(),
            description: description.clone(),
        };
        let field_violations = status.field_violations.iter().map(violation).collect();
        let value = ProtoBadRequest { field_violations }.encode_to_vec();
        details.push(ProtoAny {
            type_url: BAD_REQUEST.to_owned(),
            value,
        });
    }
    details
}

#[derive(Clone, PartialEq, prost::Message)]
struct ProtoStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<ProtoAny>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ProtoAny {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ProtoRetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<ProtoDuration>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ProtoDuration {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ProtoBadRequest {
    #[prost(message, repeated, tag = "1")]
    field_violations: Vec<ProtoFieldViolation>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ProtoFieldViolation {
    #[prost(string, tag = "1")]
    field: String,
    #[prost(string, tag = "2")]
    description: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_success_is_zero_bytes_of_protobuf_and_an_empty_json_object() {
        assert!(encode_response(ResponseKind::Traces, Encoding::Protobuf, None).is_empty());
        assert_eq!(
            encode_response(ResponseKind::Logs, Encoding::Json, None),
            b"{}"
        );
    }

    #[test]
    fn rejected_counts_are_strings_in_json() {
        let rejected = Rejected {
            count: 3,
            reason: "no".into(),
        };
        let body = encode_response(ResponseKind::Traces, Encoding::Json, Some(&rejected));
        let expected = r#"{"partialSuccess":{"errorMessage":"no","rejectedSpans":"3"}}"#;
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }

    #[test]
    fn a_retryable_status_carries_retry_info() {
        let status = Status {
            code: 14,
            message: "busy".into(),
            retry_after: Some(Duration::from_millis(1500)),
            field_violations: Vec::new(),
        };
        let decoded =
            ProtoStatus::decode(encode_status(Encoding::Protobuf, &status).as_slice()).unwrap();
        assert_eq!((decoded.code, decoded.message.as_str()), (14, "busy"));
        let info = ProtoRetryInfo::decode(decoded.details[0].value.as_slice()).unwrap();
        let delay = ProtoDuration {
            seconds: 1,
            nanos: 500_000_000,
        };
        assert_eq!(info.retry_delay, Some(delay));
    }
}
