//! Counts what is generated, so that a backend's answers can be held against it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{
    dice::spread,
    names::{Names, OPERATIONS, SERVICES},
    plan::{Plan, PlannedSpan},
    probes::{ByClass, ExpectedLogs, ExpectedTraces, LogFacts, LogProbes, TraceProbes, Windows},
    spans,
    styles::STYLES,
    templates::Templates,
    wire,
};

/// Shorter words are not asked for.
const WORD_BYTES_MIN: usize = 3;

/// A span as it is counted.
pub(super) struct SpanFacts<'a> {
    pub(super) names: &'a Names,
    pub(super) plan: &'a Plan,
    pub(super) span: &'a PlannedSpan,
    pub(super) url: &'a [u8],
    pub(super) status_code: u64,
}

/// Exact counts of everything, and of samples of what is too much to count in full.
pub(super) struct Truth {
    spans: u64,
    traces: u64,
    last_trace: Option<u64>,
    /// By service and operation: all spans, and those with the status error.
    operations: Vec<[u64; 2]>,
    log_records: u64,
    with_context: u64,
    log_services: Vec<u64>,
    templates: Vec<u64>,
    trace_spans: Sample,
    trace_logs: Sample,
    attributes: BTreeMap<&'static str, Sample>,
    words: Sample,
    letter_words: Sample,
    trace_probes: TraceProbes,
    log_probes: LogProbes,
    text: Vec<u8>,
}

impl Truth {
    /// Of data within a range of time, with so many sample queries of each kind.
    pub(super) fn new(seed: u64, samples: usize, windows: &Windows, templates: &Templates) -> Self {
        Self {
            spans: 0,
            traces: 0,
            last_trace: None,
            operations: vec![[0; 2]; SERVICES.len() * OPERATIONS],
            log_records: 0,
            with_context: 0,
            log_services: vec![0; SERVICES.len()],
            templates: vec![0; templates.all.len()],
            trace_spans: Sample::new(samples),
            trace_logs: Sample::new(samples),
            attributes: BTreeMap::new(),
            words: Sample::new(samples),
            letter_words: Sample::new(samples),
            trace_probes: TraceProbes::new(seed, samples, windows.clone()),
            log_probes: LogProbes::new(seed, samples, windows.clone(), templates),
            text: Vec::new(),
        }
    }

    pub(super) fn span(&mut self, facts: &SpanFacts<'_>) {
        let SpanFacts {
            names, plan, span, ..
        } = facts;
        self.trace_probes.span(facts);
        self.spans += 1;
        if self.last_trace.replace(plan.index) != Some(plan.index) {
            self.traces += 1;
        }
        let counts = &mut self.operations[span.service * OPERATIONS + span.operation];
        counts[0] += 1;
        counts[1] += u64::from(span.is_error);
        let trace_id = plan.trace_id;
        self.trace_spans
            .count(spread(trace_id as u64), self.spans, || {
                format!("{trace_id:032x}")
            });

        let operation = &names.operations[span.service][span.operation];
        self.attribute("http.request.method", operation.method.as_bytes(), plan);
        self.attribute("http.route", operation.route.as_bytes(), plan);
        let user_agent = &names.user_agents[plan.user_agent];
        self.attribute("user_agent.original", user_agent.as_bytes(), plan);
        self.attribute("url.full", facts.url, plan);
        let mut text = std::mem::take(&mut self.text);
        let mut made = |key: &'static str, make: &dyn Fn(&mut Vec<u8>)| {
            text.clear();
            make(&mut text);
            self.attribute(key, &text, plan);
        };
        made("http.response.status_code", &|out| {
            wire::decimal(out, facts.status_code);
        });
        made("client.address", &|out| {
            spans::client_address(out, plan.client);
        });
        made("user.id", &|out| spans::user_id(out, plan.user));
        made("session.id", &|out| wire::hex(out, plan.session, 32));
        self.text = text;
    }

    fn attribute(&mut self, key: &'static str, value: &[u8], plan: &Plan) {
        let samples = self.trace_spans.max;
        let sample = self
            .attributes
            .entry(key)
            .or_insert_with(|| Sample::new(samples));
        sample.count(hash(value), plan.index + 1, || text_of(value));
    }

    /// Counts a record; `trace_id` if it has a trace context.
    pub(super) fn log(&mut self, facts: &LogFacts<'_>, trace_id: Option<u128>) {
        self.log_probes.log(facts);
        self.log_records += 1;
        self.log_services[facts.service] += 1;
        self.templates[facts.template] += 1;
        if let Some(id) = trace_id {
            self.with_context += 1;
            self.trace_logs
                .count(spread(id as u64), self.log_records, || format!("{id:032x}"));
        }
        for word in words(facts.body) {
            let word = word.to_ascii_lowercase();
            let hashed = hash(&word);
            self.words
                .count(hashed, self.log_records, || text_of(&word));
            if word.iter().all(u8::is_ascii_alphabetic) {
                self.letter_words
                    .count(hashed, self.log_records, || text_of(&word));
            }
        }
    }

    /// Everything, ready to be written.
    pub(super) fn expected(self, names: &Names, templates: &Templates) -> Expected {
        let mut services = BTreeMap::new();
        for (service, name) in SERVICES.into_iter().enumerate() {
            let mut expected = ExpectedService {
                log_records: self.log_services[service],
                ..Default::default()
            };
            for operation in 0..OPERATIONS {
                let [spans, errors] = self.operations[service * OPERATIONS + operation];
                if spans > 0 {
                    let status = StatusCounts {
                        unset: spans - errors,
                        error: errors,
                    };
                    let name = names.operations[service][operation].name.clone();
                    expected.operations.insert(name, status);
                    expected.spans += spans;
                }
            }
            if expected.spans + expected.log_records > 0 {
                services.insert(name.to_owned(), expected);
            }
        }
        let templates = templates.all.iter().zip(&self.templates);
        Expected {
            spans: self.spans,
            traces: self.traces,
            log_records: self.log_records,
            log_records_with_trace_context: self.with_context,
            services,
            templates: templates
                .map(|(template, &records)| ExpectedTemplate {
                    style: STYLES[template.style].name.to_owned(),
                    template: template.text.to_owned(),
                    records,
                })
                .collect(),
            queries: Queries {
                traces: self.trace_spans.answers(),
                logs_of_traces: self.trace_logs.answers(),
                attributes: self
                    .attributes
                    .into_iter()
                    .map(|(key, sample)| (key.to_owned(), sample.answers()))
                    .collect(),
                words: self.words.answers(),
                letter_words: self.letter_words.answers(),
            },
            probes: Probes {
                traces: self.trace_probes.expected(names),
                logs: self.log_probes.expected(),
            },
        }
    }
}

/// The content of `--expect FILE.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Expected {
    pub(super) spans: u64,
    pub(super) traces: u64,
    pub(super) log_records: u64,
    pub(super) log_records_with_trace_context: u64,
    pub(super) services: BTreeMap<String, ExpectedService>,
    pub(super) templates: Vec<ExpectedTemplate>,
    pub(super) queries: Queries,
    pub(super) probes: Probes,
}

/// Searches with their exact answers, by class.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Probes {
    pub(super) traces: ByClass<ExpectedTraces>,
    pub(super) logs: ByClass<ExpectedLogs>,
}

/// What one service sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct ExpectedService {
    pub(super) spans: u64,
    pub(super) log_records: u64,
    /// By span name.
    pub(super) operations: BTreeMap<String, StatusCounts>,
}

/// Spans by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct StatusCounts {
    pub(super) unset: u64,
    pub(super) error: u64,
}

/// How many bodies were made from a template.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ExpectedTemplate {
    pub(super) style: String,
    pub(super) template: String,
    pub(super) records: u64,
}

/// Queries with their right answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Queries {
    /// Trace ids with the number of their spans.
    pub(super) traces: Vec<Answer>,
    /// Trace ids with the number of log records that carry them.
    pub(super) logs_of_traces: Vec<Answer>,
    /// Span attributes: key, then values with the number of traces that have them.
    pub(super) attributes: BTreeMap<String, Vec<Answer>>,
    /// Words of log bodies with the number of records that have them, whatever their case.
    pub(super) words: Vec<Answer>,
    /// The same for words without a digit, which come from templates.
    pub(super) letter_words: Vec<Answer>,
}

/// One query.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Answer {
    pub(super) value: Value,
    pub(super) count: u64,
}

/// Exact counts of a random choice of values out of any number: those with the smallest hashes. A value
/// that is in the choice at the end was never pushed out, so that its count misses nothing.
struct Sample {
    max: usize,
    kept: BTreeMap<u64, Counted>,
}

struct Counted {
    value: String,
    count: u64,
    last_owner: u64,
}

impl Sample {
    /// Of so many values.
    fn new(max: usize) -> Self {
        Self {
            max,
            kept: BTreeMap::new(),
        }
    }

    /// Counts a value once for each owner; the same owner must not come back after another one.
    fn count(&mut self, hash: u64, owner: u64, value: impl FnOnce() -> String) {
        if let Some(counted) = self.kept.get_mut(&hash) {
            counted.count += u64::from(counted.last_owner != owner);
            counted.last_owner = owner;
            return;
        }
        if self.kept.len() >= self.max {
            if self
                .kept
                .last_key_value()
                .is_some_and(|(largest, _)| *largest < hash)
            {
                return;
            }
            self.kept.pop_last();
        }
        let counted = Counted {
            value: value(),
            count: 1,
            last_owner: owner,
        };
        self.kept.insert(hash, counted);
    }

    fn answers(self) -> Vec<Answer> {
        let answer = |counted: Counted| Answer {
            value: counted.value.into(),
            count: counted.count,
        };
        self.kept.into_values().map(answer).collect()
    }
}

/// Runs of ASCII letters and digits that do not touch other letters.
pub(super) fn words(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric())
        .filter(|word| word.len() >= WORD_BYTES_MIN && word.is_ascii())
}

pub(super) fn hash(value: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    spread(value.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

fn text_of(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}
