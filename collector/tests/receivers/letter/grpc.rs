//! gRPC: framing, services, compression and codes.

use serde_json::json;

use super::bytes::{frame, gzip, len, span_request, zstd};
use super::case::{
    Case, Expected, PROTOBUF, Request, TRACES, Wire, nothing, partial, refused, stored_span,
};

pub(super) const TRACE_SERVICE: &str =
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const LOGS_SERVICE: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
const METRICS_SERVICE: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

const FRAME: &str = "a message that is not framed as gRPC says is an INVALID_ARGUMENT, not retried";
const UNKNOWN: &str = "what is not served is UNIMPLEMENTED";
const NO_CALL: &str = "a gRPC call is a POST over HTTP/2; anything else gets an HTTP answer";

fn named_span() -> Vec<u8> {
    span_request(&len(5, b"a"))
}

fn accepted(name: &'static str, why: &'static str, request: Request) -> Case {
    let stored = stored_span(json!({ "name": "a" }));
    Case::new(name, why, request, Expected::Success, stored)
}

fn bad_frame(name: &'static str, framed: Vec<u8>, reason: &str) -> Case {
    let message = format!("bad gRPC message: {reason}");
    let request = Request::grpc(TRACE_SERVICE, framed);
    Case::new(name, FRAME, request, refused(0, 3, &message), nothing())
}

fn unimplemented(name: &'static str, path: &'static str) -> Case {
    let message = format!(
        "nothing is received at {path}; \
         this receiver knows Export of the OTLP trace, logs and metrics services"
    );
    let request = Request::grpc(path, frame(0, b""));
    Case::new(name, UNKNOWN, request, refused(0, 12, &message), nothing())
}

fn empty(name: &'static str, path: &'static str) -> Case {
    let request = Request::grpc(path, frame(0, b""));
    Case::new(
        name,
        "empty requests succeed",
        request,
        Expected::Success,
        nothing(),
    )
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        accepted(
            "a span",
            "the basic case",
            Request::grpc(TRACE_SERVICE, frame(0, &named_span())),
        ),
        empty("no resource, traces", TRACE_SERVICE),
        empty("no resource, logs", LOGS_SERVICE),
        empty("no resource, metrics", METRICS_SERVICE),
        unimplemented(
            "profiles, which are in development",
            "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
        ),
        unimplemented(
            "another method",
            "/opentelemetry.proto.collector.trace.v1.TraceService/Import",
        ),
        unimplemented(
            "another package",
            "/opentelemetry.collector.trace.v1.TraceService/Export",
        ),
        unimplemented("a path of the HTTP port", "/v1/traces"),
        Case::new(
            "a span without a span id",
            "partial success comes with the code OK",
            Request::grpc(
                TRACE_SERVICE,
                frame(0, &super::bytes::request(&[len(5, b"a")])),
            ),
            partial(1, "span \"a\": trace id is missing"),
            nothing(),
        ),
    ];
    cases.extend(messages());
    cases.extend(compressed());
    cases.extend(no_calls());
    cases
}

fn messages() -> Vec<Case> {
    let cut = frame(0, &named_span())[..20].to_vec();
    let two = [frame(0, b""), frame(0, b"")].concat();
    let not_protobuf = frame(0, b"no protobuf");
    vec![
        bad_frame("no message", Vec::new(), "the message is missing"),
        bad_frame("half a prefix", vec![0, 0, 0], "the message is missing"),
        bad_frame("a message cut short", cut, "the message is cut short"),
        bad_frame(
            "two messages",
            two,
            "a unary request has more than one message",
        ),
        bad_frame(
            "an unknown flag",
            vec![2, 0, 0, 0, 0],
            "the compressed flag is neither 0 nor 1",
        ),
        bad_frame(
            "a compressed message, and no compression named",
            frame(1, &gzip(&named_span())),
            "the compressed flag is set, but grpc-encoding names no compression",
        ),
        Case::new(
            "a message that is no protobuf",
            "undecodable data is INVALID_ARGUMENT with google.rpc.BadRequest",
            Request::grpc(TRACE_SERVICE, not_protobuf),
            refused(
                0,
                3,
                "the payload is not a valid export request: body is not an OTLP protobuf request: …",
            ),
            nothing(),
        ),
    ]
}

fn compressed() -> Vec<Case> {
    let grpc = |encoding, framed: Vec<u8>| {
        Request::grpc(TRACE_SERVICE, framed).header("grpc-encoding", encoding)
    };
    let span = named_span();
    let members = [gzip(&span[..10]), gzip(&span[10..])].concat();
    vec![
        accepted(
            "gzip",
            "servers must take gzip",
            grpc("gzip", frame(1, &gzip(&span))),
        ),
        accepted(
            "gzip of two members",
            "RFC 1952",
            grpc("gzip", frame(1, &members)),
        ),
        accepted(
            "zstd",
            "the Collector sends it",
            grpc("zstd", frame(1, &zstd(&span))),
        ),
        accepted(
            "identity",
            "the name of none",
            grpc("identity", frame(0, &span)),
        ),
        accepted(
            "a plain message in a compressed call",
            "the flag of each message decides",
            grpc("gzip", frame(0, &span)),
        ),
        accepted(
            "a sender that takes gzip",
            "the answer may be compressed, and need not; Python says it always",
            Request::grpc(TRACE_SERVICE, frame(0, &span))
                .header("grpc-accept-encoding", "identity, deflate, gzip"),
        ),
        accepted(
            "a deadline",
            "what is in time is not refused for it",
            Request::grpc(TRACE_SERVICE, frame(0, &span)).header("grpc-timeout", "10S"),
        ),
        Case::new(
            "snappy",
            "an encoding that is not known is UNIMPLEMENTED, with those that are",
            grpc("snappy", frame(1, b"x")),
            refused(
                0,
                12,
                "content encoding \"snappy\" is not supported; use gzip, zstd or none",
            ),
            nothing(),
        )
        .answers("grpc-accept-encoding", "identity,gzip,zstd,deflate"),
        Case::new(
            "damaged gzip",
            "tonic says INTERNAL here; it is bad data",
            grpc("gzip", frame(1, b"no gzip")),
            refused(0, 3, "the body is not valid gzip: …"),
            nothing(),
        ),
        accepted(
            "the content type with +proto",
            "application/grpc means protobuf, and may say it",
            Request {
                headers: vec![
                    ("content-type", "application/grpc+proto"),
                    ("te", "trailers"),
                ],
                ..Request::grpc(TRACE_SERVICE, frame(0, &span))
            },
        ),
        accepted(
            "no te header",
            "its lack harms nobody over HTTP/2",
            Request {
                headers: vec![("content-type", "application/grpc")],
                ..Request::grpc(TRACE_SERVICE, frame(0, &span))
            },
        ),
    ]
}

fn no_calls() -> Vec<Case> {
    let http1 = format!(
        "POST {TRACE_SERVICE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/grpc\r\n\
         TE: trailers\r\nConnection: close\r\nContent-Length: 5\r\n\r\n\0\0\0\0\0"
    );
    let over_http1 = Request {
        wire: Wire::RawGrpc,
        ..Request::raw(http1)
    };
    let otlp_http = Request::post(TRACES, PROTOBUF, named_span()).over(Wire::NoGrpc);
    let grpc_json = Request {
        wire: Wire::NoGrpc,
        headers: vec![("content-type", "application/grpc+json")],
        ..Request::grpc(TRACE_SERVICE, frame(0, b"{}"))
    };
    let get = Request::grpc(TRACE_SERVICE, Vec::new())
        .over(Wire::NoGrpc)
        .method("GET");
    let message = "GET is not supported here; telemetry is sent with POST";
    vec![
        Case::new("GET", NO_CALL, get, refused(405, 3, message), nothing())
            .answers("allow", "POST"),
        Case::new(
            "gRPC over HTTP/1.1",
            "its answer ends with trailers, which HTTP/1.1 would drop",
            over_http1,
            refused(
                505,
                3,
                "gRPC needs HTTP/2, and this request came over HTTP/1.1",
            ),
            nothing(),
        ),
        Case::new(
            "OTLP/HTTP on the gRPC port",
            "ports may be shared; these are not, and each names the other",
            otlp_http,
            refused(
                415,
                3,
                "content type \"application/x-protobuf\" is not supported; \
                 this is the OTLP/gRPC port, OTLP/HTTP is at http://…",
            ),
            nothing(),
        ),
        Case::new(
            "JSON over gRPC",
            "OTLP has protobuf alone over gRPC",
            grpc_json,
            refused(
                415,
                3,
                "content type \"application/grpc+json\" is not supported; …",
            ),
            nothing(),
        ),
    ]
}
