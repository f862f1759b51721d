//! The order of merged log records: a merge of inputs that are each in order by time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use model::{Signal, UnixNanos};

use super::error::MergeError;
use super::inputs::Inputs;
use super::order::read_keys;
use crate::columns::{TimeColumn, time_columns};
use crate::split::reader::Split;

/// See [`super::order::Order`].
pub(crate) struct LogOrder {
    cursors: Vec<Cursor>,
    /// The next row of each input that has one: its time and the number of the input.
    heads: BinaryHeap<Reverse<(UnixNanos, usize)>>,
    is_started: bool,
}

/// How far one input has been read.
struct Cursor {
    /// Number of the next row among the rows of all inputs.
    next_row: u32,
    /// The next row within the input.
    next: u32,
    /// Times from `window_start` on.
    window: Vec<UnixNanos>,
    window_start: u32,
}

impl LogOrder {
    pub(crate) fn new(inputs: &Inputs) -> Self {
        let cursor = |range: std::ops::Range<u32>| Cursor {
            next_row: range.start,
            next: 0,
            window: Vec::new(),
            window_start: 0,
        };
        Self {
            cursors: inputs.ranges().map(cursor).collect(),
            heads: BinaryHeap::new(),
            is_started: false,
        }
    }

    pub(crate) fn next_rows(
        &mut self,
        inputs: &Inputs,
        count: usize,
    ) -> Result<Vec<u32>, MergeError> {
        if !self.is_started {
            self.is_started = true;
            for ((cursor, split), input) in self.cursors.iter_mut().zip(inputs.splits()).zip(0..) {
                if let Some(time) = cursor.time(split)? {
                    self.heads.push(Reverse((time, input)));
                }
            }
        }
        let mut rows = Vec::with_capacity(count);
        while rows.len() < count
            && let Some(Reverse((time, input))) = self.heads.pop()
        {
            let (Some(cursor), Some(split)) =
                (self.cursors.get_mut(input), inputs.splits().get(input))
            else {
                continue;
            };
            rows.push(cursor.next_row);
            cursor.next_row += 1;
            cursor.next += 1;
            if let Some(next) = cursor.time(split)? {
                if next < time {
                    let split_id = split.id().clone();
                    return Err(MergeError::Unordered { split_id });
                }
                self.heads.push(Reverse((next, input)));
            }
        }
        Ok(rows)
    }
}

impl Cursor {
    /// The time of the next row; none at the end.
    fn time(&mut self, split: &Split) -> Result<Option<UnixNanos>, MergeError> {
        if self.next >= split.row_count() {
            return Ok(None);
        }
        let position = (self.next - self.window_start) as usize;
        if let Some(time) = self.window.get(position) {
            return Ok(Some(*time));
        }
        let batch = read_keys(split, self.next, time_columns(Signal::Logs))?;
        let times = TimeColumn::new(Signal::Logs, &batch)
            .map_err(|error| MergeError::input(split, error))?;
        self.window.clear();
        self.window
            .extend((0..batch.num_rows()).map(|row| times.value(row)));
        self.window_start = self.next;
        Ok(self.window.first().copied())
    }
}
