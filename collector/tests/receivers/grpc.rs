//! OTLP over gRPC.

use http::StatusCode;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;

use crate::support::{Client, Receivers, frame, gzip, spans_protobuf};

const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

const UNIMPLEMENTED: &str = "12";
const INVALID_ARGUMENT: &str = "3";

#[tokio::test]
async fn acknowledged_spans_are_visible_at_once() {
    let receivers = Receivers::start().await;
    let client = Client::http2(receivers.grpc);

    let answer = client.call(TRACES, &[], &spans_protobuf(&["a", "b"])).await;

    assert_eq!(receivers.span_names(), ["a", "b"]);
    assert_eq!(answer.grpc_message().len(), 0, "nothing was rejected");
    let accepted =
        "spandrel_ingest_records_accepted_total{signal=\"traces\",protocol=\"otlp_grpc\"}";
    assert_eq!(receivers.counter(accepted), 2);
}

#[tokio::test]
async fn compressed_messages_are_accepted() {
    let receivers = Receivers::start().await;
    let client = Client::http2(receivers.grpc);

    let framed = frame(1, &gzip(&spans_protobuf(&["gzip"])));
    let answer = client
        .call_framed(TRACES, &[("grpc-encoding", "gzip")], framed)
        .await;
    assert_eq!(answer.grpc_message().len(), 0);
    let framed = frame(
        1,
        &zstd::encode_all(spans_protobuf(&["zstd"]).as_slice(), 3).unwrap(),
    );
    let answer = client
        .call_framed(TRACES, &[("grpc-encoding", "zstd")], framed)
        .await;
    assert_eq!(answer.grpc_message().len(), 0);
    // A message may be sent plain although the call names a compression.
    let framed = frame(0, &spans_protobuf(&["plain"]));
    let answer = client
        .call_framed(TRACES, &[("grpc-encoding", "gzip")], framed)
        .await;
    assert_eq!(answer.grpc_message().len(), 0);

    assert_eq!(receivers.span_names(), ["gzip", "plain", "zstd"]);
}

#[tokio::test]
async fn spans_with_invalid_ids_are_rejected_singly() {
    let receivers = Receivers::start().await;
    let client = Client::http2(receivers.grpc);

    let answer = client.call(TRACES, &[], &spans_protobuf(&["a", ""])).await;

    let expected = ExportTraceServiceResponse {
        partial_success: Some(ExportTracePartialSuccess {
            rejected_spans: 1,
            error_message: "span \"\": span id is all zero".to_owned(),
        }),
    };
    assert_eq!(
        ExportTraceServiceResponse::decode(answer.grpc_message()).unwrap(),
        expected
    );
    assert_eq!(receivers.span_names(), ["a"]);
}

#[tokio::test]
async fn empty_requests_of_every_service_succeed() {
    let receivers = Receivers::start().await;
    let client = Client::http2(receivers.grpc);

    for path in [TRACES, LOGS, METRICS] {
        assert_eq!(
            client.call(path, &[], b"").await.grpc_message().len(),
            0,
            "{path}"
        );
    }
}

#[tokio::test]
async fn unknown_services_are_unimplemented() {
    let receivers = Receivers::start().await;
    let client = Client::http2(receivers.grpc);
    let path = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export";

    let (code, status) = client.call(path, &[], b"").await.grpc_failure();

    assert_eq!((code.as_str(), status.code), (UNIMPLEMENTED, 12));
    assert_eq!(
        status.message,
        format!(
            "nothing is received at {path}; \
             this receiver knows Export of the OTLP trace, logs and metrics services"
        )
    );
}

#[tokio::test]
async fn unknown_compressions_are_unimplemented_and_the_known_ones_named() {
    let receivers = Receivers::start().await;
    let client = Client::http2(receivers.grpc);

    let headers = [("grpc-encoding", "snappy")];
    let answer = client.call_framed(TRACES, &headers, frame(1, b"x")).await;

    assert_eq!(answer.grpc_failure().0, UNIMPLEMENTED);
    assert_eq!(
        answer.header("grpc-accept-encoding"),
        "identity,gzip,zstd,deflate"
    );
}

#[tokio::test]
async fn bad_payloads_are_invalid_arguments() {
    let receivers = Receivers::start().await;
    let client = Client::http2(receivers.grpc);
    let gzip = [("grpc-encoding", "gzip")];

    let not_protobuf = client.call(TRACES, &[], b"no protobuf").await;
    let not_gzip = client
        .call_framed(TRACES, &gzip, frame(1, b"no gzip"))
        .await;
    let flag_alone = client.call_framed(TRACES, &[], frame(1, b"x")).await;
    let two_messages = [frame(0, b""), frame(0, b"")].concat();
    let two_messages = client.call_framed(LOGS, &[], two_messages.into()).await;
    let nothing = client.call_framed(LOGS, &[], "".into()).await;

    for answer in [not_protobuf, not_gzip, flag_alone, two_messages, nothing] {
        let (code, status) = answer.grpc_failure();
        assert_eq!(
            (code.as_str(), status.code),
            (INVALID_ARGUMENT, 3),
            "{}",
            status.message
        );
        assert_eq!(status.detail_types(), ["google.rpc.BadRequest"]);
    }
    let invalid = |signal, reason| {
        format!(
            "spandrel_ingest_requests_total{{signal=\"{signal}\",protocol=\"otlp_grpc\",\
             outcome=\"invalid\",reason=\"{reason}\"}}"
        )
    };
    for (signal, reason, count) in [
        ("traces", "bad_payload", 1),
        ("traces", "corrupt_compression", 1),
        ("traces", "bad_frame", 1),
        ("logs", "bad_frame", 2),
    ] {
        assert_eq!(
            receivers.counter(&invalid(signal, reason)),
            count,
            "{reason}"
        );
    }
}

#[tokio::test]
async fn a_sender_that_does_not_speak_grpc_is_shown_the_http_port() {
    let receivers = Receivers::start().await;
    let client = Client::http1(receivers.grpc);

    let headers = [("content-type", "application/json")];
    let answer = client.post("/v1/traces", &headers, "{}").await;

    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(
        answer.json()["message"],
        format!(
            "content type \"application/json\" is not supported; \
             this is the OTLP/gRPC port, OTLP/HTTP is at http://{}",
            receivers.http
        )
    );
}
