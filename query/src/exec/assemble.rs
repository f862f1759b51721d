//! Collects the spans of traces from every source, in one order, exact duplicates once.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use model::{Signal, SpanKeys, SpanReader, TimeRange, TraceId};
use storage::{Columns, Snapshot, Source};

use super::identity::ContentHash;
use super::portion::{self, Portion, batch_bytes};
use super::{note_unreadable, readable};
use crate::error::QueryError;
use crate::limits::Budget;

/// What is read whole is in memory twice: as it was read, and as whoever visits it keeps it.
const COPIES: usize = 2;

/// The spans of some traces, by their narrow columns.
pub struct Assembly {
    /// What was read, by the sources that have some of the traces.
    pub parts: Vec<Part>,
    /// The spans, ordered by trace, start, span id; exact duplicates left out.
    pub spans: Vec<SpanRef>,
}

/// The rows of one source.
pub struct Part {
    /// Position among the snapshot's sources.
    pub source: usize,
    /// Row numbers in the source, ascending, parallel to the rows of `keys`.
    pub rows: Vec<u32>,
    /// The narrow columns.
    pub keys: SpanKeys,
    /// The batch they were read from, with any further columns that were asked for.
    pub batch: arrow_array::RecordBatch,
    /// Whether the batch has every column.
    is_whole: bool,
}

/// One span: a row of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanRef {
    /// Position among the parts.
    pub part: usize,
    /// Row within the part.
    pub row: usize,
}

impl Assembly {
    /// Reads the narrow columns, and `extra` ones, of every span of the traces.
    ///
    /// A source that cannot be read and a limit that is reached are noted in the budget.
    ///
    /// # Errors
    /// When what was read does not have the columns it should have.
    pub fn read(
        snapshot: &Snapshot,
        traces: &[TraceId],
        extra: &[&str],
        budget: &mut Budget,
    ) -> Result<Self, QueryError> {
        let columns: Vec<&str> = SpanKeys::COLUMNS.iter().chain(extra).copied().collect();
        let columns = Columns::Named(&columns);
        Self::read_columns(snapshot, traces, budget, &|_| columns)
    }

    /// The same for who is going to visit most of the spans whole: where they are few enough, they are read
    /// whole at once.
    ///
    /// # Errors
    /// When what was read does not have the columns it should have.
    pub fn read_whole(
        snapshot: &Snapshot,
        traces: &[TraceId],
        budget: &mut Budget,
    ) -> Result<Self, QueryError> {
        Self::read_columns(snapshot, traces, budget, &|row_count| {
            if row_count <= portion::ROWS_MAX {
                Columns::All
            } else {
                Columns::Named(&SpanKeys::COLUMNS)
            }
        })
    }

    fn read_columns<'a>(
        snapshot: &Snapshot,
        traces: &[TraceId],
        budget: &mut Budget,
        columns_for: &dyn Fn(usize) -> Columns<'a>,
    ) -> Result<Self, QueryError> {
        note_unreadable(snapshot, Signal::Traces, TimeRange::ALL, budget);
        let mut room = budget.trace_spans_max();
        let mut parts = Vec::new();
        for (index, source) in snapshot.sources(Signal::Traces).iter().enumerate() {
            if !budget.may_continue() {
                break;
            }
            let mut rows = rows_of_traces(source, traces, budget);
            if rows.len() > room {
                budget.mark_incomplete(format!(
                    "more than {} spans in the answer",
                    budget.trace_spans_max()
                ));
                rows.truncate(room);
            }
            room -= rows.len();
            if rows.is_empty() {
                continue;
            }
            budget.count_source(source);
            read_parts(
                (index, source),
                &rows,
                columns_for(rows.len()),
                &mut parts,
                budget,
            )?;
        }
        let row_count: usize = parts.iter().map(|part| part.rows.len()).sum();
        if !budget.hold_list::<[SpanRef; 2]>(&mut 0, row_count) {
            parts.clear();
        }
        let spans = parts
            .iter()
            .enumerate()
            .flat_map(|(part, read)| (0..read.rows.len()).map(move |row| SpanRef { part, row }))
            .collect();
        let mut assembly = Self { parts, spans };
        assembly.sort_and_drop_duplicates(snapshot, budget)?;
        Ok(assembly)
    }

    /// The narrow columns of a span, and its row in them.
    pub fn keys(&self, span: SpanRef) -> (&SpanKeys, usize) {
        (&self.parts[span.part].keys, span.row)
    }

    /// The spans of each trace, in the order of the assembly.
    ///
    /// # Errors
    /// When a trace id is damaged.
    pub fn by_trace(&self) -> Result<Vec<(TraceId, &[SpanRef])>, QueryError> {
        let mut traces = Vec::new();
        for spans in self
            .spans
            .chunk_by(|a, b| self.trace_bytes(*a) == self.trace_bytes(*b))
        {
            let Some(first) = spans.first() else { continue };
            let (keys, row) = self.keys(*first);
            traces.push((keys.trace_id(row)?, spans));
        }
        Ok(traces)
    }

    fn trace_bytes(&self, span: SpanRef) -> Option<TraceId> {
        let (keys, row) = self.keys(span);
        keys.trace_id(row).ok()
    }

    /// Orders spans as answers do. Equal means that all narrow columns agree: perhaps two copies of one span.
    fn compare(&self, a: SpanRef, b: SpanRef) -> Ordering {
        let ((a, row_a), (b, row_b)) = (self.keys(a), self.keys(b));
        // Nearly always decided by the first lines: the others are looked at as late as possible.
        let trace_ids = a.trace_id(row_a).ok().cmp(&b.trace_id(row_b).ok());
        trace_ids
            .then_with(|| a.start(row_a).cmp(&b.start(row_b)))
            .then_with(|| a.span_id(row_a).ok().cmp(&b.span_id(row_b).ok()))
            .then_with(|| {
                let rest = |keys: &SpanKeys, row| {
                    let numbers = (keys.end(row), keys.kind(row), keys.flags(row));
                    (numbers, keys.parent_span_id(row), keys.status_code(row))
                };
                rest(a, row_a).cmp(&rest(b, row_b))
            })
            .then_with(|| a.name(row_a).cmp(b.name(row_b)))
            .then_with(|| a.service_name(row_a).cmp(b.service_name(row_b)))
    }

    fn sort_and_drop_duplicates(
        &mut self,
        snapshot: &Snapshot,
        budget: &mut Budget,
    ) -> Result<(), QueryError> {
        let mut spans = std::mem::take(&mut self.spans);
        spans.sort_by(|a, b| self.compare(*a, *b));
        let alike: Vec<SpanRef> = spans
            .chunk_by(|a, b| self.compare(*a, *b).is_eq())
            .filter(|run| run.len() > 1)
            .flatten()
            .copied()
            .collect();
        if !alike.is_empty() {
            let hashes = self.content_hashes(snapshot, &alike, budget)?;
            // Copies stand side by side after this, in an order that does not depend on where they are stored.
            spans.sort_by(|a, b| {
                self.compare(*a, *b)
                    .then_with(|| hashes.get(a).cmp(&hashes.get(b)))
            });
            spans.dedup_by(|later, earlier| {
                hashes
                    .get(later)
                    .is_some_and(|hash| hashes.get(earlier) == Some(hash))
                    && self.compare(*later, *earlier).is_eq()
            });
        }
        self.spans = spans;
        Ok(())
    }

    fn content_hashes(
        &self,
        snapshot: &Snapshot,
        spans: &[SpanRef],
        budget: &mut Budget,
    ) -> Result<HashMap<SpanRef, ContentHash>, QueryError> {
        let mut hashes = HashMap::with_capacity(spans.len());
        budget.hold_list::<[(SpanRef, ContentHash); 2]>(&mut 0, spans.len());
        let (mut rest, mut portion) = (spans, Portion::new());
        while let Some(chunk) = portion.next(&mut rest) {
            let held_before = budget.held_bytes();
            self.visit_whole(snapshot, chunk, budget, &mut |span, reader, row| {
                hashes.insert(span, ContentHash::of_span(&reader.span(row)?));
                Ok(())
            })?;
            portion.learn(chunk.len(), (budget.held_bytes() - held_before) / COPIES);
            budget.give_back_to(held_before);
        }
        Ok(hashes)
    }

    /// Reads the spans with all their columns and calls `visit` for each, source by source. Spans of a
    /// source that cannot be read are left out and noted in the budget, which holds what was read, twice: whoever
    /// visits keeps it in a form of its own.
    ///
    /// # Errors
    /// When what was read does not have the columns it should have, or `visit` fails.
    pub fn visit_whole(
        &self,
        snapshot: &Snapshot,
        spans: &[SpanRef],
        budget: &mut Budget,
        visit: &mut dyn FnMut(SpanRef, &SpanReader, usize) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        for (index, part) in self.parts.iter().enumerate() {
            let mut wanted: Vec<SpanRef> = spans
                .iter()
                .copied()
                .filter(|span| span.part == index)
                .collect();
            if wanted.is_empty() || !budget.may_continue() {
                continue;
            }
            wanted.sort_by_key(|span| span.row);
            if part.is_whole {
                let row_bytes = batch_bytes(&part.batch) / part.rows.len().max(1);
                if !budget.hold(row_bytes.saturating_mul(wanted.len())) {
                    return Ok(());
                }
                let reader = SpanReader::new(&part.batch)?;
                for span in wanted {
                    visit(span, &reader, span.row)?;
                }
                continue;
            }
            let rows: Vec<u32> = wanted.iter().map(|span| part.rows[span.row]).collect();
            let source = &snapshot.sources(Signal::Traces)[part.source];
            let read = source.read(&rows, Columns::All);
            let Some(batch) = readable(read, source, budget) else {
                continue;
            };
            if !budget.hold(batch_bytes(&batch).saturating_mul(COPIES)) {
                return Ok(());
            }
            let reader = SpanReader::new(&batch)?;
            for (row, span) in wanted.into_iter().enumerate() {
                visit(span, &reader, row)?;
            }
        }
        Ok(())
    }

    /// Reads the spans whole, in chunks of bounded size (never empty ones) and in the order given. The budget holds
    /// those that were read, until it is told otherwise.
    ///
    /// # Errors
    /// When what was read does not have the columns it should have.
    pub fn for_each_chunk(
        &self,
        snapshot: &Snapshot,
        spans: &[SpanRef],
        budget: &mut Budget,
        take: &mut dyn FnMut(Vec<model::Span>, &mut Budget),
    ) -> Result<(), QueryError> {
        let (mut rest, mut portion) = (spans, Portion::new());
        while let Some(chunk) = portion.next(&mut rest) {
            let held_before = budget.held_bytes();
            let places: HashMap<SpanRef, usize> = chunk
                .iter()
                .enumerate()
                .map(|(place, span)| (*span, place))
                .collect();
            let mut read: Vec<Option<model::Span>> = vec![None; chunk.len()];
            self.visit_whole(snapshot, chunk, budget, &mut |span, reader, row| {
                if let Some(slot) = places.get(&span).and_then(|place| read.get_mut(*place)) {
                    *slot = Some(reader.span(row)?);
                }
                Ok(())
            })?;
            let read: Vec<model::Span> = read.into_iter().flatten().collect();
            portion.learn(chunk.len(), (budget.held_bytes() - held_before) / COPIES);
            if budget.check_memory().is_err() {
                return Ok(());
            }
            if !read.is_empty() {
                take(read, budget);
            }
        }
        Ok(())
    }
}

/// Reads columns of rows of one source: all at once where they are narrow, else in parts of bounded size.
fn read_parts(
    (index, source): (usize, &Source),
    rows: &[u32],
    columns: Columns<'_>,
    parts: &mut Vec<Part>,
    budget: &mut Budget,
) -> Result<(), QueryError> {
    let is_whole = matches!(columns, Columns::All);
    let (mut rest, mut portion) = (rows, Portion::new());
    loop {
        let rows = if is_whole {
            portion.next(&mut rest)
        } else {
            Some(std::mem::take(&mut rest)).filter(|rows| !rows.is_empty())
        };
        let Some(rows) = rows else { return Ok(()) };
        let Some(batch) = readable(source.read(rows, columns), source, budget) else {
            return Ok(());
        };
        let bytes = batch_bytes(&batch);
        if !budget.hold(bytes) {
            return Ok(());
        }
        portion.learn(rows.len(), bytes);
        parts.push(Part {
            is_whole,
            source: index,
            rows: rows.to_vec(),
            keys: SpanKeys::new(&batch)?,
            batch,
        });
    }
}

/// The rows of all the traces in this source, ascending.
fn rows_of_traces(source: &Source, traces: &[TraceId], budget: &mut Budget) -> Vec<u32> {
    let mut rows = Vec::new();
    for trace in traces.iter().collect::<HashSet<_>>() {
        let Some(found) = readable(source.rows_of_trace(*trace), source, budget) else {
            break;
        };
        rows.extend(found);
    }
    rows.sort_unstable();
    rows
}
