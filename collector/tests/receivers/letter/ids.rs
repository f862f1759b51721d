//! Ids, and requests of which only a part can be taken.

use serde_json::json;

use super::bytes::{hex, ids, len, request};
use super::case::{
    Case, Expected, JSON, PROTOBUF, Request, SPAN, TRACE, TRACES, json_spans, nothing, partial,
    span, stored_spans,
};

const INVALID: &str =
    "an id that is all zero or of the wrong length is invalid; the span is rejected alone";
const ROOT: &str = "an empty parent means a root, and an all-zero one can mean nothing else";
const HEX: &str = "ids are hex in JSON, never base64";

fn one(name: &'static str, why: &'static str, fields: &str, reason: &str) -> Case {
    let body = json_spans(&format!(r#"{{"name":"a",{fields}}}"#));
    let message = format!("span \"a\": {reason}");
    let request = Request::post(TRACES, JSON, body);
    Case::new(name, why, request, partial(1, &message), nothing())
}

fn one_in_protobuf(name: &'static str, fields: &[u8], reason: &str) -> Case {
    let body = request(&[[&len(5, b"a"), fields].concat()]);
    let message = format!("span \"a\": {reason}");
    Case::new(
        name,
        INVALID,
        Request::post(TRACES, PROTOBUF, body),
        partial(1, &message),
        nothing(),
    )
}

fn root(name: &'static str, request: Request) -> Case {
    Case::new(
        name,
        ROOT,
        request,
        Expected::Success,
        stored_spans(&json!([span(json!({}))])),
    )
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = single();
    cases.extend(mixed());
    cases
}

fn single() -> Vec<Case> {
    let zero_trace = "0".repeat(32);
    let base64 = "W47/95gDgQPSabYzgT/GDA==";
    let with_parent = |parent: &str| {
        let span =
            format!(r#"{{"traceId":"{TRACE}","spanId":"{SPAN}","parentSpanId":"{parent}"}}"#);
        Request::post(TRACES, JSON, json_spans(&span))
    };
    let zero_parent = request(&[[ids(), len(4, &[0; 8])].concat()]);
    vec![
        one("no ids", INVALID, r#""kind":1"#, "trace id is missing"),
        one(
            "no span id",
            INVALID,
            &format!(r#""traceId":"{TRACE}""#),
            "span id is missing",
        ),
        one(
            "an empty trace id",
            INVALID,
            &format!(r#""traceId":"","spanId":"{SPAN}""#),
            "trace id is missing",
        ),
        one(
            "a trace id of zeroes",
            INVALID,
            &format!(r#""traceId":"{zero_trace}","spanId":"{SPAN}""#),
            "trace id is all zero",
        ),
        one(
            "a span id of zeroes",
            INVALID,
            &format!(r#""traceId":"{TRACE}","spanId":"0000000000000000""#),
            "span id is all zero",
        ),
        one(
            "a trace id of 8 bytes",
            INVALID,
            &format!(r#""traceId":"{SPAN}","spanId":"{SPAN}""#),
            "trace id has 8 bytes instead of 16",
        ),
        one(
            "a span id of 16 bytes",
            INVALID,
            &format!(r#""traceId":"{TRACE}","spanId":"{TRACE}""#),
            "span id has 16 bytes instead of 8",
        ),
        one(
            "a parent of 4 bytes",
            INVALID,
            &format!(r#""traceId":"{TRACE}","spanId":"{SPAN}","parentSpanId":"00f067aa""#),
            "parent span id has 4 bytes instead of 8",
        ),
        one(
            "a trace id in base64",
            HEX,
            &format!(r#""traceId":"{base64}","spanId":"{SPAN}""#),
            "trace id is not hexadecimal",
        ),
        one(
            "a span id with an odd digit",
            HEX,
            &format!(r#""traceId":"{TRACE}","spanId":"eee19b7ec3c1b17""#),
            "span id is not hexadecimal",
        ),
        one(
            "a trace id with 0x",
            HEX,
            &format!(
                r#""traceId":"0x{}","spanId":"{SPAN}""#,
                TRACE.trim_start_matches("5b")
            ),
            "trace id is not hexadecimal",
        ),
        one(
            "a parent that is a word",
            HEX,
            &format!(r#""traceId":"{TRACE}","spanId":"{SPAN}","parentSpanId":"root""#),
            "parent span id is not hexadecimal",
        ),
        one_in_protobuf("no ids, protobuf", b"", "trace id is missing"),
        one_in_protobuf(
            "a trace id of 15 bytes, protobuf",
            &[len(1, &[1; 15]), len(2, &hex(SPAN))].concat(),
            "trace id has 15 bytes instead of 16",
        ),
        one_in_protobuf(
            "a span id of zeroes, protobuf",
            &[len(1, &hex(TRACE)), len(2, &[0; 8])].concat(),
            "span id is all zero",
        ),
        one_in_protobuf(
            "a trace id in hex, protobuf",
            &[len(1, TRACE.as_bytes()), len(2, &hex(SPAN))].concat(),
            "trace id has 32 bytes instead of 16",
        ),
        root("an empty parent", with_parent("")),
        root("a parent of zeroes", with_parent("0000000000000000")),
        root(
            "a parent of zeroes, protobuf",
            Request::post(TRACES, PROTOBUF, zero_parent),
        ),
    ]
}

fn mixed() -> Vec<Case> {
    let span_of = |name: &str, id: &str| {
        format!(r#"{{"traceId":"{TRACE}","spanId":"{id}","name":"{name}"}}"#)
    };
    let good = |name: &str, id: &str| json!({ "traceId": TRACE, "spanId": id, "name": name });
    let post = |spans: &[String]| Request::post(TRACES, JSON, json_spans(&spans.join(",")));
    let ids = ["0000000000000001", "0000000000000002"];
    let some = post(&[
        span_of("a", ids[0]),
        span_of("b", ""),
        span_of("c", ids[1]),
        span_of("d", "00"),
    ]);
    let same = post(&[
        span_of("poll", ""),
        span_of("poll", ""),
        span_of("poll", ""),
    ]);
    let many: Vec<String> = ["a", "b", "c", "d", "e"]
        .iter()
        .map(|name| span_of(name, ""))
        .collect();
    let long = post(&[span_of(&"n".repeat(5_000), "")]);
    let long_message = format!("span \"{}…\": span id is missing", "n".repeat(80));
    let in_protobuf = request(&[super::bytes::ids(), len(5, b"x"), len(5, b"y")]);
    vec![
        Case::new(
            "two good spans of four",
            "the good ones are stored, the others counted with the first reasons; the sender must not retry",
            some,
            partial(
                2,
                "span \"b\": span id is missing; span \"d\": span id has 1 bytes instead of 8",
            ),
            stored_spans(&json!([good("a", ids[0]), good("c", ids[1])])),
        ),
        Case::new(
            "three times the same fault",
            "one reason is told once, and all are counted",
            same,
            partial(3, "span \"poll\": span id is missing"),
            nothing(),
        ),
        Case::new(
            "five different faults",
            "the first reasons are told",
            post(&many),
            partial(
                5,
                "span \"a\": span id is missing; span \"b\": span id is missing; span \"c\": span id is missing; and others",
            ),
            nothing(),
        ),
        Case::new(
            "a very long name",
            "answers are limited in size",
            long,
            partial(1, &long_message),
            nothing(),
        ),
        Case::new(
            "one good span of three, protobuf",
            "both encodings count alike",
            Request::post(TRACES, PROTOBUF, in_protobuf),
            partial(
                2,
                "span \"x\": trace id is missing; span \"y\": trace id is missing",
            ),
            stored_spans(&json!([span(json!({}))])),
        ),
    ]
}
