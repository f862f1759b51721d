//! Content types.

use serde_json::json;

use super::bytes::{len, span_request};
use super::case::{
    Case, Expected, Request, TRACES, Wire, json_span, nothing, refused, stored_span,
};

const MEDIA_TYPE: &str = "a media type is compared without its case and parameters";
const OTHERS: &str = "only application/x-protobuf and application/json are OTLP; others are 415";

fn json_as(name: &'static str, content_type: &'static str) -> Case {
    let content_type = ("Content-Type", content_type);
    let request = Request::post(TRACES, content_type, json_span(r#""name":"a""#));
    accepted(name, request)
}

fn protobuf_as(name: &'static str, content_type: &'static str) -> Case {
    let content_type = ("Content-Type", content_type);
    accepted(
        name,
        Request::post(TRACES, content_type, span_request(&len(5, b"a"))),
    )
}

fn accepted(name: &'static str, request: Request) -> Case {
    let stored = stored_span(json!({ "name": "a" }));
    Case::new(name, MEDIA_TYPE, request, Expected::Success, stored)
}

fn other(name: &'static str, content_type: &'static str) -> Case {
    let message = format!(
        "content type \"{content_type}\" is not supported; \
         send application/x-protobuf or application/json"
    );
    let request = Request::post(TRACES, ("Content-Type", content_type), json_span(""));
    Case::new(name, OTHERS, request, refused(415, 3, &message), nothing())
}

pub(super) fn cases() -> Vec<Case> {
    let no_content_type = Request::post(TRACES, ("X-Nothing", "here"), "{}");
    let grpc = Request::post(TRACES, ("Content-Type", "application/grpc"), "");
    let elsewhere = "content type \"application/grpc\" is not supported; \
                     this is the OTLP/HTTP port, OTLP/gRPC has its own";
    vec![
        json_as("JSON with a charset", "application/json; charset=utf-8"),
        json_as("JSON in capitals", "APPLICATION/JSON"),
        json_as(
            "JSON with a parameter and no space",
            "application/json;v=1;w=\"a;b\"",
        ),
        protobuf_as("protobuf in capitals", "Application/X-Protobuf"),
        protobuf_as("protobuf with a parameter", "application/x-protobuf ; v=1"),
        other("text", "text/plain"),
        other("a form", "application/x-www-form-urlencoded"),
        other("protobuf without the x", "application/protobuf"),
        other("JSON lines", "application/x-ndjson"),
        other("any", "*/*"),
        other("a longer name", "application/jsonx"),
        other("an empty one", ""),
        Case::new(
            "none",
            OTHERS,
            no_content_type,
            refused(
                415,
                3,
                "content type \"\" is not supported; \
                 send application/x-protobuf or application/json",
            ),
            nothing(),
        ),
        Case::new(
            "gRPC on the HTTP port",
            "ports may be shared; these are not, and each names the other",
            grpc.over(Wire::Http2),
            refused(415, 3, elsewhere),
            nothing(),
        ),
    ]
}
