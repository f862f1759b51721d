//! The shape of a trace for the waterfall: parallel columns, no attributes.

use std::collections::{BTreeSet, HashMap};

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use model::schema::column;
use model::{BatchError, SpanId, StatusCode, TraceId, UnixNanos};
use storage::Snapshot;

use super::assemble::{Assembly, Part};
use super::trace_by_id::assemble;
use crate::error::QueryError;
use crate::limits::Budget;

/// OTLP: bit 8 says that bit 9 is known, bit 9 that the parent is remote.
const PARENT_IS_REMOTE: u32 = 0x300;

/// What one span takes in the columns and as text.
const SPAN_BYTES: usize = 256;

/// Parallel columns, one entry per span, in order of start and span id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Skeleton {
    /// Earliest start of a span.
    pub start: UnixNanos,
    /// From the earliest start to the latest end.
    pub duration_nano: u64,
    /// Spans with status error.
    pub error_count: usize,
    /// Names of services, sorted.
    pub services: Vec<String>,
    /// Names of spans, sorted.
    pub names: Vec<String>,
    /// Span ids.
    pub ids: Vec<SpanId>,
    /// Index of the parent; -1 for a root; -2-k when the parent is `missing_parents[k]`.
    pub parents: Vec<i64>,
    /// Start of the span after `start`.
    pub starts_nano: Vec<u64>,
    /// Durations.
    pub durations_nano: Vec<u64>,
    /// Index into `services`.
    pub service_indexes: Vec<usize>,
    /// Index into `names`.
    pub name_indexes: Vec<usize>,
    /// OTLP numbers of the kinds.
    pub kinds: Vec<i32>,
    /// 1 = status error, 2 = status ok, 4 = remote parent.
    pub flags: Vec<u8>,
    /// Events of the span.
    pub event_counts: Vec<usize>,
    /// Links of the span.
    pub link_counts: Vec<usize>,
    /// Parents that were not received, in the order in which they are first missed.
    pub missing_parents: Vec<MissingParent>,
}

/// A span that others call their parent and that is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingParent {
    /// Its id.
    pub span_id: SpanId,
    /// Spans that call it their parent.
    pub child_count: usize,
}

/// Reads the skeleton of a trace.
///
/// # Errors
/// [`QueryError::NotFound`] when no span of the trace is stored.
pub fn read(
    snapshot: &Snapshot,
    trace_id: TraceId,
    budget: &mut Budget,
) -> Result<Skeleton, QueryError> {
    let assembly = assemble(snapshot, trace_id, &[column::EVENTS, column::LINKS], budget)?;
    // Columns and their text.
    budget.hold_list::<[u8; SPAN_BYTES]>(&mut 0, assembly.spans.len());
    let mut skeleton = frame(&assembly);
    let counts = assembly
        .parts
        .iter()
        .map(Counts::new)
        .collect::<Result<Vec<_>, _>>()?;
    let services = positions(&skeleton.services);
    let names = positions(&skeleton.names);
    for span in &assembly.spans {
        let (keys, row) = assembly.keys(*span);
        let status = keys.status_code(row);
        let is_remote = keys.flags(row) & PARENT_IS_REMOTE == PARENT_IS_REMOTE;
        skeleton.error_count += usize::from(status == StatusCode::ERROR);
        skeleton.ids.push(keys.span_id(row)?);
        skeleton
            .starts_nano
            .push(keys.start(row).0 - skeleton.start.0);
        skeleton.durations_nano.push(keys.duration_nano(row));
        skeleton
            .service_indexes
            .push(services.get(keys.service_name(row)).copied().unwrap_or(0));
        skeleton
            .name_indexes
            .push(names.get(keys.name(row)).copied().unwrap_or(0));
        skeleton.kinds.push(keys.kind(row).0);
        skeleton.flags.push(
            u8::from(status == StatusCode::ERROR)
                | u8::from(status == StatusCode::OK) << 1
                | u8::from(is_remote) << 2,
        );
        let counts = &counts[span.part];
        skeleton.event_counts.push(counts.events(row));
        skeleton.link_counts.push(counts.links(row));
    }
    drop((services, names));
    link_parents(&assembly, &mut skeleton);
    Ok(skeleton)
}

/// The extent of the trace and its interned texts.
fn frame(assembly: &Assembly) -> Skeleton {
    let (mut services, mut names) = (BTreeSet::new(), BTreeSet::new());
    let (mut start, mut end) = (UnixNanos::MAX, UnixNanos(0));
    for span in &assembly.spans {
        let (keys, row) = assembly.keys(*span);
        start = start.min(keys.start(row));
        end = end.max(keys.end(row)).max(keys.start(row));
        services.insert(keys.service_name(row));
        names.insert(keys.name(row));
    }
    if assembly.spans.is_empty() {
        return Skeleton::default();
    }
    let owned = |texts: BTreeSet<&str>| texts.into_iter().map(str::to_owned).collect();
    Skeleton {
        start,
        duration_nano: end.0 - start.0,
        services: owned(services),
        names: owned(names),
        ..Skeleton::default()
    }
}

fn positions(texts: &[String]) -> HashMap<String, usize> {
    texts
        .iter()
        .enumerate()
        .map(|(index, text)| (text.clone(), index))
        .collect()
}

fn link_parents(assembly: &Assembly, skeleton: &mut Skeleton) {
    let mut first_with_id: HashMap<SpanId, usize> = HashMap::new();
    for (index, id) in skeleton.ids.iter().enumerate() {
        first_with_id.entry(*id).or_insert(index);
    }
    let mut missing_indexes: HashMap<SpanId, usize> = HashMap::new();
    for span in &assembly.spans {
        let (keys, row) = assembly.keys(*span);
        let parent = match keys.parent_span_id(row) {
            None => -1,
            Some(id) => match first_with_id.get(&id) {
                Some(index) => signed(*index),
                None => {
                    let missing = &mut skeleton.missing_parents;
                    let index = *missing_indexes.entry(id).or_insert_with(|| {
                        missing.push(MissingParent {
                            span_id: id,
                            child_count: 0,
                        });
                        missing.len() - 1
                    });
                    missing[index].child_count += 1;
                    -2 - signed(index)
                }
            },
        };
        skeleton.parents.push(parent);
    }
}

fn signed(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

/// How many events and links each row of a part has, from the offsets alone.
struct Counts {
    events: Vec<usize>,
    links: Vec<usize>,
}

impl Counts {
    fn new(part: &Part) -> Result<Self, BatchError> {
        Ok(Self {
            events: list_lengths(&part.batch, column::EVENTS)?,
            links: list_lengths(&part.batch, column::LINKS)?,
        })
    }

    fn events(&self, row: usize) -> usize {
        self.events.get(row).copied().unwrap_or(0)
    }

    fn links(&self, row: usize) -> usize {
        self.links.get(row).copied().unwrap_or(0)
    }
}

fn list_lengths(batch: &RecordBatch, name: &str) -> Result<Vec<usize>, BatchError> {
    let column = batch
        .column_by_name(name)
        .ok_or_else(|| BatchError::MissingColumn {
            column: name.to_owned(),
        })?;
    let list = column
        .as_list_opt::<i32>()
        .ok_or_else(|| BatchError::WrongType {
            column: name.to_owned(),
        })?;
    Ok((0..list.len())
        .map(|row| usize::try_from(list.value_length(row)).unwrap_or(0))
        .collect())
}
