//! From a received body to an acknowledgement: decompress, decode, append, and only then say yes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Extensions;
use model::Signal;
use model::UnixNanos;
use model::dialect::Rejects;
use model::otlp::{
    Accepted, Encoding, RecordLimits, Rejected, count_metric_points, decode_redacted,
};
use model::redact::{Hits, Rules};
use storage::{Append, Storage};
use tokio::time::timeout;

use crate::admission::Ticket;
use crate::config::CollectorConfig;
use crate::decoders::Decoders;
use crate::error::{Refusal, shorten};
use crate::exchange::Exported;
use crate::metrics::CollectorMetrics;
use crate::receiver::compression::Compression;
use crate::receiver::decode::decompress;
use crate::receiver::framing::Framing;
use crate::receiver::look::Look;
use crate::receiver::translate::translate;
use crate::receiver::{Format, Protocol, Service};
use crate::redaction::Redaction;
use crate::senders::Peer;

// Below this a body decodes in less time than a hand-over to another thread takes.
const INLINE_DECODE_BYTES_MAX: usize = 16 * 1024;

// A group commit takes milliseconds. After this long the sender has given up (10 s by default).
const APPEND_TIMEOUT: Duration = Duration::from_secs(30);

const METRICS_NOT_STORED: &str = "spandrel stores traces and logs; metrics are not stored";

/// Takes received bodies to storage.
pub(crate) struct Ingest {
    storage: Storage,
    decoders: Decoders,
    metrics: Arc<CollectorMetrics>,
    limits: DecodeLimits,
}

/// What a body may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DecodeLimits {
    /// The largest body after decompression.
    pub(crate) request_bytes: usize,
    pub(crate) record: RecordLimits,
}

impl From<&CollectorConfig> for DecodeLimits {
    fn from(config: &CollectorConfig) -> Self {
        Self {
            request_bytes: config.max_request_bytes,
            record: config.record_limits,
        }
    }
}

/// A body as it came, and the ticket for its bytes.
pub(crate) struct Received {
    pub(crate) service: Service,
    pub(crate) protocol: Protocol,
    pub(crate) format: Format,
    pub(crate) compression: Compression,
    pub(crate) body: Bytes,
    pub(crate) ticket: Ticket,
}

enum Decoded {
    Records(Signal, Accepted),
    MetricPoints(u64),
}

impl Ingest {
    /// Ingests into `storage` what is within `limits`.
    ///
    /// # Errors
    /// When the system gives no threads to decode on.
    pub(crate) fn new(
        storage: Storage,
        metrics: Arc<CollectorMetrics>,
        limits: DecodeLimits,
    ) -> io::Result<Self> {
        Ok(Self {
            storage,
            decoders: Decoders::new(Arc::clone(&metrics))?,
            metrics,
            limits,
        })
    }

    /// A ticket for the body of one request with these `extensions`, which name its connection.
    pub(crate) fn ticket(&self, extensions: &Extensions) -> Result<Ticket, Refusal> {
        let connection = extensions.get::<Peer>().copied();
        self.metrics.admission().ticket(connection)
    }

    /// What can be told of a body to `service` before all of it is there.
    pub(crate) fn look(
        &self,
        service: Service,
        format: &Format,
        framing: Framing,
        compression: Compression,
    ) -> Look<'_> {
        Look {
            decoders: &self.decoders,
            framing,
            compression,
            records: format.records(service),
            limit_bytes: self.limits.request_bytes,
        }
    }

    /// The counters of the receivers.
    pub(crate) fn metrics(&self) -> &CollectorMetrics {
        &self.metrics
    }

    /// Stores what can be accepted and returns what was rejected. Returning `Ok` is the
    /// acknowledgement: the records are durable, and every later query sees them.
    pub(crate) async fn export(&self, received: Received) -> Result<Exported, Refusal> {
        let (service, protocol) = (received.service, received.protocol);
        self.metrics
            .count_received(service, protocol, received.body.len());
        let (decoded, rejects, ticket) = self.decode(received).await?;
        let mut exported = match decoded {
            Decoded::Records(signal, accepted) => {
                let trimmed = accepted.trimmed;
                let exported = self.append(signal, accepted).await?;
                self.metrics.trimmed().count(service, protocol, trimmed);
                exported
            }
            Decoded::MetricPoints(count) => Exported {
                rejected: self.reject_metrics(count),
                ..Exported::default()
            },
        };
        // Held until here: the bytes are in memory until storage has them on disk.
        drop(ticket);
        add_rejects(&mut exported.rejected, &rejects);
        exported.rejects = rejects.first;
        if let Some(rejected) = &mut exported.rejected {
            shorten(&mut rejected.reason);
        }
        Ok(exported)
    }

    async fn decode(&self, received: Received) -> Result<(Decoded, Rejects, Ticket), Refusal> {
        let limits = self.limits;
        let now = self.metrics.clock().now();
        let redaction = self.metrics.redaction().cloned();
        let is_small = received.body.len() <= INLINE_DECODE_BYTES_MAX;
        if is_small && received.compression == Compression::Identity {
            return decode_received(received, now, &limits, redaction.as_deref());
        }
        let decoding = move || decode_received(received, now, &limits, redaction.as_deref());
        self.decoders.run(decoding).await
    }

    async fn append(&self, signal: Signal, accepted: Accepted) -> Result<Exported, Refusal> {
        let Accepted {
            payload,
            batch,
            rejected,
            ..
        } = accepted;
        let mut exported = Exported {
            accepted: batch.num_rows() as u64,
            rejected,
            ..Exported::default()
        };
        if exported.accepted == 0 {
            return Ok(exported);
        }
        // What cannot be read here would not be stored either.
        exported.services = model::service_names(&batch).unwrap_or_default();
        exported.times = storage::batch_time_range(signal, &batch).ok();
        let append = self.storage.append(Append {
            signal,
            payload,
            batch,
        });
        match timeout(APPEND_TIMEOUT, append).await {
            Ok(Ok(())) => {
                self.metrics.admission().count_taken();
                Ok(exported)
            }
            Ok(Err(source)) => {
                if !source.is_retryable() {
                    tracing::error!(error = %source, %signal, "failed to store records");
                }
                Err(Refusal::NotStored {
                    source,
                    retry_after: self.metrics.admission().retry_after(),
                })
            }
            Err(_elapsed) => Err(Refusal::AppendTimeout {
                seconds: APPEND_TIMEOUT.as_secs(),
            }),
        }
    }

    fn reject_metrics(&self, count: u64) -> Option<Rejected> {
        if self.metrics.is_first_metrics_request() {
            tracing::warn!(
                "a sender exports metrics; {METRICS_NOT_STORED}, and all points are rejected in the \
                 answer (told once; OTEL_METRICS_EXPORTER=none stops it at the sender)"
            );
        }
        (count > 0).then(|| Rejected {
            count,
            reason: METRICS_NOT_STORED.to_owned(),
        })
    }
}

fn decode_received(
    received: Received,
    now: UnixNanos,
    limits: &DecodeLimits,
    redaction: Option<&Redaction>,
) -> Result<(Decoded, Rejects, Ticket), Refusal> {
    let Received {
        service,
        format,
        compression,
        body,
        mut ticket,
        ..
    } = received;
    let limit_bytes = limits.request_bytes;
    let records = format.records(service);
    let body = decompress(compression, body, records, limit_bytes, &mut ticket)?;
    let (encoding, body, rejects) = match format {
        Format::Otlp(encoding) => (encoding, body, Rejects::default()),
        Format::Foreign(foreign) => {
            let translated = translate(foreign, &body, now, limit_bytes, &mut ticket)?;
            let payload = Bytes::from(translated.payload);
            (Encoding::Protobuf, payload, translated.rejects)
        }
    };
    let decoded = match service.signal() {
        Some(signal) => {
            let rules = redaction.map(Redaction::rules);
            let limits = &limits.record;
            let (accepted, hits) =
                decode_admitted(signal, encoding, body, (limits, rules), &mut ticket)?;
            if let (Some(redaction), Some(hits)) = (redaction, hits) {
                redaction.count(&hits);
            }
            Decoded::Records(signal, accepted)
        }
        None => count_metric_points(encoding, &body)
            .map(Decoded::MetricPoints)
            .map_err(|source| Refusal::BadPayload { source })?,
    };
    Ok((decoded, rejects, ticket))
}

/// What decoding takes beside the body is admitted as well: some bodies are small and make much of themselves.
fn decode_admitted(
    signal: Signal,
    encoding: Encoding,
    body: Bytes,
    (limits, rules): (&RecordLimits, Option<&Rules>),
    ticket: &mut Ticket,
) -> Result<(Accepted, Option<Hits>), Refusal> {
    let mut refused = None;
    let mut take = |bytes| match ticket.grow(bytes) {
        Ok(()) => true,
        Err(refusal) => {
            refused = Some(refusal);
            false
        }
    };
    let decoded = decode_redacted(signal, encoding, body, limits, rules, &mut take);
    decoded.map_err(|source| refused.unwrap_or(Refusal::BadPayload { source }))
}

/// Counts what could not be translated with what the decoder rejected; the earlier reason is the one told.
fn add_rejects(rejected: &mut Option<Rejected>, rejects: &Rejects) {
    let Some(first) = rejects.first.first() else {
        return;
    };
    let rejected = rejected.get_or_insert_default();
    rejected.count += rejects.count;
    rejected.reason = format!("{}: {}", first.place, first.reason);
}
