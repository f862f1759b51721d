//! The times of blocks of rows, so that a search can begin with the newest ones and stop early.

use std::cmp::Reverse;
use std::ops::Range;

use model::{TimeRange, UnixNanos};

use crate::snapshot::TimeOrder;

/// Rows that are searched together.
const BLOCK_ROWS: u32 = 4096;

/// Rows that lie side by side, and the moments they are filed under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) rows: Range<u32>,
    first: u64,
    last: u64,
}

/// The blocks of a split.
#[derive(Debug)]
pub(crate) struct TimeBlocks {
    blocks: Vec<Block>,
}

impl TimeBlocks {
    /// Looks at the time of every row once.
    pub(crate) fn new(row_count: u32, time: impl Fn(u32) -> u64) -> Self {
        let starts = (0..row_count).step_by(BLOCK_ROWS as usize);
        let block = |start: u32| {
            let rows = start..start.saturating_add(BLOCK_ROWS).min(row_count);
            let (first, last) = rows
                .clone()
                .map(&time)
                .fold((u64::MAX, 0), |(first, last), time| {
                    (first.min(time), last.max(time))
                });
            Block { rows, first, last }
        };
        Self {
            blocks: starts.map(block).collect(),
        }
    }

    /// The blocks that may have rows in the range, in the order in which they are to be searched.
    pub(crate) fn in_order(&self, order: TimeOrder, range: &TimeRange) -> Vec<Block> {
        let mut blocks: Vec<Block> = self
            .blocks
            .iter()
            .filter(|block| {
                block.last >= range.start.0
                    && range.contains(UnixNanos(block.first.max(range.start.0)))
            })
            .cloned()
            .collect();
        match order {
            TimeOrder::Any => {}
            TimeOrder::NewestFirst => blocks.sort_by_key(|block| Reverse(block.last)),
            TimeOrder::OldestFirst => blocks.sort_by_key(|block| block.first),
        }
        blocks
    }
}

impl Block {
    /// What the order says of the rows of this block and of all blocks after it.
    pub(crate) fn bound(&self, order: TimeOrder) -> Option<UnixNanos> {
        match order {
            TimeOrder::Any => None,
            TimeOrder::NewestFirst => Some(UnixNanos(self.last)),
            TimeOrder::OldestFirst => Some(UnixNanos(self.first)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_in_the_order_of_their_times_and_only_those_in_the_range() {
        // Blocks of the times 2..=4097, 1000..=5095 and 9000..=9009.
        let offsets = [2, 1_000, 9_000];
        let time = |row: u32| u64::from(row % BLOCK_ROWS) + offsets[(row / BLOCK_ROWS) as usize];
        let blocks = TimeBlocks::new(2 * BLOCK_ROWS + 10, time);
        let starts = |order, range: &TimeRange| -> Vec<u32> {
            let blocks = blocks.in_order(order, range);
            blocks
                .iter()
                .map(|block| block.rows.start / BLOCK_ROWS)
                .collect()
        };
        assert_eq!(starts(TimeOrder::NewestFirst, &TimeRange::ALL), [2, 1, 0]);
        assert_eq!(starts(TimeOrder::OldestFirst, &TimeRange::ALL), [0, 1, 2]);
        let range = TimeRange::enclosing(UnixNanos(4_098), UnixNanos(8_999));
        assert_eq!(starts(TimeOrder::Any, &range), [1]);
        let bounds = blocks.in_order(TimeOrder::NewestFirst, &TimeRange::ALL);
        assert_eq!(
            bounds[1].bound(TimeOrder::NewestFirst),
            Some(UnixNanos(5_095))
        );
    }
}
