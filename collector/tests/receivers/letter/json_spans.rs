//! OTLP JSON: the fields of spans and of what is around them.

use serde_json::{Value, json};

use super::case::{
    Case, Expected, JSON, Request, SPAN, TRACE, TRACES, json_span, nothing, stored_span,
    stored_traces,
};

const NULLS: &str = "proto3 JSON: null is the same as missing";
const NUMBERS: &str = "64-bit integers may be strings or numbers, 32-bit ones too";
const WHOLE: &str = "proto3 JSON: an integer may be written with a zero fraction or an exponent";
const ENUMS: &str = "enums are numbers; unknown ones must survive";
const NAMES: &str = "the Collector takes names of enums, and nothing is lost by taking them";
const SNAKE: &str =
    "the Collector takes the names of the protobuf files, and ignoring them would lose data";
const FLAGS: &str = "flags are kept as they are; readers mask them";
const UNKNOWN: &str = "unknown fields must be ignored, at every level";

fn with(name: &'static str, why: &'static str, fields: &str, stored: Value) -> Case {
    let request = Request::post(TRACES, JSON, json_span(fields));
    Case::new(name, why, request, Expected::Success, stored_span(stored))
}

fn whole(name: &'static str, why: &'static str, body: &str, stored: &Value) -> Case {
    let request = Request::post(TRACES, JSON, body);
    Case::new(name, why, request, Expected::Success, stored_traces(stored))
}

fn empty(name: &'static str, body: &str) -> Case {
    let why = "empty requests succeed, and empty envelopes may be ignored";
    let request = Request::post(TRACES, JSON, body);
    Case::new(name, why, request, Expected::Success, nothing())
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = fields();
    cases.extend(enums_and_flags());
    cases.extend(lists());
    cases.extend(envelopes());
    cases
}

fn fields() -> Vec<Case> {
    let times = json!({ "startTimeUnixNano": "1790000000000000001", "endTimeUnixNano": "1790000000000000002" });
    let largest = json!({ "endTimeUnixNano": u64::MAX.to_string() });
    vec![
        with(
            "no fields but the ids",
            "missing fields have their defaults",
            "",
            json!({}),
        ),
        with(
            "null for every field",
            NULLS,
            r#""name":null,"kind":null,"startTimeUnixNano":null,"attributes":null,"events":null,
               "links":null,"status":null,"parentSpanId":null,"traceState":null,"flags":null,
               "droppedAttributesCount":null"#,
            json!({}),
        ),
        with(
            "times as strings",
            NUMBERS,
            r#""startTimeUnixNano":"1790000000000000001","endTimeUnixNano":"1790000000000000002""#,
            times.clone(),
        ),
        with(
            "times as numbers, beyond what a double holds",
            NUMBERS,
            r#""startTimeUnixNano":1790000000000000001,"endTimeUnixNano":1790000000000000002"#,
            times.clone(),
        ),
        with(
            "times with a zero fraction",
            WHOLE,
            r#""startTimeUnixNano":"1790000000000000001.0","endTimeUnixNano":"1790000000000000002.00""#,
            times,
        ),
        with(
            "a time with an exponent",
            WHOLE,
            r#""startTimeUnixNano":1e3"#,
            json!({ "startTimeUnixNano": "1000" }),
        ),
        with(
            "a time with an exponent, as a string",
            WHOLE,
            r#""startTimeUnixNano":"1.5e3""#,
            json!({ "startTimeUnixNano": "1500" }),
        ),
        with(
            "the largest time",
            "fixed64 is unsigned",
            r#""endTimeUnixNano":"18446744073709551615""#,
            largest,
        ),
        with(
            "counts as strings",
            NUMBERS,
            r#""droppedAttributesCount":"1","droppedEventsCount":"2","droppedLinksCount":4294967295"#,
            json!({ "droppedAttributesCount": 1, "droppedEventsCount": 2, "droppedLinksCount": u32::MAX }),
        ),
        with(
            "a name with escapes",
            "JSON's escapes are read",
            r#""name":"\u00e9\n\"\ud83d\ude00\/""#,
            json!({ "name": "é\n\"😀/" }),
        ),
        with(
            "a name with U+0000",
            "any Unicode text is a name",
            r#""name":"a\u0000b""#,
            json!({ "name": "a\u{0}b" }),
        ),
        with(
            "a name with half of a surrogate pair",
            "JavaScript writes it when it cuts a text; the rest must not be lost",
            r#""name":"cut\ud83d""#,
            json!({ "name": "cut\u{fffd}" }),
        ),
        with(
            "a trace state",
            "it is kept as it is, even when it is none",
            r#""traceState":"a=1, ,b""#,
            json!({ "traceState": "a=1, ,b" }),
        ),
        with(
            "ids in capitals",
            "hex is read in any case",
            r#""parentSpanId":"00F067AA0BA902B7""#,
            json!({ "parentSpanId": "00f067aa0ba902b7" }),
        ),
        with(
            "unknown fields",
            UNKNOWN,
            r#""ended":true,"Name":"b","@type":{"a":[null,{}]}"#,
            json!({}),
        ),
        with(
            "snake_case",
            SNAKE,
            r#""parent_span_id":"00f067aa0ba902b7","start_time_unix_nano":"7","dropped_events_count":2"#,
            json!({ "parentSpanId": "00f067aa0ba902b7", "startTimeUnixNano": "7", "droppedEventsCount": 2 }),
        ),
        with(
            "both spellings",
            "lowerCamelCase is the one that OTLP has",
            r#""start_time_unix_nano":"7","startTimeUnixNano":"8""#,
            json!({ "startTimeUnixNano": "8" }),
        ),
    ]
}

fn enums_and_flags() -> Vec<Case> {
    vec![
        with("a kind", ENUMS, r#""kind":2"#, json!({ "kind": 2 })),
        with(
            "kind 0",
            "unspecified stays unspecified",
            r#""kind":0"#,
            json!({}),
        ),
        with(
            "an unknown kind",
            ENUMS,
            r#""kind":77"#,
            json!({ "kind": 77 }),
        ),
        with(
            "a negative kind",
            ENUMS,
            r#""kind":-1"#,
            json!({ "kind": -1 }),
        ),
        with(
            "a kind as a string",
            NUMBERS,
            r#""kind":"3""#,
            json!({ "kind": 3 }),
        ),
        with(
            "the name of a kind",
            NAMES,
            r#""kind":"SPAN_KIND_CONSUMER""#,
            json!({ "kind": 5 }),
        ),
        with(
            "a status",
            ENUMS,
            r#""status":{"code":2,"message":"no"}"#,
            json!({ "status": { "code": 2, "message": "no" } }),
        ),
        with(
            "an unknown status code",
            ENUMS,
            r#""status":{"code":9}"#,
            json!({ "status": { "code": 9 } }),
        ),
        with(
            "the name of a status code",
            NAMES,
            r#""status":{"code":"STATUS_CODE_OK"}"#,
            json!({ "status": { "code": 1 } }),
        ),
        with(
            "a status that says nothing",
            "unset is not the same as ok, and present not as absent",
            r#""status":{}"#,
            json!({ "status": {} }),
        ),
        with("flags of W3C", FLAGS, r#""flags":1"#, json!({ "flags": 1 })),
        with(
            "flags of a remote parent",
            FLAGS,
            r#""flags":"769""#,
            json!({ "flags": 769 }),
        ),
        with(
            "all flags",
            FLAGS,
            r#""flags":4294967295"#,
            json!({ "flags": u32::MAX }),
        ),
    ]
}

fn lists() -> Vec<Case> {
    let event = json!([{ "timeUnixNano": "5", "name": "e", "attributes": [{ "key": "k", "value": { "boolValue": true } }], "droppedAttributesCount": 1 }]);
    let link = json!([{ "traceId": TRACE, "spanId": SPAN, "traceState": "a=1", "flags": 256, "droppedAttributesCount": 2 }]);
    vec![
        with(
            "an event",
            "all fields of events are kept",
            r#""events":[{"timeUnixNano":"5","name":"e","attributes":[{"key":"k","value":{"boolValue":true}}],"droppedAttributesCount":1}]"#,
            json!({ "events": event }),
        ),
        with(
            "a link",
            "all fields of links are kept, their flags too",
            &format!(
                r#""links":[{{"traceId":"{}","spanId":"{SPAN}","traceState":"a=1","flags":256,"droppedAttributesCount":2}}]"#,
                TRACE.to_uppercase()
            ),
            json!({ "links": link }),
        ),
        with(
            "a link whose ids are no hex",
            "a link is not what a span is judged by",
            r#""links":[{"traceId":"word","spanId":"word"}]"#,
            json!({ "links": [{ "traceId": "", "spanId": "" }] }),
        ),
        with(
            "an event and an attribute that are null",
            NULLS,
            r#""events":[null],"attributes":[null]"#,
            json!({ "events": [{}], "attributes": [{ "key": "" }] }),
        ),
        with(
            "the same key twice",
            "duplicate keys must not break anything",
            r#""attributes":[{"key":"k","value":{"intValue":1}},{"key":"k","value":{"stringValue":"b"}}]"#,
            json!({ "attributes": [{ "key": "k", "value": { "intValue": "1" } }, { "key": "k", "value": { "stringValue": "b" } }] }),
        ),
    ]
}

fn envelopes() -> Vec<Case> {
    let span = format!(r#"{{"traceId":"{TRACE}","spanId":"{SPAN}"}}"#);
    let stored = json!({ "traceId": TRACE, "spanId": SPAN, "name": "" });
    let full = format!(
        r#"{{"later":1,"resourceSpans":[{{"later":1,"schemaUrl":"r","resource":{{"later":[],"droppedAttributesCount":1,
           "attributes":[{{"key":"service.name","value":{{"stringValue":"s"}},"keyStrindex":1}}],
           "entityRefs":[{{"type":"service","idKeys":["service.name"]}}]}},
           "scopeSpans":[{{"later":{{}},"schemaUrl":"s","scope":{{"name":"n","version":"1","droppedAttributesCount":"2",
           "attributes":[{{"key":"a","value":{{"intValue":"1"}}}}]}},"spans":[{span}]}}]}}]}}"#
    );
    let full_stored = json!([{
        "schemaUrl": "r",
        "resource": {
            "droppedAttributesCount": 1,
            "attributes": [{ "key": "service.name", "value": { "stringValue": "s" } }],
            "entityRefs": [{ "type": "service", "idKeys": ["service.name"], "descriptionKeys": [] }],
        },
        "scopeSpans": [{
            "schemaUrl": "s",
            "scope": { "name": "n", "version": "1", "droppedAttributesCount": 2, "attributes": [{ "key": "a", "value": { "intValue": "1" } }] },
            "spans": [stored],
        }],
    }]);
    let snake = format!(
        r#"{{"resource_spans":[{{"schema_url":"r","scope_spans":[{{"scope":{{"dropped_attributes_count":2}},"spans":[{span}]}}]}}]}}"#
    );
    let snake_stored = json!([{ "schemaUrl": "r", "scopeSpans": [{ "scope": { "droppedAttributesCount": 2 }, "spans": [stored] }] }]);
    let nulls = format!(
        r#"{{"resourceSpans":[null,{{"resource":null,"scopeSpans":[{{"scope":null,"spans":[{span}]}}]}}]}}"#
    );
    let empty_ones = format!(
        r#"{{"resourceSpans":[{{"resource":{{}},"scopeSpans":[{{"scope":{{}},"spans":[{span}]}}]}}]}}"#
    );
    vec![
        empty("an empty object", "{}"),
        empty("an empty object amid white space", " \r\n\t{ } "),
        empty("no resources", r#"{"resourceSpans":[]}"#),
        empty("null for the resources", r#"{"resourceSpans":null}"#),
        empty(
            "empty envelopes",
            r#"{"resourceSpans":[{},{"scopeSpans":[{},{"spans":[]}]}]}"#,
        ),
        empty(
            "a field that is unknown alone",
            r#"{"resourceMetrics":[{"x":1}]}"#,
        ),
        whole("every field of the envelopes", UNKNOWN, &full, &full_stored),
        whole("envelopes in snake_case", SNAKE, &snake, &snake_stored),
        whole(
            "null for resource and scope",
            NULLS,
            &nulls,
            &json!([{ "scopeSpans": [{ "spans": [stored] }] }]),
        ),
        whole(
            "an empty resource and scope",
            "present and empty is not the same as absent",
            &empty_ones,
            &json!([{ "resource": {}, "scopeSpans": [{ "scope": {}, "spans": [stored] }] }]),
        ),
    ]
}
