//! The limit of a request, which holds before and after decompression.

use serde_json::json;

use super::bytes::{frame, gzip, len, span_request, zstd};
use super::case::{
    Case, Expected, JSON, PROTOBUF, Request, TRACES, Wire, nothing, refused, stored_span,
};
use super::grpc::TRACE_SERVICE;

const OVER: &str = "a request over the limit is 413 or RESOURCE_EXHAUSTED, without a retry";
const AFTER: &str = "the limit holds after decompression too";
const LIMIT: [&str; 4] = [
    "--max-request-bytes",
    "1000",
    "--max-in-flight-bytes",
    "10000",
];
const DEFAULT_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// A request of one span with exactly so many bytes.
fn of_size(bytes: usize) -> Vec<u8> {
    // Three lengths of two bytes each, and the key and length of the name.
    let overhead = span_request(&len(5, &[b'a'; 500])).len() - 500;
    span_request(&len(5, &vec![b'a'; bytes - overhead]))
}

fn too_large(name: &'static str, why: &'static str, request: Request) -> Case {
    let message = "the request is over the limit of 1000 bytes (as sent or decompressed)";
    Case::new(name, why, request, refused(413, 8, message), nothing()).flags(&LIMIT)
}

fn fits(name: &'static str, request: Request) -> Case {
    let overhead = of_size(600).len() - 600 + span_request(&len(5, &[b'a'; 500])).len() - 500;
    let stored = stored_span(json!({ "name": "a".repeat(1000 - overhead) }));
    let why = "the limit itself is allowed";
    Case::new(name, why, request, Expected::Success, stored).flags(&LIMIT)
}

fn encoded(encoding: &'static str, body: Vec<u8>) -> Request {
    Request::post(TRACES, PROTOBUF, body).header("Content-Encoding", encoding)
}

fn grpc(encoding: &'static str, framed: Vec<u8>) -> Request {
    Request::grpc(TRACE_SERVICE, framed).header("grpc-encoding", encoding)
}

pub(super) fn cases() -> Vec<Case> {
    let over = of_size(1001);
    let head = "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Connection: close\r\n";
    let chunks = format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n400\r\n{}\r\n0\r\n\r\n",
        " ".repeat(1024)
    );
    let asks_first = format!("{head}Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n");
    let declared = frame(0, &over)[..40].to_vec();
    vec![
        fits(
            "exactly the limit",
            Request::post(TRACES, PROTOBUF, of_size(1000)),
        ),
        fits(
            "exactly the limit, from gzip",
            encoded("gzip", gzip(&of_size(1000))),
        ),
        fits(
            "exactly the limit over gRPC",
            Request::grpc(TRACE_SERVICE, frame(0, &of_size(1000))),
        ),
        too_large(
            "one byte more",
            OVER,
            Request::post(TRACES, PROTOBUF, over.clone()),
        ),
        too_large(
            "one byte more, JSON",
            OVER,
            Request::post(TRACES, JSON, " ".repeat(1001)),
        ),
        too_large(
            "one byte more over HTTP/2",
            OVER,
            Request::post(TRACES, PROTOBUF, over.clone()).over(Wire::Http2),
        ),
        too_large(
            "chunks without a length",
            "the bytes count, not the header",
            Request::raw(chunks),
        ),
        too_large(
            "a sender that asks first",
            "it gets the answer instead of leave to send",
            Request::raw(asks_first),
        ),
        too_large("gzip", AFTER, encoded("gzip", gzip(&over))),
        too_large("zstd", AFTER, encoded("zstd", zstd(&over))),
        too_large(
            "a gzip bomb",
            AFTER,
            encoded("gzip", gzip(&vec![0; 10_000_000])),
        ),
        too_large(
            "a gzip bomb of two members",
            AFTER,
            encoded("gzip", [gzip(&[b' '; 900]), gzip(&[b' '; 900])].concat()),
        ),
        too_large(
            "one byte more over gRPC",
            "tonic says OUT_OF_RANGE here, which is retried for ever",
            Request::grpc(TRACE_SERVICE, frame(0, &over)),
        ),
        too_large(
            "a length over gRPC, and no more than the beginning",
            "the length alone decides, before the rest is read",
            Request::grpc(TRACE_SERVICE, declared),
        ),
        too_large(
            "gzip over gRPC",
            AFTER,
            grpc("gzip", frame(1, &gzip(&over))),
        ),
        too_large(
            "zstd over gRPC",
            AFTER,
            grpc("zstd", frame(1, &zstd(&over))),
        ),
        Case::new(
            "64 MiB and a byte, in gzip",
            "64 MiB is the limit that OTLP recommends, and the default here",
            encoded("gzip", gzip(&vec![b' '; DEFAULT_LIMIT_BYTES + 1])),
            refused(
                413,
                8,
                "the request is over the limit of 67108864 bytes (as sent or decompressed)",
            ),
            nothing(),
        ),
        Case::new(
            "64 MiB of an unknown field, in gzip",
            "the whole default limit can be used",
            encoded("gzip", gzip(&len(99, &vec![0; DEFAULT_LIMIT_BYTES - 6]))),
            Expected::Success,
            nothing(),
        ),
    ]
}
