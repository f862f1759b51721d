//! What happens at the limits of size, memory and time.

use http::StatusCode;

use crate::support::{Client, Receivers, frame, gzip, spans_json, spans_protobuf};

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const GZIP: (&str, &str) = ("content-encoding", "gzip");
const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

const RESOURCE_EXHAUSTED: &str = "8";
const UNAVAILABLE: &str = "14";
const IN_FLIGHT_BYTES: &str = "spandrel_ingest_in_flight_bytes";

const SMALL: [&str; 4] = [
    "--max-request-bytes",
    "100000",
    "--max-in-flight-bytes",
    "300000",
];

#[tokio::test]
async fn a_request_over_the_limit_gets_413_however_it_is_sent() {
    let receivers = Receivers::start_with(&SMALL).await;
    let client = Client::http1(receivers.http);
    let large = vec![0; 100_001];

    let declared = client.post("/v1/traces", &[PROTOBUF], large.clone()).await;
    let (upload, chunked) = client.upload("/v1/traces", &[PROTOBUF]);
    let send = async move {
        upload.send(large[..60_000].to_vec()).await;
        upload.send(large[60_000..].to_vec()).await;
    };
    let (chunked, ()) = tokio::join!(chunked, send);
    let unpacked = client
        .post("/v1/traces", &[PROTOBUF, GZIP], gzip(&[0; 100_001]))
        .await;

    for answer in [declared, chunked, unpacked] {
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(answer.header("retry-after"), "");
        assert_eq!(answer.rpc_status().code, 8);
        assert_eq!(answer.rpc_status().detail_types(), Vec::<&str>::new());
        assert_eq!(
            answer.rpc_status().message,
            "the request is over the limit of 100000 bytes (as sent or decompressed)"
        );
    }
    assert_eq!(receivers.counter(IN_FLIGHT_BYTES), 0);
}

#[tokio::test]
async fn a_message_over_the_limit_is_resource_exhausted_and_not_retryable() {
    let receivers = Receivers::start_with(&SMALL).await;
    let client = Client::http2(receivers.grpc);

    let plain = client.call(TRACES, &[], &[0; 100_001]).await;
    let bomb = frame(1, &gzip(&[0; 100_001]));
    let bomb = client
        .call_framed(TRACES, &[("grpc-encoding", "gzip")], bomb)
        .await;

    for answer in [plain, bomb] {
        let (code, status) = answer.grpc_failure();
        assert_eq!((code.as_str(), status.code), (RESOURCE_EXHAUSTED, 8));
        assert_eq!(status.retry_seconds(), None);
    }
    let too_large = "spandrel_ingest_requests_total{signal=\"traces\",protocol=\"otlp_grpc\",\
                     outcome=\"too_large\",reason=\"too_large\"}";
    assert_eq!(receivers.counter(too_large), 2);
    assert_eq!(receivers.counter(IN_FLIGHT_BYTES), 0);
}

#[tokio::test]
async fn a_request_of_exactly_the_limit_is_accepted() {
    let body = spans_protobuf(&["a", "b"]);
    let limit = body.len().to_string();
    let flags = ["--max-request-bytes", &limit];
    let receivers = Receivers::start_with(&flags).await;

    let plain = Client::http1(receivers.http)
        .post("/v1/traces", &[PROTOBUF], body.clone())
        .await;
    assert_eq!(plain.status, StatusCode::OK);
    Client::http2(receivers.grpc)
        .call(TRACES, &[], &body)
        .await
        .grpc_message();

    assert_eq!(receivers.span_names(), ["a", "a", "b", "b"]);
}

#[tokio::test]
async fn chunked_bodies_without_a_length_are_accepted() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);
    let body = spans_json(&["a", "b"]);
    let (first, second) = body.split_at(body.len() / 2);

    let (upload, answer) = client.upload("/v1/traces", &[("content-type", "application/json")]);
    let send = async move {
        upload.send(first.to_vec()).await;
        upload.send(second.to_vec()).await;
    };
    let (answer, ()) = tokio::join!(answer, send);

    assert_eq!((answer.status, answer.text()), (StatusCode::OK, "{}"));
    assert_eq!(receivers.span_names(), ["a", "b"]);
}

#[tokio::test]
async fn overload_is_refused_with_a_retry_and_nothing_is_lost_later() {
    let receivers = Receivers::start_with(&SMALL).await;
    let slow = Client::http1(receivers.http);
    // Two requests fill the memory with 100,000 bytes each, and do not end.
    let (first, first_answer) = slow.upload("/v1/traces", &[PROTOBUF]);
    let (second, second_answer) = slow.upload("/v1/traces", &[PROTOBUF]);
    let mut answers = Box::pin(async { tokio::join!(first_answer, second_answer) });
    let fill = async {
        first.send(vec![0; 100_000]).await;
        second.send(vec![0; 100_000]).await;
        receivers.wait_for_counter(IN_FLIGHT_BYTES, 200_000).await;
    };
    tokio::select! {
        () = fill => {}
        _ = &mut answers => panic!("requests that have not ended are answered"),
    }

    let http = Client::http1(receivers.http);
    let refused = http.post("/v1/traces", &[PROTOBUF], vec![0; 80_000]).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.rpc_status().code, 14);
    assert_eq!(refused.rpc_status().retry_seconds(), Some(1));
    let grpc = Client::http2(receivers.grpc);
    let (code, status) = grpc
        .call(TRACES, &[], &vec![0; 80_000])
        .await
        .grpc_failure();
    assert_eq!((code.as_str(), status.code), (UNAVAILABLE, 14));
    assert_eq!(status.retry_seconds(), Some(1));
    // What is small still fits into what is left for others.
    let accepted = http
        .post("/v1/traces", &[PROTOBUF], spans_protobuf(&["small"]))
        .await;
    assert_eq!(accepted.status, StatusCode::OK);

    drop((answers, first, second));
    receivers.wait_for_counter(IN_FLIGHT_BYTES, 0).await;
    let accepted = http
        .post("/v1/traces", &[PROTOBUF], spans_protobuf(&["a"]))
        .await;
    assert_eq!(accepted.status, StatusCode::OK);
    grpc.call(TRACES, &[], &spans_protobuf(&["b"]))
        .await
        .grpc_message();
    assert_eq!(receivers.span_names(), ["a", "b", "small"]);
}

#[tokio::test]
async fn a_body_that_stalls_is_refused_with_a_retry() {
    let receivers = Receivers::start_with(&["--otlp-body-timeout", "50ms"]).await;
    let client = Client::http1(receivers.http);

    let (upload, answer) = client.upload("/v1/traces", &[PROTOBUF]);
    let stall = async {
        upload.send("x").await;
        receivers
            .wait_for_counter(
                "spandrel_ingest_requests_total\
                 {signal=\"traces\",protocol=\"otlp_http\",\
                 outcome=\"interrupted\",reason=\"body_timeout\"}",
                1,
            )
            .await;
        drop(upload);
    };
    let (answer, ()) = tokio::join!(answer, stall);

    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(receivers.counter(IN_FLIGHT_BYTES), 0);
}

#[tokio::test]
async fn records_that_cannot_be_stored_are_refused_with_a_retry() {
    let receivers = Receivers::start().await;
    receivers.close_storage().await;

    let http = Client::http1(receivers.http);
    let refused = http
        .post("/v1/traces", &[PROTOBUF], spans_protobuf(&["a"]))
        .await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(
        refused.rpc_status().message,
        "the records could not be stored: storage is shutting down"
    );
    let grpc = Client::http2(receivers.grpc);
    let (code, status) = grpc
        .call(TRACES, &[], &spans_protobuf(&["b"]))
        .await
        .grpc_failure();
    assert_eq!(
        (code.as_str(), status.retry_seconds()),
        (UNAVAILABLE, Some(1))
    );
    assert_eq!(receivers.counter(IN_FLIGHT_BYTES), 0);
}
