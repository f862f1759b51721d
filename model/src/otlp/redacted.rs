//! Decoding without secrets: what must not be kept is neither in the payload nor in the batch.

use bytes::Bytes;

use super::limits::{RecordLimits, Room};
use super::{Accepted, DecodeError, Encoding, batch_of_sifted, decode_within, walk};
use crate::redact::{Hits, Rules};
use crate::signal::Signal;

/// As [`decode_within`], after everything that `rules` forbid to keep was taken out. Also says how often each
/// rule applied, if any did.
///
/// # Errors
/// As [`decode_within`].
pub fn decode_redacted(
    signal: Signal,
    encoding: Encoding,
    body: Bytes,
    limits: &RecordLimits,
    rules: Option<&Rules>,
    take: &mut dyn FnMut(usize) -> bool,
) -> Result<(Accepted, Option<Hits>), DecodeError> {
    let Some(rules) = rules else {
        let accepted = decode_within(signal, encoding, body, limits, take)?;
        return Ok((accepted, None));
    };
    if encoding == Encoding::Protobuf
        && let Ok(redacted) = walk::redact::redact(signal, &body, rules)
    {
        let (body, hits) = match redacted {
            Some((redacted, hits)) => (admitted(redacted, take)?, Some(hits)),
            None => (body, None),
        };
        let accepted = decode_within(signal, Encoding::Protobuf, body, limits, take)?;
        return Ok((accepted, hits));
    }
    // What is not protobuf, or not as encoders write it, has a payload that is.
    let accepted = decode_within(signal, encoding, body, limits, take)?;
    let redacted = walk::redact::redact(signal, &accepted.payload, rules);
    let Some((redacted, hits)) = redacted.map_err(|_| DecodeError::NotRedacted)? else {
        return Ok((accepted, None));
    };
    let payload = admitted(redacted, take)?;
    let batch = batch_of_sifted(signal, &payload, &mut Room::new(take))?;
    let accepted = Accepted {
        payload,
        batch,
        ..accepted
    };
    Ok((accepted, Some(hits)))
}

/// The redacted request, if there is room for it beside the one that was sent.
fn admitted(redacted: Vec<u8>, take: &mut dyn FnMut(usize) -> bool) -> Result<Bytes, DecodeError> {
    match take(redacted.len()) {
        true => Ok(Bytes::from(redacted)),
        false => Err(DecodeError::NoRoom),
    }
}
