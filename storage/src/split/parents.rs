//! Parents of spans as distances in rows: a byte or less where the id takes eight.

use std::collections::HashMap;

/// Spans of one trace that are remembered across calls.
const REMEMBERED_MAX: usize = 65_536;

/// A span as it comes, row by row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpanIds<'a> {
    pub(crate) trace_id: &'a [u8],
    pub(crate) span_id: &'a [u8],
    pub(crate) parent: Option<&'a [u8]>,
}

/// How the parent of a row is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parent<'a> {
    /// There is none.
    None,
    /// The parent's row less the row itself.
    Offset(i32),
    /// It is not among the rows of the trace at hand.
    Id(&'a [u8]),
}

/// Finds parents among the rows of a trace that lie side by side.
#[derive(Debug, Default)]
pub(crate) struct ParentOffsets {
    row_count: u32,
    trace_id: Vec<u8>,
    /// Rows of the trace that goes on, by span id.
    rows: HashMap<[u8; 8], u32, foldhash::fast::FixedState>,
}

impl ParentOffsets {
    /// The parents of the next rows.
    pub(crate) fn resolve<'a>(&mut self, spans: &[SpanIds<'a>]) -> Vec<Parent<'a>> {
        let mut parents = Vec::with_capacity(spans.len());
        for run in spans.chunk_by(|a, b| a.trace_id == b.trace_id) {
            self.resolve_run(run, &mut parents);
        }
        parents
    }

    fn resolve_run<'a>(&mut self, run: &[SpanIds<'a>], parents: &mut Vec<Parent<'a>>) {
        let Some(first) = run.first() else { return };
        if self.trace_id != first.trace_id || self.rows.len() > REMEMBERED_MAX {
            self.trace_id.clear();
            self.trace_id.extend_from_slice(first.trace_id);
            self.rows.clear();
        }
        for (span, row) in run.iter().zip(self.row_count..) {
            if let Ok(id) = span.span_id.try_into() {
                self.rows.entry(id).or_insert(row);
            }
        }
        for (span, row) in run.iter().zip(self.row_count..) {
            parents.push(match span.parent {
                None => Parent::None,
                Some(id) => self.offset(id, row).map_or(Parent::Id(id), Parent::Offset),
            });
        }
        self.row_count += u32::try_from(run.len()).unwrap_or(u32::MAX);
    }

    fn offset(&self, parent: &[u8], row: u32) -> Option<i32> {
        let parent_row = self.rows.get(&<[u8; 8]>::try_from(parent).ok()?)?;
        i32::try_from(i64::from(*parent_row) - i64::from(row)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span<'a>(trace: &'a [u8], id: &'a [u8; 8], parent: Option<&'a [u8; 8]>) -> SpanIds<'a> {
        SpanIds {
            trace_id: trace,
            span_id: id,
            parent: parent.map(|parent| parent.as_slice()),
        }
    }

    #[test]
    fn parents_are_distances_within_a_trace_also_across_calls_and_ids_elsewhere() {
        let (a, b, c, far) = (&[1; 8], &[2; 8], &[3; 8], &[9; 8]);
        let mut offsets = ParentOffsets::default();
        let first = offsets.resolve(&[
            span(b"t", a, None),
            span(b"t", b, Some(c)),
            span(b"t", c, Some(a)),
            span(b"u", b, Some(a)),
        ]);
        let expected = [
            Parent::None,
            Parent::Offset(1),
            Parent::Offset(-2),
            Parent::Id(a),
        ];
        assert_eq!(first, expected);
        let second = offsets.resolve(&[span(b"u", c, Some(b)), span(b"u", a, Some(far))]);
        assert_eq!(second, [Parent::Offset(-1), Parent::Id(far)]);
        let third = offsets.resolve(&[span(b"t", b, Some(a))]);
        assert_eq!(third, [Parent::Id(a)]);
    }
}
