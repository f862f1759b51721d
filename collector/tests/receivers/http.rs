//! OTLP over HTTP.

use http::{Method, StatusCode};
use serde_json::json;

use crate::support::{Client, Receivers, TRACE_ID, gzip, logs_json, spans_json, spans_protobuf};

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn acknowledged_protobuf_spans_are_visible_at_once() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);

    let answer = client
        .post("/v1/traces", &[PROTOBUF], spans_protobuf(&["a", "b"]))
        .await;

    assert_eq!(receivers.span_names(), ["a", "b"]);
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "application/x-protobuf");
    assert_eq!(answer.header("content-length"), "0");
    assert_eq!(answer.body.len(), 0);
    let accepted =
        "spandrel_ingest_records_accepted_total{signal=\"traces\",protocol=\"otlp_http\"}";
    assert_eq!(receivers.counter(accepted), 2);
    assert_eq!(receivers.counter("spandrel_ingest_in_flight_bytes"), 0);
}

#[tokio::test]
async fn acknowledged_json_spans_are_visible_at_once() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);
    let content_type = ("content-type", "Application/JSON; charset=utf-8");

    let answer = client
        .post("/v1/traces", &[content_type], spans_json(&["a", "b"]))
        .await;

    assert_eq!(receivers.span_names(), ["a", "b"]);
    assert_eq!((answer.status, answer.text()), (StatusCode::OK, "{}"));
    assert_eq!(answer.header("content-type"), "application/json");
}

#[tokio::test]
async fn http2_without_tls_is_understood() {
    let receivers = Receivers::start().await;
    let client = Client::http2(receivers.http);

    let answer = client.post("/v1/traces", &[JSON], spans_json(&["a"])).await;

    assert_eq!((answer.status, answer.text()), (StatusCode::OK, "{}"));
    assert_eq!(receivers.span_names(), ["a"]);
}

#[tokio::test]
async fn every_compression_is_accepted() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);
    let encoded = |name| ("content-encoding", name);

    let body = spans_protobuf(&["plain"]);
    let answer = client
        .post("/v1/traces", &[PROTOBUF, encoded("identity")], body)
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    let body = gzip(&spans_protobuf(&["gzip"]));
    let answer = client
        .post("/v1/traces", &[PROTOBUF, encoded("gzip")], body)
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    let body = zstd::encode_all(spans_json(&["zstd"]).as_slice(), 3).unwrap();
    let answer = client
        .post("/v1/traces", &[JSON, encoded("zstd")], body)
        .await;
    assert_eq!(answer.status, StatusCode::OK);

    assert_eq!(receivers.span_names(), ["gzip", "plain", "zstd"]);
}

#[tokio::test]
async fn spans_with_invalid_ids_are_rejected_singly_and_counted_as_text_in_json() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);

    let answer = client
        .post("/v1/traces", &[JSON], spans_json(&["a", "", "c", ""]))
        .await;

    assert_eq!(answer.status, StatusCode::OK);
    let partial = &answer.json()["partialSuccess"];
    assert_eq!(partial["rejectedSpans"], "2");
    assert_eq!(partial["errorMessage"], "span \"\": span id is all zero");
    assert_eq!(receivers.span_names(), ["a", "c"]);
    let rejected =
        "spandrel_ingest_records_rejected_total{signal=\"traces\",protocol=\"otlp_http\"}";
    assert_eq!(receivers.counter(rejected), 2);
}

#[tokio::test]
async fn log_records_with_invalid_ids_are_kept_without_a_trace() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);
    let records = logs_json(&[
        ("with", TRACE_ID),
        ("without", ""),
        ("zero", &"0".repeat(32)),
    ]);

    let answer = client.post("/v1/logs", &[JSON], records).await;

    assert_eq!((answer.status, answer.text()), (StatusCode::OK, "{}"));
    let expected = [("with", Some(TRACE_ID)), ("without", None), ("zero", None)];
    let expected = expected.map(|(body, id)| (body.to_owned(), id.map(str::to_owned)));
    assert_eq!(receivers.log_records(), expected);
}

#[tokio::test]
async fn metrics_are_answered_with_all_points_rejected() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);
    let points = json!([{ "asInt": "1" }, { "asInt": "2" }, { "asDouble": 0.5 }]);
    let metrics = json!([{ "name": "m", "gauge": { "dataPoints": points } }]);
    let request = json!({ "resourceMetrics": [{ "scopeMetrics": [{ "metrics": metrics }] }] });

    let answer = client
        .post("/v1/metrics", &[JSON], request.to_string())
        .await;

    assert_eq!(answer.status, StatusCode::OK);
    let message = "spandrel stores traces and logs; metrics are not stored";
    let partial = json!({ "rejectedDataPoints": "3", "errorMessage": message });
    assert_eq!(answer.json(), json!({ "partialSuccess": partial }));
    let empty = client.post("/v1/metrics", &[PROTOBUF], "").await;
    assert_eq!((empty.status, empty.body.len()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn empty_requests_succeed() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);

    for path in ["/v1/traces", "/v1/logs"] {
        let protobuf = client.post(path, &[PROTOBUF], "").await;
        assert_eq!((protobuf.status, protobuf.body.len()), (StatusCode::OK, 0));
        let json = client.post(path, &[JSON], "{}").await;
        assert_eq!((json.status, json.text()), (StatusCode::OK, "{}"));
    }
}

#[tokio::test]
async fn undecodable_bodies_get_a_status_in_the_encoding_of_the_request() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);

    let protobuf = client.post("/v1/traces", &[PROTOBUF], "no protobuf").await;
    assert_eq!(protobuf.status, StatusCode::BAD_REQUEST);
    assert_eq!(protobuf.rpc_status().code, 3);
    assert_eq!(
        protobuf.rpc_status().detail_types(),
        ["google.rpc.BadRequest"]
    );

    let json = client
        .post("/v1/logs", &[JSON], "{\"resourceLogs\": [")
        .await;
    assert_eq!(json.status, StatusCode::BAD_REQUEST);
    assert_eq!(json.json()["code"], 3);
    let details = &json.json()["details"][0];
    assert_eq!(
        details["@type"],
        "type.googleapis.com/google.rpc.BadRequest"
    );

    let gzip = [PROTOBUF, ("content-encoding", "gzip")];
    let corrupt = client
        .post("/v1/traces", &gzip, "this is not gzip at all")
        .await;
    assert_eq!(corrupt.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        corrupt.rpc_status().message,
        "the body is not valid gzip: invalid gzip header"
    );
    assert_eq!(receivers.span_names(), Vec::<String>::new());
}

#[tokio::test]
async fn other_content_types_and_encodings_are_refused_by_name() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);

    let text = client
        .post("/v1/traces", &[("content-type", "text/plain")], "{}")
        .await;
    assert_eq!(text.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(
        text.json()["message"],
        "content type \"text/plain\" is not supported; \
         send application/x-protobuf or application/json"
    );

    let missing = client.post("/v1/logs", &[], "{}").await;
    assert_eq!(missing.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(missing.json()["code"], 3);

    let brotli = client
        .post("/v1/traces", &[JSON, ("content-encoding", "br")], "{}")
        .await;
    assert_eq!(brotli.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(brotli.header("accept-encoding"), "gzip, zstd, deflate");
    assert_eq!(
        brotli.json()["message"],
        "content encoding \"br\" is not supported; use gzip, zstd or none"
    );
}

#[tokio::test]
async fn only_post_is_a_method_of_the_paths() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);

    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = client
            .send(method.clone(), "/v1/traces", &[PROTOBUF], "")
            .await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(answer.header("allow"), "POST");
        assert_eq!(
            answer.rpc_status().message,
            format!("{method} is not supported here; telemetry is sent with POST")
        );
    }
}

#[tokio::test]
async fn unknown_paths_name_the_known_ones() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);

    let answer = client.post("/v1/trace", &[JSON], "{}").await;

    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(
        answer.json()["message"],
        "nothing is received at /v1/trace; \
         this receiver knows /v1/traces, /v1/logs, /v1/metrics, \
         /api/v2/spans, /loki/api/v1/push and /api/v1/ingest/logs"
    );
    let unknown = "spandrel_ingest_requests_total{signal=\"unknown\",protocol=\"otlp_http\",\
                   outcome=\"unsupported\",reason=\"unknown_path\"}";
    assert_eq!(receivers.counter(unknown), 1);
}

#[tokio::test]
async fn the_root_explains_itself_to_people() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);

    let answer = client.send(Method::GET, "/", &[], "").await;

    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert!(
        answer
            .text()
            .starts_with("This is Spandrel's OTLP/HTTP receiver.\n")
    );
    assert!(
        answer
            .text()
            .ends_with(&format!("OTLP/gRPC is received at {}.\n", receivers.grpc))
    );
}
