//! Senders of both signals over both transports, and what each of them knows of its requests.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use model::Signal;
use model::otlp::{self, Encoding};
use tests::{GrpcClient, HttpClient, SpandrelProcess, export_logs, export_spans};
use tokio::sync::Semaphore;

/// Records of each request.
pub(crate) const RECORDS: u64 = 2;

/// One export request; its trace id is in every record, and nobody else's.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) signal: Signal,
    pub(crate) trace_id: String,
    pub(crate) service: String,
}

impl Request {
    /// OTLP JSON.
    pub(crate) fn json(&self) -> Vec<u8> {
        let texts = self.texts();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        match self.signal {
            Signal::Traces => export_spans(&self.service, &self.trace_id, &texts),
            Signal::Logs => export_logs(&self.service, &self.trace_id, &texts),
        }
    }

    /// Names of its spans, or bodies of its log records.
    pub(crate) fn texts(&self) -> [String; RECORDS as usize] {
        let id = &self.trace_id;
        [
            format!("order {id} came in"),
            format!("card 7 of {id} was charged in 12 ms"),
        ]
    }
}

/// A connection of one transport.
pub(crate) enum Connection {
    Http(HttpClient),
    Grpc(Box<GrpcClient>),
}

impl Connection {
    /// One of the two, by an even or an odd number.
    pub(crate) fn open(spandrel: &SpandrelProcess, number: u64) -> Self {
        if number.is_multiple_of(2) {
            Self::Http(HttpClient::new(spandrel.otlp_http))
        } else {
            Self::Grpc(Box::new(GrpcClient::new(spandrel.otlp_grpc)))
        }
    }

    /// Sends a request; `Err` when the server died before it answered.
    pub(crate) async fn export(&self, request: &Request) -> Result<(), String> {
        let json = request.json();
        match self {
            Self::Http(client) => {
                let path = match request.signal {
                    Signal::Traces => "/v1/traces",
                    Signal::Logs => "/v1/logs",
                };
                let headers = [("content-type", "application/json")];
                let answer = client.try_post(path, &headers, json).await?;
                assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
            }
            Self::Grpc(client) => {
                let path = match request.signal {
                    Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
                    Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
                };
                let accepted = otlp::decode(request.signal, Encoding::Json, Bytes::from(json));
                let message = accepted.unwrap().payload;
                let status = client.try_call(path, &message).await?;
                assert_eq!(status, 0, "gRPC status of {request:?}");
            }
        }
        Ok(())
    }
}

/// What one sender sent.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) acknowledged: Vec<Request>,
    /// Sent, and the server died before it answered.
    pub(crate) unknown: Vec<Request>,
}

impl Ledger {
    pub(crate) fn add(&mut self, other: Self) {
        self.acknowledged.extend(other.acknowledged);
        self.unknown.extend(other.unknown);
    }
}

/// Sends one request after the other, of both signals in turn, until the server dies. There is a
/// permit for each acknowledgement.
pub(crate) async fn send(
    connection: Connection,
    sender: u64,
    service: String,
    acknowledged: Arc<Semaphore>,
) -> Ledger {
    let mut ledger = Ledger::default();
    for number in 1_u64.. {
        let request = Request {
            signal: if number.is_multiple_of(2) {
                Signal::Traces
            } else {
                Signal::Logs
            },
            trace_id: format!("{sender:016x}{number:016x}"),
            service: service.clone(),
        };
        match connection.export(&request).await {
            Ok(()) => {
                ledger.acknowledged.push(request);
                acknowledged.add_permits(1);
            }
            Err(_) => {
                ledger.unknown.push(request);
                break;
            }
        }
    }
    ledger
}
