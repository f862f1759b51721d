//! What a result list shows of a trace: its root, its size, its services, and what matched.

use std::collections::{BTreeMap, HashMap, HashSet};

use model::{Signal, SpanId, StatusCode, TraceId, UnixNanos};
use storage::Snapshot;
use storage::filter::Filter;

use super::assemble::{Assembly, SpanRef};
use super::find_traces::TraceOrder;
use super::readable;
use crate::error::QueryError;
use crate::limits::Budget;

/// Traces whose spans are in memory at the same time.
const TRACES_AT_A_TIME: usize = 50;

/// One trace, in brief.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceSummary {
    /// The trace.
    pub trace_id: TraceId,
    /// The earliest span without a parent; `None` when it was not received.
    pub root: Option<SpanBrief>,
    /// The earliest span of all.
    pub first: SpanBrief,
    /// Earliest start.
    pub start: UnixNanos,
    /// Latest end.
    pub end: UnixNanos,
    /// Spans, exact duplicates counted once.
    pub span_count: usize,
    /// Spans with status error.
    pub error_count: usize,
    /// Spans whose parent was not received.
    pub orphan_count: usize,
    /// Services by name.
    pub services: Vec<ServiceShare>,
    /// The spans that satisfy the query.
    pub matched: Matched,
}

/// One span, in brief.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanBrief {
    /// Its id.
    pub span_id: SpanId,
    /// The service that emitted it.
    pub service: String,
    /// Its name.
    pub name: String,
    /// When it began.
    pub start: UnixNanos,
    /// How long it took.
    pub duration_nano: u64,
}

/// What one service contributes to a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceShare {
    /// Name of the service.
    pub name: String,
    /// Its spans.
    pub span_count: usize,
    /// Those with status error.
    pub error_count: usize,
}

/// The spans of a trace that satisfy a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// How many there are.
    pub span_count: usize,
    /// The one that decides the place of the trace in the order.
    pub best: SpanBrief,
}

/// Summarizes the traces, in the order given. Traces that could not be read are left out and noted in
/// the budget.
///
/// # Errors
/// When what was read does not have the columns it should have.
pub fn summarize(
    snapshot: &Snapshot,
    traces: &[TraceId],
    filter: &Filter,
    order: TraceOrder,
    budget: &mut Budget,
) -> Result<Vec<TraceSummary>, QueryError> {
    let mut summaries = HashMap::with_capacity(traces.len());
    for chunk in traces.chunks(TRACES_AT_A_TIME) {
        let held_before = budget.held_bytes();
        let assembly = Assembly::read(snapshot, chunk, &[], budget)?;
        let matching = matching_spans(snapshot, &assembly, filter, budget);
        for (trace_id, spans) in assembly.by_trace()? {
            let matching: Vec<SpanRef> = spans
                .iter()
                .copied()
                .filter(|span| matching.contains(span))
                .collect();
            if let Some(summary) = summary(&assembly, (trace_id, spans), &matching, order)? {
                summaries.insert(trace_id, summary);
            }
        }
        drop(assembly);
        budget.give_back_to(held_before);
    }
    let found: Vec<_> = traces
        .iter()
        .filter_map(|trace| summaries.remove(trace))
        .collect();
    if found.len() < traces.len() && !budget.is_incomplete() {
        budget.mark_incomplete("a trace was deleted while it was being read".to_owned());
    }
    Ok(found)
}

/// Those of the spans that satisfy the filter.
fn matching_spans(
    snapshot: &Snapshot,
    assembly: &Assembly,
    filter: &Filter,
    budget: &mut Budget,
) -> HashSet<SpanRef> {
    if filter.all.is_empty() {
        let is_in_time = |span: &&SpanRef| {
            let (keys, row) = assembly.keys(**span);
            filter.time.contains(keys.start(row))
        };
        return assembly.spans.iter().filter(is_in_time).copied().collect();
    }
    let mut matching = HashSet::new();
    for (number, part) in assembly.parts.iter().enumerate() {
        let source = &snapshot.sources(Signal::Traces)[part.source];
        let found = readable(source.find_among(filter, &part.rows), source, budget);
        let mut found = found.unwrap_or_default().into_iter().peekable();
        for (place, row) in part.rows.iter().enumerate() {
            if found.next_if_eq(row).is_some() {
                matching.insert(SpanRef {
                    part: number,
                    row: place,
                });
            }
        }
    }
    matching
}

fn summary(
    assembly: &Assembly,
    (trace_id, spans): (TraceId, &[SpanRef]),
    matching: &[SpanRef],
    order: TraceOrder,
) -> Result<Option<TraceSummary>, QueryError> {
    let Some(first) = spans.first() else {
        return Ok(None);
    };
    let mut ids = HashSet::with_capacity(spans.len());
    for span in spans {
        let (keys, row) = assembly.keys(*span);
        ids.insert(keys.span_id(row)?);
    }
    let mut services: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let (mut root, mut end, mut orphan_count) = (None, UnixNanos(0), 0);
    for span in spans {
        let (keys, row) = assembly.keys(*span);
        match keys.parent_span_id(row) {
            None => root = root.or(Some(*span)),
            Some(parent) => orphan_count += usize::from(!ids.contains(&parent)),
        }
        end = end.max(keys.end(row)).max(keys.start(row));
        let counts = services.entry(keys.service_name(row)).or_default();
        counts.0 += 1;
        counts.1 += usize::from(keys.status_code(row) == StatusCode::ERROR);
    }
    // Nothing matches only when a split could not be searched a second time, which the budget knows:
    // the trace is still worth showing.
    let best = best(assembly, matching, order).unwrap_or(*first);
    let (keys, row) = assembly.keys(*first);
    Ok(Some(TraceSummary {
        trace_id,
        root: root.map(|root| brief(assembly, root)).transpose()?,
        first: brief(assembly, *first)?,
        start: keys.start(row),
        end,
        span_count: spans.len(),
        error_count: services.values().map(|counts| counts.1).sum(),
        orphan_count,
        services: services
            .into_iter()
            .map(|(name, (span_count, error_count))| ServiceShare {
                name: name.to_owned(),
                span_count,
                error_count,
            })
            .collect(),
        matched: Matched {
            span_count: matching.len(),
            best: brief(assembly, best)?,
        },
    }))
}

/// The matching span that decides the place of its trace; the first of several.
fn best(assembly: &Assembly, matching: &[SpanRef], order: TraceOrder) -> Option<SpanRef> {
    let rank = |span: &SpanRef| {
        let (keys, row) = assembly.keys(*span);
        order.key(keys.start(row), keys.duration_nano(row))
    };
    matching.iter().rev().max_by_key(|span| rank(span)).copied()
}

fn brief(assembly: &Assembly, span: SpanRef) -> Result<SpanBrief, QueryError> {
    let (keys, row) = assembly.keys(span);
    Ok(SpanBrief {
        span_id: keys.span_id(row)?,
        service: keys.service_name(row).to_owned(),
        name: keys.name(row).to_owned(),
        start: keys.start(row),
        duration_nano: keys.duration_nano(row),
    })
}
