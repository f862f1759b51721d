//! What the beginning of a request says of all of it, while the rest is still on its way.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use serde::de::IgnoredAny;

use super::walk::ROW_BYTES;
use super::{DecodeError, Encoding};

/// The most bytes of a key, and of the length or number behind it: with fewer left, what follows may complete them.
const HEAD_BYTES_MAX: usize = 20;

/// The longest that the end of a number can be which needs digits behind it: that of `1e-`.
const NUMBER_TAIL_MAX: usize = 2;

/// The fields that lead to the records, from the outside in: resources, their scopes, and the records of those.
const LEVELS: &[u32] = &[1, 2, 2];

/// The least memory that decoding a request of spans or log records takes which begins like this.
///
/// # Errors
/// What every request that begins like this is refused for.
pub fn least_memory(encoding: Encoding, beginning: &[u8]) -> Result<usize, DecodeError> {
    match encoding {
        Encoding::Protobuf => {
            let mut record_count = 0_usize;
            look(beginning, true, LEVELS, &mut record_count)?;
            Ok(record_count.saturating_mul(ROW_BYTES))
        }
        Encoding::Json => {
            // What a number may not end with, it may go on after.
            let whole = beginning.iter().rposition(|byte| !b"+-.eE".contains(byte));
            let cut = whole.map_or(0, |last| last + 1);
            let cut = cut.max(beginning.len().saturating_sub(NUMBER_TAIL_MAX));
            let certain = beginning.get(..cut).unwrap_or_default();
            match serde_json::from_slice::<IgnoredAny>(certain) {
                Err(error) if !error.is_eof() => Err(DecodeError::Json(error)),
                Ok(_) | Err(_) => Ok(0),
            }
        }
    }
}

/// Counts the records in a message, of which more follows when it `is_cut`. `levels` are the fields that lead from
/// it to them.
fn look(
    mut message: &[u8],
    is_cut: bool,
    levels: &[u32],
    record_count: &mut usize,
) -> Result<(), DecodeError> {
    let Some((wanted, inner_levels)) = levels.split_first() else {
        *record_count += 1;
        return Ok(());
    };
    while !message.is_empty() {
        if is_cut && message.len() < HEAD_BYTES_MAX {
            return Ok(());
        }
        let (tag, wire_type) = decode_key(&mut message)?;
        match wire_type {
            WireType::LengthDelimited => {
                let from_length = message;
                let length = decode_varint(&mut message)?;
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                if let Some((value, rest)) = message.split_at_checked(length) {
                    if tag == *wanted {
                        look(value, false, inner_levels, record_count)?;
                    }
                    message = rest;
                } else if !is_cut {
                    message = from_length;
                    skip_field(wire_type, tag, &mut message, DecodeContext::default())?;
                } else if tag == *wanted {
                    return look(message, true, inner_levels, record_count);
                } else {
                    return Ok(());
                }
            }
            // Where a group ends is not known before it does.
            WireType::StartGroup | WireType::EndGroup if is_cut => return Ok(()),
            _ => skip_field(wire_type, tag, &mut message, DecodeContext::default())?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, prop_assert_eq, proptest};

    use super::*;
    use crate::log_record::LogReader;
    use crate::otlp::testing::{any_logs_payload, any_traces_payload};
    use crate::otlp::walk::rewrite::delimited;
    use crate::otlp::{decode, json};
    use crate::signal::Signal;

    /// The message in which a request with these bytes holds them as records of one scope.
    fn request(records: &[u8]) -> Vec<u8> {
        let scope = delimited(2, records);
        delimited(1, &scope)
    }

    fn first(bytes: &[u8], count: usize) -> &[u8] {
        bytes.get(..count).unwrap()
    }

    fn records_of(beginning: &[u8]) -> Result<usize, String> {
        let memory = least_memory(Encoding::Protobuf, beginning);
        memory
            .map(|bytes| bytes / ROW_BYTES)
            .map_err(|error| error.to_string())
    }

    fn rows(signal: Signal, payload: &[u8]) -> usize {
        let body = payload.to_vec().into();
        let accepted = decode(signal, Encoding::Protobuf, body).unwrap();
        accepted.batch.num_rows()
    }

    proptest! {
        #[test]
        fn no_beginning_of_a_good_request_is_refused(
            payload in any_traces_payload(),
            cut in any::<prop::sample::Index>(),
        ) {
            let cut = cut.index(payload.len() + 1);
            let found = records_of(first(&payload, cut)).unwrap();
            assert!(found <= rows(Signal::Traces, &payload), "{found} records");
            prop_assert_eq!(records_of(&payload).unwrap(), rows(Signal::Traces, &payload));
        }

        #[test]
        fn no_beginning_of_good_json_is_refused(
            payload in any_logs_payload(),
            cut in any::<prop::sample::Index>(),
        ) {
            let batch = decode(Signal::Logs, Encoding::Protobuf, payload.into()).unwrap().batch;
            let reader = LogReader::new(&batch).unwrap();
            let records: Vec<_> =
                (0..batch.num_rows()).map(|row| reader.log_record(row).unwrap()).collect();
            let mut body = b"{\"resourceLogs\":".to_vec();
            json::write_logs(&mut body, &records);
            body.push(b'}');
            let cut = cut.index(body.len() + 1);
            prop_assert_eq!(least_memory(Encoding::Json, first(&body, cut)).unwrap(), 0);
        }
    }

    #[test]
    fn records_are_counted_as_they_arrive() {
        let body = request(&delimited(2, &[]).repeat(1000));
        let head_bytes = body.len() - 2000;

        assert_eq!(records_of(&body), Ok(1000));
        for arrived in 100..1000 {
            // The last few may be part of something longer.
            let certain = arrived - HEAD_BYTES_MAX / 2 + 1;
            assert_eq!(
                records_of(first(&body, head_bytes + 2 * arrived)),
                Ok(certain)
            );
        }
    }

    #[test]
    fn what_no_encoder_writes_is_refused_at_once_and_by_its_own_fault() {
        let zeroes = [0; 100];
        let refused = decode(Signal::Logs, Encoding::Protobuf, zeroes.to_vec().into());
        assert_eq!(
            least_memory(Encoding::Protobuf, &zeroes)
                .unwrap_err()
                .to_string(),
            refused.unwrap_err().to_string()
        );

        // The length of a record is more than its scope has.
        let mut body = request(&[0x12, 100, 0]);
        body.extend_from_slice(&[b'x'; 200]);
        assert!(matches!(
            least_memory(Encoding::Protobuf, &body),
            Err(DecodeError::Protobuf(_))
        ));
        assert_eq!(records_of(first(&body, 5)), Ok(0), "more may follow");

        let refused = least_memory(Encoding::Json, &zeroes).unwrap_err();
        assert!(matches!(refused, DecodeError::Json(_)));
        for beginning in ["[[{\"a\": tru", "[1, -", "[1.", "[1e-", "[\"\\u00e", "[1e5"] {
            let memory = least_memory(Encoding::Json, beginning.as_bytes());
            assert_eq!(memory.unwrap(), 0, "{beginning}");
        }
        for beginning in ["----------", "[1e---", "{,"] {
            assert!(
                least_memory(Encoding::Json, beginning.as_bytes()).is_err(),
                "{beginning}"
            );
        }
    }
}
