//! Loki's push requests, in JSON and in protobuf.
//!
//! Formats: "Ingest logs" in Loki's HTTP API, and `pkg/push/push.proto` of grafana/loki.

mod json;
mod labels;
mod protobuf;

use std::sync::Arc;

use super::hints::Hints;
use super::log_fields::{Role, read_trace_flags, role};
use crate::attributes::{Attribute, AttributeValue};
use crate::log_record::{LogRecord, Severity};
use crate::resource::{Resource, Scope};
use crate::semconv::SERVICE_NAME;
use crate::time::UnixNanos;

pub use json::translate_json;
pub use protobuf::translate_protobuf;

/// The labels that name a service, best first: those by which Loki itself finds its `service_name`.
const SERVICE_LABELS: [&str; 14] = [
    SERVICE_NAME,
    "service_name",
    "service",
    "app",
    "application",
    "name",
    "app_kubernetes_io_name",
    "container",
    "container_name",
    "k8s_container_name",
    "component",
    "workload",
    "job",
    "k8s_job_name",
];

/// What the labels of a stream say of all its entries.
struct Stream {
    resource: Arc<Resource>,
    hints: Hints,
}

impl Stream {
    fn of_labels(mut labels: Vec<Attribute>) -> Self {
        let service = SERVICE_LABELS.iter().find_map(|name| {
            let label = labels.iter().find(|label| label.key == *name)?;
            Some(label.text().into_owned()).filter(|it| !it.is_empty())
        });
        let mut attributes = Vec::with_capacity(labels.len() + 1);
        if let Some(service) = service {
            let value = AttributeValue::String(service);
            attributes.push(Attribute::new(SERVICE_NAME, value));
        }
        let hints = Hints::take_from(&mut labels);
        // These two are what `service.name` says already.
        let is_service_name =
            |label: &Attribute| matches!(label.key.as_str(), "service_name" | SERVICE_NAME);
        attributes.extend(labels.into_iter().filter(|label| !is_service_name(label)));
        let resource = Resource {
            is_present: true,
            attributes,
            ..Resource::default()
        };
        Self {
            resource: Arc::new(resource),
            hints,
        }
    }
}

/// An entry of a stream as it was sent.
struct Entry {
    time: UnixNanos,
    line: String,
    metadata: Vec<Attribute>,
}

/// Makes records of the entries of a request.
struct Mapping {
    scope: Arc<Scope>,
    now: UnixNanos,
}

impl Mapping {
    fn new(now: UnixNanos) -> Self {
        Self {
            scope: Arc::default(),
            now,
        }
    }

    fn record(&self, stream: &Stream, entry: Entry) -> LogRecord {
        let mut attributes = entry.metadata;
        let own = Hints::take_from(&mut attributes);
        let flags = take_flags(&mut attributes);
        if own.severity().is_some() {
            attributes.extend(stream.hints.severity_attribute());
        }
        let line = if own.is_complete() {
            Hints::default()
        } else {
            Hints::of_line(&entry.line)
        };
        let all = [&own, &stream.hints, &line];
        let trace_id = all.iter().find_map(|it| it.trace_id);
        let span_id = all.iter().find_map(|it| it.span_id);
        let severity = all.iter().find_map(|it| it.severity());
        let (severity, severity_text) = severity.unwrap_or((Severity(0), ""));
        LogRecord {
            time: entry.time,
            // What says when it happened is the same record however often it is sent.
            observed_time: if entry.time.0 == 0 {
                self.now
            } else {
                UnixNanos(0)
            },
            trace_id: trace_id.map_or_else(Vec::new, |id| id.as_bytes().to_vec()),
            span_id: span_id.map_or_else(Vec::new, |id| id.as_bytes().to_vec()),
            flags,
            severity,
            severity_text: severity_text.to_owned(),
            event_name: String::new(),
            body: Some(AttributeValue::String(entry.line)),
            attributes,
            dropped_attributes_count: 0,
            resource: Arc::clone(&stream.resource),
            scope: Arc::clone(&self.scope),
        }
    }
}

fn take_flags(attributes: &mut Vec<Attribute>) -> u32 {
    let flags = |attribute: &Attribute| {
        (role(&attribute.key) == Some(Role::TraceFlags)).then_some(())?;
        read_trace_flags(attribute.value.as_ref()?)
    };
    let mut given = None;
    attributes.retain(|attribute| match flags(attribute) {
        Some(flags) if given.is_none() => {
            given = Some(flags);
            false
        }
        _ => true,
    });
    given.unwrap_or(0)
}

#[cfg(test)]
mod tests;
