//! Export requests by way of owned objects, all at once and without limits: what tests and measurements compare
//! the other ways with.

mod logs;
mod traces;
mod values;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use super::{Accepted, DecodeError, Trimmed, decode_protobuf};
use crate::signal::Signal;

/// See [`super::decode`], which gives the same for whatever is within the limits.
pub(super) fn decode(signal: Signal, body: Bytes) -> Result<Accepted, DecodeError> {
    let (batch, rejected, payload) = match signal {
        Signal::Traces => {
            let mut request: ExportTraceServiceRequest = decode_protobuf(&body)?;
            let (batch, rejected) = traces::accept(&mut request)?;
            (batch, rejected, request.encode_to_vec())
        }
        Signal::Logs => {
            let mut request: ExportLogsServiceRequest = decode_protobuf(&body)?;
            let (batch, rejected) = logs::accept(&mut request)?;
            (batch, rejected, request.encode_to_vec())
        }
    };
    let payload = if rejected.is_none() {
        body
    } else {
        Bytes::from(payload)
    };
    Ok(Accepted {
        payload,
        batch,
        rejected,
        trimmed: Trimmed::default(),
    })
}
