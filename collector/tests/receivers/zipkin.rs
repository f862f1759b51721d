//! Zipkin's reporters: version 2 in JSON and in protobuf.

use http::{Method, StatusCode};

use crate::support::{Client, Receivers, gzip};

const PATH: &str = "/api/v2/spans";
const JSON: (&str, &str) = ("content-type", "application/json");
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

fn span(name: &str, id: &str) -> String {
    format!(
        r#"{{"traceId":"5b8efff798038103d269b633813fc60c","id":"{id}","name":"{name}",
            "timestamp":1790000000000000,"duration":1000,"localEndpoint":{{"serviceName":"cart"}}}}"#
    )
}

fn report(spans: &[(&str, &str)]) -> String {
    let spans: Vec<_> = spans.iter().map(|(name, id)| span(name, id)).collect();
    format!("[{}]", spans.join(","))
}

#[tokio::test]
async fn acknowledged_spans_are_visible_at_once_and_counted_as_zipkin() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);

    let answer = client
        .post(PATH, &[JSON], report(&[("a", "1"), ("b", "2")]))
        .await;

    assert_eq!(receivers.span_names(), ["a", "b"]);
    assert_eq!((answer.status, answer.text()), (StatusCode::ACCEPTED, ""));
    let series = "signal=\"traces\",protocol=\"zipkin\"";
    let accepted = format!("spandrel_ingest_records_accepted_total{{{series}}}");
    assert_eq!(receivers.counter(&accepted), 2);
    let requests =
        format!("spandrel_ingest_requests_total{{{series},outcome=\"accepted\",reason=\"none\"}}");
    assert_eq!(receivers.counter(&requests), 1);
    assert_eq!(receivers.counter("spandrel_ingest_in_flight_bytes"), 0);
}

#[tokio::test]
async fn reports_are_taken_compressed_and_in_protobuf() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);

    let body = gzip(report(&[("json", "1")]).as_bytes());
    let gzipped = ("content-encoding", "gzip");
    let answer = client.post(PATH, &[JSON, gzipped], body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    // A list with one span: trace id 5, id 6, name "p", timestamp 7.
    let mut span = vec![0x0a, 8, 0, 0, 0, 0, 0, 0, 0, 5];
    span.extend([0x1a, 8, 0, 0, 0, 0, 0, 0, 0, 6]);
    span.extend([0x2a, 1, b'p', 0x31, 7, 0, 0, 0, 0, 0, 0, 0]);
    let mut body = vec![0x0a, u8::try_from(span.len()).unwrap()];
    body.extend(span);
    let answer = client.post(PATH, &[PROTOBUF], body).await;
    assert_eq!((answer.status, answer.text()), (StatusCode::ACCEPTED, ""));

    assert_eq!(receivers.span_names(), ["json", "p"]);
}

#[tokio::test]
async fn a_bad_span_is_named_and_loses_no_other() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);
    let series = "signal=\"traces\",protocol=\"zipkin\"";

    let answer = client
        .post(PATH, &[JSON], report(&[("a", "1"), ("b", "x"), ("c", "3")]))
        .await;

    let line = "2 spans accepted, 1 rejected; span 2: span id is not 1 to 16 hexadecimal digits, or all zero\n";
    assert_eq!((answer.status, answer.text()), (StatusCode::ACCEPTED, line));
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(receivers.span_names(), ["a", "c"]);
    let rejected = format!("spandrel_ingest_records_rejected_total{{{series}}}");
    assert_eq!(receivers.counter(&rejected), 1);

    let answer = client.post(PATH, &[JSON], report(&[("d", "0")])).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(
        answer.text().starts_with("0 spans accepted, 1 rejected;"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn what_is_not_zipkin_is_refused_in_words() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);

    let answer = client.post(PATH, &[JSON], "{\"traceId\":\"1\"}").await;
    let line = "the payload cannot be read: the body is not JSON of this protocol: \
                invalid type: map, expected an array at line 1 column 0\n";
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::BAD_REQUEST, line)
    );

    let thrift = ("content-type", "application/x-thrift");
    let answer = client.post(PATH, &[thrift], "").await;
    let line = "content type \"application/x-thrift\" is not supported; \
                send Zipkin's version 2 as application/json or application/x-protobuf\n";
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, line)
    );

    let answer = client.post("/api/v1/spans", &[JSON], "[]").await;
    let line = "content type \"application/json\" is not supported; \
                this is Zipkin's version 1; report version 2 to /api/v2/spans\n";
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, line)
    );

    let answer = client.send(Method::GET, PATH, &[], "").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.header("allow"), "POST");
}

#[tokio::test]
async fn limits_hold_before_and_after_translation_and_overload_is_retryable() {
    let flags = [
        "--max-request-bytes",
        "4KiB",
        "--max-in-flight-bytes",
        "12KiB",
    ];
    let receivers = Receivers::start_with(&flags).await;
    let client = Client::http1(receivers.http);

    let too_large = report(&[(&"n".repeat(4096), "1")]);
    let answer = client.post(PATH, &[JSON], too_large).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);

    // Short in Zipkin's words, and half as long again in OTLP's.
    let terse = vec![r#"{"traceId":"1","id":"1","timestamp":1}"#; 100].join(",");
    let answer = client.post(PATH, &[JSON], format!("[{terse}]")).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);

    let (first, first_answer) = client.upload("/v1/traces", &[JSON]);
    let (second, second_answer) = client.upload("/v1/traces", &[JSON]);
    let hold_most_of_the_room = async {
        first.send(vec![b' '; 4000]).await;
        second.send(vec![b' '; 4000]).await;
        receivers
            .wait_for_counter("spandrel_ingest_in_flight_bytes", 8000)
            .await;
        let late = report(&[(&"n".repeat(3400), "1")]);
        let answer = client.post(PATH, &[JSON], late).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.header("retry-after"), "1");
        drop((first, second));
    };
    tokio::join!(hold_most_of_the_room, first_answer, second_answer);
}

#[tokio::test]
async fn the_port_of_zipkin_takes_the_same_requests() {
    let receivers = Receivers::start_with(&["--zipkin-listen", "127.0.0.1:0"]).await;
    let client = Client::http1(receivers.zipkin.unwrap());

    let answer = client.post(PATH, &[JSON], report(&[("a", "1")])).await;

    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(receivers.span_names(), ["a"]);
}
