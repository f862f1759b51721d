//! The order of the rows of a merged split, found from a few narrow columns of its inputs.
//!
//! It is the order of [`crate::split::sort`], over all inputs together, so that the spans of a trace
//! lie side by side wherever they came from.

use arrow_array::RecordBatch;
use model::Signal;

use super::error::MergeError;
use super::inputs::{Inputs, read};
use super::{order_logs::LogOrder, order_spans::SpanOrder};
use crate::snapshot::Columns;
use crate::split::reader::Split;

/// Rows whose narrow columns are read together.
pub(super) const KEY_ROWS: u32 = 64 * 1024;

/// Hands out the rows of the inputs, by their numbers, in the order of the merged split.
pub(crate) enum Order {
    Spans(SpanOrder),
    Logs(LogOrder),
}

impl Order {
    /// Reads what the order depends on.
    pub(crate) fn new(
        signal: Signal,
        inputs: &Inputs,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<Self, MergeError> {
        Ok(match signal {
            Signal::Traces => Self::Spans(SpanOrder::new(inputs, is_stopped)?),
            Signal::Logs => Self::Logs(LogOrder::new(inputs)),
        })
    }

    /// The next rows, `count` of them or as many as there are left.
    pub(crate) fn next_rows(
        &mut self,
        inputs: &Inputs,
        count: usize,
    ) -> Result<Vec<u32>, MergeError> {
        match self {
            Self::Spans(order) => order.next_rows(inputs, count),
            Self::Logs(order) => order.next_rows(inputs, count),
        }
    }
}

/// Columns of the rows of a split from `start` on, at most [`KEY_ROWS`] of them.
pub(super) fn read_keys(
    split: &Split,
    start: u32,
    columns: &[&str],
) -> Result<RecordBatch, MergeError> {
    let end = start.saturating_add(KEY_ROWS).min(split.row_count());
    let rows: Vec<u32> = (start..end).collect();
    read(split, &rows, Columns::Named(columns))
}

#[cfg(test)]
mod tests;
