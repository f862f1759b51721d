use super::*;
use crate::resource::Scope;
use crate::span::{Status, StatusCode};
use crate::time::UnixNanos;

const TRACE: &str = "5982fe77008310cc80f1da5e10147517";

fn read(document: &str) -> Vec<Result<Span, Skipped>> {
    let mut found = Vec::new();
    visit_spans(document, &mut |span| found.push(span)).unwrap();
    found
}

fn read_one(span: &str) -> Span {
    let document = format!(
        r#"{{"data":[{{"traceID":"{TRACE}","spans":[{span}],
            "processes":{{"p1":{{"serviceName":"pay","tags":[{{"key":"host.name","type":"string","value":"n1"}}]}}}}}}],
            "total":0,"limit":0,"offset":0,"errors":null}}"#
    );
    let mut spans = read(&document);
    assert_eq!(spans.len(), 1);
    spans.remove(0).unwrap()
}

fn reference(kind: &str, trace: &str, span: &str) -> String {
    format!(r#"{{"refType":"{kind}","traceID":"{trace}","spanID":"{span}"}}"#)
}

/// A span with something in every field.
fn rich_span() -> Span {
    read_one(&format!(
        r#"{{"traceID":"{TRACE}","spanID":"90394f6bcffb5d13","operationName":"pay","flags":1,
            "references":[{},{}],"startTime":1516781775726000,"duration":26000,"processID":"p1","warnings":null,
            "tags":[{{"key":"span.kind","type":"string","value":"server"}},
                    {{"key":"otel.status_code","type":"string","value":"ERROR"}},
                    {{"key":"otel.status_description","type":"string","value":"declined"}},
                    {{"key":"error","type":"bool","value":true}},
                    {{"key":"otel.scope.name","type":"string","value":"shop"}},
                    {{"key":"otel.scope.version","type":"string","value":"2"}},
                    {{"key":"w3c.tracestate","type":"string","value":"a=1"}},
                    {{"key":"items","type":"int64","value":3}},
                    {{"key":"big","type":"int64","value":"9223372036854775807"}},
                    {{"key":"share","type":"float64","value":0.5}},
                    {{"key":"gift","type":"bool","value":false}},
                    {{"key":"raw","type":"binary","value":"AP8="}},
                    {{"key":"odd","type":"int64","value":"x"}}],
            "logs":[{{"timestamp":1516781775727000,"fields":[{{"key":"event","type":"string","value":"retry"}},
                                                            {{"key":"try","type":"int64","value":2}}]}}]}}"#,
        reference("CHILD_OF", TRACE, "67fae42571535f60"),
        reference("FOLLOWS_FROM", "a1", "b2"),
    ))
}

#[test]
fn every_field_of_a_span_finds_its_place() {
    let attribute = |key: &str, value| Attribute::new(key, value);
    let mut linked = vec![0; 16];
    linked[15] = 0xa1;
    let expected = Span {
        trace_id: TRACE.parse().unwrap(),
        span_id: "90394f6bcffb5d13".parse().unwrap(),
        parent_span_id: Some("67fae42571535f60".parse().unwrap()),
        trace_state: "a=1".into(),
        flags: 1,
        name: "pay".into(),
        kind: SpanKind::SERVER,
        start: UnixNanos(1_516_781_775_726_000_000),
        end: UnixNanos(1_516_781_775_752_000_000),
        attributes: vec![
            attribute("items", AttributeValue::Int(3)),
            attribute("big", AttributeValue::Int(i64::MAX)),
            attribute("share", AttributeValue::Double(0.5)),
            attribute("gift", AttributeValue::Bool(false)),
            attribute("raw", AttributeValue::Bytes(vec![0, 255])),
            text_attribute("odd", "x"),
        ],
        dropped_attributes_count: 0,
        events: vec![Event {
            time: UnixNanos(1_516_781_775_727_000_000),
            name: "retry".into(),
            attributes: vec![attribute("try", AttributeValue::Int(2))],
            dropped_attributes_count: 0,
        }],
        dropped_events_count: 0,
        links: vec![Link {
            trace_id: linked,
            span_id: vec![0, 0, 0, 0, 0, 0, 0, 0xb2],
            trace_state: String::new(),
            flags: 0,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
        }],
        dropped_links_count: 0,
        status: Some(Status {
            code: StatusCode::ERROR,
            message: "declined".into(),
        }),
        resource: Resource {
            is_present: true,
            attributes: vec![
                text_attribute(SERVICE_NAME, "pay"),
                text_attribute("host.name", "n1"),
            ],
            ..Resource::default()
        }
        .into(),
        scope: Scope {
            is_present: true,
            name: "shop".into(),
            version: "2".into(),
            ..Scope::default()
        }
        .into(),
    };
    assert_eq!(rich_span(), expected);
}

#[test]
fn references_make_one_parent_and_links() {
    let relations = |references: &[String]| {
        let span = read_one(&format!(
            r#"{{"traceID":"{TRACE}","spanID":"1","startTime":1,"references":[{}]}}"#,
            references.join(",")
        ));
        let parent = span.parent_span_id.map(|id| id.to_string());
        (parent, span.links.len())
    };
    let parent = |digit: u8| Some(format!("{digit:016x}"));
    assert_eq!(relations(&[]), (None, 0));
    let (child, second) = (
        reference("CHILD_OF", TRACE, "2"),
        reference("CHILD_OF", TRACE, "3"),
    );
    assert_eq!(relations(&[child.clone(), second]), (parent(2), 1));
    let follows = reference("FOLLOWS_FROM", TRACE, "4");
    assert_eq!(relations(&[follows.clone(), child]), (parent(2), 1));
    assert_eq!(relations(&[follows]), (parent(4), 1));
    let elsewhere = reference("CHILD_OF", "77", "5");
    assert_eq!(relations(&[elsewhere]), (None, 1));
}

#[test]
fn an_error_tag_that_is_not_true_stays_an_attribute() {
    let span = read_one(
        r#"{"traceID":"1","spanID":"1","startTime":1,"tags":[{"key":"error","type":"string","value":"timeout"}]}"#,
    );
    assert_eq!(span.attributes, [text_attribute("error", "timeout")]);
    assert_eq!((span.status, span.kind), (None, SpanKind::INTERNAL));
}

#[test]
fn one_trace_without_an_envelope_and_spans_with_their_own_process_are_read() {
    let found = read(
        r#"{"spans":[{"traceID":"1","spanID":"1","parentSpanID":"2","startTime":1,"process":{"serviceName":"a"}}]}"#,
    );
    let span = found[0].as_ref().unwrap();
    assert_eq!(span.resource.service_name(), "a");
    assert_eq!(span.parent_span_id.unwrap().to_string(), "0000000000000002");
}

#[test]
fn what_is_no_span_or_no_trace_is_named_and_the_others_are_read() {
    let document = r#"{"data":[{"spans":7},{"spans":[
        {"traceID":"1","spanID":"1","startTime":1,"processID":"p9"},
        {"traceID":"1","spanID":"0","startTime":1},
        {"traceID":"1","spanID":"1"},
        {"traceID":"1","spanID":"1","startTime":1.5},
        {"traceID":"1","spanID":"1","startTime":1}]}]}"#;
    let found = read(document);
    let reasons: Vec<_> = found
        .iter()
        .filter_map(|it| it.as_ref().err().map(|skipped| skipped.reason.as_ref()))
        .collect();
    assert_eq!(
        reasons,
        [
            "not a trace: invalid type: integer `7`, expected a sequence",
            "a span names a process that is not there",
            "span id is not 1 to 16 hexadecimal digits, or all zero",
            "not a span: missing field `startTime`",
            "not a span: a time is not whole microseconds",
        ]
    );
    assert_eq!(found.len(), 6);
}
