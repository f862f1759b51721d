//! OTLP JSON: values of attributes.

use serde_json::{Value, json};

use super::case::{Case, Expected, JSON, Request, TRACES, json_span, stored_span};

const INTEGERS: &str = "64-bit integers may be strings or numbers, and are strings on output";
const DOUBLES: &str = "proto3 JSON: doubles are numbers, or strings";
const BASE64: &str = "bytes are base64, standard or URL-safe, padded or not";
const EMPTY: &str = "since OTLP 1.9 every value is legal for every attribute, empty ones too";
const NULLS: &str = "proto3 JSON: null is the same as missing";

/// A span with one attribute of this value, and what is stored of it.
fn value(name: &'static str, why: &'static str, sent: &str, stored: &Value) -> Case {
    let fields = format!(r#""attributes":[{{"key":"k","value":{sent}}}]"#);
    attributes(
        name,
        why,
        &fields,
        &json!([{ "key": "k", "value": stored }]),
    )
}

fn attributes(name: &'static str, why: &'static str, fields: &str, stored: &Value) -> Case {
    let request = Request::post(TRACES, JSON, json_span(fields));
    let stored = stored_span(json!({ "attributes": stored }));
    Case::new(name, why, request, Expected::Success, stored)
}

fn int(name: &'static str, sent: &str, stored: &str) -> Case {
    let sent = format!(r#"{{"intValue":{sent}}}"#);
    value(name, INTEGERS, &sent, &json!({ "intValue": stored }))
}

fn double(name: &'static str, sent: &str, stored: &Value) -> Case {
    let sent = format!(r#"{{"doubleValue":{sent}}}"#);
    value(name, DOUBLES, &sent, &json!({ "doubleValue": stored }))
}

fn bytes(name: &'static str, sent: &str, stored: &str) -> Case {
    let sent = format!(r#"{{"bytesValue":"{sent}"}}"#);
    value(name, BASE64, &sent, &json!({ "bytesValue": stored }))
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = numbers();
    cases.extend(bytes_and_texts());
    cases.extend(empty_and_nested());
    cases
}

fn numbers() -> Vec<Case> {
    vec![
        int(
            "an integer as a string",
            "\"9007199254740993\"",
            "9007199254740993",
        ),
        int(
            "an integer as a number",
            "9007199254740993",
            "9007199254740993",
        ),
        int(
            "the largest integer",
            "\"9223372036854775807\"",
            "9223372036854775807",
        ),
        int(
            "the smallest integer",
            "-9223372036854775808",
            "-9223372036854775808",
        ),
        int(
            "the largest integer with a zero fraction",
            "\"9223372036854775807.0\"",
            "9223372036854775807",
        ),
        int("an integer with a zero fraction", "1.0", "1"),
        int("an integer with an exponent", "-1e3", "-1000"),
        int("zero", "0", "0"),
        double("a double", "0.1", &json!(0.1)),
        double("a double without a fraction", "2", &json!(2.0)),
        double("a double as a string", "\"-1.5e-3\"", &json!(-0.0015)),
        double("the smallest double", "5e-324", &json!(5e-324)),
        double(
            "the largest double",
            "1.7976931348623157e308",
            &json!(f64::MAX),
        ),
        double(
            "a double that needs all its digits",
            "0.30000000000000004",
            &json!(0.300_000_000_000_000_04),
        ),
        double("negative zero", "-0.0", &json!(-0.0)),
        double("NaN", "\"NaN\"", &json!("NaN")),
        double("Infinity", "\"Infinity\"", &json!("Infinity")),
        double("-Infinity", "\"-Infinity\"", &json!("-Infinity")),
    ]
}

fn bytes_and_texts() -> Vec<Case> {
    let escaped = r#"{"stringValue":"<script>\u2028\\\"\t"}"#;
    vec![
        bytes("standard base64", "+/8=", "+/8="),
        bytes("standard base64, not padded", "+/8", "+/8="),
        bytes("URL-safe base64", "-_8=", "+/8="),
        bytes("URL-safe base64, not padded", "-_8", "+/8="),
        bytes("no bytes", "", ""),
        value(
            "a text",
            "texts are kept to the letter",
            escaped,
            &json!({ "stringValue": "<script>\u{2028}\\\"\t" }),
        ),
        value(
            "an empty text",
            "an empty text is a text",
            r#"{"stringValue":""}"#,
            &json!({ "stringValue": "" }),
        ),
        value(
            "true",
            "booleans are JSON's",
            r#"{"boolValue":true}"#,
            &json!({ "boolValue": true }),
        ),
        value(
            "false",
            "a default in a oneof is a value",
            r#"{"boolValue":false}"#,
            &json!({ "boolValue": false }),
        ),
    ]
}

fn empty_and_nested() -> Vec<Case> {
    let nested = r#"{"kvlistValue":{"values":[{"key":"a","value":{"arrayValue":{"values":[{"intValue":1},{"kvlistValue":{}}]}}},{"key":"b"}]}}"#;
    let nested_stored = json!({ "kvlistValue": { "values": [
        { "key": "a", "value": { "arrayValue": { "values": [{ "intValue": "1" }, { "kvlistValue": { "values": [] } }] } } },
        { "key": "b" },
    ] } });
    let mixed = r#"{"arrayValue":{"values":[{"stringValue":"a"},{"boolValue":true},{"doubleValue":"NaN"},{"bytesValue":"AA=="},{}]}}"#;
    let mixed_stored = json!({ "arrayValue": { "values": [
        { "stringValue": "a" }, { "boolValue": true }, { "doubleValue": "NaN" }, { "bytesValue": "AA==" }, {},
    ] } });
    vec![
        value("an empty value", EMPTY, "{}", &json!({})),
        value(
            "a value of an unknown type",
            "unknown fields must be ignored",
            r#"{"stringValueStrindex":3,"decimalValue":"1"}"#,
            &json!({}),
        ),
        value(
            "null for one type beside another",
            NULLS,
            r#"{"stringValue":null,"intValue":"5"}"#,
            &json!({ "intValue": "5" }),
        ),
        value(
            "snake_case",
            "the Collector takes it",
            r#"{"string_value":"a"}"#,
            &json!({ "stringValue": "a" }),
        ),
        value(
            "an array without its list",
            EMPTY,
            r#"{"arrayValue":{}}"#,
            &json!({ "arrayValue": { "values": [] } }),
        ),
        value(
            "null for the list of an array",
            NULLS,
            r#"{"arrayValue":{"values":null}}"#,
            &json!({ "arrayValue": { "values": [] } }),
        ),
        value(
            "null in an array",
            NULLS,
            r#"{"arrayValue":{"values":[null,{"intValue":1}]}}"#,
            &json!({ "arrayValue": { "values": [{}, { "intValue": "1" }] } }),
        ),
        value("an array of many types", EMPTY, mixed, &mixed_stored),
        value("a list of keys and values", EMPTY, nested, &nested_stored),
        attributes(
            "no value",
            "absent and empty are different",
            r#""attributes":[{"key":"k"}]"#,
            &json!([{ "key": "k" }]),
        ),
        attributes(
            "null for the value",
            NULLS,
            r#""attributes":[{"key":"k","value":null}]"#,
            &json!([{ "key": "k" }]),
        ),
        attributes(
            "no key",
            "missing fields have their defaults",
            r#""attributes":[{"value":{"intValue":1}}]"#,
            &json!([{ "key": "", "value": { "intValue": "1" } }]),
        ),
    ]
}
