//! SERVER spans for gRPC, as a tower layer, by the RPC conventions (`rpc.method` is the full name,
//! `rpc.status_code` a word). The CLIENT side is in `mesh`, which has one span per attempt.

use std::{
    future::Future,
    mem,
    task::{Context, Poll},
    time::Duration,
};

use ::http::{HeaderMap, Request, Response};
use futures::future::BoxFuture;
use tokio::time::Instant;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::{continued_span, fail, propagation};

/// Calls that come all the time and say nothing about any order: a trace for each poll would bury
/// the shop's own.
const UNTRACED: [&str; 3] = ["shop.Bus/Fetch", "shop.Bus/Settle", "shop.Health/Check"];

tokio::task_local! {
    /// When the caller of the request at hand stops waiting.
    static DEADLINE: Instant;
}

/// How long the caller of the request at hand still waits; `None` outside of a request or if the
/// caller named no deadline.
pub(crate) fn remaining_time() -> Option<Duration> {
    DEADLINE
        .try_with(|deadline| deadline.saturating_duration_since(Instant::now()))
        .ok()
}

/// Wraps every gRPC request in a SERVER span and remembers the caller's deadline.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GrpcServerLayer;

impl<S> Layer<S> for GrpcServerLayer {
    type Service = GrpcServer<S>;

    fn layer(&self, inner: S) -> GrpcServer<S> {
        GrpcServer { inner }
    }
}

/// The service that [`GrpcServerLayer`] makes.
#[derive(Clone, Debug)]
pub(crate) struct GrpcServer<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for GrpcServer<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send,
    B: Send + 'static,
    R: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The instance that was polled ready must be the one that is called.
        let fresh = self.inner.clone();
        let mut ready = mem::replace(&mut self.inner, fresh);
        let method = request.uri().path().trim_start_matches('/').to_owned();
        if UNTRACED.contains(&method.as_str()) {
            return Box::pin(ready.call(request));
        }
        let span = start(&method, &request);
        let timeout = timeout_of(request.headers());
        Box::pin(async move {
            let answered = ready.call(request).instrument(span.clone());
            let response = within(timeout, answered).await?;
            finish(&span, &response);
            Ok(response)
        })
    }
}

/// Does `work` for a caller who waits that long.
pub(crate) async fn within<F: Future>(timeout: Option<Duration>, work: F) -> F::Output {
    match timeout {
        Some(timeout) => DEADLINE.scope(Instant::now() + timeout, work).await,
        None => work.await,
    }
}

fn start<B>(method: &str, request: &Request<B>) -> Span {
    let parent = propagation::context_from(&propagation::HttpHeaders(request.headers()));
    let span = continued_span("server", method, parent);
    span.set_attribute("rpc.system.name", "grpc");
    span.set_attribute("rpc.method", method.to_owned());
    if let Some(host) = request.uri().host() {
        span.set_attribute("server.address", host.to_owned());
    }
    if let Some(port) = request.uri().port_u16() {
        span.set_attribute("server.port", i64::from(port));
    }
    span
}

fn finish<R>(span: &Span, response: &Response<R>) {
    // A refusal is all headers; a success has its status in the trailers, after the body.
    let code = Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code());
    span.set_attribute("rpc.status_code", code_word(code));
    if is_server_fault(code) {
        fail(span, code_word(code), code.description());
    }
}

/// The codes that a server has to answer for; the others are the caller's doing.
fn is_server_fault(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

/// The code as the conventions write it.
pub(crate) fn code_word(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// The `grpc-timeout` header: up to eight digits and a unit.
fn timeout_of(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let amount = digits.parse::<u32>().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(u64::from(amount) * 3_600)),
        "M" => Some(Duration::from_secs(u64::from(amount) * 60)),
        "S" => Some(Duration::from_secs(u64::from(amount))),
        "m" => Some(Duration::from_millis(u64::from(amount))),
        "u" => Some(Duration::from_micros(u64::from(amount))),
        "n" => Some(Duration::from_nanos(u64::from(amount))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeout(value: &'static str) -> Option<Duration> {
        let headers =
            HeaderMap::from_iter([("grpc-timeout".parse().unwrap(), value.parse().unwrap())]);
        timeout_of(&headers)
    }

    #[test]
    fn the_callers_deadline_is_read_in_every_unit() {
        assert_eq!(timeout("2S"), Some(Duration::from_secs(2)));
        assert_eq!(timeout("250m"), Some(Duration::from_millis(250)));
        assert_eq!(timeout("250000u"), Some(Duration::from_millis(250)));
        assert_eq!(timeout("1M"), Some(Duration::from_secs(60)));
    }

    #[test]
    fn a_malformed_deadline_is_no_deadline() {
        assert_eq!(timeout("soon"), None);
        assert_eq!(timeout("12"), None);
        assert_eq!(timeout(""), None);
    }
}
