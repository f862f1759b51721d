//! Compressed bodies.

use serde_json::json;

use super::bytes::{gzip, len, span_request, zlib, zstd};
use super::case::{
    Case, Expected, JSON, PROTOBUF, Request, TRACES, Wire, bad, json_span, nothing, refused,
    stored_span,
};

const MUST: &str = "servers must take gzip and none";
const MAY: &str = "the Collector sends it when it is told to";
const OTHERS: &str = "an encoding that is not known is named, with those that are";
const DAMAGED: &str = "what cannot be decompressed is bad data: 400, never retried";

fn accepted(name: &'static str, why: &'static str, encoding: &'static str, body: Vec<u8>) -> Case {
    let request = Request::post(TRACES, JSON, body).header("Content-Encoding", encoding);
    let stored = stored_span(json!({ "name": "a" }));
    Case::new(name, why, request, Expected::Success, stored)
}

fn unknown(name: &'static str, encoding: &'static str) -> Case {
    let message =
        format!("content encoding \"{encoding}\" is not supported; use gzip, zstd or none");
    let request = Request::post(TRACES, PROTOBUF, "x").header("Content-Encoding", encoding);
    let expected = refused(415, 12, &message);
    Case::new(name, OTHERS, request, expected, nothing())
        .answers("accept-encoding", "gzip, zstd, deflate")
}

fn damaged(name: &'static str, encoding: &'static str, body: Vec<u8>, message: &str) -> Case {
    let request = Request::post(TRACES, PROTOBUF, body).header("Content-Encoding", encoding);
    Case::new(name, DAMAGED, request, bad(message), nothing())
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = good();
    cases.extend(refused_ones());
    cases
}

fn good() -> Vec<Case> {
    let body = json_span(r#""name":"a""#);
    let body = body.as_bytes();
    let (first, second) = body.split_at(30);
    let members = [gzip(first), gzip(b""), gzip(second)].concat();
    let frames = [zstd(first), zstd(second)].concat();
    let protobuf = gzip(&span_request(&len(5, b"a")));
    let twice = Request::post(TRACES, JSON, body.to_vec())
        .header("Content-Encoding", "gzip")
        .header("Content-Encoding", "zstd");
    vec![
        accepted("gzip", MUST, "gzip", gzip(body)),
        accepted(
            "gzip in capitals",
            "names of encodings have no case",
            "GZIP",
            gzip(body),
        ),
        accepted("x-gzip", "RFC 9110: the same as gzip", "x-gzip", gzip(body)),
        accepted(
            "identity",
            "the name of no encoding",
            "identity",
            body.to_vec(),
        ),
        accepted("an empty encoding", "says nothing", "", body.to_vec()),
        accepted(
            "gzip of three members",
            "RFC 1952 allows several",
            "gzip",
            members,
        ),
        accepted("zstd", MAY, "zstd", zstd(body)),
        accepted(
            "zstd of two frames",
            "RFC 8878 allows several",
            "zstd",
            frames,
        ),
        accepted("deflate", MAY, "deflate", zlib(body)),
        accepted("zlib", MAY, "zlib", zlib(body)),
        Case::new(
            "protobuf in gzip over HTTP/2",
            MUST,
            Request::post(TRACES, PROTOBUF, protobuf)
                .header("Content-Encoding", "gzip")
                .over(Wire::Http2),
            Expected::Success,
            stored_span(json!({ "name": "a" })),
        ),
        Case::new(
            "a sender that takes gzip",
            "the answer may be compressed, and need not",
            Request::post(TRACES, JSON, "{}").header("Accept-Encoding", "gzip"),
            Expected::Success,
            nothing(),
        )
        .answers("content-encoding", ""),
        Case::new(
            "two headers",
            OTHERS,
            twice,
            refused(
                415,
                12,
                "content encoding \"more than one\" is not supported; use gzip, zstd or none",
            ),
            nothing(),
        ),
    ]
}

fn refused_ones() -> Vec<Case> {
    let whole = gzip(&span_request(&len(5, b"a")));
    let cut = whole[..whole.len() - 4].to_vec();
    let mut flipped = whole.clone();
    let checksum = whole.len() - 8;
    flipped[checksum] ^= 1;
    let tail = [whole, b"tail".to_vec()].concat();
    vec![
        unknown("brotli", "br"),
        unknown("snappy", "snappy"),
        unknown("two encodings, one on the other", "gzip, zstd"),
        unknown("any", "*"),
        damaged(
            "no gzip",
            "gzip",
            b"no gzip".to_vec(),
            "the body is not valid gzip: …",
        ),
        damaged(
            "gzip cut short",
            "gzip",
            cut,
            "the body is not valid gzip: …",
        ),
        damaged(
            "gzip with a wrong checksum",
            "gzip",
            flipped,
            "the body is not valid gzip: …",
        ),
        damaged(
            "gzip with a tail",
            "gzip",
            tail,
            "the body is not valid gzip: …",
        ),
        damaged(
            "gzip of nothing at all",
            "gzip",
            Vec::new(),
            "the body is not valid gzip: …",
        ),
        damaged(
            "no zstd",
            "zstd",
            b"no zstd".to_vec(),
            "the body is not valid zstd: …",
        ),
        damaged(
            "no zlib",
            "deflate",
            b"no zlib".to_vec(),
            "the body is not valid deflate: …",
        ),
    ]
}
