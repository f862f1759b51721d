//! Protobuf as decoders must read it, whichever encoder wrote it.

use serde_json::{Value, json};

use super::bytes::{
    attribute, fixed32, fixed64, group, hex, ids, len, num, request, span_request, varint,
};
use super::case::{
    Case, Expected, PROTOBUF, Request, SPAN, TRACE, TRACES, bad, nothing, span, stored_span,
    stored_spans, stored_traces,
};

const UNKNOWN: &str = "unknown fields are skipped, whatever their type";
const LAST: &str = "of a singular field that comes twice the last one counts";
const MERGED: &str = "messages of a singular field that comes twice are merged";
const EMPTY: &str = "empty requests succeed, and empty envelopes may be ignored";
const ENUMS: &str = "unknown numbers of enums must survive";
const DAMAGED: &str = "what is not protobuf is bad data";

fn with(name: &'static str, why: &'static str, fields: &[u8], stored: Value) -> Case {
    let request = Request::post(TRACES, PROTOBUF, span_request(fields));
    Case::new(name, why, request, Expected::Success, stored_span(stored))
}

fn value(name: &'static str, why: &'static str, value: &[u8], stored: &Value) -> Case {
    let stored = json!({ "attributes": [{ "key": "k", "value": stored }] });
    with(name, why, &attribute("k", value), stored)
}

fn whole(name: &'static str, why: &'static str, body: Vec<u8>, stored: Value) -> Case {
    let request = Request::post(TRACES, PROTOBUF, body);
    Case::new(name, why, request, Expected::Success, stored)
}

fn damaged(name: &'static str, body: Vec<u8>) -> Case {
    let message =
        "the payload is not a valid export request: body is not an OTLP protobuf request: …";
    let request = Request::post(TRACES, PROTOBUF, body);
    Case::new(name, DAMAGED, request, bad(message), nothing())
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = unknown_and_repeated();
    cases.extend(every_field());
    cases.extend(values());
    cases.extend(envelopes());
    cases.extend(damaged_ones());
    cases
}

fn unknown_and_repeated() -> Vec<Case> {
    let two_statuses = [len(15, &len(2, b"no")), len(15, &num(3, 2))].concat();
    vec![
        with("an unknown varint", UNKNOWN, &num(99, 7), json!({})),
        with("an unknown text", UNKNOWN, &len(99, b"\xff\x00"), json!({})),
        with(
            "an unknown field of eight bytes",
            UNKNOWN,
            &fixed64(99, 7),
            json!({}),
        ),
        with(
            "an unknown field of four bytes",
            UNKNOWN,
            &fixed32(99, 7),
            json!({}),
        ),
        with(
            "an unknown group",
            UNKNOWN,
            &group(99, &[num(1, 1), group(2, b"")].concat()),
            json!({}),
        ),
        with(
            "the largest field number",
            UNKNOWN,
            &num((1 << 29) - 1, 1),
            json!({}),
        ),
        with(
            "a name twice",
            LAST,
            &[len(5, b"a"), len(5, b"b")].concat(),
            json!({ "name": "b" }),
        ),
        with(
            "a kind twice",
            LAST,
            &[num(6, 2), num(6, 3)].concat(),
            json!({ "kind": 3 }),
        ),
        with(
            "a status twice",
            MERGED,
            &two_statuses,
            json!({ "status": { "message": "no", "code": 2 } }),
        ),
        with(
            "a default that is written",
            "a field may be written with its default",
            &[len(5, b""), num(6, 0)].concat(),
            json!({}),
        ),
        with(
            "a name after the links",
            "fields come in any order",
            &[
                len(13, &[len(1, &hex(TRACE)), len(2, &hex(SPAN))].concat()),
                len(5, b"a"),
            ]
            .concat(),
            json!({ "name": "a", "links": [{ "traceId": TRACE, "spanId": SPAN }] }),
        ),
        with(
            "a long varint",
            "a varint may have ten bytes",
            &[
                varint(6 << 3),
                vec![0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
            ]
            .concat(),
            json!({ "kind": 2 }),
        ),
        with("an unknown kind", ENUMS, &num(6, 77), json!({ "kind": 77 })),
        with(
            "a negative kind",
            ENUMS,
            &num(6, u64::MAX),
            json!({ "kind": -1 }),
        ),
        with(
            "an unknown status code",
            ENUMS,
            &len(15, &num(3, 9)),
            json!({ "status": { "code": 9 } }),
        ),
        with(
            "all flags",
            "flags are kept as they are; readers mask them",
            &fixed32(16, u32::MAX),
            json!({ "flags": u32::MAX }),
        ),
    ]
}

fn every_field() -> Vec<Case> {
    let event = [
        fixed64(1, 5),
        len(2, b"e"),
        len(3, &[len(1, b"k"), len(2, &num(2, 1))].concat()),
        num(4, 1),
    ]
    .concat();
    let link = [
        len(1, &hex(TRACE)),
        len(2, &hex(SPAN)),
        len(3, b"a=1"),
        num(5, 2),
        fixed32(6, 256),
    ]
    .concat();
    let fields = [
        len(3, b"a=1"),
        len(4, &hex("00f067aa0ba902b7")),
        len(5, b"n"),
        num(6, 4),
        fixed64(7, 17),
        fixed64(8, u64::MAX),
        attribute("k", &len(1, b"v")),
        num(10, 1),
        len(11, &event),
        num(12, 2),
        len(13, &link),
        num(14, 3),
        len(15, &[len(2, b"no"), num(3, 2)].concat()),
        fixed32(16, 257),
    ]
    .concat();
    let stored = json!({
        "traceState": "a=1", "parentSpanId": "00f067aa0ba902b7", "name": "n", "kind": 4,
        "startTimeUnixNano": "17", "endTimeUnixNano": u64::MAX.to_string(),
        "attributes": [{ "key": "k", "value": { "stringValue": "v" } }], "droppedAttributesCount": 1,
        "events": [{ "timeUnixNano": "5", "name": "e", "droppedAttributesCount": 1, "attributes": [{ "key": "k", "value": { "boolValue": true } }] }],
        "droppedEventsCount": 2,
        "links": [{ "traceId": TRACE, "spanId": SPAN, "traceState": "a=1", "droppedAttributesCount": 2, "flags": 256 }],
        "droppedLinksCount": 3, "status": { "message": "no", "code": 2 }, "flags": 257,
    });
    vec![with(
        "every field of a span",
        "all fields are kept",
        &fields,
        stored,
    )]
}

fn values() -> Vec<Case> {
    let two = [len(1, b"a"), num(3, 5)].concat();
    let array = len(5, &[len(1, &num(3, 1)), len(1, b"")].concat());
    let merged = [len(5, &len(1, &num(3, 1))), len(5, &len(1, &num(3, 2)))].concat();
    vec![
        value(
            "an empty value",
            "every value is legal, empty ones too",
            b"",
            &json!({}),
        ),
        value(
            "a negative integer",
            "int64 is a varint of ten bytes",
            &num(3, (-5_i64).cast_unsigned()),
            &json!({ "intValue": "-5" }),
        ),
        value(
            "NaN",
            "doubles are any double",
            &fixed64(4, f64::NAN.to_bits()),
            &json!({ "doubleValue": "NaN" }),
        ),
        value(
            "bytes",
            "bytes are kept",
            &len(7, b"\xfb\xff"),
            &json!({ "bytesValue": "+/8=" }),
        ),
        value(
            "an array with an empty value",
            "arrays hold any value",
            &array,
            &json!({ "arrayValue": { "values": [{ "intValue": "1" }, {}] } }),
        ),
        value(
            "a text and an integer",
            "of several members of a oneof the last one counts",
            &two,
            &json!({ "intValue": "5" }),
        ),
        value(
            "an array twice",
            MERGED,
            &merged,
            &json!({ "arrayValue": { "values": [{ "intValue": "1" }, { "intValue": "2" }] } }),
        ),
        value(
            "an index into the string table",
            "string tables are for profiles only",
            &num(8, 3),
            &json!({}),
        ),
        with(
            "a key from the string table",
            "string tables are for profiles only",
            &len(9, &[num(3, 1), len(2, &num(3, 1))].concat()),
            json!({ "attributes": [{ "key": "", "value": { "intValue": "1" } }] }),
        ),
        with(
            "the same key twice",
            "duplicate keys must not break anything",
            &[attribute("k", &num(3, 1)), attribute("k", &num(2, 1))].concat(),
            json!({ "attributes": [{ "key": "k", "value": { "intValue": "1" } }, { "key": "k", "value": { "boolValue": true } }] }),
        ),
        with(
            "an attribute without a value",
            "absent and empty are different",
            &len(9, &len(1, b"k")),
            json!({ "attributes": [{ "key": "k" }] }),
        ),
    ]
}

fn envelopes() -> Vec<Case> {
    let records = len(2, &ids());
    let resource = len(1, &num(2, 7));
    let scope = len(1, &len(1, b"n"));
    let full = len(
        1,
        &[
            resource.clone(),
            len(2, &[scope, records.clone(), len(3, b"s")].concat()),
            len(3, b"r"),
        ]
        .concat(),
    );
    let full_stored = json!([{
        "resource": { "droppedAttributesCount": 7 }, "schemaUrl": "r",
        "scopeSpans": [{ "scope": { "name": "n" }, "schemaUrl": "s", "spans": [span(json!({}))] }],
    }]);
    let merged = len(
        1,
        &[
            len(1, &num(2, 7)),
            len(2, &records),
            len(1, &len(1, &len(1, b"k"))),
        ]
        .concat(),
    );
    let merged_stored = json!([{
        "resource": { "droppedAttributesCount": 7, "attributes": [{ "key": "k" }] },
        "scopeSpans": [{ "spans": [span(json!({}))] }],
    }]);
    let entity = len(
        3,
        &[len(2, b"service"), len(3, b"service.name"), num(99, 1)].concat(),
    );
    let entities = len(1, &[len(1, &entity), len(2, &records)].concat());
    let entities_stored = json!([{
        "resource": { "entityRefs": [{ "type": "service", "idKeys": ["service.name"], "descriptionKeys": [] }] },
        "scopeSpans": [{ "spans": [span(json!({}))] }],
    }]);
    let old = len(1, &len(1000, &len(2, &ids())));
    vec![
        whole("no bytes", EMPTY, Vec::new(), nothing()),
        whole(
            "empty envelopes",
            EMPTY,
            [len(1, b""), len(1, &len(2, b""))].concat(),
            nothing(),
        ),
        whole("an unknown field alone", UNKNOWN, len(50, b"x"), nothing()),
        whole(
            "every field of the envelopes",
            "all fields are kept",
            full,
            stored_traces(&full_stored),
        ),
        whole(
            "a resource twice, around the spans",
            MERGED,
            merged,
            stored_traces(&merged_stored),
        ),
        whole(
            "entity references",
            "they are kept; a newer SDK may add fields",
            entities,
            stored_traces(&entities_stored),
        ),
        whole(
            "the same span twice",
            "duplicates after a retry are normal",
            request(&[ids(), ids()]),
            stored_spans(&json!([span(json!({})), span(json!({}))])),
        ),
        whole(
            "the libraries of OTLP 0.8",
            "field 1000 is unknown since OTLP 0.19",
            old,
            nothing(),
        ),
    ]
}

fn damaged_ones() -> Vec<Case> {
    let whole = span_request(&len(5, b"name"));
    vec![
        damaged("a request cut short", whole[..whole.len() - 2].to_vec()),
        damaged("a length beyond the end", vec![0x0a, 0x7f, 0x00]),
        damaged(
            "a varint of eleven bytes",
            [vec![0x08], vec![0xff; 11]].concat(),
        ),
        damaged("field number 0", vec![0x02, 0x00]),
        damaged("an unknown wire type", span_request(&[0x9f, 0x06, 0x01])),
        damaged("a group without an end", span_request(&varint(99 << 3 | 3))),
        damaged("an end without a group", span_request(&varint(99 << 3 | 4))),
        damaged("a name as a varint", span_request(&num(5, 1))),
        damaged("a name that is no UTF-8", span_request(&len(5, b"\xff"))),
        damaged(
            "a text of an attribute that is no UTF-8",
            span_request(&attribute("k", &len(1, b"\xc3("))),
        ),
        damaged("JSON", b"{\"resourceSpans\":[]}".to_vec()),
    ]
}
