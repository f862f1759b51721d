//! The receivers: what the gRPC and the HTTP side share.

pub(crate) mod body;
pub(crate) mod compression;
pub(crate) mod decode;
pub(crate) mod dialects;
pub(crate) mod framing;
pub(crate) mod grpc;
pub(crate) mod http;
pub(crate) mod look;
pub(crate) mod media;
pub(crate) mod translate;

use model::Signal;
use model::dialect::json_lines::Defaults;
use model::otlp::{Encoding, ResponseKind};

/// The OTLP services, each with its own request and response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Traces,
    Logs,
    Metrics,
}

impl Service {
    pub(crate) const ALL: [Self; 3] = [Self::Traces, Self::Logs, Self::Metrics];

    /// The stored signal this service feeds; `None` for metrics, which are not stored.
    pub(crate) fn signal(self) -> Option<Signal> {
        match self {
            Self::Traces => Some(Signal::Traces),
            Self::Logs => Some(Signal::Logs),
            Self::Metrics => None,
        }
    }

    pub(crate) fn response_kind(self) -> ResponseKind {
        match self {
            Self::Traces => ResponseKind::Traces,
            Self::Logs => ResponseKind::Logs,
            Self::Metrics => ResponseKind::Metrics,
        }
    }

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Logs => "logs",
            Self::Metrics => "metrics",
        }
    }

    /// The full name of the gRPC method.
    pub(crate) fn grpc_path(self) -> &'static str {
        match self {
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Self::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        }
    }

    /// The service at this path of the HTTP port. Slashes at the end and doubled ones are ignored: that is
    /// what senders make of an endpoint that is configured with a slash too many.
    pub(crate) fn at_http_path(path: &str) -> Option<Self> {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        let (version, signal) = (parts.next()?, parts.next()?);
        if version != "v1" || parts.next().is_some() {
            return None;
        }
        Self::ALL.into_iter().find(|it| it.label() == signal)
    }
}

/// What a body holds, once it is decompressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Format {
    /// An export request of OTLP.
    Otlp(Encoding),
    /// A request of another protocol.
    Foreign(Foreign),
}

impl Format {
    /// How the spans or log records of OTLP are written that are sent to `service` like this; `None` where none are.
    pub(crate) fn records(&self, service: Service) -> Option<Encoding> {
        match self {
            Self::Otlp(encoding) => service.signal().map(|_| *encoding),
            Self::Foreign(_) => None,
        }
    }
}

/// What requests of other protocols hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// A list of Zipkin's spans, version 2.
    Zipkin(Encoding),
    /// Streams pushed as to Loki.
    Loki(Encoding),
    /// A log record on each line.
    Lines(Defaults),
    /// Log records in an array, or one after another.
    JsonRecords(Defaults),
}

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    OtlpGrpc,
    OtlpHttp,
    Zipkin,
    Loki,
    JsonLines,
}

impl Protocol {
    pub(crate) const ALL: [Self; 5] = [
        Self::OtlpGrpc,
        Self::OtlpHttp,
        Self::Zipkin,
        Self::Loki,
        Self::JsonLines,
    ];

    /// Whether such telemetry can come this way.
    pub(crate) fn carries(self, service: Service) -> bool {
        match self {
            Self::OtlpGrpc | Self::OtlpHttp => true,
            Self::Zipkin => service == Service::Traces,
            Self::Loki | Self::JsonLines => service == Service::Logs,
        }
    }

    /// The value of the label `protocol`.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::OtlpGrpc => "otlp_grpc",
            Self::OtlpHttp => "otlp_http",
            Self::Zipkin => "zipkin",
            Self::Loki => "loki",
            Self::JsonLines => "json_lines",
        }
    }
}
