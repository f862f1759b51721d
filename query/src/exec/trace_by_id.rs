//! Reads one trace whole.

use std::collections::HashSet;

use model::otlp::json;
use model::{Span, SpanId, TraceId};
use storage::Snapshot;

use super::assemble::{Assembly, SpanRef};
use crate::error::QueryError;
use crate::limits::Budget;

/// The value of `resourceSpans`: the trace, or only those of its spans that are named.
///
/// Spans are in order of start and id; resources repeat every few thousand spans, so that a trace of
/// any size is written with bounded memory beside the text itself.
///
/// # Errors
/// [`QueryError::NotFound`] when no span of the trace is stored.
pub fn otlp_json(
    snapshot: &Snapshot,
    trace_id: TraceId,
    only: Option<&HashSet<SpanId>>,
    budget: &mut Budget,
) -> Result<Vec<u8>, QueryError> {
    let assembly = match only {
        None => Assembly::read_whole(snapshot, &[trace_id], budget)?,
        Some(_) => Assembly::read(snapshot, &[trace_id], &[], budget)?,
    };
    must_be_there(&assembly, trace_id, budget)?;
    let is_wanted = |span: &SpanRef| {
        let (keys, row) = assembly.keys(*span);
        only.is_none_or(|wanted| keys.span_id(row).is_ok_and(|id| wanted.contains(&id)))
    };
    let wanted: Vec<SpanRef> = assembly.spans.iter().copied().filter(is_wanted).collect();
    let mut arrays = JsonArrays::default();
    let held_before = budget.held_bytes();
    assembly.for_each_chunk(snapshot, &wanted, budget, &mut |spans, budget| {
        arrays.append(|out| json::write_spans(out, &spans));
        // Twice: the answer is made of it. The spans themselves are no longer needed.
        budget.give_back_to(held_before);
        budget.hold(arrays.text.capacity().saturating_mul(2));
    })?;
    Ok(arrays.finish())
}

/// The spans of several traces, whole: each trace in order of start and id.
///
/// # Errors
/// When what was read does not have the columns it should have.
pub fn spans_of(
    snapshot: &Snapshot,
    traces: &[TraceId],
    budget: &mut Budget,
) -> Result<Vec<Vec<Span>>, QueryError> {
    let assembly = Assembly::read_whole(snapshot, traces, budget)?;
    let held_before = budget.held_bytes();
    let mut found = Vec::new();
    assembly.for_each_chunk(snapshot, &assembly.spans, budget, &mut |spans, budget| {
        // Names are read once for all spans that have them, and are in each span here.
        let row_bytes = |span: &Span| size_of::<Span>() + span.name.len();
        budget.hold(spans.iter().map(row_bytes).sum());
        found.extend(spans);
    })?;
    // The text of the answer is about as large.
    budget.hold(budget.held_bytes() - held_before);
    let mut by_trace: std::collections::HashMap<TraceId, Vec<Span>> =
        traces.iter().map(|trace| (*trace, Vec::new())).collect();
    for span in found {
        by_trace.entry(span.trace_id).or_default().push(span);
    }
    let in_order = traces.iter().filter_map(|trace| by_trace.remove(trace));
    Ok(in_order.filter(|spans| !spans.is_empty()).collect())
}

/// The narrow columns of one trace.
///
/// # Errors
/// [`QueryError::NotFound`] when no span of the trace is stored.
pub(super) fn assemble(
    snapshot: &Snapshot,
    trace_id: TraceId,
    extra: &[&str],
    budget: &mut Budget,
) -> Result<Assembly, QueryError> {
    let assembly = Assembly::read(snapshot, &[trace_id], extra, budget)?;
    must_be_there(&assembly, trace_id, budget)?;
    Ok(assembly)
}

fn must_be_there(
    assembly: &Assembly,
    trace_id: TraceId,
    budget: &Budget,
) -> Result<(), QueryError> {
    if assembly.spans.is_empty() && !budget.is_incomplete() {
        let message = format!("no span of trace {trace_id} is stored");
        return Err(QueryError::NotFound { message });
    }
    Ok(())
}

/// Joins JSON arrays into one.
#[derive(Default)]
struct JsonArrays {
    text: Vec<u8>,
}

impl JsonArrays {
    fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let joint = self.text.len();
        write(&mut self.text);
        // The writer ends with a bracket; one that follows another array gives up its opening bracket
        // for a comma, and the array before it has given up its closing one.
        if joint > 0 {
            self.text[joint] = b',';
        }
        self.text.pop();
    }

    fn finish(mut self) -> Vec<u8> {
        if self.text.is_empty() {
            self.text.push(b'[');
        }
        self.text.push(b']');
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_joined_into_one() {
        let mut arrays = JsonArrays::default();
        arrays.append(|out| out.extend(b"[1,2]"));
        arrays.append(|out| out.extend(b"[3]"));
        assert_eq!(arrays.finish(), b"[1,2,3]");
        assert_eq!(JsonArrays::default().finish(), b"[]");
    }
}
