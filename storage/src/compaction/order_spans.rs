//! The order of merged spans: traces by their first start over all inputs, each trace's spans by
//! start.
//!
//! What is held in memory is one [`Run`] for each trace of each input, not one for each row: the
//! spans of a trace lie side by side in each input, and are in order there. Only where a trace is in
//! several inputs, the starts of its spans are read and compared, when its turn has come.

use std::collections::VecDeque;

use arrow_array::RecordBatch;
use model::schema::column;
use model::{BatchError, Signal, UnixNanos};

use super::error::MergeError;
use super::inputs::Inputs;
use super::order::read_keys;
use crate::columns::{IdColumn, TimeColumn};
use crate::error::SealError;
use crate::row_set::RowSet;
use crate::snapshot::Columns;

/// Bytes of a span's trace id.
const ID_BYTES: usize = 16;

/// Spans of one trace that lie side by side in one input. Compares as the rows are to be ordered.
///
/// 28 bytes without padding: a split of four million traces of one span each is the most there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Run {
    /// First start of the trace, big-endian.
    first_start: [u8; 8],
    trace_id: [u8; ID_BYTES],
    /// Number of the first row among the rows of all inputs.
    first_row: u32,
}

/// See [`super::order::Order`].
pub(crate) struct SpanOrder {
    runs: Vec<Run>,
    /// The first row of every run.
    starts: RowSet,
    row_count: u32,
    next_run: usize,
    /// Rows whose turn is next.
    pending: VecDeque<u32>,
}

impl SpanOrder {
    pub(crate) fn new(inputs: &Inputs, is_stopped: &dyn Fn() -> bool) -> Result<Self, MergeError> {
        let mut runs = Vec::new();
        for (split, range) in inputs.splits().iter().zip(inputs.ranges()) {
            let mut last_id = None;
            let mut row = 0;
            while row < split.row_count() {
                if is_stopped() {
                    return Err(MergeError::Stopped);
                }
                let batch = read_keys(split, row, &[column::TRACE_ID, column::START_TIME])?;
                collect_runs(&batch, range.start + row, &mut last_id, &mut runs)
                    .map_err(|error| MergeError::input(split, error))?;
                row += u32::try_from(batch.num_rows()).unwrap_or(u32::MAX);
            }
        }
        let mut starts = RowSet::empty(inputs.row_count());
        for run in &runs {
            starts.insert(run.first_row);
        }
        join_traces(&mut runs);
        Ok(Self {
            runs,
            starts,
            row_count: inputs.row_count(),
            next_run: 0,
            pending: VecDeque::new(),
        })
    }

    pub(crate) fn next_rows(
        &mut self,
        inputs: &Inputs,
        count: usize,
    ) -> Result<Vec<u32>, MergeError> {
        if self.pending.len() < count {
            self.refill(inputs, count)?;
        }
        let count = count.min(self.pending.len());
        Ok(self.pending.drain(..count).collect())
    }

    /// Makes at least `count` rows pending, or all that are left: whole traces.
    fn refill(&mut self, inputs: &Inputs, count: usize) -> Result<(), MergeError> {
        let mut rows: Vec<u32> = Vec::new();
        // Where the rows of a trace that is in several runs begin and end in `rows`.
        let mut joined = Vec::new();
        while self.pending.len() + rows.len() < count
            && let Some(first) = self.runs.get(self.next_run)
        {
            let begin = rows.len();
            let trace = self.runs.iter().skip(self.next_run);
            let trace = trace.take_while(|run| run.trace_id == first.trace_id);
            let mut run_count = 0;
            for run in trace {
                rows.extend(run.first_row..self.end_of(run));
                run_count += 1;
            }
            self.next_run += run_count;
            if run_count > 1 {
                joined.push(begin..rows.len());
            }
        }
        sort_joined(inputs, &mut rows, &joined)?;
        self.pending.extend(rows);
        Ok(())
    }

    fn end_of(&self, run: &Run) -> u32 {
        self.starts
            .next_after(run.first_row)
            .unwrap_or(self.row_count)
    }
}

/// Appends the runs of a batch; a run that goes on from the batch before is not begun again.
fn collect_runs(
    batch: &RecordBatch,
    first_row: u32,
    last_id: &mut Option<[u8; ID_BYTES]>,
    runs: &mut Vec<Run>,
) -> Result<(), BatchError> {
    let ids = IdColumn::new(batch, column::TRACE_ID)?;
    let times = TimeColumn::new(Signal::Traces, batch)?;
    for (position, row) in (0..ids.len()).zip(first_row..) {
        let wrong = |_| BatchError::WrongType {
            column: column::TRACE_ID.to_owned(),
        };
        let trace_id: [u8; ID_BYTES] = ids.value(position).try_into().map_err(wrong)?;
        let start = times.value(position).0.to_be_bytes();
        match runs.last_mut() {
            Some(run) if *last_id == Some(trace_id) => {
                run.first_start = run.first_start.min(start);
            }
            _ => runs.push(Run {
                first_start: start,
                trace_id,
                first_row: row,
            }),
        }
        *last_id = Some(trace_id);
    }
    Ok(())
}

/// Gives the runs of each trace the first start of the trace, and puts all runs in order.
fn join_traces(runs: &mut [Run]) {
    runs.sort_unstable_by_key(|run| (run.trace_id, run.first_start));
    for trace in runs.chunk_by_mut(|a, b| a.trace_id == b.trace_id) {
        if let Some(first) = trace.first().map(|run| run.first_start) {
            for run in trace {
                run.first_start = first;
            }
        }
    }
    runs.sort_unstable();
}

/// Puts the rows of each trace that is in several runs in order by start.
fn sort_joined(
    inputs: &Inputs,
    rows: &mut [u32],
    joined: &[std::ops::Range<usize>],
) -> Result<(), MergeError> {
    let ranges = || joined.iter().cloned();
    let wanted: Vec<u32> = ranges()
        .filter_map(|range| rows.get(range))
        .flatten()
        .copied()
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let block = inputs.read(&wanted, Columns::Named(&[column::START_TIME]))?;
    let times = block
        .batches
        .iter()
        .map(|batch| TimeColumn::new(Signal::Traces, batch))
        .collect::<Result<Vec<_>, _>>()
        .map_err(SealError::from)?;
    let mut starts = block.positions.iter().map(|(batch, row)| {
        times
            .get(*batch)
            .map_or(UnixNanos(0), |times| times.value(*row))
    });
    for range in ranges() {
        let Some(trace) = rows.get_mut(range) else {
            continue;
        };
        // The rows first: a zip whose second part ends early has taken one too many of the first.
        let mut keyed: Vec<(UnixNanos, u32)> = trace
            .iter()
            .zip(starts.by_ref())
            .map(|(row, start)| (start, *row))
            .collect();
        keyed.sort_unstable();
        for (slot, (_, row)) in trace.iter_mut().zip(keyed) {
            *slot = row;
        }
    }
    Ok(())
}
