//! The walk gives what the way by owned objects gives, or leaves the request to it.

use bytes::Bytes;
use proptest::prelude::{Strategy, any, prop_assert, proptest};
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::super::limits::Room;
use super::super::testing::{any_logs_payload, any_traces_payload};
use super::super::{Encoding, MAX_VALUE_DEPTH, RecordLimits, decode, objects, replay};
use super::batch;
use super::rewrite::{Rewrite, delimited, varint};
use crate::signal::Signal;

/// Whether the walk took the body; panics when it gave something else than the way by owned objects.
fn walk_takes(signal: Signal, body: &[u8]) -> bool {
    let owned = objects::decode(signal, Bytes::copy_from_slice(body));
    let decoded = decode(signal, Encoding::Protobuf, Bytes::copy_from_slice(body));
    let replayed = replay(signal, body);
    let limits = RecordLimits::default();
    let walked = batch(signal, body, &limits, &mut Room::new(&mut |_| true));
    match &owned {
        Ok(owned) => {
            let decoded = decoded.unwrap();
            assert_eq!(decoded.batch, owned.batch);
            assert_eq!(replay(signal, &decoded.payload).unwrap(), owned.batch);
            assert_eq!(decoded.rejected, owned.rejected);
            assert_eq!(replayed.unwrap(), owned.batch);
            if walked.is_some() {
                assert_eq!(owned.rejected, None);
                assert_eq!(decoded.payload, body);
            }
        }
        Err(error) => {
            assert_eq!(decoded.unwrap_err().to_string(), error.to_string());
            assert_eq!(replayed.unwrap_err().to_string(), error.to_string());
            assert_eq!(walked, None);
        }
    }
    walked.is_some()
}

proptest! {
    #[test]
    fn every_acceptable_trace_request_is_walked(payload in any_traces_payload()) {
        prop_assert!(walk_takes(Signal::Traces, &payload));
    }

    #[test]
    fn every_acceptable_log_request_is_walked(payload in any_logs_payload()) {
        prop_assert!(walk_takes(Signal::Logs, &payload));
    }

    #[test]
    fn fields_in_any_order_and_unknown_ones_change_nothing(
        traces in any_traces_payload(),
        logs in any_logs_payload(),
        seed in any::<u64>(),
    ) {
        prop_assert!(walk_takes(Signal::Traces, &Rewrite::new(seed).traces(&traces)));
        prop_assert!(walk_takes(Signal::Logs, &Rewrite::new(seed).logs(&logs)));
    }

    #[test]
    fn damaged_requests_end_alike(
        traces in any_traces_payload(),
        logs in any_logs_payload(),
        flips in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        for (signal, mut payload) in [(Signal::Traces, traces), (Signal::Logs, logs)] {
            if payload.is_empty() {
                continue;
            }
            for (at, bits) in &flips {
                let at = at.index(payload.len());
                payload[at] ^= bits;
            }
            walk_takes(signal, &payload);
        }
    }
}

/// The first request of a fixed sequence that is long enough to have everything in it.
fn sample(strategy: impl Strategy<Value = Vec<u8>>) -> Vec<u8> {
    let mut runner = TestRunner::deterministic();
    loop {
        let payload = strategy.new_tree(&mut runner).unwrap().current();
        if payload.len() > 1_500 {
            return payload;
        }
    }
}

#[test]
fn requests_cut_anywhere_end_alike() {
    let samples = [
        (Signal::Traces, sample(any_traces_payload())),
        (Signal::Logs, sample(any_logs_payload())),
    ];
    for (signal, payload) in samples {
        assert!(walk_takes(signal, &payload));
        for end in 0..payload.len() {
            walk_takes(signal, &payload[..end]);
        }
    }
}

#[test]
fn every_single_flipped_bit_ends_alike() {
    let samples = [
        (Signal::Traces, sample(any_traces_payload())),
        (Signal::Logs, sample(any_logs_payload())),
    ];
    for (signal, mut payload) in samples {
        for at in 0..payload.len() {
            let bit = 1 << (at % 8);
            payload[at] ^= bit;
            walk_takes(signal, &payload);
            payload[at] ^= bit;
        }
    }
}

/// Fields of a span that make it acceptable.
fn ids() -> Vec<u8> {
    [delimited(1, &[1; 16]), delimited(2, &[2; 8])].concat()
}

/// A request with one span, or log record, of these fields.
fn request(record: &[u8]) -> Vec<u8> {
    delimited(1, &delimited(2, &delimited(2, record)))
}

fn walk_takes_span(fields: &[u8]) -> bool {
    walk_takes(Signal::Traces, &request(&[&ids(), fields].concat()))
}

fn attribute(key: &[u8], value: &[u8]) -> Vec<u8> {
    delimited(9, &[delimited(1, key), delimited(2, value)].concat())
}

#[test]
fn records_that_are_rejected_are_left_alone() {
    assert!(walk_takes_span(&[]));
    assert!(!walk_takes(Signal::Traces, &request(&[])));
    let zero_id = [delimited(1, &[0; 16]), delimited(2, &[2; 8])].concat();
    assert!(!walk_takes(Signal::Traces, &request(&zero_id)));
    assert!(!walk_takes_span(&delimited(4, &[3; 7])), "short parent");
    assert!(walk_takes_span(&delimited(4, &[0; 8])), "zero parent");
    assert!(walk_takes(Signal::Logs, &request(&[])));
}

#[test]
fn texts_that_are_not_utf_8_are_left_alone() {
    assert!(walk_takes_span(&delimited(5, "ü".as_bytes())));
    for tag in [3, 5] {
        assert!(!walk_takes_span(&delimited(tag, b"\xff")));
    }
    let split = [
        attribute(b"a", b"\x0a\x01\xc3"),
        attribute(b"b", b"\x0a\x01\xbc"),
    ]
    .concat();
    assert!(!walk_takes_span(&split), "a character across two values");
    let split = [attribute(b"\xc3", b""), attribute(b"\xbc", b"")].concat();
    assert!(!walk_takes_span(&split), "a character across two keys");
    let url = |url: &[u8]| delimited(1, &delimited(3, url));
    assert!(walk_takes(Signal::Traces, &url(b"fine")));
    assert!(
        !walk_takes(Signal::Traces, &url(b"\xff")),
        "no record at all"
    );
    let nested = |text: &[u8]| delimited(5, &delimited(1, &delimited(1, text)));
    assert!(walk_takes_span(&attribute(b"a", &nested(b"fine"))));
    assert!(!walk_takes_span(&attribute(b"a", &nested(b"\xff"))));
}

#[test]
fn varints_are_read_as_protobuf_reads_them() {
    let kind = |bytes: &[u8]| [&[6 << 3], bytes].concat();
    assert!(
        walk_takes_span(&kind(&[0x83, 0x80, 0x00])),
        "longer than need be"
    );
    let low_half = varint(6, u64::MAX << 31);
    assert!(walk_takes_span(&low_half), "more than 32 bits");
    let ten = [[0xff; 9].as_slice(), &[0x01]].concat();
    assert!(walk_takes_span(&kind(&ten)));
    let too_large = [[0xff; 9].as_slice(), &[0x02]].concat();
    assert!(!walk_takes_span(&kind(&too_large)));
    let eleven = [[0x80; 10].as_slice(), &[0x01]].concat();
    assert!(!walk_takes_span(&kind(&eleven)));
    let large_key = [[0xff; 4].as_slice(), &[0x7f, 0x00]].concat();
    assert!(!walk_takes_span(&large_key), "a key of more than 32 bits");
    assert!(!walk_takes_span(&[0x02, 0x00]), "tag zero");
    let huge_length = [&[5 << 3 | 2], [0xff; 9].as_slice(), &[0x01]].concat();
    assert!(!walk_takes_span(&huge_length));
}

#[test]
fn singular_fields_that_come_twice_are_left_alone() {
    let twice = |field: Vec<u8>| walk_takes_span(&[field.clone(), field].concat());
    assert!(!twice(delimited(5, b"name")));
    assert!(!twice(varint(6, 2)));
    assert!(!twice(delimited(15, &varint(3, 1))), "status is merged");
    assert!(twice(attribute(b"a", b"")), "attributes are a list");
    let values = |value: &[u8]| walk_takes_span(&attribute(b"a", value));
    assert!(
        !values(&[varint(3, 1), varint(2, 1)].concat()),
        "two kinds of value"
    );
    let array = delimited(5, &delimited(1, &varint(3, 1)));
    assert!(
        !values(&[array.clone(), array].concat()),
        "arrays are merged"
    );
    let value = delimited(2, &varint(3, 1));
    let two_values = delimited(9, &[value.clone(), value].concat());
    assert!(!walk_takes_span(&two_values));
    let resource = delimited(1, &varint(2, 7));
    let two_resources = delimited(1, &[resource.clone(), resource].concat());
    assert!(!walk_takes(Signal::Traces, &two_resources));
}

#[test]
fn fields_of_the_wrong_wire_type_and_groups_are_left_alone() {
    assert!(!walk_takes_span(&varint(5, 1)), "a number as name");
    assert!(!walk_takes_span(&delimited(6, b"\x01")), "a text as kind");
    assert!(!walk_takes_span(&varint(9, 1)), "a number as attribute");
    let group = [
        200 << 3 & 0x7f | 3 | 0x80,
        0x0c,
        200 << 3 & 0x7f | 4 | 0x80,
        0x0c,
    ];
    assert!(!walk_takes_span(&group), "an unknown group");
    assert!(
        !walk_takes_span(&[(20 << 3 | 4) as u8 | 0x80, 0x01]),
        "the end of a group"
    );
    assert!(
        !walk_takes_span(&[(20 << 3 | 7) as u8 | 0x80, 0x01]),
        "no wire type"
    );
    assert!(walk_takes_span(&delimited(20, b"unknown")));
    assert!(walk_takes_span(&varint(3_000, u64::MAX)));
}

#[test]
fn values_may_be_nested_as_deep_as_the_limit_says() {
    let nested = |depth| {
        let mut value = Vec::new();
        for level in 0..depth {
            value = if level % 2 == 0 {
                delimited(5, &delimited(1, &value))
            } else {
                delimited(6, &delimited(1, &delimited(2, &value)))
            };
        }
        walk_takes_span(&attribute(b"a", &value))
    };
    assert!(nested(MAX_VALUE_DEPTH));
    assert!(!nested(MAX_VALUE_DEPTH + 1));
}

#[test]
fn a_string_table_index_is_no_value() {
    assert!(walk_takes_span(&attribute(b"a", &varint(8, 5))));
    let key_index = delimited(9, &[delimited(1, b"a"), varint(3, 5)].concat());
    assert!(walk_takes_span(&key_index));
}
