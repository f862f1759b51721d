//! Requests of web pages (CORS): off by default, and by origin when switched on.

use serde_json::json;

use super::case::{
    Case, Expected, JSON, Request, TRACES, json_span, nothing, refused, stored_span,
};

const SHOP: &str = "https://shop.example";
const OFF: &str = "CORS is off by default: a browser that asks first is not given leave";
const LISTED: &str = "a page sends when its origin is listed, and its script may read the answer";
const NOT_LISTED: &str = "other origins get no leave, so that their browser does not send";
const READABLE: &str = "an error must be readable too, or the SDK cannot tell whether to retry";

const ALLOW_ORIGIN: &str = "access-control-allow-origin";

fn preflight(origin: &'static str) -> Request {
    Request::post(TRACES, ("Origin", origin), "")
        .method("OPTIONS")
        .header("Access-Control-Request-Method", "POST")
        .header(
            "Access-Control-Request-Headers",
            "authorization,content-encoding,content-type",
        )
}

fn export(origin: &'static str) -> Request {
    Request::post(TRACES, JSON, json_span(r#""name":"a""#)).header("Origin", origin)
}

pub(super) fn cases() -> Vec<Case> {
    let shop = ["--cors-origin", "https://a.example,https://shop.example"];
    let any = ["--cors-origin", "*"];
    let loopback = ["--cors-origin", "loopback"];
    let not_post = "OPTIONS is not supported here; telemetry is sent with POST";
    let plain = Expected::Plain { http: 200 };
    let stored = || stored_span(json!({ "name": "a" }));
    vec![
        Case::new("a preflight, by default", OFF, preflight(SHOP), refused(405, 3, not_post), nothing()).answers(ALLOW_ORIGIN, ""),
        Case::new("an export, by default", "who is no browser may say an origin", export(SHOP), Expected::Success, stored()).answers(ALLOW_ORIGIN, ""),
        Case::new("a preflight of a listed page", LISTED, preflight(SHOP), plain.clone(), nothing())
            .flags(&shop)
            .answers(ALLOW_ORIGIN, SHOP)
            .answers("access-control-allow-methods", "POST")
            .answers("access-control-allow-headers", "authorization,content-encoding,content-type")
            .answers("access-control-allow-credentials", "true")
            .answers("access-control-max-age", "3600"),
        Case::new("an export of a listed page", LISTED, export(SHOP), Expected::Success, stored())
            .flags(&shop)
            .answers(ALLOW_ORIGIN, SHOP)
            .answers("access-control-expose-headers", "content-type,retry-after"),
        Case::new("a refused export of a listed page", READABLE, Request::post(TRACES, JSON, "[]").header("Origin", SHOP),
            refused(400, 3, "the payload is not a valid export request: body: must be an object"), nothing())
            .flags(&shop)
            .answers(ALLOW_ORIGIN, SHOP),
        Case::new("a preflight of another page", NOT_LISTED, preflight("https://shop.example.evil.example"), plain.clone(), nothing())
            .flags(&shop)
            .answers(ALLOW_ORIGIN, ""),
        Case::new("a preflight of a listed host on another port", NOT_LISTED, preflight("https://shop.example:8443"), plain.clone(), nothing())
            .flags(&shop)
            .answers(ALLOW_ORIGIN, ""),
        Case::new("a text of another page, sent without asking", "what a browser sends without asking is no OTLP type",
            Request::post(TRACES, ("Content-Type", "text/plain"), json_span("")).header("Origin", "https://evil.example"),
            refused(415, 3, "content type \"text/plain\" is not supported; send application/x-protobuf or application/json"), nothing())
            .flags(&shop)
            .answers(ALLOW_ORIGIN, ""),
        Case::new("a preflight of any page", "* is every page, and never with credentials", preflight("null"), plain.clone(), nothing())
            .flags(&any)
            .answers(ALLOW_ORIGIN, "*")
            .answers("access-control-allow-credentials", ""),
        Case::new("a preflight of a page of this machine", "loopback is any port of this machine", preflight("http://localhost:5173"), plain, nothing())
            .flags(&loopback)
            .answers(ALLOW_ORIGIN, "http://localhost:5173"),
    ]
}
