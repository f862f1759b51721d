//! Export requests as the senders that keep to OTLP make them, like those of the SDKs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

/// As many as SDKs put into one request.
pub(crate) const SPANS: u64 = 512;

const TOOK: Duration = Duration::from_micros(20);

/// Makes the requests of one service. No two spans have the same ids.
#[derive(Debug)]
pub(crate) struct Spans {
    service: String,
    /// Different for each service.
    number: u64,
    made: u64,
}

impl Spans {
    pub(crate) fn of(service: &str, number: u64) -> Self {
        Self {
            service: service.to_owned(),
            number,
            made: 0,
        }
    }

    /// The next request.
    pub(crate) fn next(&mut self) -> Bytes {
        let spans = (0..SPANS).map(|_| self.span()).collect();
        let scope_spans = vec![ScopeSpans {
            spans,
            ..Default::default()
        }];
        let resource = Resource {
            attributes: vec![attribute("service.name", text(&self.service))],
            ..Default::default()
        };
        let request = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(resource),
                scope_spans,
                ..Default::default()
            }],
        };
        request.encode_to_vec().into()
    }

    fn span(&mut self) -> Span {
        self.made += 1;
        let start = now();
        Span {
            trace_id: [self.number.to_be_bytes(), self.made.to_be_bytes()].concat(),
            span_id: self.made.to_be_bytes().to_vec(),
            name: "work".to_owned(),
            kind: 1,
            start_time_unix_nano: nanos(start),
            end_time_unix_nano: nanos(start + TOOK),
            attributes: vec![
                attribute("http.route", text("/x")),
                attribute("user.id", Value::IntValue((self.made % 1000).cast_signed())),
                attribute("note", text(&"n".repeat(200))),
            ],
            ..Default::default()
        }
    }
}

fn text(value: &str) -> Value {
    Value::StringValue(value.to_owned())
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..Default::default()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "spans are dated by the system clock, as those of SDKs are"
)]
fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
