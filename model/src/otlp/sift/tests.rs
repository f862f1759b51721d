//! What is over a limit costs no more than itself: everything beside it in the request is kept.

use std::fmt::Write as _;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

use crate::log_record::LogReader;
use crate::otlp::walk::rewrite::delimited;
use crate::otlp::{
    Accepted, DecodeError, Encoding, MAX_VALUE_DEPTH, RecordLimits, TRUNCATED_KEY, Trimmed, decode,
    decode_within, replay,
};
use crate::signal::Signal;
use crate::span::SpanReader;

const LIMITS: RecordLimits = RecordLimits {
    attributes: 3,
    value_bytes: 10,
    body_bytes: 20,
    events: 2,
    links: 1,
    record_bytes: 1000,
};

fn text(key: &str, value: &str) -> KeyValue {
    any(key, Value::StringValue(value.to_owned()))
}

fn any(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn span(name: &str) -> Span {
    Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: name.to_owned(),
        ..Span::default()
    }
}

fn traces(resource: Option<Resource>, spans: Vec<Span>) -> Bytes {
    let scope_spans = vec![ScopeSpans {
        spans,
        ..ScopeSpans::default()
    }];
    let resource_spans = vec![ResourceSpans {
        resource,
        scope_spans,
        ..ResourceSpans::default()
    }];
    ExportTraceServiceRequest { resource_spans }
        .encode_to_vec()
        .into()
}

fn logs(log_records: Vec<LogRecord>) -> Bytes {
    let scope_logs = vec![ScopeLogs {
        log_records,
        ..ScopeLogs::default()
    }];
    let resource_logs = vec![ResourceLogs {
        scope_logs,
        ..ResourceLogs::default()
    }];
    ExportLogsServiceRequest { resource_logs }
        .encode_to_vec()
        .into()
}

/// Decodes within the limits, and checks that a replay under any others gives the same.
fn sifted(signal: Signal, encoding: Encoding, body: Bytes, limits: &RecordLimits) -> Accepted {
    let accepted = decode_within(signal, encoding, body, limits, &mut |_| true).unwrap();
    assert_eq!(replay(signal, &accepted.payload).unwrap(), accepted.batch);
    accepted
}

fn spans(accepted: &Accepted) -> Vec<crate::span::Span> {
    let reader = SpanReader::new(&accepted.batch).unwrap();
    let rows = 0..accepted.batch.num_rows();
    rows.map(|row| reader.span(row).unwrap()).collect()
}

fn texts(attributes: &[crate::attributes::Attribute]) -> Vec<String> {
    let text = |it: &crate::attributes::Attribute| format!("{}={}", it.key, it.text());
    attributes.iter().map(text).collect()
}

#[test]
fn attributes_events_and_links_beyond_the_limit_are_left_out_and_counted() {
    let mut over = span("over");
    over.attributes = ["a", "b", "c", "d", "e"].map(|it| text(it, "1")).to_vec();
    over.dropped_attributes_count = 4;
    over.events = vec![Event::default(); 5];
    over.events[0].attributes = ["a", "b", "c", "d"].map(|it| text(it, "1")).to_vec();
    over.links = vec![Link::default(); 2];
    let resource = Resource {
        attributes: ["r1", "r2", "r3", "r4"].map(|it| text(it, "1")).to_vec(),
        ..Resource::default()
    };
    let body = traces(Some(resource), vec![span("one"), over, span("two")]);

    let accepted = sifted(Signal::Traces, Encoding::Protobuf, body, &LIMITS);

    assert_eq!(accepted.rejected, None);
    let counts = Trimmed {
        values: 0,
        attributes: 2 + 1 + 1,
        events: 3,
        links: 1,
    };
    assert_eq!(accepted.trimmed, counts);
    let spans = spans(&accepted);
    assert_eq!(spans.len(), 3);
    assert_eq!(texts(&spans[1].attributes), ["a=1", "b=1", "c=1"]);
    assert_eq!(spans[1].dropped_attributes_count, 6);
    assert_eq!(
        (spans[1].events.len(), spans[1].dropped_events_count),
        (2, 3)
    );
    assert_eq!((spans[1].links.len(), spans[1].dropped_links_count), (1, 1));
    assert_eq!(spans[1].events[0].dropped_attributes_count, 1);
    assert_eq!(spans[0].resource.attributes.len(), 3);
    assert_eq!(spans[0].resource.dropped_attributes_count, 1);
}

#[test]
fn long_texts_are_cut_at_a_character_and_named_in_the_record() {
    let mut long = span("a name that is long");
    long.attributes = vec![
        text("short", "0123456789"),
        text("long", "012345678ü"),
        any("bytes", Value::BytesValue(vec![7; 11])),
    ];
    let body = traces(None, vec![long]);

    let accepted = sifted(Signal::Traces, Encoding::Protobuf, body, &LIMITS);

    let counts = Trimmed {
        values: 3,
        ..Trimmed::default()
    };
    assert_eq!(accepted.trimmed, counts);
    let span = spans(&accepted).remove(0);
    assert_eq!(span.name, "a name tha");
    assert_eq!(
        texts(&span.attributes),
        [
            "short=0123456789",
            "long=012345678",
            "bytes=BwcHBwcHBwcHBw==",
            "spandrel.truncated=name, long, bytes"
        ]
    );
    assert_eq!(span.attributes[3].key, TRUNCATED_KEY);
}

#[test]
fn an_array_that_is_too_large_is_left_out_rather_than_cut() {
    let value = AnyValue {
        value: Some(Value::IntValue(7)),
    };
    let array = |count| {
        let values = vec![value.clone(); count];
        Value::ArrayValue(ArrayValue { values })
    };
    let mut large = span("large");
    large.attributes = vec![any("few", array(2)), any("many", array(20))];
    let body = traces(None, vec![large]);

    let accepted = sifted(Signal::Traces, Encoding::Protobuf, body, &LIMITS);

    let span = spans(&accepted).remove(0);
    assert_eq!(span.attributes.len(), 1);
    assert_eq!(span.attributes[0].key, "few");
    assert_eq!(span.dropped_attributes_count, 1);
    assert_eq!(accepted.trimmed.attributes, 1);
}

#[test]
fn bodies_have_a_limit_of_their_own() {
    let record = |body: &str| LogRecord {
        body: text("", body).value,
        ..LogRecord::default()
    };
    let body = logs(vec![
        record("01234567890123456789"),
        record("012345678901234567890"),
    ]);

    let accepted = sifted(Signal::Logs, Encoding::Protobuf, body, &LIMITS);

    let reader = LogReader::new(&accepted.batch).unwrap();
    assert_eq!(reader.body_text(0), "01234567890123456789");
    assert_eq!(reader.body_text(1), "01234567890123456789");
    let attributes = |row| texts(&reader.log_record(row).unwrap().attributes);
    assert_eq!(attributes(0), [""; 0]);
    assert_eq!(attributes(1), ["spandrel.truncated=body"]);
}

#[test]
fn a_record_that_is_still_too_large_is_rejected_singly() {
    let limits = RecordLimits {
        record_bytes: 40,
        ..LIMITS
    };
    let mut large = span("large");
    large.attributes = ["a", "b"].map(|it| text(it, "0123456789")).to_vec();
    let body = traces(None, vec![span("ok"), large]);

    let accepted = sifted(Signal::Traces, Encoding::Protobuf, body, &limits);

    assert_eq!(spans(&accepted)[0].name, "ok");
    let rejected = accepted.rejected.unwrap();
    assert_eq!(rejected.count, 1);
    assert_eq!(rejected.reason, "span \"large\": is larger than 40 bytes");
}

/// A value with arrays and lists in turn, `depth` deep.
fn nested(depth: usize) -> Vec<u8> {
    let mut value = Vec::new();
    for level in 0..depth {
        value = if level % 2 == 0 {
            delimited(5, &delimited(1, &value))
        } else {
            delimited(6, &delimited(1, &delimited(2, &value)))
        };
    }
    value
}

fn nested_span(depth: usize) -> Vec<u8> {
    let value = delimited(2, &nested(depth));
    let ids = [delimited(1, &[1; 16]), delimited(2, &[2; 8])].concat();
    [ids, delimited(9, &[delimited(1, b"k"), value].concat())].concat()
}

#[test]
fn of_a_request_with_values_nested_too_deep_the_others_are_kept() {
    for depth in [31, 32, 33, 100, 200, 5000] {
        let records = [nested_span(1), nested_span(depth), nested_span(2)];
        let records = records.map(|it| delimited(2, &it)).concat();
        let body = delimited(1, &delimited(2, &records));

        let accepted = decode(Signal::Traces, Encoding::Protobuf, body.into()).unwrap();

        let is_kept = depth <= MAX_VALUE_DEPTH;
        assert_eq!(accepted.batch.num_rows(), if is_kept { 3 } else { 2 });
        let reason = accepted.rejected.map(|it| (it.count, it.reason));
        let expected = (
            1,
            "span \"\": a value is nested deeper than 32 levels".to_owned(),
        );
        assert_eq!(reason, (!is_kept).then_some(expected), "{depth}");
    }
}

fn nested_json(depth: usize) -> String {
    let mut span = r#"{"traceId":"01010101010101010101010101010101","spanId":"0202020202020202","name":"n","attributes":[{"key":"k","value":"#.to_owned();
    for _ in 0..depth {
        span.push_str(r#"{"kvlistValue":{"values":[{"key":"k","value":"#);
    }
    span.push_str("{}");
    span.push_str(&"}]}}".repeat(depth));
    span.push_str("}]}");
    span
}

#[test]
fn of_a_json_request_with_values_nested_too_deep_the_others_are_kept() {
    for depth in [31, 32, 33, 100, 200_000] {
        let mut body = r#"{"resourceSpans":[{"scopeSpans":[{"spans":["#.to_owned();
        write!(body, "{},{}", nested_json(1), nested_json(depth)).unwrap();
        body.push_str("]}]}]}");

        let accepted = decode(Signal::Traces, Encoding::Json, body.into()).unwrap();

        let is_kept = depth <= MAX_VALUE_DEPTH;
        assert_eq!(accepted.batch.num_rows(), if is_kept { 2 } else { 1 });
        let reason = accepted.rejected.map(|it| (it.count, it.reason));
        let expected = (
            1,
            "span \"n\": a value is nested deeper than 32 levels".to_owned(),
        );
        assert_eq!(reason, (!is_kept).then_some(expected), "{depth}");
        if depth == MAX_VALUE_DEPTH {
            // What is kept is read back from the columns.
            let reader = SpanReader::new(&accepted.batch).unwrap();
            assert_eq!(reader.span(1).unwrap().attributes.len(), 1);
        }
    }
}

#[test]
fn a_million_attributes_cost_no_more_than_the_first_of_them() {
    let attribute = delimited(9, &[delimited(1, b"k"), delimited(2, &[])].concat());
    let ids = [delimited(1, &[1; 16]), delimited(2, &[2; 8])].concat();
    let record = [ids, attribute.repeat(1_000_000)].concat();
    let body = delimited(1, &delimited(2, &delimited(2, &record)));
    let body_bytes = body.len();
    let mut taken = 0;

    let accepted = decode_within(
        Signal::Traces,
        Encoding::Protobuf,
        body.into(),
        &RecordLimits::default(),
        &mut |bytes| {
            taken += bytes;
            true
        },
    )
    .unwrap();

    let span = spans(&accepted).remove(0);
    assert_eq!(span.attributes.len(), 1024);
    assert_eq!(span.dropped_attributes_count, 1_000_000 - 1024);
    assert!(taken < 4 * body_bytes, "{taken} for {body_bytes}");
}

#[test]
fn memory_is_asked_for_before_it_is_used_and_refused_when_there_is_none() {
    // Two bytes of each make a row of some hundred bytes.
    let empty_records = delimited(1, &delimited(2, &delimited(2, &[]).repeat(10_000)));
    for limit in [0, 100_000, 1_000_000] {
        let mut left = limit;
        let refused = decode_within(
            Signal::Logs,
            Encoding::Protobuf,
            empty_records.clone().into(),
            &RecordLimits::default(),
            &mut |bytes| {
                let is_there = bytes <= left;
                left = left.saturating_sub(bytes);
                is_there
            },
        );
        assert!(matches!(refused, Err(DecodeError::NoRoom)), "{limit}");
    }
}

#[test]
fn envelopes_without_records_leave_nothing_behind() {
    let empty = delimited(1, &delimited(2, &[]));
    let zero_ids = delimited(1, &delimited(2, &delimited(2, &delimited(5, b"no ids"))));
    let body = [empty.repeat(10_000), zero_ids].concat();
    let accepted = sifted(
        Signal::Traces,
        Encoding::Protobuf,
        body.into(),
        &RecordLimits::default(),
    );
    assert_eq!(accepted.batch.num_rows(), 0);
    assert_eq!(accepted.rejected.unwrap().count, 1);
}
