//! OTLP on one side, record batches on the other. The only place that knows the protobuf types.

mod encode;
mod grouping;
pub mod json;
mod limits;
mod logs;
mod metrics;
mod reject;
mod response;
mod traces;
mod values;
pub(crate) mod walk;

#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;

use arrow_array::RecordBatch;
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use crate::signal::Signal;

pub use encode::{encode_logs, encode_spans};
pub use limits::MAX_VALUE_DEPTH;
pub use metrics::count_metric_points;
pub use reject::Rejected;
pub use response::{
    ResponseKind, Status, decode_response, decode_status_message, encode_response, encode_status,
};

/// How a request or an answer is written on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Binary protobuf.
    Protobuf,
    /// JSON by the OTLP rules: hex ids, integers as strings or numbers, unknown fields ignored.
    Json,
}

/// What was taken from an export request.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// OTLP protobuf of exactly what was accepted: what the WAL keeps and [`replay`] reads.
    pub payload: Bytes,
    /// The accepted records, one row each, in the order sent.
    pub batch: RecordBatch,
    /// What was left out, if anything.
    pub rejected: Option<Rejected>,
}

/// A body that is not an export request.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not protobuf, or not of this message.
    #[error("body is not an OTLP protobuf request")]
    Protobuf(#[source] prost::DecodeError),
    /// Not JSON.
    #[error("body is not JSON")]
    Json(#[source] serde_json::Error),
    /// JSON, but a field holds something it cannot hold.
    #[error("{path}: {problem}")]
    Field {
        /// Where, such as `resourceSpans[0].scopeSpans[1].spans[2].kind`.
        path: String,
        /// What is wrong there.
        problem: &'static str,
    },
    /// More rows or bytes than one batch can hold.
    #[error("request does not fit one batch")]
    TooLarge,
}

/// Decodes an export request of `signal` and turns what is acceptable into a batch.
///
/// Spans need valid ids and are rejected singly; log records with invalid ids are kept.
///
/// # Errors
/// When the body as a whole cannot be read; nothing of it is accepted then.
pub fn decode(signal: Signal, encoding: Encoding, body: Bytes) -> Result<Accepted, DecodeError> {
    if encoding == Encoding::Protobuf
        && let Some(batch) = walk::batch(signal, &body)
    {
        return Ok(Accepted {
            payload: body,
            batch,
            rejected: None,
        });
    }
    decode_owned(signal, encoding, body)
}

/// Decodes by way of owned objects: slower, and the judge of everything that [`walk`] leaves alone.
fn decode_owned(signal: Signal, encoding: Encoding, body: Bytes) -> Result<Accepted, DecodeError> {
    match signal {
        Signal::Traces => {
            let mut request: ExportTraceServiceRequest = match encoding {
                Encoding::Protobuf => decode_protobuf(&body)?,
                Encoding::Json => json::read::traces_request(&body)?,
            };
            let taken = traces::accept(&mut request)?;
            let original = (encoding == Encoding::Protobuf).then_some(body);
            Ok(accepted(taken, original, &request))
        }
        Signal::Logs => {
            let mut request: ExportLogsServiceRequest = match encoding {
                Encoding::Protobuf => decode_protobuf(&body)?,
                Encoding::Json => json::read::logs_request(&body)?,
            };
            let taken = logs::accept(&mut request)?;
            let original = (encoding == Encoding::Protobuf).then_some(body);
            Ok(accepted(taken, original, &request))
        }
    }
}

/// `original` is the body the request was decoded from; it is the payload when nothing was left out.
fn accepted(
    (batch, rejected): (RecordBatch, Option<Rejected>),
    original: Option<Bytes>,
    request: &impl Message,
) -> Accepted {
    let payload = match original {
        Some(body) if rejected.is_none() => body,
        Some(_) | None => Bytes::from(request.encode_to_vec()),
    };
    Accepted {
        payload,
        batch,
        rejected,
    }
}

/// Turns the payload of an earlier [`Accepted`] into the same batch again.
///
/// # Errors
/// When the payload is not what `decode` handed out.
pub fn replay(signal: Signal, payload: &[u8]) -> Result<RecordBatch, DecodeError> {
    if let Some(batch) = walk::batch(signal, payload) {
        return Ok(batch);
    }
    let (batch, _) = match signal {
        Signal::Traces => traces::accept(&mut decode_protobuf(payload)?)?,
        Signal::Logs => logs::accept(&mut decode_protobuf(payload)?)?,
    };
    Ok(batch)
}

fn decode_protobuf<M: Message + Default>(body: &[u8]) -> Result<M, DecodeError> {
    M::decode(body).map_err(DecodeError::Protobuf)
}
