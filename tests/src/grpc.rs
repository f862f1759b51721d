//! A plain OTLP/gRPC client: one call at a time, with the bytes it is given.

use std::net::SocketAddr;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use crate::wait::PATIENCE;

/// Calls one server.
#[derive(Debug, Clone)]
pub struct GrpcClient {
    address: SocketAddr,
    inner: legacy::Client<HttpConnector, Full<Bytes>>,
}

impl GrpcClient {
    /// A client of the server at `address`.
    pub fn new(address: SocketAddr) -> Self {
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        Self {
            address,
            inner: builder.http2_only(true).build_http(),
        }
    }

    /// Calls a method with one protobuf message and returns the status, 0 when all is well.
    ///
    /// # Errors
    /// When the server cannot be reached, or goes away.
    pub async fn try_call(&self, path: &str, message: &[u8]) -> Result<u32, String> {
        let mut framed = BytesMut::new();
        framed.put_u8(0);
        framed.put_u32(u32::try_from(message.len()).unwrap());
        framed.put_slice(message);
        let request = Request::post(format!("http://{}{path}", self.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Full::new(framed.freeze()))
            .unwrap();
        let exchange = async {
            let response = self.inner.request(request).await;
            let (head, body) = response.map_err(|error| error.to_string())?.into_parts();
            let body = body.collect().await.map_err(|error| error.to_string())?;
            // An answer without a message has its status in the head.
            let trailers = body.trailers();
            let status = trailers
                .and_then(|it| it.get("grpc-status"))
                .or_else(|| head.headers.get("grpc-status"));
            let status = status.ok_or_else(|| format!("{} without a status", head.status))?;
            Ok::<_, String>(status.to_str().unwrap().parse().unwrap())
        };
        timeout(PATIENCE, exchange)
            .await
            .unwrap_or_else(|_elapsed| Err(format!("no answer within {PATIENCE:?}")))
    }
}
