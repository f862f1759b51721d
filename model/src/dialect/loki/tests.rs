use super::*;
use crate::dialect::{TranslateError, Translated};
use crate::log_record::LogReader;
use crate::otlp::{Encoding, decode};
use crate::signal::Signal;

const NOW: UnixNanos = UnixNanos(1_790_000_000_000_000_000);
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

fn records(translated: &Translated) -> Vec<LogRecord> {
    let payload = translated.payload.clone().into();
    let batch = decode(Signal::Logs, Encoding::Protobuf, payload)
        .unwrap()
        .batch;
    let reader = LogReader::new(&batch).unwrap();
    let rows = 0..batch.num_rows();
    rows.map(|row| reader.log_record(row).unwrap()).collect()
}

fn read(body: &str) -> Translated {
    translate_json(body.as_bytes(), NOW, &mut |_| true).unwrap()
}

fn text(key: &str, value: &str) -> Attribute {
    Attribute::new(key, AttributeValue::String(value.to_owned()))
}

fn places(translated: &Translated) -> Vec<(&str, &str)> {
    let first = translated.rejects.first.iter();
    first
        .map(|it| (it.place.as_str(), it.reason.as_ref()))
        .collect()
}

#[test]
fn labels_metadata_and_line_find_their_places() {
    let body = format!(
        r#"{{"streams":[{{"stream":{{"app":"cart","pod":"cart-1","level":"warn"}},
            "values":[["1790000000123456789","card declined",
                {{"traceID":"{TRACE}","span_id":"{SPAN}","trace_flags":"01","user":"7"}}]]}}]}}"#
    );

    let found = records(&read(&body));

    let resource = Resource {
        is_present: true,
        attributes: vec![
            text("service.name", "cart"),
            text("app", "cart"),
            text("pod", "cart-1"),
        ],
        ..Resource::default()
    };
    let expected = LogRecord {
        time: UnixNanos(1_790_000_000_123_456_789),
        observed_time: UnixNanos(0),
        trace_id: hex::decode(TRACE).unwrap(),
        span_id: hex::decode(SPAN).unwrap(),
        flags: 1,
        severity: Severity(13),
        severity_text: "warn".into(),
        event_name: String::new(),
        body: Some(AttributeValue::String("card declined".into())),
        attributes: vec![text("user", "7")],
        dropped_attributes_count: 0,
        resource: resource.into(),
        scope: Scope::default().into(),
    };
    assert_eq!(found, [expected]);
}

#[test]
fn the_service_is_the_first_of_the_labels_that_name_one() {
    let service = |labels: &str| {
        let body = format!(r#"{{"streams":[{{"stream":{labels},"values":[["1",""]]}}]}}"#);
        let resource = records(&read(&body)).remove(0).resource;
        let keys: Vec<_> = resource
            .attributes
            .iter()
            .map(|it| it.key.clone())
            .collect();
        (resource.service_name().into_owned(), keys.join(" "))
    };
    let expected = |name: &str, keys: &str| (name.to_owned(), keys.to_owned());
    assert_eq!(
        service(r#"{"job":"varlogs","container":"nginx"}"#),
        expected("nginx", "service.name job container")
    );
    assert_eq!(
        service(r#"{"app":"","job":"varlogs"}"#),
        expected("varlogs", "service.name app job")
    );
    assert_eq!(
        service(r#"{"service_name":"pay","app":"x"}"#),
        expected("pay", "service.name app")
    );
    assert_eq!(
        service(r#"{"filename":"/var/log/syslog"}"#),
        expected("unknown_service", "filename")
    );
    assert_eq!(service("{}"), expected("unknown_service", ""));
}

#[test]
fn the_line_says_what_labels_and_metadata_do_not() {
    let context = |stream: &str, line: &str, metadata: &str| {
        let line = serde_json::to_string(line).unwrap();
        let body =
            format!(r#"{{"streams":[{{"stream":{stream},"values":[["1",{line},{metadata}]]}}]}}"#);
        let record = records(&read(&body)).remove(0);
        let keys = record.attributes.iter().map(|it| it.key.clone());
        (
            hex::encode(&record.trace_id),
            record.severity.0,
            record.severity_text.clone(),
            keys.collect::<Vec<_>>(),
        )
    };
    let other = "5b8efff798038103d269b633813fc60c";
    let json = format!(r#"{{"msg":"x","trace_id":"{TRACE}","level":"error"}}"#);
    let logfmt = format!("level=debug msg=\"x\" traceID={TRACE}");
    let none: [String; 0] = [];

    let (id, severity, word, keys) = context("{}", &json, "{}");
    assert_eq!((id.as_str(), severity, word.as_str()), (TRACE, 17, "error"));
    assert_eq!(keys, none);
    let (id, severity, word, _) = context("{}", &logfmt, "{}");
    assert_eq!((id.as_str(), severity, word.as_str()), (TRACE, 5, "debug"));
    let metadata = format!(r#"{{"trace_id":"{other}","detected_level":"info"}}"#);
    let (id, severity, word, keys) = context(r#"{"level":"warn"}"#, &json, &metadata);
    assert_eq!((id.as_str(), severity, word.as_str()), (other, 9, "info"));
    assert_eq!(keys, ["level"], "what was not used is kept");
    let (_, severity, _, keys) = context("{}", "x", r#"{"detected_level":"info","level":"err"}"#);
    assert_eq!((severity, keys), (17, vec!["detected_level".to_owned()]));
    let (id, _, _, keys) = context("{}", "x", r#"{"trace_id":"order 7"}"#);
    assert_eq!((id.as_str(), keys), ("", vec!["trace_id".to_owned()]));
}

#[test]
fn an_entry_without_a_time_happened_when_it_was_received() {
    let record = records(&read(r#"{"streams":[{"stream":{},"values":[["0","x"]]}]}"#)).remove(0);
    assert_eq!((record.time, record.observed_time), (UnixNanos(0), NOW));
}

#[test]
fn what_is_no_entry_or_no_stream_is_named_and_the_others_are_taken() {
    let body = r#"{"streams":[
        {"stream":{"app":"a"},"values":[["1","one"],["soon","x"],["2"],["3",7],7,[4,"two"]]},
        {"stream":"{app}","values":[["1","x"]]},
        {"stream":{"app":"b"},"values":[["5","three",{"n":1},"more"]]}, 8,
        {"stream":{"app":"c"},"values":"x"}, {"stream":{"app":"c"}}]}"#;

    let translated = read(body);

    let found = records(&translated);
    let bodies: Vec<_> = found.iter().map(|it| it.body.clone().unwrap()).collect();
    let expected = ["one", "two", "three"].map(|it| AttributeValue::String(it.to_owned()));
    assert_eq!(bodies, expected);
    assert_eq!(translated.rejects.count, 7);
    assert_eq!(
        places(&translated),
        [
            (
                "stream 1, entry 2",
                "the time is not nanoseconds since 1970 as text"
            ),
            ("stream 1, entry 3", "an entry without a line"),
            ("stream 1, entry 4", "the line is not a text"),
            (
                "stream 1, entry 5",
                "invalid type: integer `7`, expected a list of time, line and structured metadata"
            ),
            ("stream 2", "not a stream: expected an object with labels"),
        ]
    );
}

#[test]
fn what_is_no_push_request_is_refused_whole() {
    for body in ["", "[]", "{}", r#"{"streams":{}}"#, r#"{"streams":[{"#] {
        let refused = translate_json(body.as_bytes(), NOW, &mut |_| true).unwrap_err();
        assert!(matches!(refused, TranslateError::Json(_)), "{body}");
    }
    for body in [&b"\x0a\x05\x01"[..], b"{}"] {
        let refused = translate_protobuf(body, NOW, &mut |_| true).unwrap_err();
        assert!(matches!(refused, TranslateError::Protobuf));
    }
    assert_eq!(read(r#"{"streams":[]}"#), Translated::default());
}

mod sent {
    //! `push.proto` as clients encode it.

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct PushRequest {
        #[prost(message, repeated, tag = "1")]
        pub(super) streams: Vec<Stream>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Stream {
        #[prost(string, tag = "1")]
        pub(super) labels: String,
        #[prost(message, repeated, tag = "2")]
        pub(super) entries: Vec<Entry>,
        #[prost(uint64, tag = "3")]
        pub(super) hash: u64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Entry {
        #[prost(message, optional, tag = "1")]
        pub(super) timestamp: Option<Timestamp>,
        #[prost(bytes = "vec", tag = "2")]
        pub(super) line: Vec<u8>,
        #[prost(message, repeated, tag = "3")]
        pub(super) metadata: Vec<Pair>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Timestamp {
        #[prost(int64, tag = "1")]
        pub(super) seconds: i64,
        #[prost(int32, tag = "2")]
        pub(super) nanos: i32,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Pair {
        #[prost(string, tag = "1")]
        pub(super) name: String,
        #[prost(string, tag = "2")]
        pub(super) value: String,
    }

    pub(super) fn entry(seconds: i64, line: &[u8]) -> Entry {
        Entry {
            timestamp: Some(Timestamp { seconds, nanos: 5 }),
            line: line.to_vec(),
            metadata: Vec::new(),
        }
    }
}

#[test]
fn the_same_push_in_protobuf_and_in_json_is_the_same() {
    use prost::Message as _;
    let mut entry = sent::entry(1_790_000_000, b"declined");
    entry.metadata = [("trace_id", TRACE), ("user", "7")]
        .map(|(name, value)| sent::Pair {
            name: name.into(),
            value: value.into(),
        })
        .to_vec();
    let request = sent::PushRequest {
        streams: vec![sent::Stream {
            labels: r#"{app="cart", path="C:\\logs"}"#.into(),
            entries: vec![entry, sent::entry(1, b"two")],
            hash: 99,
        }],
    };
    let json = format!(
        r#"{{"streams":[{{"stream":{{"app":"cart","path":"C:\\logs"}},"values":[
            ["1790000000000000005","declined",{{"trace_id":"{TRACE}","user":"7"}}],["1000000005","two"]]}}]}}"#
    );

    let translated = translate_protobuf(&request.encode_to_vec(), NOW, &mut |_| true).unwrap();

    assert_eq!(translated, read(&json));
    assert_eq!(records(&translated).len(), 2);
}

#[test]
fn bad_labels_entries_and_bytes_of_protobuf_lose_nothing_else() {
    use prost::Message as _;
    let stream = |labels: &str, entries: Vec<sent::Entry>| sent::Stream {
        labels: labels.into(),
        entries,
        hash: 0,
    };
    let request = sent::PushRequest {
        streams: vec![
            stream("app=cart", vec![sent::entry(1, b"x"), sent::entry(2, b"y")]),
            stream(
                "{}",
                vec![
                    sent::entry(-1, b"x"),
                    sent::entry(1, b"Gr\xfc\xdfe"),
                    sent::Entry::default(),
                ],
            ),
        ],
    };

    let translated = translate_protobuf(&request.encode_to_vec(), NOW, &mut |_| true).unwrap();

    let found = records(&translated);
    assert_eq!(found.len(), 2);
    let body = AttributeValue::String("Gr\u{fffd}\u{fffd}e".into());
    assert_eq!(found[0].body, Some(body));
    assert_eq!((found[1].time, found[1].observed_time), (UnixNanos(0), NOW));
    assert_eq!(translated.rejects.count, 3);
    assert_eq!(
        places(&translated),
        [
            (
                "stream 1",
                "the labels are not of the form {name=\"value\"}"
            ),
            (
                "stream 2, entry 1",
                "the time is before 1970, or after 2554"
            ),
        ]
    );
}
