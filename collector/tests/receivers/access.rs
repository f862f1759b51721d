//! Who may send.

use http::StatusCode;

use crate::support::{Client, Receivers, spans_json, spans_protobuf};

const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const JSON: (&str, &str) = ("content-type", "application/json");
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const FOREIGN: (&str, &str) = ("host", "evil.example");

#[tokio::test]
async fn requests_for_names_of_others_are_refused_in_the_form_of_the_request() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);

    let json = client
        .post("/v1/traces", &[JSON, FOREIGN], spans_json(&["a"]))
        .await;
    assert_eq!(json.status, StatusCode::FORBIDDEN);
    assert_eq!(json.json()["code"], 7);
    let message = json.json()["message"].to_string();
    assert!(message.contains("--allowed-hosts"), "{message}");
    assert_eq!(json.header("retry-after"), "");

    let protobuf = client
        .post("/v1/traces", &[PROTOBUF, FOREIGN], spans_protobuf(&["a"]))
        .await;
    assert_eq!(protobuf.status, StatusCode::FORBIDDEN);
    assert_eq!(protobuf.rpc_status().code, 7);

    let page = client.send(http::Method::GET, "/", &[FOREIGN], "").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert_eq!(receivers.span_names(), [""; 0]);
}

#[tokio::test]
async fn grpc_for_names_of_others_is_refused_for_good() {
    let receivers = Receivers::start().await;
    let client = Client::http2(receivers.grpc);

    let refused = client
        .call(TRACES, &[FOREIGN], &spans_protobuf(&["a"]))
        .await;

    let (code, status) = refused.grpc_failure();
    assert_eq!(code, "7");
    assert_eq!(status.detail_types(), [""; 0], "no RetryInfo");
    assert_eq!(receivers.span_names(), [""; 0]);
}

#[tokio::test]
async fn a_page_of_another_name_gets_no_answer_to_its_preflight() {
    let receivers = Receivers::start().await;
    let headers = [
        FOREIGN,
        ("origin", "http://localhost:5173"),
        ("access-control-request-method", "POST"),
    ];

    let answer = Client::http1(receivers.http)
        .send(http::Method::OPTIONS, "/v1/traces", &headers, "")
        .await;

    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.header("access-control-allow-origin"), "");
}
