//! A program that is instrumented with the OpenTelemetry SDK for Rust, as its documentation says.

mod order;

use std::net::SocketAddr;

use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry::{SpanId, TraceId};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{LogExporter, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tests::SpandrelProcess;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::layer::SubscriberExt as _;

/// The telemetry of one program.
pub(crate) struct Instrumented {
    tracers: SdkTracerProvider,
    loggers: SdkLoggerProvider,
}

/// What the program knows about its own trace.
pub(crate) struct Checkout {
    pub(crate) trace_id: TraceId,
    charge_span_id: SpanId,
}

fn resource() -> Resource {
    Resource::builder()
        .with_service_name("rust-checkout")
        .build()
}

impl Instrumented {
    pub(crate) fn start(otlp_grpc: SocketAddr) -> Self {
        let endpoint = format!("http://{otlp_grpc}");
        let spans = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(&endpoint)
            .build()
            .unwrap();
        let records = LogExporter::builder()
            .with_tonic()
            .with_endpoint(&endpoint)
            .build()
            .unwrap();
        let resource = resource();
        let tracers = SdkTracerProvider::builder()
            .with_batch_exporter(spans)
            .with_resource(resource.clone())
            .build();
        let loggers = SdkLoggerProvider::builder()
            .with_batch_exporter(records)
            .with_resource(resource)
            .build();
        Self { tracers, loggers }
    }

    pub(crate) fn check_out(&self) -> Checkout {
        let spans = tracing_opentelemetry::layer().with_tracer(self.tracers.tracer("checkout"));
        let records = OpenTelemetryTracingBridge::new(&self.loggers);
        let subscriber = tracing_subscriber::registry().with(spans).with(records);
        tracing::subscriber::with_default(subscriber, || {
            let checkout = tracing::info_span!("checkout", otel.kind = "server", shop.items = 3);
            let _in_checkout = checkout.enter();
            tracing::info_span!("reserve stock").in_scope(|| {});
            let charge = tracing::info_span!("charge card", otel.kind = "client");
            charge.in_scope(|| {
                charge.set_status(opentelemetry::trace::Status::error("card declined"));
                tracing::warn!(shop.customer = 17, "card declined");
            });
            let context = charge.context();
            let context = context.span().span_context().clone();
            Checkout {
                trace_id: context.trace_id(),
                charge_span_id: context.span_id(),
            }
        })
    }

    /// Hands everything over. The SDK waits for the acknowledgement.
    pub(crate) async fn shut_down(self) {
        let shut_down = move || {
            // Only a flush says whether the last export was acknowledged.
            self.tracers.force_flush().unwrap();
            self.loggers.force_flush().unwrap();
            self.tracers.shutdown().unwrap();
            self.loggers.shutdown().unwrap();
        };
        tokio::task::spawn_blocking(shut_down).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_with_the_rust_sdk_finds_its_trace_and_the_logs_of_it() {
    let spandrel = SpandrelProcess::start().await;
    let program = Instrumented::start(spandrel.otlp_grpc);

    let checkout = program.check_out();
    program.shut_down().await;

    // Acknowledged is visible: nothing is waited for.
    let trace = spandrel.trace(&checkout.trace_id.to_string()).await;
    assert_eq!(trace.names(), ["checkout", "reserve stock", "charge card"]);
    assert_eq!(
        trace.services().into_iter().collect::<Vec<_>>(),
        ["rust-checkout"]
    );
    let root = trace.span("checkout");
    assert_eq!((root.parent_span_id.as_str(), root.kind), ("", 2));
    assert_eq!(root.attributes["shop.items"]["intValue"], "3");
    let charge = trace.span("charge card");
    assert_eq!(charge.parent_span_id, root.span_id);
    assert_eq!(charge.span_id, checkout.charge_span_id.to_string());
    assert_eq!((charge.kind, charge.status_code), (3, 2));

    let logs = spandrel
        .logs(&format!("trace_id={}", checkout.trace_id))
        .await;
    assert_eq!(logs.len(), 1, "{logs:?}");
    assert_eq!(logs[0]["body"], "card declined");
    assert_eq!(logs[0]["service"], "rust-checkout");
    assert_eq!(logs[0]["severity_number"], 13);
    assert_eq!(logs[0]["span_id"], checkout.charge_span_id.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_export_side_by_side_keep_their_traces_apart() {
    let spandrel = SpandrelProcess::start().await;
    let first = Instrumented::start(spandrel.otlp_grpc);
    let second = Instrumented::start(spandrel.otlp_grpc);

    let (one, other) = (first.check_out(), second.check_out());
    first.shut_down().await;
    second.shut_down().await;

    assert_ne!(one.trace_id, other.trace_id);
    for checkout in [one, other] {
        let trace = spandrel.trace(&checkout.trace_id.to_string()).await;
        assert_eq!(trace.names(), ["checkout", "reserve stock", "charge card"]);
    }
}
