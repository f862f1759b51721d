//! OTLP on one side, record batches on the other. The only place that knows the protobuf types.

mod beginning;
mod encode;
mod grouping;
pub mod json;
mod limits;
mod metrics;
#[cfg(any(test, feature = "testing"))]
mod objects;
mod redacted;
mod reject;
mod response;
mod sift;
mod values;
pub(crate) mod walk;

#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;

use crate::signal::Signal;
use arrow_array::RecordBatch;
use bytes::Bytes;
use limits::Room;

pub use beginning::least_memory;
pub use encode::{encode_logs, encode_spans};
pub use limits::{MAX_VALUE_DEPTH, RecordLimits, Trimmed};
pub use metrics::count_metric_points;
pub use redacted::decode_redacted;
pub use reject::Rejected;
pub use response::{
    ResponseKind, Status, decode_response, decode_status_message, encode_response, encode_status,
};

/// The attribute of a record that names, in one text, what of it was cut to fit the limits.
pub const TRUNCATED_KEY: &str = "spandrel.truncated";

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
    /// Records that were left out, if any.
    pub rejected: Option<Rejected>,
    /// What was left out of the accepted records.
    pub trimmed: Trimmed,
}

/// A body that is not an export request.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not protobuf, or not of this message.
    #[error("body is not an OTLP protobuf request")]
    Protobuf(#[from] prost::DecodeError),
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
    /// What must not be kept could not be taken out of it.
    #[error("request cannot be looked through for secrets")]
    NotRedacted,
    /// More rows or bytes than one batch can hold.
    #[error("request does not fit one batch")]
    TooLarge,
    /// Not a metrics request.
    #[error("body is not an OTLP metrics request")]
    Metrics,
    /// There is no room for what it would take in memory.
    #[error("no room for the decoded request")]
    NoRoom,
}

/// Decodes an export request of `signal` and turns what is acceptable into a batch, within the default limits and
/// whatever memory that takes; see [`decode_within`].
///
/// # Errors
/// When the body as a whole cannot be read; nothing of it is accepted then.
pub fn decode(signal: Signal, encoding: Encoding, body: Bytes) -> Result<Accepted, DecodeError> {
    decode_within(
        signal,
        encoding,
        body,
        &RecordLimits::default(),
        &mut |_| true,
    )
}

/// Decodes an export request of `signal` and turns what is acceptable into a batch.
///
/// Spans need valid ids and are rejected singly, as are records that are nested too deep or too large; log
/// records with invalid ids are kept. What is over the other limits is left out of its record.
///
/// `take` is asked for the bytes that are needed beside the body before they are used: how many in all is
/// not known before the end. The memory of the batch is among them.
///
/// # Errors
/// When the body as a whole cannot be read, and [`DecodeError::NoRoom`] when `take` has refused; nothing of it
/// is accepted then.
pub fn decode_within(
    signal: Signal,
    encoding: Encoding,
    body: Bytes,
    limits: &RecordLimits,
    take: &mut dyn FnMut(usize) -> bool,
) -> Result<Accepted, DecodeError> {
    let mut room = Room::new(take);
    if encoding == Encoding::Protobuf {
        if let Some(batch) = walk::batch(signal, &body, limits, &mut room) {
            return Ok(Accepted {
                payload: body,
                batch,
                rejected: None,
                trimmed: Trimmed::default(),
            });
        }
        if room.is_refused() {
            return Err(DecodeError::NoRoom);
        }
    }
    let sifted = sift::sift(signal, encoding, &body, limits, &mut room)?;
    drop(body);
    let batch = batch_of_sifted(signal, &sifted.body, &mut room)?;
    Ok(Accepted {
        payload: Bytes::from(sifted.body),
        batch,
        rejected: sifted.rejected,
        trimmed: sifted.trimmed,
    })
}

/// Turns the payload of an earlier [`Accepted`] into the same batch again, whatever the limits are now: it is
/// within those that it was accepted by.
///
/// # Errors
/// When the payload is not what `decode` handed out.
pub fn replay(signal: Signal, payload: &[u8]) -> Result<RecordBatch, DecodeError> {
    let take = &mut |_| true;
    let mut room = Room::new(take);
    if let Some(batch) = walk::batch(signal, payload, &RecordLimits::NONE, &mut room) {
        return Ok(batch);
    }
    let body = Bytes::copy_from_slice(payload);
    let encoding = Encoding::Protobuf;
    let sifted = sift::sift(signal, encoding, &body, &RecordLimits::NONE, &mut room)?;
    batch_of_sifted(signal, &sifted.body, &mut room)
}

fn batch_of_sifted(
    signal: Signal,
    body: &[u8],
    room: &mut Room<'_>,
) -> Result<RecordBatch, DecodeError> {
    let batch = walk::batch(signal, body, &RecordLimits::NONE, room);
    batch.ok_or(if room.is_refused() {
        DecodeError::NoRoom
    } else {
        // Whatever else the walk leaves alone has been sifted out.
        DecodeError::TooLarge
    })
}

fn decode_protobuf<M: prost::Message + Default>(body: &[u8]) -> Result<M, DecodeError> {
    Ok(M::decode(body)?)
}
