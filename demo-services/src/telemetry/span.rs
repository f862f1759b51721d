//! How the shop makes spans: a kind, a name, then attributes by their semantic-convention keys.

use opentelemetry::{Context, Value, trace::Status};
use tracing::{Span, debug_span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// A span below the current one. `kind` is OTLP's, in lower case.
pub(crate) fn span(kind: &'static str, name: &str) -> Span {
    info_span!("span", otel.name = name, otel.kind = kind)
}

/// A span below `parent`, which came from elsewhere: a header, a message or a database row. An empty
/// `parent` makes it the root of a new trace, whatever span is current.
pub(crate) fn continued_span(kind: &'static str, name: &str, parent: Context) -> Span {
    let span = info_span!(parent: None, "span", otel.name = name, otel.kind = kind);
    // Right after creation, before anyone reads or enters the span: later the SDK refuses, and the
    // span would silently become a root. Without the OpenTelemetry layer there is nothing to do.
    if let Err(error) = span.set_parent(parent) {
        debug_span!("detached", %error);
    }
    span
}

/// Marks the span as failed. `error_type` is a short word from a small set; what happened in detail
/// belongs into a log record.
pub(crate) fn fail(span: &Span, error_type: impl Into<Value>, description: impl Into<String>) {
    span.set_attribute("error.type", error_type);
    span.set_status(Status::error(description.into()));
}
