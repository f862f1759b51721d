use super::*;
use crate::attributes::Attribute;
use crate::log_record::LogReader;
use crate::otlp::{Encoding, decode};
use crate::signal::Signal;

const NOW: UnixNanos = UnixNanos(1_790_000_000_000_000_000);
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

fn defaults(service: Option<&str>) -> Defaults {
    Defaults {
        service: service.map(str::to_owned),
        now: NOW,
    }
}

fn records(translated: &Translated) -> Vec<LogRecord> {
    let payload = translated.payload.clone().into();
    let accepted = decode(Signal::Logs, Encoding::Protobuf, payload).unwrap();
    assert_eq!(accepted.rejected, None);
    let reader = LogReader::new(&accepted.batch).unwrap();
    let rows = 0..accepted.batch.num_rows();
    rows.map(|row| reader.log_record(row).unwrap()).collect()
}

fn lines(body: &str) -> Vec<LogRecord> {
    let translated = translate_lines(body.as_bytes(), &defaults(None), &mut |_| true).unwrap();
    assert_eq!(translated.rejects.count, 0);
    records(&translated)
}

fn line(body: &str) -> LogRecord {
    let mut found = lines(body);
    assert_eq!(found.len(), 1);
    found.remove(0)
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::String(text.to_owned())
}

fn keys(attributes: &[Attribute]) -> Vec<&str> {
    attributes.iter().map(|it| it.key.as_str()).collect()
}

#[test]
fn every_field_finds_its_place() {
    let record = line(&format!(
        r#"{{"time":"2026-11-25T13:32:07.5Z","level":"WARN","msg":"declined","trace_id":"{TRACE}","span_id":"{SPAN}",
            "trace_flags":"01","service":"pay","tries":3,"ratio":0.5,"ok":false,"who":null,
            "http":{{"route":"/pay","status":{{"code":402}}}},"cards":["visa",{{"a":1}}],"empty":{{}}}}"#
    ).replace('\n', " "));
    let inner = AttributeValue::KvList(vec![Attribute::new("a", AttributeValue::Int(1))]);
    let expected = LogRecord {
        time: UnixNanos(1_795_613_527_500_000_000),
        observed_time: UnixNanos(0),
        trace_id: hex::decode(TRACE).unwrap(),
        span_id: hex::decode(SPAN).unwrap(),
        flags: 1,
        severity: Severity(13),
        severity_text: "WARN".into(),
        event_name: String::new(),
        body: Some(text("declined")),
        attributes: vec![
            Attribute::new("tries", AttributeValue::Int(3)),
            Attribute::new("ratio", AttributeValue::Double(0.5)),
            Attribute::new("ok", AttributeValue::Bool(false)),
            Attribute::new("who", AttributeValue::Empty),
            Attribute::new("http.route", text("/pay")),
            Attribute::new("http.status.code", AttributeValue::Int(402)),
            Attribute::new("cards", AttributeValue::Array(vec![text("visa"), inner])),
            Attribute::new("empty", AttributeValue::KvList(Vec::new())),
        ],
        dropped_attributes_count: 0,
        resource: Resource::of_service("pay").into(),
        scope: Scope::default().into(),
    };
    assert_eq!(record, expected);
}

/// Lines as loggers write them, each with its time, severity, body, service and other attributes.
#[test]
fn lines_of_common_loggers_are_understood() {
    let cases = [
        (
            r#"{"level":30,"time":1790000000123,"pid":7,"hostname":"h","msg":"pino"}"#,
            (1_790_000_000_123_000_000, 9, "pino", "unknown_service"),
            &["pid", "hostname"][..],
        ),
        (
            r#"{"level":"info","ts":1790000000.25,"logger":"main","caller":"m.go:1","msg":"zap"}"#,
            (1_790_000_000_250_000_000, 9, "zap", "unknown_service"),
            &["logger", "caller"],
        ),
        (
            r#"{"@timestamp":"2026-09-21T14:13:20.000Z","log.level":"ERROR","message":"ecs","service":{"name":"a","version":"1"}}"#,
            (1_790_000_000_000_000_000, 17, "ecs", "a"),
            &[],
        ),
        (
            r#"{"@t":"2026-09-21T14:13:20Z","@m":"serilog","@l":"Fatal","@mt":"{X}","X":1}"#,
            (1_790_000_000_000_000_000, 21, "serilog", "unknown_service"),
            &["@mt", "X"],
        ),
        (
            r#"{"date":1790000000.5,"log":"fluent bit","stream":"stderr"}"#,
            (
                1_790_000_000_500_000_000,
                0,
                "fluent bit",
                "unknown_service",
            ),
            &["stream"],
        ),
        (
            r#"{"timestamp":"2026-09-21T14:13:20Z","event":"structlog","level":"debug"}"#,
            (1_790_000_000_000_000_000, 5, "structlog", "unknown_service"),
            &[],
        ),
        (
            r#"{"timestamp":"1790000000000000000","severity_number":18,"severity_text":"bad","body":"otel","resource":{"attributes":{"service.name":"b"}},"attributes":{"time":"x","k":1}}"#,
            (1_790_000_000_000_000_000, 18, "otel", "b"),
            &["time", "k"],
        ),
    ];
    for (sent, (time, severity, body, service), attributes) in cases {
        let record = line(sent);
        assert_eq!(record.time.0, time, "{sent}");
        assert_eq!(record.severity.0, severity, "{sent}");
        assert_eq!(record.body, Some(text(body)), "{sent}");
        assert_eq!(record.resource.service_name(), service, "{sent}");
        assert_eq!(keys(&record.attributes), attributes, "{sent}");
    }
}

#[test]
fn fields_that_are_not_what_their_name_says_stay_attributes() {
    let record = line(
        r#"{"time":"soon","ts":1790000000,"trace_id":"7","level":true,"msg":null,"message":"m"}"#,
    );
    assert_eq!(record.time, UnixNanos(1_790_000_000_000_000_000));
    assert_eq!(record.trace_id, [0_u8; 0]);
    assert_eq!(record.severity, Severity(0));
    assert_eq!(record.body, Some(text("m")));
    assert_eq!(
        keys(&record.attributes),
        ["time", "trace_id", "level", "msg"]
    );
}

#[test]
fn a_record_without_a_message_has_its_line_as_body_and_without_a_time_that_of_its_receipt() {
    let sent = r#"{"amount":3,"currency":"EUR"}"#;
    let record = line(sent);
    assert_eq!(record.body, Some(text(sent)));
    assert_eq!(keys(&record.attributes), ["amount", "currency"]);
    assert_eq!((record.time, record.observed_time), (UnixNanos(0), NOW));
}

#[test]
fn what_is_no_json_is_a_body() {
    let cut = format!(r#"{{"msg":"cut","trace_id":"{TRACE}","lev"#);
    let body = format!("plain text\r\n\n  \n[1]\n{cut}\nlevel=error trace_id={TRACE} no\n");
    let found = lines(&body);
    let bodies: Vec<_> = found.iter().map(|it| it.body.clone().unwrap()).collect();
    let last = format!("level=error trace_id={TRACE} no");
    assert_eq!(bodies, ["plain text", "[1]", &cut, &last].map(text));
    assert_eq!(hex::encode(&found[2].trace_id), TRACE);
    assert_eq!((found[3].severity.0, found[3].observed_time), (17, NOW));
    assert_eq!(lines("Gr\u{fc}\u{df}e").len(), 1);
    let latin = translate_lines(b"Gr\xfc\xdfe", &defaults(None), &mut |_| true).unwrap();
    assert_eq!(records(&latin)[0].body, Some(text("Gr\u{fffd}\u{fffd}e")));
}

#[test]
fn what_is_nested_too_deep_is_a_body() {
    let deep = |levels: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    assert_eq!(keys(&line(&deep(MAX_VALUE_DEPTH)).attributes), ["a"]);
    for levels in [MAX_VALUE_DEPTH + 1, 200] {
        let record = line(&deep(levels));
        assert_eq!(record.body, Some(text(&deep(levels))));
        assert_eq!(keys(&record.attributes), [""; 0]);
    }
}

#[test]
fn a_long_name_is_not_repeated_for_too_many_fields() {
    let name = "n".repeat(1000);
    let fields: Vec<_> = (0..100).map(|it| format!("\"{it}\":1")).collect();
    let record = line(&format!(
        r#"{{"m":{{"a":1}},"{name}":{{{}}}}}"#,
        fields.join(",")
    ));
    assert_eq!(keys(&record.attributes), ["m.a", &name]);
}

#[test]
fn the_service_of_the_request_is_for_records_without_one() {
    let body = b"{\"msg\":\"a\"}\ntext\n{\"msg\":\"b\",\"app\":\"own\"}";
    let translated = translate_lines(body, &defaults(Some("cart")), &mut |_| true).unwrap();
    let services: Vec<_> = records(&translated)
        .iter()
        .map(|it| it.resource.service_name().into_owned())
        .collect();
    assert_eq!(services, ["cart", "cart", "own"]);
}

#[test]
fn a_line_over_the_limit_is_rejected_by_its_number() {
    let long = "x".repeat(RECORD_BYTES_MAX + 1);
    let body = format!("one\n\n{long}\ntwo");
    let translated = translate_lines(body.as_bytes(), &defaults(None), &mut |_| true).unwrap();
    assert_eq!(records(&translated).len(), 2);
    assert_eq!(translated.rejects.count, 1);
    assert_eq!(translated.rejects.first[0].place, "line 3");
    assert_eq!(
        translated.rejects.first[0].reason,
        "1048577 bytes, more than 1048576"
    );
}

#[test]
fn a_document_is_an_array_or_records_one_after_another() {
    let read = |body: &str| translate_json(body.as_bytes(), &defaults(None), &mut |_| true);
    let bodies = |body: &str| {
        let found = records(&read(body).unwrap());
        let body = |it: LogRecord| it.body.unwrap().text().into_owned();
        found.into_iter().map(body).collect::<Vec<_>>()
    };
    assert_eq!(
        bodies(r#" [{"msg":"a"},"b",3,{"msg":"c"}] "#),
        ["a", "b", "3", "c"]
    );
    assert_eq!(
        bodies("{\"msg\":\"a\"}{\"msg\":\"b\"}\n{\n  \"msg\": \"c\"\n}"),
        ["a", "b", "c"]
    );
    assert_eq!(bodies("[]"), [""; 0]);
    assert_eq!(bodies(""), [""; 0]);
    let rejects = read("[null,1]").unwrap().rejects;
    assert_eq!(
        (rejects.count, rejects.first[0].place.as_str()),
        (1, "record 1")
    );
    for body in ["[1", "{\"a\":1}{\"b", "x"] {
        assert!(matches!(read(body), Err(TranslateError::Json(_))), "{body}");
    }
}
