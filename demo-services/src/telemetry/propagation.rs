//! W3C trace context in HTTP headers, gRPC metadata, message headers and database rows.

use std::collections::HashMap;

use ::http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::{SpanContext, TraceContextExt},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The headers that carry `span` to another process or to a later moment.
pub(crate) fn headers_of(span: &Span) -> HashMap<String, String> {
    headers_of_context(&span.context())
}

/// The headers that carry the span of `context`.
pub(crate) fn headers_of_context(context: &Context) -> HashMap<String, String> {
    let mut headers = HashMap::new();
    TraceContextPropagator::new().inject_context(context, &mut headers);
    headers
}

/// The context that `carrier` brought; empty if it brought none or nonsense.
pub(crate) fn context_from(carrier: &dyn Extractor) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), carrier)
}

/// The `traceparent` of `span`, as a database row keeps it.
pub(crate) fn traceparent_of(span: &Span) -> String {
    headers_of(span).remove("traceparent").unwrap_or_default()
}

/// The context of a kept `traceparent`.
pub(crate) fn context_from_traceparent(traceparent: &str) -> Context {
    let headers = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    context_from(&headers)
}

/// What a link points at.
pub(crate) fn span_context_of(context: &Context) -> SpanContext {
    context.span().span_context().clone()
}

/// HTTP headers as a carrier; gRPC metadata are HTTP headers too.
pub(crate) struct HttpHeaders<'a>(pub(crate) &'a HeaderMap);

impl Extractor for HttpHeaders<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

/// HTTP headers that are still being written.
pub(crate) struct HttpHeadersMut<'a>(pub(crate) &'a mut HeaderMap);

impl Injector for HttpHeadersMut<'_> {
    fn set(&mut self, key: &str, value: String) {
        let name = HeaderName::from_bytes(key.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
            self.0.insert(name, value);
        }
    }
}

/// Adds the headers that carry `context` to a request that is about to leave.
pub(crate) fn inject(context: &Context, headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(context, &mut HttpHeadersMut(headers));
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn w3c_headers_survive_the_way_through_message_headers() {
        let context = context_from_traceparent(TRACEPARENT);

        assert_eq!(headers_of_context(&context)["traceparent"], TRACEPARENT);
    }

    #[test]
    fn w3c_headers_survive_the_way_through_http_headers() {
        let mut headers = HeaderMap::new();
        inject(&context_from_traceparent(TRACEPARENT), &mut headers);

        let received = span_context_of(&context_from(&HttpHeaders(&headers)));

        assert_eq!(
            received.trace_id().to_string(),
            "4bf92f3577b34da6a3ce929d0e0e4736"
        );
        assert_eq!(received.span_id().to_string(), "00f067aa0ba902b7");
        assert!(received.is_sampled() && received.is_remote());
    }

    #[test]
    fn a_malformed_traceparent_starts_a_new_trace() {
        let received = span_context_of(&context_from_traceparent("00-zz-00f067aa0ba902b7-01"));

        assert!(!received.is_valid());
    }
}
