//! HTTP/1.1 as it may be written, and HTTP/2.

use serde_json::json;

use super::bytes::span_request;
use super::case::{
    Case, Expected, JSON, PROTOBUF, Request, TRACES, Wire, json_span, nothing, refused, stored_span,
};

const HTTP1: &str = "OTLP/HTTP is spoken over HTTP/1.1, in every form it allows";
const HTTP2: &str = "OTLP/HTTP is spoken over HTTP/2 too, without TLS and without an upgrade";

/// A request over HTTP/1.1 with these lines after the request line, and this body.
fn raw(request_line: &str, lines: &str, body: &[u8]) -> Request {
    let head = format!(
        "{request_line}\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Connection: close\r\n{lines}\r\n"
    );
    Request::raw([head.as_bytes(), body].concat())
}

fn chunked(pieces: &[&str], extension: &str) -> Vec<u8> {
    let chunk = |piece: &&str| format!("{:x}{extension}\r\n{piece}\r\n", piece.len());
    let chunks: String = pieces.iter().map(chunk).collect();
    (chunks + "0\r\n").into_bytes()
}

fn accepted(name: &'static str, why: &'static str, request: Request) -> Case {
    let stored = stored_span(json!({ "name": "a" }));
    Case::new(name, why, request, Expected::Success, stored)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = well_formed();
    cases.extend(unusual());
    cases.extend(over_http2());
    cases
}

fn well_formed() -> Vec<Case> {
    let body = json_span(r#""name":"a""#);
    let length = format!("Content-Length: {}\r\n", body.len());
    let (first, second) = body.split_at(body.len() / 2);
    let no_length = "a sender may not know the length beforehand; Node's never say it";
    let transfer = "Transfer-Encoding: chunked\r\n";
    let line = "POST /v1/traces HTTP/1.1";
    let whole = [chunked(&[&body], ""), b"\r\n".to_vec()].concat();
    let split = [chunked(&[first, second], ""), b"\r\n".to_vec()].concat();
    let extended = [chunked(&[first, second], ";ext=\"1\""), b"\r\n".to_vec()].concat();
    let with_trailers = [chunked(&[&body], ""), b"X-Checksum: 1\r\n\r\n".to_vec()].concat();
    vec![
        accepted(
            "JSON with its length",
            HTTP1,
            raw(line, &length, body.as_bytes()),
        ),
        accepted(
            "one chunk without a length",
            no_length,
            raw(line, transfer, &whole),
        ),
        accepted(
            "two chunks, cut within the JSON",
            no_length,
            raw(line, transfer, &split),
        ),
        accepted(
            "chunks with extensions",
            HTTP1,
            raw(line, transfer, &extended),
        ),
        accepted(
            "chunks and trailers",
            HTTP1,
            raw(line, transfer, &with_trailers),
        ),
        accepted(
            "protobuf with its length",
            HTTP1,
            Request::post(TRACES, PROTOBUF, span_request(&super::bytes::len(5, b"a"))),
        ),
    ]
}

fn unusual() -> Vec<Case> {
    let body = json_span(r#""name":"a""#);
    let length = format!("Content-Length: {}\r\n", body.len());
    let asks_first = format!("{length}Expect: 100-continue\r\n");
    let absolute = "POST http://localhost/v1/traces HTTP/1.1";
    let lower = format!("content-length: {}\r\n", body.len());
    let old =
        format!("POST /v1/traces HTTP/1.0\r\ncontent-type: application/json\r\n{length}\r\n{body}");
    let two = format!(
        "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: 2\r\n\r\n{{}}POST /v1/traces HTTP/1.1\r\nHost: localhost\r\n\
         Content-Type: application/json\r\nConnection: close\r\n{length}\r\n{body}"
    );
    let contradiction = "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n";
    let line = "POST /v1/traces HTTP/1.1";
    let whole = [chunked(&[&body], ""), b"\r\n".to_vec()].concat();
    vec![
        accepted(
            "100-continue",
            HTTP1,
            raw(line, &asks_first, body.as_bytes()),
        ),
        accepted(
            "an absolute address",
            HTTP1,
            raw(absolute, &length, body.as_bytes()),
        ),
        accepted(
            "header names in lower case",
            HTTP1,
            raw(line, &lower, body.as_bytes()),
        ),
        accepted("HTTP/1.0", HTTP1, Request::raw(old)),
        accepted(
            "two requests on one connection, pipelined",
            HTTP1,
            Request::raw(two),
        ),
        accepted(
            "a length beside chunks",
            "RFC 9112, 6.3: the chunks win",
            raw(line, contradiction, &whole),
        ),
        Case::new(
            "neither length nor chunks",
            "a request without either has no body, and no body is no JSON",
            raw(line, "", b""),
            refused(
                400,
                3,
                "the payload is not a valid export request: body is not JSON: …",
            ),
            nothing(),
        ),
        Case::new(
            "a length that is no number",
            "what is not HTTP gets HTTP's own 400",
            raw(line, "Content-Length: two\r\n", b""),
            Expected::Plain { http: 400 },
            nothing(),
        ),
    ]
}

fn over_http2() -> Vec<Case> {
    let body = json_span(r#""name":"a""#);
    let protobuf = span_request(&super::bytes::len(5, b"a"));
    vec![
        accepted(
            "JSON over HTTP/2",
            HTTP2,
            Request::post(TRACES, JSON, body).over(Wire::Http2),
        ),
        accepted(
            "protobuf over HTTP/2",
            HTTP2,
            Request::post(TRACES, PROTOBUF, protobuf).over(Wire::Http2),
        ),
        Case::new(
            "an empty protobuf request over HTTP/2",
            "empty requests succeed",
            Request::post(TRACES, PROTOBUF, "").over(Wire::Http2),
            Expected::Success,
            nothing(),
        ),
        Case::new(
            "bad JSON over HTTP/2",
            "errors are the same over both versions",
            Request::post(TRACES, JSON, "[").over(Wire::Http2),
            refused(
                400,
                3,
                "the payload is not a valid export request: body is not JSON: …",
            ),
            nothing(),
        ),
    ]
}
