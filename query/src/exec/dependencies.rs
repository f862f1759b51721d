//! Who calls whom: counted from the stored spans of a time range.
//!
//! A call is a span whose parent belongs to another service. A message is a consumer span that links to
//! a span of another service without being its child.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use model::schema::column;
use model::{BatchError, Signal, SpanId, SpanKeys, SpanKind, TimeRange, TraceId};
use storage::filter::Filter;
use storage::{Columns, Snapshot, Source};

use super::{note_unreadable, readable};
use crate::error::QueryError;
use crate::limits::Budget;

/// What one span takes in the tables.
const SPAN_BYTES: usize = 160;
/// Most spans one answer is counted from.
pub const DEPENDENCY_SPANS_MAX: usize = 1_000_000;
/// Rows read at a time.
const ROWS_AT_A_TIME: usize = 50_000;

/// One service calls another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The service that calls.
    pub parent: String,
    /// The service that is called.
    pub child: String,
    /// How often.
    pub call_count: u64,
}

/// Counts the calls between services by the spans that start in the range, the latest
/// [`DEPENDENCY_SPANS_MAX`] of them at most.
///
/// # Errors
/// When what was read does not have the columns it should have.
pub fn dependencies(
    snapshot: &Snapshot,
    time: TimeRange,
    budget: &mut Budget,
) -> Result<Vec<Dependency>, QueryError> {
    note_unreadable(snapshot, Signal::Traces, time, budget);
    let mut graph = Graph::default();
    let mut room = DEPENDENCY_SPANS_MAX;
    for source in snapshot.sources(Signal::Traces) {
        if !source.time_range().overlaps(&time) {
            continue;
        }
        if room == 0 {
            let spans = DEPENDENCY_SPANS_MAX;
            budget.mark_incomplete(format!("counted from the latest {spans} spans only"));
            break;
        }
        if !budget.may_continue() {
            break;
        }
        budget.count_source(source);
        let rows = rows_in(source, time, room, budget);
        room -= rows.len();
        for chunk in rows.chunks(ROWS_AT_A_TIME) {
            let columns: Vec<&str> = SpanKeys::COLUMNS
                .iter()
                .copied()
                .chain([column::LINKS])
                .collect();
            let read = source.read(chunk, Columns::Named(&columns));
            let Some(batch) = readable(read, source, budget) else {
                break;
            };
            if !budget.hold_list::<[u8; SPAN_BYTES]>(&mut 0, chunk.len()) {
                break;
            }
            graph.add(&batch)?;
        }
    }
    Ok(graph.dependencies())
}

fn rows_in(source: &Source, time: TimeRange, room: usize, budget: &mut Budget) -> Vec<u32> {
    let mut rows = Vec::new();
    let filter = Filter {
        time,
        all: Vec::new(),
    };
    let found = source.find(&filter, &mut |found| {
        if rows.len() >= room {
            let spans = DEPENDENCY_SPANS_MAX;
            budget.mark_incomplete(format!("counted from the latest {spans} spans only"));
            return ControlFlow::Break(());
        }
        rows.push(found.row);
        if budget.visit_row() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    readable(found, source, budget);
    rows
}

type SpanKey = (TraceId, SpanId);

/// Spans by id, and what they point at.
#[derive(Default)]
struct Graph {
    service_names: Vec<String>,
    service_indexes: HashMap<String, usize>,
    service_of: HashMap<SpanKey, usize>,
    calls: Vec<(SpanKey, usize)>,
    messages: Vec<(SpanKey, usize)>,
}

impl Graph {
    fn add(&mut self, batch: &RecordBatch) -> Result<(), QueryError> {
        let keys = SpanKeys::new(batch)?;
        let links = LinkTargets::new(batch)?;
        for row in 0..keys.row_count() {
            let service = self.service(keys.service_name(row));
            let (trace_id, span_id) = (keys.trace_id(row)?, keys.span_id(row)?);
            let is_new = self
                .service_of
                .insert((trace_id, span_id), service)
                .is_none();
            if !is_new {
                // Sent twice: counted once.
                continue;
            }
            let parent = keys.parent_span_id(row);
            if let Some(parent) = parent {
                self.calls.push(((trace_id, parent), service));
            }
            if keys.kind(row) == SpanKind::CONSUMER {
                let is_no_parent = |target: &SpanKey| Some(target.1) != parent;
                let targets = links.of(row).filter(is_no_parent);
                self.messages
                    .extend(targets.map(|target| (target, service)));
            }
        }
        Ok(())
    }

    fn service(&mut self, name: &str) -> usize {
        if let Some(index) = self.service_indexes.get(name) {
            return *index;
        }
        let index = self.service_names.len();
        self.service_names.push(name.to_owned());
        self.service_indexes.insert(name.to_owned(), index);
        index
    }

    fn dependencies(self) -> Vec<Dependency> {
        let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for (target, child) in self.calls.iter().chain(&self.messages) {
            match self.service_of.get(target) {
                Some(parent) if parent != child => {
                    let edge = (&*self.service_names[*parent], &*self.service_names[*child]);
                    *counts.entry(edge).or_default() += 1;
                }
                Some(_) | None => {}
            }
        }
        let dependency = |((parent, child), call_count): ((&str, &str), u64)| Dependency {
            parent: parent.to_owned(),
            child: child.to_owned(),
            call_count,
        };
        counts.into_iter().map(dependency).collect()
    }
}

/// The spans that the links of each row point at, by the id columns alone.
struct LinkTargets<'a> {
    list: &'a arrow_array::ListArray,
    trace_ids: &'a arrow_array::BinaryArray,
    span_ids: &'a arrow_array::BinaryArray,
}

impl<'a> LinkTargets<'a> {
    fn new(batch: &'a RecordBatch) -> Result<Self, BatchError> {
        let wrong = || BatchError::WrongType {
            column: column::LINKS.to_owned(),
        };
        let list = batch
            .column_by_name(column::LINKS)
            .ok_or_else(|| BatchError::MissingColumn {
                column: column::LINKS.to_owned(),
            })?
            .as_list_opt::<i32>()
            .ok_or_else(wrong)?;
        let items = list.values().as_struct_opt().ok_or_else(wrong)?;
        let child = |name| {
            let array = items.column_by_name(name)?;
            array.as_binary_opt::<i32>()
        };
        let trace_ids = child(column::TRACE_ID).ok_or_else(wrong)?;
        let span_ids = child(column::SPAN_ID).ok_or_else(wrong)?;
        Ok(Self {
            list,
            trace_ids,
            span_ids,
        })
    }

    fn of(&self, row: usize) -> impl Iterator<Item = SpanKey> + '_ {
        let offsets = self.list.value_offsets();
        let at = |index: usize| usize::try_from(offsets[index]).unwrap_or(0);
        let targets = (at(row)..at(row + 1)).map(|link| {
            let trace_id = TraceId::from_slice(self.trace_ids.value(link)).ok()?;
            Some((
                trace_id,
                SpanId::from_slice(self.span_ids.value(link)).ok()?,
            ))
        });
        targets.flatten()
    }
}
