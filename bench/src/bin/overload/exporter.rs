//! One attempt to export, over either protocol, and what OTLP says of the answer.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tokio::time::timeout;

/// An attempt that takes longer has failed.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
const GRPC_PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const OK: u32 = 0;
/// The codes that OTLP lets senders retry, but for RESOURCE_EXHAUSTED: that one only with a RetryInfo.
const GRPC_RETRYABLE: [u32; 6] = [1, 4, 10, 11, 14, 15];
const RESOURCE_EXHAUSTED: u32 = 8;
const HTTP_RETRYABLE: [u16; 4] = [429, 502, 503, 504];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Grpc,
    Http,
}

impl Protocol {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http",
        }
    }
}

/// What the server said of a request.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    /// Acknowledged, but for so many spans.
    Accepted { rejected: u64 },
    /// To be sent again, after some time if the server said so.
    TryAgain { after: Option<Duration> },
    /// Not to be sent again.
    Refused,
}

/// A client with a connection of its own.
pub(crate) struct Exporter {
    protocol: Protocol,
    url: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Exporter {
    pub(crate) fn to(address: SocketAddr, protocol: Protocol) -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        let (path, is_http2) = match protocol {
            Protocol::Grpc => (GRPC_PATH, true),
            Protocol::Http => ("/v1/traces", false),
        };
        Self {
            protocol,
            url: format!("http://{address}{path}"),
            client: builder.http2_only(is_http2).build_http(),
        }
    }

    /// Fails when there was no answer.
    pub(crate) async fn export(&self, request: Bytes) -> Result<Answer> {
        let exchange = async {
            match self.protocol {
                Protocol::Grpc => self.call(request).await,
                Protocol::Http => self.post(request).await,
            }
        };
        timeout(ANSWER_TIMEOUT, exchange).await?
    }

    async fn post(&self, request: Bytes) -> Result<Answer> {
        let request = Request::post(&self.url)
            .header(header::CONTENT_TYPE, "application/x-protobuf")
            .body(Full::new(request))?;
        let (head, body) = self.client.request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        if head.status == StatusCode::OK {
            return accepted(&body);
        }
        Ok(if HTTP_RETRYABLE.contains(&head.status.as_u16()) {
            let after = head.headers.get(header::RETRY_AFTER);
            let seconds = after.and_then(|it| it.to_str().ok()?.parse().ok());
            Answer::TryAgain {
                after: seconds.map(Duration::from_secs),
            }
        } else {
            Answer::Refused
        })
    }

    async fn call(&self, request: Bytes) -> Result<Answer> {
        let mut framed = BytesMut::with_capacity(request.len() + 5);
        framed.put_u8(0);
        framed.put_u32(u32::try_from(request.len())?);
        framed.put_slice(&request);
        let request = Request::post(&self.url)
            .header(header::CONTENT_TYPE, "application/grpc")
            .header(header::TE, "trailers")
            .body(Full::new(framed.freeze()))?;
        let (head, body) = self.client.request(request).await?.into_parts();
        let body = body.collect().await?;
        // An answer without a message has its status in the head.
        let trailers = body.trailers().unwrap_or(&head.headers).clone();
        let code = trailers.get("grpc-status").context("no status")?;
        match code.to_str()?.parse()? {
            OK => accepted(body.to_bytes().get(5..).context("no message")?),
            code => Ok(refused(code, retry_delay(&trailers)?)),
        }
    }
}

fn accepted(response: &[u8]) -> Result<Answer> {
    let response = ExportTraceServiceResponse::decode(response)?;
    let rejected = response.partial_success.map_or(0, |it| it.rejected_spans);
    Ok(Answer::Accepted {
        rejected: u64::try_from(rejected)?,
    })
}

fn refused(code: u32, after: Option<Duration>) -> Answer {
    let is_retryable = GRPC_RETRYABLE.contains(&code);
    if is_retryable || (code == RESOURCE_EXHAUSTED && after.is_some()) {
        Answer::TryAgain { after }
    } else {
        Answer::Refused
    }
}

/// google.rpc.Status, as far as it is needed.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(message, repeated, tag = "3")]
    details: Vec<Detail>,
}

/// google.protobuf.Any.
#[derive(Clone, PartialEq, Message)]
struct Detail {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// google.rpc.RetryInfo.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

/// google.protobuf.Duration.
#[derive(Clone, PartialEq, Message)]
struct Delay {
    #[prost(uint64, tag = "1")]
    seconds: u64,
    #[prost(uint32, tag = "2")]
    nanos: u32,
}

fn retry_delay(trailers: &HeaderMap) -> Result<Option<Duration>> {
    let Some(details) = trailers.get("grpc-status-details-bin") else {
        return Ok(None);
    };
    let text = details.as_bytes();
    let bytes = STANDARD_NO_PAD
        .decode(text)
        .or_else(|_| STANDARD.decode(text))?;
    let details = Status::decode(bytes.as_slice())?.details;
    let info = details
        .iter()
        .find(|it| it.type_url.ends_with("google.rpc.RetryInfo"));
    let Some(info) = info else {
        return Ok(None);
    };
    let delay = RetryInfo::decode(info.value.as_slice())?.retry_delay;
    Ok(delay.map(|it| Duration::new(it.seconds, it.nanos)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_is_that_of_the_retry_info() {
        let info = RetryInfo {
            retry_delay: Some(Delay {
                seconds: 2,
                nanos: 500_000_000,
            }),
        };
        let status = Status {
            details: vec![Detail {
                type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
                value: info.encode_to_vec(),
            }],
        };
        let mut trailers = HeaderMap::new();
        assert_eq!(retry_delay(&trailers).unwrap(), None);
        let encoded = STANDARD_NO_PAD.encode(status.encode_to_vec());
        trailers.insert("grpc-status-details-bin", encoded.parse().unwrap());
        let delay = Duration::from_millis(2500);
        assert_eq!(retry_delay(&trailers).unwrap(), Some(delay));
    }

    #[test]
    fn resource_exhausted_is_tried_again_only_with_a_delay() {
        let after = Some(Duration::from_secs(1));
        assert_eq!(refused(RESOURCE_EXHAUSTED, None), Answer::Refused);
        assert_eq!(
            refused(RESOURCE_EXHAUSTED, after),
            Answer::TryAgain { after }
        );
        assert_eq!(refused(14, None), Answer::TryAgain { after: None });
        assert_eq!(refused(13, None), Answer::Refused);
        let whole = ExportTraceServiceResponse::default().encode_to_vec();
        assert_eq!(accepted(&whole).unwrap(), Answer::Accepted { rejected: 0 });
    }
}
