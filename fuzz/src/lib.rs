//! What each target does with its bytes, and what must hold whatever they are. Also the tests of the collector
//! call these functions, with the seeds in `corpus/`.

use bytes::Bytes;
use model::dialect::json_lines::Defaults;
use model::dialect::{TranslateError, Translated, json_lines, loki, zipkin};
use model::otlp::{
    DecodeError, Encoding, RecordLimits, count_metric_points, decode_within, least_memory, replay,
};
use model::{Signal, UnixNanos};

/// What decoding may ask for beside its body. Less than the fuzzer's own limit, so that memory that is used
/// without being asked for ends the run.
const ROOM_BYTES: usize = 64 << 20;

/// Limits that short inputs can reach.
const LIMITS: RecordLimits = RecordLimits {
    attributes: 4,
    value_bytes: 32,
    body_bytes: 64,
    events: 3,
    links: 3,
    record_bytes: 512,
};

/// OTLP spans in protobuf.
pub fn otlp_traces_protobuf(input: &[u8]) {
    otlp(Signal::Traces, Encoding::Protobuf, input);
}

/// OTLP log records in protobuf.
pub fn otlp_logs_protobuf(input: &[u8]) {
    otlp(Signal::Logs, Encoding::Protobuf, input);
}

/// OTLP spans in JSON.
pub fn otlp_traces_json(input: &[u8]) {
    otlp(Signal::Traces, Encoding::Json, input);
}

/// OTLP log records in JSON.
pub fn otlp_logs_json(input: &[u8]) {
    otlp(Signal::Logs, Encoding::Json, input);
}

/// OTLP metrics, which are only counted.
pub fn otlp_metrics(input: &[u8]) {
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        if let Ok(count) = count_metric_points(encoding, input) {
            assert!(count <= input.len() as u64, "more points than bytes");
        }
    }
}

/// Under narrow limits and under the usual ones: what is acknowledged is what a start replays.
fn otlp(signal: Signal, encoding: Encoding, input: &[u8]) {
    for limits in [LIMITS, RecordLimits::default()] {
        let mut left = ROOM_BYTES;
        let mut take = |bytes: usize| {
            let is_there = bytes <= left;
            left = left.saturating_sub(bytes);
            is_there
        };
        let body = Bytes::copy_from_slice(input);
        let beginning = input.get(..input.len() / 2).unwrap_or_default();
        let accepted = match decode_within(signal, encoding, body, &limits, &mut take) {
            Ok(accepted) => {
                let begins = least_memory(encoding, beginning);
                assert!(begins.is_ok(), "what is good begins well");
                accepted
            }
            Err(DecodeError::NoRoom) => continue,
            Err(error) => {
                assert!(!error.to_string().is_empty(), "an error without a text");
                continue;
            }
        };
        let replayed = replay(signal, &accepted.payload);
        assert_eq!(replayed.ok().as_ref(), Some(&accepted.batch), "replay");
        if let Some(rejected) = accepted.rejected {
            assert!(rejected.count > 0 && !rejected.reason.is_empty());
        }
    }
}

/// Zipkin's spans, in JSON and in protobuf.
pub fn zipkin(input: &[u8]) {
    translated(Signal::Traces, |admit| zipkin::translate_json(input, admit));
    translated(Signal::Traces, |admit| {
        zipkin::translate_protobuf(input, admit)
    });
}

/// Loki's pushes, in JSON and in protobuf (as they are after snappy).
pub fn loki(input: &[u8]) {
    let now = UnixNanos(1_790_000_000_000_000_000);
    translated(Signal::Logs, |admit| {
        loki::translate_json(input, now, admit)
    });
    translated(Signal::Logs, |admit| {
        loki::translate_protobuf(input, now, admit)
    });
}

/// Lines of JSON, and arrays of records.
pub fn json_lines(input: &[u8]) {
    let defaults = Defaults::default();
    translated(Signal::Logs, |admit| {
        json_lines::translate_lines(input, &defaults, admit)
    });
    translated(Signal::Logs, |admit| {
        json_lines::translate_json(input, &defaults, admit)
    });
}

/// What a translation makes is OTLP that is taken as it is, and no larger than what was asked for.
fn translated(
    signal: Signal,
    translate: impl FnOnce(&mut dyn FnMut(usize) -> bool) -> Result<Translated, TranslateError>,
) {
    let mut asked_bytes = 0;
    let result = translate(&mut |bytes| {
        asked_bytes += bytes;
        asked_bytes <= ROOM_BYTES
    });
    if let Ok(translated) = result {
        assert!(
            translated.payload.len() <= asked_bytes,
            "more than was asked for"
        );
        assert!(replay(signal, &translated.payload).is_ok(), "no OTLP");
    }
}

/// Compressed bodies: the first byte says how.
#[cfg(feature = "collector")]
pub fn compression(input: &[u8]) {
    const LIMIT_BYTES: usize = 1 << 20;
    let Some((first, body)) = input.split_first() else {
        return;
    };
    let coding = ["gzip", "zstd", "deflate", "identity"][usize::from(first % 4)];
    if let Ok(length) = collector::testing::unpack(coding, body, LIMIT_BYTES) {
        assert!(length <= LIMIT_BYTES, "unpacked past the limit");
        let beginning = body.get(..body.len() / 2).unwrap_or_default();
        let is_kept = collector::testing::may_be_good(coding, beginning, LIMIT_BYTES);
        assert!(is_kept, "what is good begins well");
    }
}
