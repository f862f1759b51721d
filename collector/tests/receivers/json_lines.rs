//! Log records as lines of JSON.

use http::StatusCode;
use serde_json::json;

use crate::support::{Client, Receivers, TRACE_ID, gzip};

const PATH: &str = "/api/v1/ingest/logs";
const LINES: (&str, &str) = ("content-type", "application/x-ndjson");
const JSON: (&str, &str) = ("content-type", "application/json");

fn body(text: &str, trace_id: Option<&str>) -> (String, Option<String>) {
    (text.to_owned(), trace_id.map(str::to_owned))
}

#[tokio::test]
async fn lines_are_visible_at_once_and_counted_by_their_protocol() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);
    let lines = format!("{{\"msg\":\"one\",\"trace_id\":\"{TRACE_ID}\"}}\nno JSON\n");

    let answer = client.post(PATH, &[LINES], lines).await;

    assert_eq!(
        receivers.log_records(),
        [body("no JSON", None), body("one", Some(TRACE_ID))]
    );
    assert_eq!(answer.status, StatusCode::OK);
    let expected = json!({ "accepted": 2, "rejected": 0, "errors": [] });
    assert_eq!(answer.json(), expected);
    let series = "signal=\"logs\",protocol=\"json_lines\"";
    let accepted = format!("spandrel_ingest_records_accepted_total{{{series}}}");
    assert_eq!(receivers.counter(&accepted), 2);
}

#[tokio::test]
async fn arrays_and_compressed_bodies_are_taken() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);
    let gzipped = ("content-encoding", "gzip");

    let answer = client
        .post(PATH, &[JSON], r#"[{"msg":"a"},{"msg":"b"}]"#)
        .await;
    assert_eq!(answer.json()["accepted"], 2);
    let answer = client
        .post(PATH, &[LINES, gzipped], gzip(b"{\"msg\":\"c\"}"))
        .await;
    assert_eq!(answer.json()["accepted"], 1);

    let expected = ["a", "b", "c"].map(|it| body(it, None));
    assert_eq!(receivers.log_records(), expected);
}

#[tokio::test]
async fn rejected_records_are_counted_and_named() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);
    let long = "x".repeat(1024 * 1024 + 1);

    let answer = client.post(PATH, &[LINES], format!("one\n{long}\n")).await;
    assert_eq!(answer.status, StatusCode::OK);
    let error = json!({ "at": "line 2", "reason": "1048577 bytes, more than 1048576" });
    assert_eq!(
        answer.json(),
        json!({ "accepted": 1, "rejected": 1, "errors": [error] })
    );
    assert_eq!(receivers.log_records(), [body("one", None)]);

    let answer = client.post(PATH, &[JSON], "[null]").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let error = json!({ "at": "record 1", "reason": "null is no record" });
    assert_eq!(
        answer.json(),
        json!({ "accepted": 0, "rejected": 1, "errors": [error] })
    );
}

#[tokio::test]
async fn what_cannot_be_read_and_what_pages_may_send_unasked_is_refused() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);

    let answer = client.post(PATH, &[JSON], "[{]").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let error = answer.json()["error"].as_str().unwrap().to_owned();
    let line = "the payload cannot be read: the body is not JSON of this protocol: ";
    assert!(error.starts_with(line), "{error}");

    for content_type in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let header = ("content-type", content_type);
        let answer = client.post(PATH, &[header], "{\"msg\":\"x\"}").await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let expected = format!(
            "content type {content_type:?} is not supported; send one JSON object a line as \
             application/x-ndjson, or an array of them as application/json"
        );
        assert_eq!(answer.json()["error"], expected);
    }
    assert_eq!(receivers.log_records(), []);
}
