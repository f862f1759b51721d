//! OTLP JSON that cannot be read: nothing of the request is stored, and the answer says where the fault is.

use super::case::{Case, JSON, Request, TRACES, bad, json_span, json_spans, nothing};

const TYPES: &str = "a field of the wrong type is bad data; guessing would store what was not sent";
const RANGE: &str = "a number that does not fit is bad data, and not cut";
const SYNTAX: &str = "what is not JSON is bad data";

fn field(name: &'static str, why: &'static str, fields: &str, problem: &str) -> Case {
    let message = format!(
        "the payload is not a valid export request: \
         resourceSpans[0].scopeSpans[0].spans[0].{problem}"
    );
    let request = Request::post(TRACES, JSON, json_span(fields));
    Case::new(name, why, request, bad(&message), nothing())
}

fn value(name: &'static str, why: &'static str, sent: &str, problem: &str) -> Case {
    let fields = format!(r#""attributes":[{{"key":"k","value":{sent}}}]"#);
    field(name, why, &fields, &format!("attributes[0].value{problem}"))
}

fn syntax(name: &'static str, body: impl Into<Vec<u8>>) -> Case {
    let message = "the payload is not a valid export request: body is not JSON: …";
    let request = Request::post(TRACES, JSON, body);
    Case::new(name, SYNTAX, request, bad(message), nothing())
}

fn body(name: &'static str, sent: &str, problem: &str) -> Case {
    let message = format!("the payload is not a valid export request: {problem}");
    let request = Request::post(TRACES, JSON, sent);
    Case::new(name, TYPES, request, bad(&message), nothing())
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = fields();
    cases.extend(values());
    cases.extend(documents());
    cases
}

fn fields() -> Vec<Case> {
    let enum_value = "must be the number or name of an enum value";
    vec![
        field(
            "a name that is a number",
            TYPES,
            r#""name":5"#,
            "name: must be a string",
        ),
        field(
            "a trace state that is a list",
            TYPES,
            r#""traceState":[]"#,
            "traceState: must be a string",
        ),
        field(
            "an id that is a number",
            TYPES,
            r#""parentSpanId":17"#,
            "parentSpanId: must be a string",
        ),
        field(
            "a time that is a word",
            TYPES,
            r#""startTimeUnixNano":"now""#,
            "startTimeUnixNano: must be an integer",
        ),
        field(
            "a time that is an empty string",
            TYPES,
            r#""startTimeUnixNano":"""#,
            "startTimeUnixNano: must be an integer",
        ),
        field(
            "a time with a fraction",
            TYPES,
            r#""startTimeUnixNano":1.5"#,
            "startTimeUnixNano: must be an integer",
        ),
        field(
            "a time that is true",
            TYPES,
            r#""startTimeUnixNano":true"#,
            "startTimeUnixNano: must be an integer",
        ),
        field(
            "a time in hex",
            TYPES,
            r#""startTimeUnixNano":"0x10""#,
            "startTimeUnixNano: must be an integer",
        ),
        field(
            "a negative time",
            RANGE,
            r#""startTimeUnixNano":-1"#,
            "startTimeUnixNano: is out of range",
        ),
        field(
            "a time of 65 bits",
            RANGE,
            r#""endTimeUnixNano":"18446744073709551616""#,
            "endTimeUnixNano: is out of range",
        ),
        field(
            "a count of 33 bits",
            RANGE,
            r#""droppedLinksCount":4294967296"#,
            "droppedLinksCount: is out of range",
        ),
        field(
            "negative flags",
            RANGE,
            r#""flags":-1"#,
            "flags: is out of range",
        ),
        field(
            "a kind of 33 bits",
            RANGE,
            r#""kind":2147483648"#,
            "kind: is out of range",
        ),
        field(
            "an unknown name of a kind",
            "an unknown name says no number to keep",
            r#""kind":"SERVER""#,
            &format!("kind: {enum_value}"),
        ),
        field(
            "the name of another enum",
            TYPES,
            r#""status":{"code":"SPAN_KIND_SERVER"}"#,
            &format!("status.code: {enum_value}"),
        ),
        field(
            "a status that is a number",
            TYPES,
            r#""status":2"#,
            "status: must be an object",
        ),
        field(
            "attributes as an object",
            TYPES,
            r#""attributes":{"k":"v"}"#,
            "attributes: must be an array",
        ),
        field(
            "an event that is a text",
            TYPES,
            r#""events":["e"]"#,
            "events[0]: must be an object",
        ),
        field(
            "a second link that is wrong",
            TYPES,
            r#""links":[{},{"flags":"x"}]"#,
            "links[1].flags: must be an integer",
        ),
    ]
}

fn values() -> Vec<Case> {
    vec![
        value(
            "a value that is a text",
            TYPES,
            r#""plain""#,
            ": must be an object",
        ),
        value(
            "a text that is a number",
            TYPES,
            r#"{"stringValue":1}"#,
            ".stringValue: must be a string",
        ),
        value(
            "a boolean that is a text",
            TYPES,
            r#"{"boolValue":"true"}"#,
            ".boolValue: must be true or false",
        ),
        value(
            "an integer of 65 bits",
            RANGE,
            r#"{"intValue":"9223372036854775808"}"#,
            ".intValue: is out of range",
        ),
        value(
            "an integer with a fraction",
            TYPES,
            r#"{"intValue":"1.5"}"#,
            ".intValue: must be an integer",
        ),
        value(
            "a double that is a word",
            TYPES,
            r#"{"doubleValue":"big"}"#,
            ".doubleValue: must be a number",
        ),
        value(
            "a double beyond the largest, as a string",
            RANGE,
            r#"{"doubleValue":"1e400"}"#,
            ".doubleValue: is out of range",
        ),
        value(
            "bytes that are no base64",
            TYPES,
            r#"{"bytesValue":"a*b"}"#,
            ".bytesValue: must be base64 text",
        ),
        value(
            "bytes in both alphabets",
            TYPES,
            r#"{"bytesValue":"+_8="}"#,
            ".bytesValue: must be base64 text",
        ),
        value(
            "an array that is a list",
            TYPES,
            r#"{"arrayValue":[]}"#,
            ".arrayValue: must be an object",
        ),
        value(
            "a fault deep inside",
            "the path says where",
            r#"{"kvlistValue":{"values":[{"key":"a","value":{"arrayValue":{"values":[{"intValue":"x"}]}}}]}}"#,
            ".kvlistValue.values[0].value.arrayValue.values[0].intValue: must be an integer",
        ),
    ]
}

fn documents() -> Vec<Case> {
    let good = json_span("");
    let not_utf8 = good.clone().into_bytes().into_iter();
    let not_utf8: Vec<u8> = not_utf8
        .map(|byte| if byte == b'5' { 0xff } else { byte })
        .collect();
    let cut = good.strip_suffix("}]}").unwrap().to_owned();
    vec![
        syntax("no bytes", ""),
        syntax("JSON cut short", cut),
        syntax("JSON with a tail", format!("{good}{good}")),
        syntax("a comma too many", r#"{"resourceSpans":[],}"#),
        syntax("single quotes", "{'resourceSpans':[]}"),
        syntax(
            "NaN without quotes",
            json_span(r#""attributes":[{"key":"k","value":{"doubleValue":NaN}}]"#),
        ),
        syntax(
            "a number beyond the largest double",
            json_span(r#""attributes":[{"key":"k","value":{"doubleValue":1e400}}]"#),
        ),
        syntax("bytes that are no UTF-8", not_utf8),
        syntax(
            "a control character in a string",
            json_span("\"name\":\"a\nb\""),
        ),
        body("a list", "[]", "body: must be an object"),
        body("null", "null", "body: must be an object"),
        body("a text", "\"resourceSpans\"", "body: must be an object"),
        body(
            "resources as an object",
            r#"{"resourceSpans":{}}"#,
            "resourceSpans: must be an array",
        ),
        body(
            "a span that is a number",
            &json_spans("7"),
            "resourceSpans[0].scopeSpans[0].spans[0]: must be an object",
        ),
        body(
            "a resource that is a list",
            r#"{"resourceSpans":[{"resource":[]}]}"#,
            "resourceSpans[0].resource: must be an object",
        ),
    ]
}
