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
    let mut traces = Traces::default();
    let mut rows = Vec::with_capacity(batches.iter().map(|batch| batch.num_rows()).sum());
    for (batch_index, batch) in batches.iter().enumerate() {
        let ids = IdColumn::new(batch, column::TRACE_ID)?;
        let times = TimeColumn::new(Signal::Traces, batch)?;
        for row in 0..batch.num_rows() {
            let start = times.value(row);
            let trace = traces.number(ids.value(row), start);
            rows.push((trace, start, (batch_index, row)));
        }
    }
    let places = traces.places();
    for (trace, _, _) in &mut rows {
        *trace = places.get(*trace).copied().unwrap_or_default();
    }
    rows.sort_unstable();
    Ok(rows.into_iter().map(|(_, _, position)| position).collect())
}

/// The traces of some rows.
#[derive(Default)]
struct Traces<'a> {
    numbers: HashMap<&'a [u8], usize, foldhash::fast::FixedState>,
    /// Where each trace stands in the order: by its first start, then by its id.
    order: Vec<(UnixNanos, &'a [u8])>,
}

impl<'a> Traces<'a> {
    /// The number of the row's trace.
    fn number(&mut self, id: &'a [u8], start: UnixNanos) -> usize {
        let number = *self.numbers.entry(id).or_insert(self.order.len());
        match self.order.get_mut(number) {
            Some((first, _)) => *first = (*first).min(start),
            None => self.order.push((start, id)),
        }
        number
    }

    /// The place of each trace in the order, by number.
    fn places(self) -> Vec<usize> {
        let mut numbers: Vec<usize> = (0..self.order.len()).collect();
        numbers.sort_unstable_by_key(|number| self.order.get(*number));
        let mut places = vec![0; numbers.len()];
        for (place, number) in numbers.into_iter().enumerate() {
            if let Some(slot) = places.get_mut(number) {
                *slot = place;
            }
        }
        places
    }
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
