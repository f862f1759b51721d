//! OTLP over gRPC: unary `Export` of the trace, logs and metrics services.
//!
//! Messages stay bytes here; only `model::otlp` knows what is in them. The framing is read by hand,
//! because tonic's own buffers a message before it can be admitted, decompresses it on the thread
//! that serves connections, and answers an oversized one with OUT_OF_RANGE, which OTLP senders
//! retry for ever.

#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::convert::Infallible;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{ALLOW, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use model::otlp::{Encoding, Rejected, encode_response, encode_status};
use tonic::body::Body;
use tonic::{Code, Status};

use crate::error::Refusal;
use crate::exchange::{Exchange, Exported};
use crate::ingest::{Ingest, Received};
use crate::receiver::body::{BodyLimits, discard, receive};
use crate::receiver::compression::Compression;
use crate::receiver::framing::{Framing, PREFIX_BYTES, unframe};
use crate::receiver::{Format, Protocol, Service, media};

const GRPC_ENCODING: &str = "grpc-encoding";
const GRPC_ACCEPT_ENCODING: &str = "grpc-accept-encoding";
const ACCEPTED_ENCODINGS: HeaderValue = HeaderValue::from_static("identity,gzip,zstd,deflate");

/// Answers the requests of the gRPC port.
pub(crate) struct GrpcReceiver {
    ingest: Arc<Ingest>,
    limits: BodyLimits,
    http_url: String,
}

impl GrpcReceiver {
    /// A receiver for messages within `limits`; senders that do not speak gRPC are pointed to
    /// `http_url`.
    pub(crate) fn new(ingest: Arc<Ingest>, limits: BodyLimits, http_url: String) -> Self {
        Self {
            ingest,
            limits,
            http_url,
        }
    }

    /// Answers one request. gRPC requests always get HTTP 200 and a gRPC status.
    pub(crate) async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        if let Err(refusal) = self.check_is_grpc(&request) {
            return self.not_grpc(request, &refusal).await;
        }
        let path = request.uri().path();
        let Some(service) = Service::ALL.into_iter().find(|it| it.grpc_path() == path) else {
            let known = "Export of the OTLP trace, logs and metrics services";
            let path = path.to_owned();
            let refusal = Refusal::UnknownPath { path, known };
            Exchange::begin(&request, None, Protocol::OtlpGrpc)
                .end(self.ingest.metrics(), Err(&refusal));
            return refused(&refusal);
        };
        let exchange = Exchange::begin(&request, Some(service), Protocol::OtlpGrpc);
        let exported = self.export(service, request).await;
        exchange.end(self.ingest.metrics(), exported.as_ref());
        match exported {
            Ok(exported) => exported_response(service, exported.rejected.as_ref()),
            Err(refusal) => {
                tracing::debug!(
                    signal = service.label(), reason = %refusal.message(), "refused a gRPC export"
                );
                refused(&refusal)
            }
        }
    }

    async fn export(
        &self,
        service: Service,
        request: Request<Incoming>,
    ) -> Result<Exported, Refusal> {
        let compression = compression(request.headers())?;
        let max_bytes = self.limits.max_bytes;
        let limits = BodyLimits {
            max_bytes: max_bytes + PREFIX_BYTES,
            ..self.limits
        };
        let mut ticket = self.ingest.ticket(request.extensions())?;
        let mut body = request.into_body();
        let (format, protocol) = (Format::Otlp(Encoding::Protobuf), Protocol::OtlpGrpc);
        let framing = Framing::Grpc { max_bytes };
        let look = self.ingest.look(service, &format, framing, compression);
        let message = match receive(&mut body, limits, &mut ticket, &look).await {
            Ok(framed) => unframe(framed)?,
            Err(Refusal::TooLarge { .. }) => {
                return Err(Refusal::TooLarge {
                    limit_bytes: max_bytes,
                });
            }
            Err(refusal) => return Err(refusal),
        };
        let compression = match message.is_compressed {
            true if compression == Compression::Identity => {
                let reason = "the compressed flag is set, but grpc-encoding names no compression";
                return Err(Refusal::BadFrame { reason });
            }
            true => compression,
            false => Compression::Identity,
        };
        let body = message.body;
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

    /// A gRPC call is a POST over HTTP/2 of a content type of its own. What is not one gets a plain HTTP answer.
    fn check_is_grpc(&self, request: &Request<Incoming>) -> Result<(), Refusal> {
        if !media::is_grpc(request.headers()) {
            let content_type = media::content_type(request.headers());
            let http_url = &self.http_url;
            let expected = format!("this is the OTLP/gRPC port, OTLP/HTTP is at {http_url}");
            return Err(Refusal::UnsupportedMediaType {
                content_type,
                expected,
            });
        }
        if request.version() != Version::HTTP_2 {
            let version = request.version();
            return Err(Refusal::NotHttp2 { version });
        }
        if request.method() != Method::POST {
            let method = request.method().clone();
            return Err(Refusal::MethodNotAllowed { method });
        }
        Ok(())
    }

    async fn not_grpc(&self, request: Request<Incoming>, refusal: &Refusal) -> Response<Body> {
        Exchange::begin(&request, None, Protocol::OtlpGrpc)
            .end(self.ingest.metrics(), Err(refusal));
        refuse_plainly(request, refusal).await
    }

    /// Answers a request that is not let in.
    pub(crate) async fn refuse(
        &self,
        request: Request<Incoming>,
        refusal: &Refusal,
    ) -> Response<Body> {
        let path = request.uri().path();
        let service = Service::ALL.into_iter().find(|it| it.grpc_path() == path);
        Exchange::begin(&request, service, Protocol::OtlpGrpc)
            .end(self.ingest.metrics(), Err(refusal));
        if media::is_grpc(request.headers()) {
            refused(refusal)
        } else {
            refuse_plainly(request, refusal).await
        }
    }
}

/// Refuses a request that is not gRPC, in a form that its sender reads.
async fn refuse_plainly(request: Request<Incoming>, refusal: &Refusal) -> Response<Body> {
    let encoding = media::encoding(request.headers()).unwrap_or(Encoding::Json);
    let status = encode_status(encoding, &refusal.status());
    discard(&mut request.into_body()).await;
    let mut response = Response::new(Body::new(Full::new(Bytes::from(status))));
    *response.status_mut() = refusal.answer().http;
    let content_type = HeaderValue::from_static(media::name(encoding));
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    match refusal {
        Refusal::MethodNotAllowed { .. } => {
            let allowed = HeaderValue::from_static("POST");
            response.headers_mut().insert(ALLOW, allowed);
        }
        Refusal::Unauthenticated { .. } => {
            let headers = response.headers_mut();
            headers.insert(WWW_AUTHENTICATE, media::CHALLENGE);
        }
        _ => {}
    }
    response
}

fn compression(headers: &HeaderMap) -> Result<Compression, Refusal> {
    let name = headers
        .get(GRPC_ENCODING)
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    Compression::from_name(name.as_deref())
}

fn refused(refusal: &Refusal) -> Response<Body> {
    let status = refusal.status();
    let details = encode_status(Encoding::Protobuf, &status);
    let code = refusal.answer().grpc;
    let mut response: Response<Body> =
        Status::with_details(code, status.message, Bytes::from(details)).into_http();
    if matches!(refusal, Refusal::UnsupportedCoding { .. }) {
        response
            .headers_mut()
            .insert(GRPC_ACCEPT_ENCODING, ACCEPTED_ENCODINGS);
    }
    response
}

/// A success: one message, never compressed (it has at most some hundred bytes), and the trailers.
fn exported_response(service: Service, rejected: Option<&Rejected>) -> Response<Body> {
    let message = encode_response(service.response_kind(), Encoding::Protobuf, rejected);
    let Ok(length) = u32::try_from(message.len()) else {
        return Status::new(Code::Internal, "the answer is too long").into_http();
    };
    let mut framed = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    framed.put_u8(0);
    framed.put_u32(length);
    framed.put_slice(&message);
    let trailers = [(Status::GRPC_STATUS, HeaderValue::from_static("0"))];
    let trailers: HeaderMap = trailers.into_iter().collect();
    let body = Full::new(framed.freeze())
        .with_trailers(std::future::ready(Some(Ok::<_, Infallible>(trailers))));
    let mut response = Response::new(Body::new(body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}
