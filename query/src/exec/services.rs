//! Counts what is stored, by service and by operation.

use std::collections::BTreeMap;

use model::{Signal, SpanKind, TimeRange};
use storage::Snapshot;

use super::{note_unreadable, readable};
use crate::limits::Budget;

/// How much a service has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceCount {
    /// Name of the service.
    pub name: String,
    /// Its spans.
    pub span_count: u64,
    /// Its log records.
    pub log_count: u64,
}

/// How often an operation was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationCount {
    /// Span name.
    pub name: String,
    /// Span kind.
    pub kind: SpanKind,
    /// Its spans.
    pub span_count: u64,
}

/// Every service that has sent spans or log records, by name.
pub fn services(snapshot: &Snapshot, budget: &mut Budget) -> Vec<ServiceCount> {
    let mut counts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for signal in Signal::ALL {
        note_unreadable(snapshot, signal, TimeRange::ALL, budget);
        for source in snapshot.sources(signal) {
            if !budget.may_continue() {
                break;
            }
            budget.count_source(source);
            let found = readable(source.service_counts(), source, budget);
            for (name, count) in found.unwrap_or_default() {
                let (spans, logs) = counts.entry(name).or_default();
                match signal {
                    Signal::Traces => *spans += count,
                    Signal::Logs => *logs += count,
                }
            }
        }
    }
    let count = |(name, (span_count, log_count))| ServiceCount {
        name,
        span_count,
        log_count,
    };
    counts.into_iter().map(count).collect()
}

/// Every operation of a service, by name and kind.
pub fn operations(snapshot: &Snapshot, service: &str, budget: &mut Budget) -> Vec<OperationCount> {
    let mut counts: BTreeMap<(String, SpanKind), u64> = BTreeMap::new();
    note_unreadable(snapshot, Signal::Traces, TimeRange::ALL, budget);
    for source in snapshot.sources(Signal::Traces) {
        if !budget.may_continue() {
            break;
        }
        budget.count_source(source);
        let found = readable(source.operation_counts(service), source, budget);
        for operation in found.unwrap_or_default() {
            *counts
                .entry((operation.name, SpanKind(operation.kind)))
                .or_default() += operation.span_count;
        }
    }
    let count = |((name, kind), span_count)| OperationCount {
        name,
        kind,
        span_count,
    };
    counts.into_iter().map(count).collect()
}
