//! Records that are odd or over a limit: they cost themselves, never their neighbours.

use http::StatusCode;
use serde_json::json;

use crate::support::{Client, Receivers, TRACE_ID};

const JSON: (&str, &str) = ("content-type", "application/json");

fn spans(spans: &[serde_json::Value]) -> Vec<u8> {
    let request = json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": spans }] }] });
    serde_json::to_vec(&request).unwrap()
}

fn span(name: &str, attributes: &serde_json::Value) -> serde_json::Value {
    json!({ "traceId": TRACE_ID, "spanId": "0102030405060708", "name": name, "attributes": attributes })
}

#[tokio::test]
async fn a_value_nested_too_deep_rejects_its_span_and_nothing_else() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);
    let deep = format!(
        r#"{{"traceId":"{TRACE_ID}","spanId":"0102030405060709","name":"deep","attributes":[{{"key":"k","value":{}1{}}}]}}"#,
        r#"{"arrayValue":{"values":["#.repeat(200_000),
        "]}}".repeat(200_000),
    );
    let ok = span("ok", &json!([]));
    let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{deep},{ok}]}}]}}]}}"#);

    let answer = client.post("/v1/traces", &[JSON], body).await;

    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.text(),
        r#"{"partialSuccess":{"errorMessage":"span \"deep\": a value is nested deeper than 32 levels","rejectedSpans":"1"}}"#
    );
    assert_eq!(receivers.span_names(), ["ok"]);
}

#[tokio::test]
async fn what_is_cut_is_counted_and_the_request_is_accepted() {
    let flags = ["--max-value-bytes", "10", "--max-attributes", "2"];
    let receivers = Receivers::start_with(&flags).await;
    let client = Client::http1(receivers.http);
    let text = |key: &str, text: &str| json!({ "key": key, "value": { "stringValue": text } });
    let attributes = [text("a", "0123456789x"), text("b", ""), text("c", "")];
    let body = spans(&[span("a long name", &json!(attributes))]);

    let answer = client.post("/v1/traces", &[JSON], body).await;

    assert_eq!((answer.status, answer.text()), (StatusCode::OK, "{}"));
    assert_eq!(receivers.span_names(), ["a long nam"]);
    let trimmed = |part: &str| {
        receivers.counter(&format!(
            "spandrel_ingest_trimmed_total\
             {{signal=\"traces\",protocol=\"otlp_http\",part=\"{part}\"}}"
        ))
    };
    assert_eq!((trimmed("values"), trimmed("attributes")), (2, 1));
}

#[tokio::test]
async fn a_request_that_is_small_but_makes_much_of_itself_is_refused_for_good() {
    let flags = [
        "--max-request-bytes",
        "1MiB",
        "--max-in-flight-bytes",
        "8MiB",
    ];
    let receivers = Receivers::start_with(&flags).await;
    let client = Client::http1(receivers.http);
    // A hundred thousand empty log records of two bytes each take more memory than there is.
    let records: Vec<u8> = [0x12, 0x00].repeat(100_000);
    let scope = [&[0x12][..], &varint(records.len()), &records].concat();
    let body = [&[0x0a][..], &varint(scope.len()), &scope].concat();

    let protobuf = ("content-type", "application/x-protobuf");
    let answer = client.post("/v1/logs", &[protobuf], body).await;

    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.header("retry-after"), "");
    assert_eq!(
        answer.rpc_status().message,
        "the request takes more memory than the 6291456 bytes that one connection may have"
    );
    assert_eq!(receivers.counter("spandrel_ingest_in_flight_bytes"), 0);
    assert_eq!(receivers.log_records(), []);
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}
