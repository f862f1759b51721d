//! Traces and logs of one service process: OpenTelemetry SDK, OTLP/gRPC exporters, and the bridge
//! from `tracing`. Everything else in the shop only ever says `span(..)` and `info!(..)`.

pub(crate) mod grpc;
pub(crate) mod http;
pub(crate) mod propagation;
mod records;
mod span;

use std::time::Duration;

use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, RetryPolicy, SpanExporter, WithExportConfig, WithTonicConfig,
};
use opentelemetry_sdk::{
    Resource,
    logs::{BatchConfigBuilder as LogBatchConfigBuilder, BatchLogProcessor, SdkLoggerProvider},
    trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider},
};
use tracing::{Level, Metadata, level_filters::LevelFilter, warn};
use tracing_subscriber::{
    Layer,
    filter::filter_fn,
    fmt,
    layer::SubscriberExt,
    util::{SubscriberInitExt, TryInitError},
};

pub(crate) use span::{continued_span, fail, span};

use crate::tls::{ExporterTls, TlsError};

/// Ends and log records that may wait for the exporter. The SDK drops what does not fit and says so
/// only at shutdown, hence well above what the shop makes in one export delay. Its queue is an array
/// that is touched in full, so that ten times as much would cost every process tens of megabytes.
const QUEUE_ITEMS: usize = 8_192;
const BATCH_ITEMS: usize = 512;
/// Short, so that a trace can be opened a moment after it happened.
const EXPORT_DELAY: Duration = Duration::from_millis(500);
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// Where telemetry goes, and how that server is known if it is encrypted.
pub(crate) type Server<'a> = (&'a str, &'a ExporterTls);

/// Who a process is in its telemetry.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// `service.name`.
    pub(crate) service: &'static str,
    /// `service.instance.id`.
    pub(crate) instance: String,
}

/// Why telemetry could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The exporter refused its settings, for example an endpoint that is not a URL.
    #[error("cannot export to {endpoint}")]
    Exporter {
        /// Where the telemetry should have gone.
        endpoint: String,
        /// What the exporter said.
        source: ExporterBuildError,
    },
    /// A file for encryption is missing.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The process already has a subscriber for `tracing`.
    #[error("another subscriber is already installed")]
    Subscriber(#[from] TryInitError),
}

/// The running telemetry of this process; [`Telemetry::shutdown`] flushes it.
pub(crate) struct Telemetry {
    tracer: SdkTracerProvider,
    logger: SdkLoggerProvider,
}

impl Telemetry {
    /// Starts the exporters and becomes the process-wide subscriber. Must run inside a multi-thread
    /// tokio runtime: the exporters' connections live on it while their own threads wait for them.
    pub(crate) fn start(
        identity: &Identity,
        server: Server<'_>,
        stderr_level: LevelFilter,
    ) -> Result<Self, TelemetryError> {
        let logger = logger_provider(identity, server)?;
        let tracer = tracer_provider(identity, server)?;

        install(&tracer, &logger, stderr_level)?;
        Ok(Self { tracer, logger })
    }

    /// Sends what is still queued, then stops. `force_flush` comes first because it tells whether
    /// the last export worked, which `shutdown` does not.
    pub(crate) async fn shutdown(self) {
        // Blocking calls that wait for the runtime: inline they would wait for themselves.
        let stopped = tokio::task::spawn_blocking(move || {
            let flushed = [self.logger.force_flush(), self.tracer.force_flush()];
            let stopped = [
                self.logger.shutdown_with_timeout(SHUTDOWN_TIMEOUT),
                self.tracer.shutdown_with_timeout(SHUTDOWN_TIMEOUT),
            ];
            flushed.into_iter().chain(stopped).find_map(Result::err)
        })
        .await;
        // Under a name that is not exported: there is nothing left to export it.
        match stopped {
            Ok(None) => {}
            Ok(Some(error)) => {
                warn!(target: "shop_telemetry", %error, "The last telemetry was not delivered");
            }
            Err(error) => {
                warn!(target: "shop_telemetry", %error, "The telemetry could not be flushed");
            }
        }
    }
}

/// Makes the providers the process-wide subscriber of `tracing`.
fn install(
    tracer: &SdkTracerProvider,
    logger: &SdkLoggerProvider,
    stderr_level: LevelFilter,
) -> Result<(), TryInitError> {
    // Two rules keep the signals apart. A `tracing` event inside a span would also become a span
    // event and, at ERROR, mark the span as failed: spans take spans only. And the exporters'
    // own libraries write events too: only the shop's are taken, or each export would log itself.
    let spans = tracing_opentelemetry::layer()
        .with_tracer(tracer.tracer("demo-services"))
        .with_error_events_to_status(false)
        .with_error_events_to_exceptions(false)
        .with_location(false)
        .with_threads(false)
        .with_level(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(filter_fn(|metadata| {
            metadata.is_span() && is_ours(metadata)
        }));
    let records = OpenTelemetryTracingBridge::new(logger).with_filter(filter_fn(|metadata| {
        metadata.is_event() && is_ours(metadata)
    }));
    let lines = fmt::layer()
        .json()
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(std::io::stderr)
        .with_filter(stderr_level);
    tracing_subscriber::registry()
        .with(spans)
        .with(records)
        .with(lines)
        .try_init()
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("demo_services") && *metadata.level() <= Level::INFO
}

/// Spans alone, without the subscriber: for the load generator, which may share its process with
/// the backend and then must leave that process's logging alone.
pub(crate) fn tracer_provider(
    identity: &Identity,
    (endpoint, tls): Server<'_>,
) -> Result<SdkTracerProvider, TelemetryError> {
    let mut builder = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(EXPORT_TIMEOUT)
        .with_retry_policy(RetryPolicy::recommended());
    if let Some(tls) = tls.config(endpoint)? {
        builder = builder.with_tls_config(tls);
    }
    let exporter = builder.build().map_err(|source| TelemetryError::Exporter {
        endpoint: endpoint.to_owned(),
        source,
    })?;
    let batch = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE_ITEMS)
        .with_max_export_batch_size(BATCH_ITEMS)
        .with_scheduled_delay(EXPORT_DELAY)
        .build();
    Ok(SdkTracerProvider::builder()
        .with_span_processor(
            BatchSpanProcessor::builder(exporter)
                .with_batch_config(batch)
                .build(),
        )
        .with_resource(resource(identity))
        .build())
}

fn logger_provider(
    identity: &Identity,
    (endpoint, tls): Server<'_>,
) -> Result<SdkLoggerProvider, TelemetryError> {
    let mut builder = LogExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(EXPORT_TIMEOUT)
        .with_retry_policy(RetryPolicy::recommended());
    if let Some(tls) = tls.config(endpoint)? {
        builder = builder.with_tls_config(tls);
    }
    let exporter = builder.build().map_err(|source| TelemetryError::Exporter {
        endpoint: endpoint.to_owned(),
        source,
    })?;
    let batch = LogBatchConfigBuilder::default()
        .with_max_queue_size(QUEUE_ITEMS)
        .with_max_export_batch_size(BATCH_ITEMS)
        .with_scheduled_delay(EXPORT_DELAY)
        .build();
    Ok(SdkLoggerProvider::builder()
        // In this order: what the first changes is what the second exports.
        .with_log_processor(records::Finish)
        .with_log_processor(
            BatchLogProcessor::builder(exporter)
                .with_batch_config(batch)
                .build(),
        )
        .with_resource(resource(identity))
        .build())
}

fn resource(identity: &Identity) -> Resource {
    Resource::builder()
        .with_service_name(identity.service)
        .with_attributes([
            KeyValue::new("service.namespace", "shop"),
            KeyValue::new("service.version", SERVICE_VERSION),
            KeyValue::new("service.instance.id", identity.instance.clone()),
            KeyValue::new("deployment.environment.name", "demo"),
            KeyValue::new("host.name", host_name()),
            KeyValue::new("process.pid", i64::from(std::process::id())),
        ])
        .build()
}

/// The release of the shop, on every service.
const SERVICE_VERSION: &str = "1.4.0";

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "localhost".to_owned(), |name| name.trim().to_owned())
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
