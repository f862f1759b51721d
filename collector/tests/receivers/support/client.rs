//! A client that can be told exactly what to send, over HTTP/1 and HTTP/2.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use prost::Message;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;

use super::{PATIENCE, RpcStatus};

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// One sender.
pub(crate) struct Client {
    address: SocketAddr,
    inner: legacy::Client<HttpConnector, Body>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

/// A chunked body that is sent as slowly as a test wants.
pub(crate) struct Upload {
    pieces: mpsc::Sender<Bytes>,
}

impl Upload {
    pub(crate) async fn send(&self, piece: impl Into<Bytes>) {
        self.pieces.send(piece.into()).await.unwrap();
    }
}

impl Client {
    pub(crate) fn http1(address: SocketAddr) -> Self {
        Self {
            address,
            inner: legacy::Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    pub(crate) fn http2(address: SocketAddr) -> Self {
        let inner = legacy::Client::builder(TokioExecutor::new())
            .http2_only(true)
            .build_http();
        Self { address, inner }
    }

    /// Sends a request with a declared length.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let body = Full::new(body.into()).boxed_unsync();
        self.request(method, path, headers, body).await
    }

    pub(crate) async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        self.send(Method::POST, path, headers, body).await
    }

    /// Begins a POST without a declared length. The answer comes when the upload is dropped.
    pub(crate) fn upload(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (Upload, impl Future<Output = Answer>) {
        let (pieces, receiver) = mpsc::channel::<Bytes>(1);
        let frames = ReceiverStream::new(receiver).map(|piece| Ok(Frame::data(piece)));
        let answer = self.request(
            Method::POST,
            path,
            headers,
            StreamBody::new(frames).boxed_unsync(),
        );
        (Upload { pieces }, answer)
    }

    /// Calls a unary gRPC method with one message.
    pub(crate) async fn call(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        message: &[u8],
    ) -> Answer {
        self.call_framed(path, headers, frame(0, message)).await
    }

    /// Calls a gRPC method with a body that is framed already.
    pub(crate) async fn call_framed(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        framed: Bytes,
    ) -> Answer {
        let mut all = vec![("content-type", "application/grpc"), ("te", "trailers")];
        all.extend(headers);
        self.post(path, &all, framed).await
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> impl Future<Output = Answer> + use<> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sent = self.inner.request(request.body(body).unwrap());
        async move {
            let response = timeout(PATIENCE, sent).await.expect("no answer").unwrap();
            let (head, body) = response.into_parts();
            let body = timeout(PATIENCE, body.collect())
                .await
                .expect("no end")
                .unwrap();
            let trailers = body.trailers().cloned().unwrap_or_default();
            Answer {
                status: head.status,
                headers: head.headers,
                body: body.to_bytes(),
                trailers,
            }
        }
    }
}

/// A gRPC message with its prefix.
pub(crate) fn frame(flag: u8, message: &[u8]) -> Bytes {
    let mut framed = BytesMut::new();
    framed.put_u8(flag);
    framed.put_u32(u32::try_from(message.len()).unwrap());
    framed.put_slice(message);
    framed.freeze()
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(
            self.header("content-type"),
            "application/json",
            "{}",
            self.text()
        );
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The body as a `google.rpc.Status` in protobuf.
    pub(crate) fn rpc_status(&self) -> RpcStatus {
        assert_eq!(self.header("content-type"), "application/x-protobuf");
        RpcStatus::decode(self.body.clone()).unwrap()
    }

    /// The message of a successful gRPC call.
    pub(crate) fn grpc_message(&self) -> Bytes {
        assert_eq!(self.trailers.get("grpc-status").unwrap(), "0", "{self:?}");
        assert_eq!(self.header("content-type"), "application/grpc");
        assert_eq!(self.body[0], 0, "the answer is not compressed");
        let length = u32::from_be_bytes(self.body[1..5].try_into().unwrap());
        assert_eq!(self.body.len(), 5 + length as usize);
        self.body.slice(5..)
    }

    /// The code of a failed gRPC call, its text, and what `grpc-status-details-bin` says.
    pub(crate) fn grpc_failure(&self) -> (String, RpcStatus) {
        assert_eq!(self.status, StatusCode::OK, "gRPC answers over HTTP 200");
        let metadata = MetadataMap::from_headers(self.headers.clone());
        let details = metadata
            .get_bin("grpc-status-details-bin")
            .expect("no details");
        let status = RpcStatus::decode(details.to_bytes().unwrap()).unwrap();
        (self.header("grpc-status").to_owned(), status)
    }
}
