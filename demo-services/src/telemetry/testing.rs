//! The process-wide subscriber of the tests, with exporters that keep what they get.

use std::sync::{Arc, OnceLock};

use opentelemetry::{TraceId, Value, trace::SpanContext};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    logs::{LogBatch, LogExporter, SdkLogRecord, SdkLoggerProvider},
    trace::{SdkTracerProvider, SpanData, SpanExporter},
};
use parking_lot::Mutex;
use tracing::{Span, level_filters::LevelFilter};

use super::{install, propagation, records};

/// What all tests together have sent; each looks at its own trace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    spans: Arc<Mutex<Vec<SpanData>>>,
    records: Arc<Mutex<Vec<SdkLogRecord>>>,
}

impl SpanExporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.spans.lock().extend(batch);
        Ok(())
    }
}

impl LogExporter for Kept {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        self.records
            .lock()
            .extend(batch.iter().map(|(record, _)| record.clone()));
        Ok(())
    }
}

/// Installs the subscriber with the first call.
pub(crate) fn telemetry() -> &'static Kept {
    static KEPT: OnceLock<(Kept, SdkTracerProvider, SdkLoggerProvider)> = OnceLock::new();
    let (kept, ..) = KEPT.get_or_init(|| {
        let kept = Kept::default();
        let tracer = SdkTracerProvider::builder()
            .with_simple_exporter(kept.clone())
            .build();
        let logger = SdkLoggerProvider::builder()
            .with_log_processor(records::Finish)
            .with_simple_exporter(kept.clone())
            .build();
        install(&tracer, &logger, LevelFilter::OFF).unwrap();
        (kept, tracer, logger)
    });
    kept
}

impl Kept {
    /// The ended spans of a trace, in the order of their ends.
    pub(crate) fn spans(&self, trace_id: TraceId) -> Vec<SpanData> {
        let spans = self.spans.lock();
        let mine = spans
            .iter()
            .filter(|span| span.span_context.trace_id() == trace_id);
        mine.cloned().collect()
    }

    /// The only span of a trace.
    pub(crate) fn only_span(&self, trace_id: TraceId) -> SpanData {
        let spans = self.spans(trace_id);
        assert_eq!(spans.len(), 1, "{spans:?}");
        spans.into_iter().next().unwrap()
    }

    /// The ended spans of other traces that link to this one.
    pub(crate) fn linked_from_elsewhere(&self, trace_id: TraceId) -> Vec<SpanData> {
        let links_here = |span: &&SpanData| {
            span.span_context.trace_id() != trace_id
                && span
                    .links
                    .iter()
                    .any(|link| link.span_context.trace_id() == trace_id)
        };
        self.spans
            .lock()
            .iter()
            .filter(links_here)
            .cloned()
            .collect()
    }

    /// The log records of a trace.
    pub(crate) fn records(&self, trace_id: TraceId) -> Vec<SdkLogRecord> {
        let records = self.records.lock();
        let is_mine = |record: &&SdkLogRecord| {
            record
                .trace_context()
                .is_some_and(|context| context.trace_id == trace_id)
        };
        records.iter().filter(is_mine).cloned().collect()
    }
}

/// The value of an attribute as text; empty if the span does not have it.
pub(crate) fn attribute(span: &SpanData, key: &str) -> String {
    let attribute = span
        .attributes
        .iter()
        .find(|attribute| attribute.key.as_str() == key);
    attribute.map_or_else(String::new, |attribute| match &attribute.value {
        Value::I64(number) => number.to_string(),
        value => value.as_str().into_owned(),
    })
}

/// Where a span is.
pub(crate) fn context_of(span: &Span) -> SpanContext {
    propagation::span_context_of(&tracing_opentelemetry::OpenTelemetrySpanExt::context(span))
}
