//! SERVER spans for the REST edge, by the stable HTTP conventions.

use std::net::SocketAddr;

use ::http::Version;
use axum::{
    extract::{ConnectInfo, MatchedPath, Request},
    http::header::{HOST, USER_AGENT},
    middleware::Next,
    response::Response,
};
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::{continued_span, fail, propagation};

/// Middleware for `axum::middleware::from_fn`: continues the caller's trace, one span per request.
/// Only a 5xx answer fails the span: a 4xx is the caller's doing.
pub(crate) async fn server_span(request: Request, next: Next) -> Response {
    let span = start(&request);
    let response = next.run(request).instrument(span.clone()).await;

    let status = response.status();
    span.set_attribute("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        fail(&span, status.as_u16().to_string(), "");
    }
    response
}

fn start(request: &Request) -> Span {
    let method = request.method().as_str();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(MatchedPath::as_str);
    let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
    let parent = propagation::context_from(&propagation::HttpHeaders(request.headers()));

    let span = continued_span("server", &name, parent);
    span.set_attribute("http.request.method", method.to_owned());
    span.set_attribute("url.scheme", "http");
    span.set_attribute("url.path", request.uri().path().to_owned());
    span.set_attribute(
        "network.protocol.version",
        protocol_version(request.version()),
    );
    if let Some(query) = request.uri().query() {
        span.set_attribute("url.query", query.to_owned());
    }
    if let Some(route) = route {
        span.set_attribute("http.route", route.to_owned());
    }
    set_server_address(&span, request);
    if let Some(ConnectInfo(client)) = request.extensions().get::<ConnectInfo<SocketAddr>>() {
        span.set_attribute("client.address", client.ip().to_string());
    }
    if let Some(agent) = request
        .headers()
        .get(USER_AGENT)
        .and_then(|agent| agent.to_str().ok())
    {
        span.set_attribute("user_agent.original", agent.to_owned());
    }
    span
}

fn set_server_address(span: &Span, request: &Request) {
    let host = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok());
    let Some((address, port)) = host.and_then(|host| host.rsplit_once(':')) else {
        return;
    };
    span.set_attribute("server.address", address.to_owned());
    if let Ok(port) = port.parse::<i64>() {
        span.set_attribute("server.port", port);
    }
}

/// The version as the conventions write it.
fn protocol_version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}
