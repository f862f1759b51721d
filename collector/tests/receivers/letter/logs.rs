//! Log records.

use serde_json::{Value, json};

use super::bytes::{fixed32, fixed64, hex, len, num, request};
use super::case::{
    Case, Expected, JSON, LOGS, PROTOBUF, Request, SPAN, TRACE, bad, json_logs, nothing,
    stored_logs,
};

const OPTIONAL: &str =
    "ids of log records are optional; a record with invalid ones is kept, and belongs to no trace";
const BODY: &str = "a body may be any value";
const NAMES: &str = "the Collector takes names of enums, and nothing is lost by taking them";

fn with(name: &'static str, why: &'static str, fields: &str, stored: &Value) -> Case {
    let request = Request::post(LOGS, JSON, json_logs(&format!("{{{fields}}}")));
    Case::new(
        name,
        why,
        request,
        Expected::Success,
        stored_logs(&json!([stored])),
    )
}

fn in_protobuf(name: &'static str, why: &'static str, fields: &[u8], stored: &Value) -> Case {
    let request = Request::post(LOGS, PROTOBUF, request(&[fields.to_vec()]));
    Case::new(
        name,
        why,
        request,
        Expected::Success,
        stored_logs(&json!([stored])),
    )
}

fn empty(name: &'static str, content_type: (&'static str, &'static str), body: &str) -> Case {
    let request = Request::post(LOGS, content_type, body);
    Case::new(
        name,
        "empty requests succeed",
        request,
        Expected::Success,
        nothing(),
    )
}

fn wrong(name: &'static str, fields: &str, problem: &str) -> Case {
    let message = format!(
        "the payload is not a valid export request: \
         resourceLogs[0].scopeLogs[0].logRecords[0].{problem}"
    );
    let request = Request::post(LOGS, JSON, json_logs(&format!("{{{fields}}}")));
    let why = "a field of the wrong type is bad data; guessing would store what was not sent";
    Case::new(name, why, request, bad(&message), nothing())
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = bodies();
    cases.extend(fields());
    cases.extend(ids());
    cases
}

fn bodies() -> Vec<Case> {
    let map = r#"{"kvlistValue":{"values":[{"key":"user","value":{"kvlistValue":{"values":[{"key":"id","value":{"intValue":7}}]}}},{"key":"ok","value":{"boolValue":false}}]}}"#;
    let map_stored = json!({ "kvlistValue": { "values": [
        { "key": "user", "value": { "kvlistValue": { "values": [{ "key": "id", "value": { "intValue": "7" } }] } } },
        { "key": "ok", "value": { "boolValue": false } },
    ] } });
    let map_bytes = len(6, &len(1, &[len(1, b"id"), len(2, &num(3, 7))].concat()));
    vec![
        with(
            "a text",
            BODY,
            r#""body":{"stringValue":"a\nb"}"#,
            &json!({ "body": { "stringValue": "a\nb" } }),
        ),
        with(
            "a map",
            BODY,
            &format!(r#""body":{map}"#),
            &json!({ "body": map_stored }),
        ),
        with(
            "an array",
            BODY,
            r#""body":{"arrayValue":{"values":[{"intValue":"1"},{"stringValue":"b"}]}}"#,
            &json!({ "body": { "arrayValue": { "values": [{ "intValue": "1" }, { "stringValue": "b" }] } } }),
        ),
        with(
            "an integer",
            BODY,
            r#""body":{"intValue":5}"#,
            &json!({ "body": { "intValue": "5" } }),
        ),
        with(
            "a double",
            BODY,
            r#""body":{"doubleValue":0.5}"#,
            &json!({ "body": { "doubleValue": 0.5 } }),
        ),
        with(
            "a boolean",
            BODY,
            r#""body":{"boolValue":true}"#,
            &json!({ "body": { "boolValue": true } }),
        ),
        with(
            "bytes",
            BODY,
            r#""body":{"bytesValue":"-_8"}"#,
            &json!({ "body": { "bytesValue": "+/8=" } }),
        ),
        with(
            "an empty text",
            BODY,
            r#""body":{"stringValue":""}"#,
            &json!({ "body": { "stringValue": "" } }),
        ),
        with(
            "an empty value",
            BODY,
            r#""body":{}"#,
            &json!({ "body": {} }),
        ),
        with(
            "null",
            "proto3 JSON: null is the same as missing",
            r#""body":null"#,
            &json!({}),
        ),
        with(
            "no field at all",
            "missing fields have their defaults",
            "",
            &json!({}),
        ),
        in_protobuf(
            "a map, protobuf",
            BODY,
            &len(5, &map_bytes),
            &json!({ "body": { "kvlistValue": { "values": [{ "key": "id", "value": { "intValue": "7" } }] } } }),
        ),
        in_protobuf(
            "a body twice",
            "messages of a singular field that comes twice are merged",
            &[len(5, &len(1, b"a")), len(5, &num(3, 5))].concat(),
            &json!({ "body": { "intValue": "5" } }),
        ),
    ]
}

fn fields() -> Vec<Case> {
    let every = [
        fixed64(1, 17),
        num(2, 17),
        len(3, b"ERR"),
        len(5, &len(1, b"b")),
        len(6, &[len(1, b"k"), len(2, &num(2, 1))].concat()),
        num(7, 1),
        fixed32(8, 257),
        len(9, &hex(TRACE)),
        len(10, &hex(SPAN)),
        fixed64(11, 18),
        len(12, b"order.paid"),
        num(99, 1),
    ]
    .concat();
    let every_stored = json!({
        "timeUnixNano": "17", "observedTimeUnixNano": "18", "severityNumber": 17, "severityText": "ERR", "body": { "stringValue": "b" },
        "attributes": [{ "key": "k", "value": { "boolValue": true } }], "droppedAttributesCount": 1, "flags": 257,
        "traceId": TRACE, "spanId": SPAN, "eventName": "order.paid",
    });
    let json_every = format!(
        r#""timeUnixNano":"17","observedTimeUnixNano":18,"severityNumber":17,"severityText":"ERR","body":{{"stringValue":"b"}},
           "attributes":[{{"key":"k","value":{{"boolValue":true}}}}],"droppedAttributesCount":"1","flags":257,
           "traceId":"{TRACE}","spanId":"{SPAN}","eventName":"order.paid","later":{{}}"#
    );
    vec![
        in_protobuf(
            "every field, protobuf",
            "all fields are kept",
            &every,
            &every_stored,
        ),
        with(
            "every field, JSON",
            "all fields are kept",
            &json_every,
            &every_stored,
        ),
        with(
            "snake_case",
            "the Collector takes it",
            r#""observed_time_unix_nano":18,"event_name":"e","severity_text":"t""#,
            &json!({ "observedTimeUnixNano": "18", "eventName": "e", "severityText": "t" }),
        ),
        with(
            "an event name",
            "a top-level field, which makes a record an event",
            r#""eventName":"order.paid""#,
            &json!({ "eventName": "order.paid" }),
        ),
        with(
            "an observed time alone",
            "time 0 is not replaced; readers fall back to the observed time",
            r#""observedTimeUnixNano":"18""#,
            &json!({ "observedTimeUnixNano": "18" }),
        ),
        with(
            "a severity",
            "severities are numbers",
            r#""severityNumber":9"#,
            &json!({ "severityNumber": 9 }),
        ),
        with(
            "an unknown severity",
            "unknown numbers of enums must survive",
            r#""severityNumber":99"#,
            &json!({ "severityNumber": 99 }),
        ),
        with(
            "the name of a severity",
            NAMES,
            r#""severityNumber":"SEVERITY_NUMBER_WARN2""#,
            &json!({ "severityNumber": 14 }),
        ),
        with(
            "flags",
            "flags are kept as they are; readers mask them",
            r#""flags":4294967295"#,
            &json!({ "flags": u32::MAX }),
        ),
        empty("an empty object", JSON, "{}"),
        empty("no bytes", PROTOBUF, ""),
        empty(
            "empty envelopes",
            JSON,
            r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":null}]}]}"#,
        ),
        wrong(
            "a body that is a text",
            r#""body":"plain""#,
            "body: must be an object",
        ),
        wrong(
            "an unknown name of a severity",
            r#""severityNumber":"WARN""#,
            "severityNumber: must be the number or name of an enum value",
        ),
        wrong(
            "an observed time that is a word",
            r#""observedTimeUnixNano":"now""#,
            "observedTimeUnixNano: must be an integer",
        ),
    ]
}

fn ids() -> Vec<Case> {
    let zeroes = "0".repeat(32);
    vec![
        with(
            "both ids",
            "ids are hex, in any case",
            &format!(r#""traceId":"{}","spanId":"{SPAN}""#, TRACE.to_uppercase()),
            &json!({ "traceId": TRACE, "spanId": SPAN }),
        ),
        with(
            "a trace id of zeroes",
            OPTIONAL,
            &format!(r#""traceId":"{zeroes}""#),
            &json!({ "traceId": zeroes }),
        ),
        with(
            "a trace id of the wrong length",
            OPTIONAL,
            r#""traceId":"5b8e""#,
            &json!({ "traceId": "5b8e" }),
        ),
        with(
            "a trace id that is a word",
            OPTIONAL,
            r#""traceId":"none","spanId":"none""#,
            &json!({}),
        ),
        with(
            "a span id alone",
            OPTIONAL,
            &format!(r#""spanId":"{SPAN}""#),
            &json!({ "spanId": SPAN }),
        ),
        in_protobuf(
            "ids of the wrong length, protobuf",
            OPTIONAL,
            &[len(9, &[1, 2]), len(10, &[3])].concat(),
            &json!({ "traceId": "0102", "spanId": "03" }),
        ),
    ]
}
