//! Sends encoded requests by gRPC, as they are: no SDK, no message structs.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use http::uri::PathAndQuery;
use prost::Message;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::{Channel, ClientTlsConfig, Endpoint, Error},
};

use super::requests::{ExportRequest, Signal};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// A request that was not taken within this time is given up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);
/// Waits between attempts when the server does not say how long.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// What became of one request.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    pub(super) accepted: u64,
    /// Named in a partial success.
    pub(super) rejected: u64,
    /// Refused for good, or not taken in time.
    pub(super) failed: u64,
    pub(super) retries: u64,
    pub(super) bytes: u64,
    /// Since the request was due; `None` if it failed.
    pub(super) latency: Option<Duration>,
    /// Why it failed, or why records were rejected.
    pub(super) complaint: Option<String>,
}

/// One connection.
#[derive(Clone)]
pub(super) struct Connection(Grpc<Channel>);

impl Connection {
    pub(super) async fn open(url: &str, tls: Option<ClientTlsConfig>) -> Result<Self, Error> {
        let mut endpoint = Endpoint::from_shared(url.to_owned())?
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT);
        if let Some(tls) = tls {
            endpoint = endpoint.tls_config(tls)?;
        }
        Ok(Self(Grpc::new(endpoint.connect().await?)))
    }

    /// Sends a request until it is acknowledged, refused for good or given up.
    pub(super) async fn export(
        mut self,
        request: ExportRequest,
        due: Instant,
        shutdown: CancellationToken,
    ) -> Outcome {
        let records = u64::from(request.records);
        let mut outcome = Outcome::default();
        let mut backoff = BACKOFF_MIN;
        loop {
            let status = match self.call(&request).await {
                Ok(answer) => {
                    let partial = answer.partial_success.unwrap_or_default();
                    outcome.rejected = u64::try_from(partial.rejected).unwrap_or(0).min(records);
                    outcome.accepted = records - outcome.rejected;
                    outcome.bytes = request.bytes.len() as u64;
                    outcome.latency = Some(due.elapsed());
                    outcome.complaint = (outcome.rejected > 0).then_some(partial.error_message);
                    return outcome;
                }
                Err(status) => status,
            };
            let wait = retry_after(&status, backoff);
            let (Some(wait), true) = (wait, due.elapsed() < GIVE_UP_AFTER) else {
                outcome.failed = records;
                outcome.complaint = Some(status.to_string());
                return outcome;
            };
            backoff = (backoff * 2).min(BACKOFF_MAX);
            tokio::select! {
                () = sleep(wait) => {}
                () = shutdown.cancelled() => {
                    outcome.failed = records;
                    outcome.complaint = Some(status.to_string());
                    return outcome;
                }
            }
            outcome.retries += 1;
        }
    }

    async fn call(&mut self, request: &ExportRequest) -> Result<ExportResponse, Status> {
        let ready = self.0.ready().await;
        ready.map_err(|error| Status::unavailable(error.to_string()))?;
        let path = PathAndQuery::from_static(match request.signal {
            Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        });
        let message = Request::new(request.bytes.clone());
        let response = self.0.unary(message, path, RawCodec).await?;
        Ok(response.into_inner())
    }
}

/// How long to wait before the next attempt; `None` if there is to be none. OTLP says which codes
/// may be tried again, and that an exhausted resource may only if the server says when.
fn retry_after(status: &Status, backoff: Duration) -> Option<Duration> {
    let asked = retry_info(status.details());
    match status.code() {
        Code::ResourceExhausted => asked,
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Some(asked.unwrap_or(backoff)),
        _ => None,
    }
}

/// The delay of a `google.rpc.RetryInfo` among the details of a status.
fn retry_info(details: &[u8]) -> Option<Duration> {
    let status = RpcStatus::decode(details).ok()?;
    let mut details = status.details.into_iter();
    let detail = details.find(|detail| detail.type_url.ends_with("/google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(detail.value.as_slice())
        .ok()?
        .retry_delay?;
    let seconds = u64::try_from(delay.seconds).ok()?;
    let nanos = u32::try_from(delay.nanos).ok()?;
    Some(Duration::from_secs(seconds) + Duration::from_nanos(u64::from(nanos)))
}

/// `ExportTraceServiceResponse` and `ExportLogsServiceResponse`: they differ only in names.
#[derive(Clone, PartialEq, Message)]
struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(message, repeated, tag = "3")]
    details: Vec<Detail>,
}

#[derive(Clone, PartialEq, Message)]
struct Detail {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// Passes encoded messages through.
struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = ExportResponse;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.reserve(item.len());
        out.put(item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = ExportResponse;
    type Error = Status;

    fn decode(&mut self, input: &mut DecodeBuf<'_>) -> Result<Option<ExportResponse>, Status> {
        let answer = ExportResponse::decode(input.copy_to_bytes(input.remaining()));
        let answer = answer.map_err(|error| Status::internal(error.to_string()))?;
        Ok(Some(answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_retry_info(code: Code) -> Status {
        let delay = Delay {
            seconds: 1,
            nanos: 500_000_000,
        };
        let info = RetryInfo {
            retry_delay: Some(delay),
        };
        let detail = Detail {
            type_url: "type.googleapis.com/google.rpc.RetryInfo".into(),
            value: info.encode_to_vec(),
        };
        let status = RpcStatus {
            details: vec![detail],
        };
        Status::with_details(code, "busy", status.encode_to_vec().into())
    }

    #[test]
    fn the_server_says_when_to_come_back_and_whether_at_all() {
        let backoff = Duration::from_millis(100);
        let after = |status: &Status| retry_after(status, backoff);

        let asked = Some(Duration::from_millis(1_500));
        assert_eq!(after(&with_retry_info(Code::Unavailable)), asked);
        assert_eq!(after(&with_retry_info(Code::ResourceExhausted)), asked);
        assert_eq!(after(&Status::unavailable("busy")), Some(backoff));
        assert_eq!(after(&Status::resource_exhausted("too large")), None);
        assert_eq!(after(&with_retry_info(Code::InvalidArgument)), None);
    }
}
