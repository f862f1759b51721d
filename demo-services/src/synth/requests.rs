//! Makes the export requests of a workload, one after the other.

use std::collections::VecDeque;

use bytes::Bytes;
use prost::encoding::{WireType, encode_key, encode_varint};

use super::{
    logs::LogEncoder,
    names::{INSTANCES, Names, SERVICES},
    plan::{Plan, Planner},
    probes::{LogFacts, Windows},
    spans::SpanEncoder,
    templates::Templates,
    truth::{SpanFacts, Truth},
    wire,
};

/// A million records span an hour.
const NANOS_PER_RECORD: u64 = 3_600_000;
/// So long before the end of the data its last trace starts, so that spans do not end after it.
const LAST_TRACE_NANOS: u64 = 5_000_000_000;
const SCOPE: &str = "spandrel.shop.synth";

/// What a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Signal {
    /// Spans.
    Traces,
    /// Log records.
    Logs,
}

/// An encoded `ExportTraceServiceRequest` or `ExportLogsServiceRequest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ExportRequest {
    /// Which of the two.
    pub(super) signal: Signal,
    /// How many spans or log records there are in it.
    pub(super) records: u32,
    /// The message.
    pub(super) bytes: Bytes,
}

/// What determines the content of all requests, down to the byte.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// Make spans.
    pub traces: bool,
    /// Make log records.
    pub logs: bool,
    /// So many spans, and so many log records.
    pub count: u64,
    /// Another seed makes other content.
    pub seed: u64,
    /// Records in a request; the last one of a signal may have fewer.
    pub batch: u32,
    /// The Unix time in nanoseconds at which the data ends.
    pub end_nanos: u64,
}

impl Workload {
    /// When the trace starts that has so many spans before it.
    fn start_nanos(&self, spans_before: u64) -> u64 {
        let left = self.count.saturating_sub(spans_before) * NANOS_PER_RECORD + LAST_TRACE_NANOS;
        self.end_nanos.saturating_sub(left)
    }
}

/// The requests of a workload, in an order that depends on nothing else.
pub(super) struct Generator {
    workload: Workload,
    names: Names,
    templates: Templates,
    planner: Planner,
    spans: SpanEncoder,
    logs: LogEncoder,
    span_batch: Batch,
    log_batch: Batch,
    ready: VecDeque<ExportRequest>,
    next_trace: u64,
    planned_spans: u64,
    spans_left: u64,
    logs_left: u64,
    truth: Option<Truth>,
}

impl Generator {
    /// Counts what it makes only if `samples` says how many sample queries of each kind are wanted:
    /// counting costs more than making.
    pub(super) fn new(workload: Workload, samples: Option<usize>) -> Self {
        let left = |wanted: bool| if wanted { workload.count } else { 0 };
        let templates = Templates::new();
        Self {
            names: Names::new(),
            planner: Planner::new(workload.seed),
            spans: SpanEncoder::default(),
            logs: LogEncoder::default(),
            span_batch: Batch::new(Signal::Traces),
            log_batch: Batch::new(Signal::Logs),
            ready: VecDeque::new(),
            next_trace: 0,
            planned_spans: 0,
            spans_left: left(workload.traces),
            logs_left: left(workload.logs),
            truth: samples.map(|samples| {
                let windows = Windows::new(workload.start_nanos(0), workload.end_nanos);
                Truth::new(workload.seed, samples, &windows, &templates)
            }),
            templates,
            workload,
        }
    }

    /// What was made so far, if it was counted.
    pub(super) fn into_truth(self) -> Option<(Truth, Names, Templates)> {
        Some((self.truth?, self.names, self.templates))
    }

    fn trace(&mut self) {
        let start = self.workload.start_nanos(self.planned_spans);
        let mut plan = self.planner.plan(self.next_trace, start);
        self.next_trace += 1;
        self.planned_spans += plan.spans.len() as u64;
        for place in 0..plan.spans.len() {
            if self.spans_left > 0 {
                self.span(&mut plan, place);
            }
            for _ in 0..plan.spans[place].log_records {
                if self.logs_left > 0 {
                    self.log(&mut plan, place);
                }
            }
        }
    }

    fn span(&mut self, plan: &mut Plan, place: usize) {
        let group = self
            .span_batch
            .group(plan.instance(plan.spans[place].service));
        let seed = self.workload.seed;
        let status_code = self.spans.encode(&self.names, seed, plan, place, group);
        if let Some(truth) = &mut self.truth {
            truth.span(&SpanFacts {
                names: &self.names,
                plan,
                span: &plan.spans[place],
                url: self.spans.last_url(),
                status_code,
            });
        }
        self.spans_left -= 1;
        self.span_batch.records += 1;
        if self.span_batch.records == self.workload.batch || self.spans_left == 0 {
            self.ready.push_back(self.span_batch.finish(&self.names));
        }
    }

    fn log(&mut self, plan: &mut Plan, place: usize) {
        let service = plan.spans[place].service;
        let group = self.log_batch.group(plan.instance(service));
        let encoded = self
            .logs
            .encode(&self.names, &self.templates, plan, place, group);
        if let Some(truth) = &mut self.truth {
            let trace_id = encoded.has_context.then_some(plan.trace_id);
            let facts = LogFacts {
                service,
                template: encoded.template,
                time: encoded.time,
                body: self.logs.last_body(),
            };
            truth.log(&facts, trace_id);
        }
        self.logs_left -= 1;
        self.log_batch.records += 1;
        if self.log_batch.records == self.workload.batch || self.logs_left == 0 {
            self.ready.push_back(self.log_batch.finish(&self.names));
        }
    }
}

impl Iterator for Generator {
    type Item = ExportRequest;

    fn next(&mut self) -> Option<ExportRequest> {
        while self.ready.is_empty() && self.spans_left + self.logs_left > 0 {
            self.trace();
        }
        self.ready.pop_front()
    }
}

/// The request that is being filled.
struct Batch {
    signal: Signal,
    records: u32,
    /// Encoded records by the instance that they come from.
    groups: Vec<Vec<u8>>,
    scope: Vec<u8>,
}

impl Batch {
    fn new(signal: Signal) -> Self {
        let mut scope = Vec::new();
        wire::bytes(&mut scope, 1, SCOPE.as_bytes());
        wire::bytes(&mut scope, 2, b"1.0");
        Self {
            signal,
            records: 0,
            groups: vec![Vec::new(); SERVICES.len() * INSTANCES],
            scope,
        }
    }

    fn group(&mut self, instance: usize) -> &mut Vec<u8> {
        &mut self.groups[instance]
    }

    /// The request; an empty one takes its place. The field numbers of the messages around spans
    /// and around log records are the same.
    fn finish(&mut self, names: &Names) -> ExportRequest {
        let size: usize = self.groups.iter().map(|group| group.len() + 512).sum();
        let mut out = Vec::with_capacity(size);
        for (group, resource) in self.groups.iter_mut().zip(&names.resources) {
            if group.is_empty() {
                continue;
            }
            let scope_len = wire::len_delimited(self.scope.len()) + group.len();
            let resource_len = wire::len_delimited(resource.len()) + wire::len_delimited(scope_len);
            encode_key(1, WireType::LengthDelimited, &mut out);
            encode_varint(resource_len as u64, &mut out);
            wire::bytes(&mut out, 1, resource);
            encode_key(2, WireType::LengthDelimited, &mut out);
            encode_varint(scope_len as u64, &mut out);
            wire::bytes(&mut out, 1, &self.scope);
            out.extend_from_slice(group);
            group.clear();
        }
        ExportRequest {
            signal: self.signal,
            records: std::mem::take(&mut self.records),
            bytes: out.into(),
        }
    }
}
