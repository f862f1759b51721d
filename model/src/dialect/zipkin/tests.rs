use super::*;
use crate::ids::TraceId;
use crate::resource::{Resource, Scope};
use crate::span::{Status, StatusCode};

fn read(document: &str) -> Vec<Result<Span, Skipped>> {
    let mut found = Vec::new();
    visit_spans(document, &mut |span| found.push(span)).unwrap();
    found
}

fn read_one(document: &str) -> Span {
    let mut spans = read(document);
    assert_eq!(spans.len(), 1);
    spans.remove(0).unwrap()
}

fn int(key: &str, number: i64) -> Attribute {
    Attribute::new(key, AttributeValue::Int(number))
}

#[test]
fn every_field_of_a_span_finds_its_place() {
    let span = read_one(
        r#"[{"traceId":"5982fe77008310cc80f1da5e10147517","id":"90394f6bcffb5d13","parentId":"67fae42571535f60",
            "kind":"SERVER","name":"post /pay","timestamp":1516781775726000,"duration":26000,"debug":true,"shared":true,
            "localEndpoint":{"serviceName":"pay","ipv4":"172.18.0.8","port":8080},
            "remoteEndpoint":{"serviceName":"cart","ipv6":"2001:db8::c001","port":9411},
            "annotations":[{"timestamp":1516781775727000,"value":"retry"},
                           {"timestamp":1516781775728000,"value":"\"charge\": {\"card\":\"visa\",\"try\":2}"}],
            "tags":{"http.path":"/pay","error":"card declined","otel.scope.name":"shop","w3c.tracestate":"a=1"}}]"#,
    );
    let expected = Span {
        trace_id: "5982fe77008310cc80f1da5e10147517".parse().unwrap(),
        span_id: "90394f6bcffb5d13".parse().unwrap(),
        parent_span_id: Some("67fae42571535f60".parse().unwrap()),
        trace_state: "a=1".into(),
        flags: 0,
        name: "post /pay".into(),
        kind: SpanKind::SERVER,
        start: UnixNanos(1_516_781_775_726_000_000),
        end: UnixNanos(1_516_781_775_752_000_000),
        attributes: vec![
            text_attribute("http.path", "/pay"),
            text_attribute("network.local.address", "172.18.0.8"),
            int("network.local.port", 8080),
            text_attribute("peer.service", "cart"),
            text_attribute("network.peer.address", "2001:db8::c001"),
            int("network.peer.port", 9411),
            Attribute::new("zipkin.debug", AttributeValue::Bool(true)),
            Attribute::new("zipkin.shared", AttributeValue::Bool(true)),
        ],
        dropped_attributes_count: 0,
        events: vec![
            Event {
                time: UnixNanos(1_516_781_775_727_000_000),
                name: "retry".into(),
                attributes: Vec::new(),
                dropped_attributes_count: 0,
            },
            Event {
                time: UnixNanos(1_516_781_775_728_000_000),
                name: "charge".into(),
                attributes: vec![text_attribute("card", "visa"), int("try", 2)],
                dropped_attributes_count: 0,
            },
        ],
        dropped_events_count: 0,
        links: Vec::new(),
        dropped_links_count: 0,
        status: Some(Status {
            code: StatusCode::ERROR,
            message: "card declined".into(),
        }),
        resource: Resource::of_service("pay").into(),
        scope: Scope {
            is_present: true,
            name: "shop".into(),
            ..Scope::default()
        }
        .into(),
    };
    assert_eq!(span, expected);
}

#[test]
fn a_span_of_few_fields_is_internal_and_lasts_no_time() {
    let span = read_one(r#"{"traceId":"a","id":"b","timestamp":1}"#);
    let id = "0000000000000000000000000000000a";
    assert_eq!(span.trace_id, id.parse::<TraceId>().unwrap());
    assert_eq!(span.span_id.to_string(), "000000000000000b");
    assert_eq!((span.parent_span_id, span.status), (None, None));
    assert_eq!(span.kind, SpanKind::INTERNAL);
    assert_eq!((span.start, span.end), (UnixNanos(1000), UnixNanos(1000)));
    assert_eq!(*span.resource, Resource::default());
    assert_eq!(*span.scope, Scope::default());
}

#[test]
fn the_error_tag_and_the_status_code_make_the_status() {
    let status = |tags: &str| {
        let document = format!(r#"{{"traceId":"a","id":"b","timestamp":1,"tags":{{{tags}}}}}"#);
        let span = read_one(&document);
        assert_eq!(span.attributes, []);
        span.status.map(|it| (it.code.0, it.message))
    };
    assert_eq!(status(r#""error":"""#), Some((2, String::new())));
    assert_eq!(status(r#""error":"true""#), Some((2, String::new())));
    assert_eq!(status(r#""error":"boom""#), Some((2, "boom".into())));
    assert_eq!(status(r#""error":false"#), None);
    assert_eq!(
        status(r#""otel.status_code":"ERROR","error":"boom""#),
        Some((2, "boom".into()))
    );
    assert_eq!(
        status(r#""otel.status_code":"OK""#),
        Some((1, String::new()))
    );
}

#[test]
fn a_span_without_a_timestamp_begins_with_its_first_annotation() {
    let span = read_one(
        r#"{"traceId":"a","id":"b","annotations":[{"timestamp":7,"value":"ws"},{"timestamp":5,"value":"wr"}]}"#,
    );
    assert_eq!(span.start, UnixNanos(5000));
}

#[test]
fn a_record_that_is_no_span_is_named_with_its_place_and_the_others_are_read() {
    let document = r#"[{"traceId":"a","id":"b","timestamp":1},
 {"traceId":"xyz","id":"b","timestamp":1},
 {"id":"b"}, {"traceId":"a","id":"b"}, 7,
 {"traceId":"a","id":"c","timestamp":"2"}]"#;
    let found = read(document);
    let skipped: Vec<_> = found.iter().filter_map(|it| it.as_ref().err()).collect();
    let reasons: Vec<_> = skipped.iter().map(|it| it.reason.as_ref()).collect();
    assert_eq!(
        reasons,
        [
            "trace id is not 1 to 32 hexadecimal digits, or all zero",
            "not a span: missing field `traceId`",
            "a span has neither timestamp nor annotations",
            "not a span: invalid type: integer `7`, expected struct ZipkinSpan",
        ]
    );
    assert_eq!(
        skipped[0].offset,
        document.find(r#"{"traceId":"xyz""#).unwrap()
    );
    assert_eq!(found.iter().filter(|it| it.is_ok()).count(), 2);
}

#[test]
fn a_report_is_translated_with_its_bad_spans_named_by_number() {
    let body = br#"[{"traceId":"a","id":"b","timestamp":1,"name":"one"},
        {"traceId":"xyz","id":"b","timestamp":1}, {"traceId":"a","id":"c","timestamp":2,"name":"two"}]"#;

    let translated = translate_json(body, &mut |_| true).unwrap();

    let mut names = Vec::new();
    visit_spans(str::from_utf8(body).unwrap(), &mut |span| {
        names.extend(span);
    })
    .unwrap();
    assert_eq!(translated.payload, encode_spans(&names));
    assert_eq!(translated.rejects.count, 1);
    assert_eq!(translated.rejects.first[0].place, "span 2");
    assert_eq!(
        translated.rejects.first[0].reason,
        "trace id is not 1 to 32 hexadecimal digits, or all zero"
    );
}

#[test]
fn a_report_that_is_no_list_is_refused_whole() {
    for body in [&b"{}"[..], b"", b"[{\"traceId\":", b"\xff"] {
        let refused = translate_json(body, &mut |_| true).unwrap_err();
        assert!(matches!(refused, TranslateError::Json(_)));
    }
    let empty = translate_json(b"[]", &mut |_| true).unwrap();
    assert_eq!(empty, Translated::default());
}
