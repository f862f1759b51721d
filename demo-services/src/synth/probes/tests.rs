//! Holds the answers of all searches against what is found by going through everything that is sent.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{KeyValue, any_value::Value},
    resource::v1::Resource,
};
use prost::Message;

use super::{ExpectedLogs, ExpectedTraces};
use crate::synth::{
    Workload,
    requests::{ExportRequest, Generator, Signal},
    truth::Expected,
};

const SAMPLES: usize = 24;

/// A span as it was sent.
struct Sent {
    trace_id: String,
    service: String,
    name: String,
    attributes: BTreeMap<String, String>,
    start: u64,
    duration: u64,
}

/// A log record as it was sent.
struct SentLog {
    service: String,
    time: u64,
    body: String,
}

#[derive(Default)]
struct Everything {
    spans: Vec<Sent>,
    logs: Vec<SentLog>,
}

fn everything() -> (Everything, Expected) {
    let workload = Workload {
        traces: true,
        logs: true,
        count: 20_000,
        seed: 3,
        batch: 500,
        end_nanos: 1_767_225_600_123_456_789,
    };
    let mut generator = Generator::new(workload, Some(SAMPLES));
    let mut all = Everything::default();
    for request in generator.by_ref() {
        all.add(&request);
    }
    let (truth, names, templates) = generator.into_truth().unwrap();
    (all, truth.expected(&names, &templates))
}

impl Everything {
    fn add(&mut self, request: &ExportRequest) {
        let bytes = request.bytes.as_ref();
        if request.signal == Signal::Traces {
            let decoded = ExportTraceServiceRequest::decode(bytes).unwrap();
            for group in decoded.resource_spans {
                let service = service(group.resource.as_ref().unwrap());
                for span in group.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                    self.spans.push(Sent {
                        trace_id: span
                            .trace_id
                            .iter()
                            .map(|byte| format!("{byte:02x}"))
                            .collect(),
                        service: service.clone(),
                        start: span.start_time_unix_nano,
                        duration: span.end_time_unix_nano - span.start_time_unix_nano,
                        attributes: span.attributes.iter().map(attribute).collect(),
                        name: span.name,
                    });
                }
            }
            return;
        }
        let decoded = ExportLogsServiceRequest::decode(bytes).unwrap();
        for group in decoded.resource_logs {
            let service = service(group.resource.as_ref().unwrap());
            for record in group
                .scope_logs
                .into_iter()
                .flat_map(|scope| scope.log_records)
            {
                let Some(Value::StringValue(body)) = record.body.and_then(|body| body.value) else {
                    panic!("a record without a body");
                };
                self.logs.push(SentLog {
                    service: service.clone(),
                    time: record.time_unix_nano,
                    body,
                });
            }
        }
    }

    fn holds(&self, search: &ExpectedTraces) -> bool {
        let mut latest: BTreeMap<&str, u64> = BTreeMap::new();
        for span in self.spans.iter().filter(|span| is_match(search, span)) {
            let start = latest.entry(&span.trace_id).or_default();
            *start = span.start.max(*start);
        }
        let mut newest: Vec<(u64, &str)> = latest.iter().map(|(id, start)| (*start, *id)).collect();
        newest.sort_unstable_by(|a, b| b.cmp(a));
        let found: Vec<(&str, u64)> = newest
            .iter()
            .take(20)
            .map(|(_, id)| {
                let spans = self.spans.iter().filter(|span| span.trace_id == *id);
                (*id, spans.count() as u64)
            })
            .collect();
        let expected = search
            .newest
            .iter()
            .map(|one| (one.trace_id.as_str(), one.spans));
        search.matching == latest.len() as u64 && expected.eq(found)
    }

    /// Both as a backend finds words that folds case and knows no underscores, and as one does to which
    /// `_` is a letter and case matters.
    fn holds_for_logs(&self, search: &ExpectedLogs) -> bool {
        let strict_bounds = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let loose_bounds = |byte: u8| byte.is_ascii_alphanumeric();
        let find = |is_part: &dyn Fn(u8) -> bool, fold: bool| {
            let mut times: Vec<u64> = self
                .logs
                .iter()
                .filter(|log| {
                    (search.start_unix_nano..search.end_unix_nano).contains(&log.time)
                        && search
                            .service
                            .as_ref()
                            .is_none_or(|name| *name == log.service)
                        && has(&log.body, &search.text, is_part, fold)
                })
                .map(|log| log.time)
                .collect();
            times.sort_unstable_by(|a, b| b.cmp(a));
            let count = times.len() as u64;
            times.truncate(100);
            (count, times)
        };
        let expected = (search.matching, search.newest_unix_nano.clone());
        find(&loose_bounds, true) == expected && find(&strict_bounds, false) == expected
    }
}

fn is_match(search: &ExpectedTraces, span: &Sent) -> bool {
    (search.start_unix_nano..search.end_unix_nano).contains(&span.start)
        && search
            .service
            .as_ref()
            .is_none_or(|name| *name == span.service)
        && search
            .operation
            .as_ref()
            .is_none_or(|name| *name == span.name)
        && search
            .duration_min_nanos
            .is_none_or(|shortest| span.duration >= shortest)
        && (search.attributes.iter()).all(|(key, value)| span.attributes.get(*key) == Some(value))
}

/// Whether the text is there between bounds.
fn has(body: &str, text: &str, is_part: &dyn Fn(u8) -> bool, fold: bool) -> bool {
    let (body, text) = if fold {
        (body.to_ascii_lowercase(), text.to_ascii_lowercase())
    } else {
        (body.to_owned(), text.to_owned())
    };
    body.match_indices(&text).any(|(start, _)| {
        let bytes = body.as_bytes();
        let before = start.checked_sub(1).and_then(|place| bytes.get(place));
        let after = bytes.get(start + text.len());
        ![before, after]
            .into_iter()
            .flatten()
            .any(|byte| is_part(*byte))
    })
}

fn service(resource: &Resource) -> String {
    attribute(resource.attributes.first().unwrap()).1
}

fn attribute(attribute: &KeyValue) -> (String, String) {
    let value = attribute
        .value
        .as_ref()
        .and_then(|value| value.value.as_ref());
    let text = match value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{other:?}"),
    };
    (attribute.key.clone(), text)
}

#[test]
fn the_answers_of_all_searches_are_those_found_by_going_through_everything() {
    let (all, expected) = everything();

    let classes: Vec<&str> = expected.probes.traces.keys().copied().collect();
    let known = [
        "attribute_high",
        "attribute_low",
        "attribute_medium",
        "attribute_unique",
        "attributes_two",
        "operation",
        "service",
        "service_and_attribute",
        "service_and_status",
    ];
    assert_eq!(classes, known);
    for (class, searches) in &expected.probes.traces {
        assert_eq!(searches.len(), SAMPLES, "{class}");
        let found = searches.iter().filter(|search| search.matching > 0).count();
        assert!(
            found >= SAMPLES / 10,
            "{class} finds something {found} times"
        );
        for search in searches {
            assert!(all.holds(search), "{class}: {search:?}");
        }
    }
    let classes: Vec<&str> = expected.probes.logs.keys().copied().collect();
    let known = [
        "phrase",
        "rare_word",
        "word",
        "word_and_service",
        "word_count",
    ];
    assert_eq!(classes, known);
    for (class, searches) in &expected.probes.logs {
        assert_eq!(searches.len(), SAMPLES, "{class}");
        for search in searches {
            assert!(all.holds_for_logs(search), "{class}: {search:?}");
        }
    }
}

#[test]
fn no_search_is_drawn_twice() {
    let (_, expected) = everything();
    for (class, searches) in &expected.probes.traces {
        let questions: BTreeSet<String> = searches
            .iter()
            .map(|one| {
                let ExpectedTraces {
                    service,
                    operation,
                    duration_min_nanos,
                    ..
                } = one;
                let (start, end) = (one.start_unix_nano, one.end_unix_nano);
                let attributes = &one.attributes;
                format!("{service:?}{operation:?}{duration_min_nanos:?}{attributes:?}{start}{end}")
            })
            .collect();
        assert_eq!(questions.len(), searches.len(), "{class}");
    }
    for (class, searches) in &expected.probes.logs {
        let questions: BTreeSet<String> = searches
            .iter()
            .map(|one| {
                let (start, end) = (one.start_unix_nano, one.end_unix_nano);
                format!("{}{:?}{start}{end}", one.text, one.service)
            })
            .collect();
        assert_eq!(questions.len(), searches.len(), "{class}");
    }
}
