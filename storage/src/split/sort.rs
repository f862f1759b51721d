//! The order of the rows of a split. Pure: takes batches, returns positions.

use std::collections::HashMap;

use arrow_array::RecordBatch;
use model::schema::column;
use model::{BatchError, Signal, UnixNanos};

use crate::columns::{IdColumn, TimeColumn};

/// Position of a row: which batch, and which row of it.
pub(crate) type Position = (usize, usize);

/// Spans: traces in the order of their first start, each trace's spans by start. Log records: by
/// time. Rows that tie keep the order in which they were acknowledged.
pub(crate) fn order(signal: Signal, batches: &[&RecordBatch]) -> Result<Vec<Position>, BatchError> {
    match signal {
        Signal::Traces => order_spans(batches),
        Signal::Logs => order_by_time(batches),
    }
}

fn order_spans(batches: &[&RecordBatch]) -> Result<Vec<Position>, BatchError> {
    let mut first_starts: HashMap<&[u8], UnixNanos> = HashMap::new();
    let mut rows = Vec::new();
    for (batch_index, batch) in batches.iter().enumerate() {
        let ids = IdColumn::new(batch, column::TRACE_ID)?;
        let times = TimeColumn::new(Signal::Traces, batch)?;
        for row in 0..batch.num_rows() {
            let (id, start) = (ids.value(row), times.value(row));
            first_starts
                .entry(id)
                .and_modify(|first| *first = (*first).min(start))
                .or_insert(start);
            rows.push((id, start, (batch_index, row)));
        }
    }
    rows.sort_by_cached_key(|(id, start, position)| (first_starts[id], *id, *start, *position));
    Ok(rows.into_iter().map(|(_, _, position)| position).collect())
}

fn order_by_time(batches: &[&RecordBatch]) -> Result<Vec<Position>, BatchError> {
    let mut rows = Vec::new();
    for (batch_index, batch) in batches.iter().enumerate() {
        let times = TimeColumn::new(Signal::Logs, batch)?;
        rows.extend((0..batch.num_rows()).map(|row| (times.value(row), (batch_index, row))));
    }
    rows.sort_unstable();
    Ok(rows.into_iter().map(|(_, position)| position).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::spans;

    #[test]
    fn spans_of_a_trace_lie_together_and_traces_stand_by_their_first_start() {
        let late = spans("a", &[(7, 1, "x", 50, 60), (9, 2, "y", 20, 30)]).batch;
        let early = spans("a", &[(7, 3, "z", 10, 90), (8, 4, "w", 15, 16)]).batch;
        // Trace 7 begins at 10 with the span that came later, trace 8 at 15, trace 9 at 20.
        let order = order(Signal::Traces, &[&late, &early]).unwrap();
        assert_eq!(order, [(1, 0), (0, 0), (1, 1), (0, 1)]);
    }
}
