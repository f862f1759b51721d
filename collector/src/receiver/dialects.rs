//! Other protocols on the HTTP port: which path is whose, and each client's own form of an answer.

mod json_lines;
mod loki;
mod zipkin;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Incoming;

use super::body::{BodyLimits, receive};
use super::compression::Compression;
use super::framing::Framing;
use super::http::{add_headers, discard_rest, respond};
use super::{Foreign, Format, Protocol, Service};
use crate::error::Refusal;
use crate::exchange::{Exchange, Exported};
use crate::ingest::{Ingest, Received};

const TEXT: &str = "text/plain; charset=utf-8";

/// A path that another protocol than OTLP is spoken at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Zipkin's spans.
    Zipkin,
    /// Zipkin's spans before version 2, which are only refused.
    ZipkinV1,
    /// Loki's push API.
    Loki,
    /// Log records as lines of JSON.
    JsonLines,
}

impl Dialect {
    /// The protocol that is spoken at `path`, if any is.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        // Slashes too many are easily written where addresses are put together.
        let parts: Vec<&str> = path.split('/').filter(|it| !it.is_empty()).collect();
        match parts.as_slice() {
            ["api", "v2", "spans"] => Some(Self::Zipkin),
            ["api", "v1", "spans"] => Some(Self::ZipkinV1),
            ["loki", "api", "v1", "push"] => Some(Self::Loki),
            ["api", "v1", "ingest", "logs"] => Some(Self::JsonLines),
            _ => None,
        }
    }

    fn protocol(self) -> Protocol {
        match self {
            Self::Zipkin | Self::ZipkinV1 => Protocol::Zipkin,
            Self::Loki => Protocol::Loki,
            Self::JsonLines => Protocol::JsonLines,
        }
    }

    fn service(self) -> Service {
        match self {
            Self::Zipkin | Self::ZipkinV1 => Service::Traces,
            Self::Loki | Self::JsonLines => Service::Logs,
        }
    }

    /// What the head of the request says of the body.
    fn format(self, headers: &HeaderMap, uri: &Uri) -> Result<(Foreign, Compression), Refusal> {
        match self {
            Self::Zipkin => zipkin::format(headers),
            Self::ZipkinV1 => Err(zipkin::refuse_v1(headers)),
            Self::Loki => loki::format(headers),
            Self::JsonLines => json_lines::format(headers, uri),
        }
    }

    fn answer_exported(self, exported: &Exported) -> Response<Full<Bytes>> {
        match self {
            Self::Zipkin | Self::ZipkinV1 => zipkin::answer_exported(exported),
            Self::Loki => loki::answer_exported(exported),
            Self::JsonLines => json_lines::answer_exported(exported),
        }
    }

    fn answer_refused(self, refusal: &Refusal) -> Response<Full<Bytes>> {
        match self {
            Self::Zipkin | Self::ZipkinV1 | Self::Loki => {
                text(refusal.answer().http, &refusal.message())
            }
            Self::JsonLines => json_lines::answer_refused(refusal),
        }
    }
}

/// Answers the requests of other protocols.
pub(crate) struct DialectReceiver {
    ingest: Arc<Ingest>,
    limits: BodyLimits,
}

impl DialectReceiver {
    /// A receiver for bodies within `limits`.
    pub(crate) fn new(ingest: Arc<Ingest>, limits: BodyLimits) -> Self {
        Self { ingest, limits }
    }

    /// Answers one request. Like with OTLP, a success says that the records are durable and visible.
    pub(crate) async fn handle(
        &self,
        dialect: Dialect,
        mut request: Request<Incoming>,
    ) -> Response<Full<Bytes>> {
        let (service, protocol) = (dialect.service(), dialect.protocol());
        let exchange = Exchange::begin(&request, Some(service), protocol);
        let exported = self.export(dialect, &mut request).await;
        exchange.end(self.ingest.metrics(), exported.as_ref());
        match exported {
            Ok(exported) => dialect.answer_exported(&exported),
            Err(refusal) => {
                tracing::debug!(
                    protocol = protocol.label(), reason = %refusal.message(), "refused a request"
                );
                answer_refused(dialect, request, &refusal).await
            }
        }
    }

    /// Refuses a request whatever it asks.
    pub(crate) async fn refuse(
        &self,
        dialect: Dialect,
        request: Request<Incoming>,
        refusal: &Refusal,
    ) -> Response<Full<Bytes>> {
        Exchange::begin(&request, Some(dialect.service()), dialect.protocol())
            .end(self.ingest.metrics(), Err(refusal));
        answer_refused(dialect, request, refusal).await
    }

    async fn export(
        &self,
        dialect: Dialect,
        request: &mut Request<Incoming>,
    ) -> Result<Exported, Refusal> {
        if request.method() != Method::POST {
            return Err(Refusal::MethodNotAllowed {
                method: request.method().clone(),
            });
        }
        let (foreign, compression) = dialect.format(request.headers(), request.uri())?;
        let mut ticket = self.ingest.ticket(request.extensions())?;
        let (service, format) = (dialect.service(), Format::Foreign(foreign));
        let look = self
            .ingest
            .look(service, &format, Framing::Plain, compression);
        let body = receive(request.body_mut(), self.limits, &mut ticket, &look).await?;
        let received = Received {
            service,
            protocol: dialect.protocol(),
            format,
            compression,
            body,
            ticket,
        };
        self.ingest.export(received).await
    }
}

async fn answer_refused(
    dialect: Dialect,
    request: Request<Incoming>,
    refusal: &Refusal,
) -> Response<Full<Bytes>> {
    discard_rest(request).await;
    let mut response = dialect.answer_refused(refusal);
    add_headers(&mut response, refusal);
    response
}

/// An answer for people: one line of text.
fn text(status: StatusCode, line: &str) -> Response<Full<Bytes>> {
    respond(status, TEXT, format!("{line}\n").into_bytes())
}

/// An answer without a body.
fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(http::header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}

/// What was rejected, in one line for the client's log.
fn rejected_line(exported: &Exported, records: &str) -> Option<String> {
    let rejected = exported.rejected.as_ref()?;
    Some(format!(
        "{} {records} accepted, {} rejected; {}",
        exported.accepted, rejected.count, rejected.reason
    ))
}
