//! The HTTP port: OTLP by POST of protobuf or JSON to a path for each signal, and the paths of other protocols.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_TYPE, EXPECT, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use model::otlp::{Encoding, encode_response, encode_status};

use crate::error::{KNOWN_PATHS, Refusal};
use crate::exchange::{Exchange, Exported};
use crate::ingest::{Ingest, Received};
use crate::receiver::body::{BodyLimits, discard, receive};
use crate::receiver::compression::Compression;
use crate::receiver::dialects::{Dialect, DialectReceiver};
use crate::receiver::framing::Framing;
use crate::receiver::{Format, Protocol, Service, media};

const ACCEPTED_ENCODINGS: HeaderValue = HeaderValue::from_static("gzip, zstd, deflate");

/// Answers the requests of the HTTP port.
pub(crate) struct HttpReceiver {
    ingest: Arc<Ingest>,
    limits: BodyLimits,
    grpc_address: SocketAddr,
    dialects: DialectReceiver,
}

impl HttpReceiver {
    /// A receiver for bodies within `limits`; people who open it in a browser are also told of
    /// `grpc_address`.
    pub(crate) fn new(ingest: Arc<Ingest>, limits: BodyLimits, grpc_address: SocketAddr) -> Self {
        Self {
            dialects: DialectReceiver::new(Arc::clone(&ingest), limits),
            ingest,
            limits,
            grpc_address,
        }
    }

    /// Answers one request.
    pub(crate) async fn handle(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        if path == "/" && matches!(*request.method(), Method::GET | Method::HEAD) {
            return self.help();
        }
        if let Some(dialect) = Dialect::of_path(path) {
            return self.dialects.handle(dialect, request).await;
        }
        let encoding = media::encoding(request.headers()).unwrap_or(Encoding::Json);
        let Some(service) = Service::at_http_path(path) else {
            let refusal = Refusal::UnknownPath {
                path: path.to_owned(),
                known: KNOWN_PATHS,
            };
            Exchange::begin(&request, None, Protocol::OtlpHttp)
                .end(self.ingest.metrics(), Err(&refusal));
            discard_rest(request).await;
            return refused(encoding, &refusal);
        };
        let mut request = request;
        let exchange = Exchange::begin(&request, Some(service), Protocol::OtlpHttp);
        let exported = self.export(service, &mut request).await;
        exchange.end(self.ingest.metrics(), exported.as_ref());
        match exported {
            Ok(exported) => {
                let rejected = exported.rejected.as_ref();
                let body = encode_response(service.response_kind(), encoding, rejected);
                respond(StatusCode::OK, media::name(encoding), body)
            }
            Err(refusal) => {
                tracing::debug!(
                    signal = service.label(), reason = %refusal.message(), "refused an HTTP export"
                );
                discard_rest(request).await;
                refused(encoding, &refusal)
            }
        }
    }

    /// Answers a request that is not let in.
    pub(crate) async fn refuse(
        &self,
        request: Request<Incoming>,
        refusal: &Refusal,
    ) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        if let Some(dialect) = Dialect::of_path(path) {
            return self.dialects.refuse(dialect, request, refusal).await;
        }
        let service = Service::at_http_path(path);
        Exchange::begin(&request, service, Protocol::OtlpHttp)
            .end(self.ingest.metrics(), Err(refusal));
        let encoding = media::encoding(request.headers()).unwrap_or(Encoding::Json);
        discard_rest(request).await;
        refused(encoding, refusal)
    }

    async fn export(
        &self,
        service: Service,
        request: &mut Request<Incoming>,
    ) -> Result<Exported, Refusal> {
        if request.method() != Method::POST {
            return Err(Refusal::MethodNotAllowed {
                method: request.method().clone(),
            });
        }
        let format = Format::Otlp(media::encoding(request.headers())?);
        let compression = compression(request.headers())?;
        let mut ticket = self.ingest.ticket(request.extensions())?;
        let look = self
            .ingest
            .look(service, &format, Framing::Plain, compression);
        let body = receive(request.body_mut(), self.limits, &mut ticket, &look).await?;
        let protocol = Protocol::OtlpHttp;
        let received = Received {
            service,
            protocol,
            format,
            compression,
            body,
            ticket,
        };
        self.ingest.export(received).await
    }

    fn help(&self) -> Response<Full<Bytes>> {
        let text = format!(
            "This is Spandrel's OTLP/HTTP receiver.\n\
             \n\
             Send telemetry with POST, as {} or {}, plain or compressed by gzip or zstd:\n\
             \n\
             \x20 /v1/traces    spans\n\
             \x20 /v1/logs      log records\n\
             \x20 /v1/metrics   answered, but metrics are not stored\n\
             \x20 /api/v2/spans, /loki/api/v1/push, /api/v1/ingest/logs\n\
             \x20               spans of Zipkin, logs of Loki's clients, lines of JSON\n\
             \n\
             An OpenTelemetry SDK needs the base address only, as OTEL_EXPORTER_OTLP_ENDPOINT.\n\
             OTLP/gRPC is received at {}.\n",
            media::PROTOBUF,
            media::JSON,
            self.grpc_address,
        );
        respond(
            StatusCode::OK,
            "text/plain; charset=utf-8",
            text.into_bytes(),
        )
    }
}

pub(super) fn compression(headers: &HeaderMap) -> Result<Compression, Refusal> {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    let coding = codings
        .next()
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    if codings.next().is_some() {
        return Err(Refusal::UnsupportedCoding {
            coding: "more than one".to_owned(),
        });
    }
    Compression::from_name(coding.as_deref())
}

/// Lets a sender over HTTP/1 finish writing, so that it reads the answer. HTTP/2 can answer early,
/// and a sender that waits for leave to send (100-continue) has not begun.
pub(super) async fn discard_rest(request: Request<Incoming>) {
    let has_asked_first = request.headers().contains_key(EXPECT);
    if request.version() < Version::HTTP_2 && !has_asked_first {
        discard(&mut request.into_body()).await;
    }
}

fn refused(encoding: Encoding, refusal: &Refusal) -> Response<Full<Bytes>> {
    let answer = refusal.answer();
    let body = encode_status(encoding, &refusal.status());
    let mut response = respond(answer.http, media::name(encoding), body);
    add_headers(&mut response, refusal);
    response
}

/// Says in headers what a client can read there: when to try again, and what is supported.
pub(super) fn add_headers(response: &mut Response<Full<Bytes>>, refusal: &Refusal) {
    let headers = response.headers_mut();
    if let Some(delay) = refusal.answer().retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(delay)));
    }
    match refusal {
        Refusal::MethodNotAllowed { .. } => {
            headers.insert(ALLOW, HeaderValue::from_static("POST"));
        }
        Refusal::Unauthenticated { .. } => {
            headers.insert(WWW_AUTHENTICATE, media::CHALLENGE);
        }
        Refusal::UnsupportedCoding { .. } => {
            headers.insert(ACCEPT_ENCODING, ACCEPTED_ENCODINGS);
        }
        _ => {}
    }
}

/// No shorter than asked for.
fn whole_seconds(delay: Duration) -> u64 {
    delay.as_secs() + u64::from(delay.subsec_nanos() > 0)
}

pub(super) fn respond(
    status: StatusCode,
    content_type: &'static str,
    body: Vec<u8>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
