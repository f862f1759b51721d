//! Loki's push API, as its clients use it.

use http::StatusCode;

use crate::support::{Client, Receivers, TRACE_ID, gzip};

const PATH: &str = "/loki/api/v1/push";
const JSON: (&str, &str) = ("content-type", "application/json");
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const SERIES: &str = "signal=\"logs\",protocol=\"loki\"";

fn push(lines: &[(&str, &str)]) -> String {
    let values: Vec<_> = lines
        .iter()
        .map(|(time, line)| format!("[\"{time}\",\"{line}\"]"))
        .collect();
    format!(
        r#"{{"streams":[{{"stream":{{"app":"cart"}},"values":[{}]}}]}}"#,
        values.join(",")
    )
}

/// One stream with one entry, as Promtail encodes it: `{app="cart"}`, 1790000000 s and 5 ns, `declined`, and
/// the trace id as structured metadata.
fn promtail() -> Vec<u8> {
    fn field(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut field = vec![tag << 3 | 2, u8::try_from(content.len()).unwrap()];
        field.extend_from_slice(content);
        field
    }
    let time = [0x08, 0x80, 0xf7, 0xc4, 0xd5, 0x06, 0x10, 5];
    let pair = [field(1, b"trace_id"), field(2, TRACE_ID.as_bytes())].concat();
    let entry = [field(1, &time), field(2, b"declined"), field(3, &pair)].concat();
    let stream = [
        field(1, br#"{app="cart"}"#),
        field(2, &entry),
        vec![0x18, 77],
    ]
    .concat();
    field(1, &stream)
}

fn snappy(body: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(body).unwrap()
}

fn body(text: &str, trace_id: Option<&str>) -> (String, Option<String>) {
    (text.to_owned(), trace_id.map(str::to_owned))
}

#[tokio::test]
async fn pushed_json_is_visible_at_once_and_counted_as_loki() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);
    let lines = push(&[
        ("1790000000000000001", "one"),
        ("1790000000000000002", "two"),
    ]);

    let tenant = ("x-scope-orgid", "team-a");
    let answer = client.post(PATH, &[JSON, tenant], lines).await;

    assert_eq!(
        receivers.log_records(),
        [body("one", None), body("two", None)]
    );
    assert_eq!((answer.status, answer.text()), (StatusCode::NO_CONTENT, ""));
    let accepted = format!("spandrel_ingest_records_accepted_total{{{SERIES}}}");
    assert_eq!(receivers.counter(&accepted), 2);
    assert_eq!(receivers.counter("spandrel_ingest_in_flight_bytes"), 0);
}

#[tokio::test]
async fn snappy_protobuf_is_taken_whether_it_is_announced_or_not() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);
    let announced = ("content-encoding", "snappy");

    let answer = client.post(PATH, &[PROTOBUF], snappy(&promtail())).await;
    assert_eq!((answer.status, answer.text()), (StatusCode::NO_CONTENT, ""));
    let answer = client
        .post(PATH, &[PROTOBUF, announced], snappy(&promtail()))
        .await;
    assert_eq!((answer.status, answer.text()), (StatusCode::NO_CONTENT, ""));

    let declined = body("declined", Some(TRACE_ID));
    assert_eq!(receivers.log_records(), [declined.clone(), declined]);
}

#[tokio::test]
async fn json_is_taken_compressed() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);
    let line = push(&[("1790000000000000001", "one")]);

    let gzipped = [JSON, ("content-encoding", "gzip")];
    let answer = client.post(PATH, &gzipped, gzip(line.as_bytes())).await;

    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(receivers.log_records(), [body("one", None)]);
}

#[tokio::test]
async fn a_bad_entry_is_named_as_loki_does_and_loses_no_other() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);

    let answer = client
        .post(PATH, &[JSON], push(&[("1", "one"), ("soon", "two")]))
        .await;

    let line = "1 entries accepted, 1 rejected; stream 1, entry 2: \
                the time is not nanoseconds since 1970 as text\n";
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::BAD_REQUEST, line)
    );
    assert_eq!(receivers.log_records(), [body("one", None)]);
    let rejected = format!("spandrel_ingest_records_rejected_total{{{SERIES}}}");
    assert_eq!(receivers.counter(&rejected), 1);
}

#[tokio::test]
async fn what_is_no_push_is_refused_in_words() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);

    let answer = client.post(PATH, &[JSON], "[]").await;
    let line = "the payload cannot be read: the body is not JSON of this protocol: ";
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text().starts_with(line), "{}", answer.text());

    let answer = client.post(PATH, &[PROTOBUF], promtail()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let line = "the body is not valid snappy: ";
    assert!(answer.text().starts_with(line), "{}", answer.text());

    let text = ("content-type", "text/plain");
    let answer = client.post(PATH, &[text], "x").await;
    let line = "content type \"text/plain\" is not supported; push Loki's streams as \
                application/json, or as application/x-protobuf in a block of snappy\n";
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, line)
    );
}

#[tokio::test]
async fn a_declared_length_over_the_limit_is_refused_before_it_is_unpacked() {
    let flags = [
        "--max-request-bytes",
        "64KiB",
        "--max-in-flight-bytes",
        "256KiB",
    ];
    let receivers = Receivers::start_with(&flags).await;
    let client = Client::http1(receivers.http);

    let bomb = snappy(&vec![0; 64 * 1024 + 1]);
    assert!(bomb.len() < 8 * 1024);
    let answer = client.post(PATH, &[PROTOBUF], bomb).await;

    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(receivers.counter("spandrel_ingest_in_flight_bytes"), 0);
}
