//! The splits that are merged, seen as one list of rows: those of the first, then those of the next.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;

use super::error::MergeError;
use crate::snapshot::Columns;
use crate::split::reader::Split;
use crate::split::sort::Position;

/// Open splits of one signal, in the order in which they were sealed.
#[derive(Debug)]
pub(crate) struct Inputs {
    splits: Vec<Arc<Split>>,
    /// Number of the first row of each split, and at the end the number of rows.
    starts: Vec<u32>,
}

/// Rows of several splits in memory, in an order of their own.
#[derive(Debug)]
pub(crate) struct Block {
    /// One batch for each split that has rows in the block.
    pub(crate) batches: Vec<RecordBatch>,
    /// Where each row is.
    pub(crate) positions: Vec<Position>,
}

impl Inputs {
    /// The rows of all splits together have to be few enough for one split.
    pub(crate) fn new(splits: Vec<Arc<Split>>) -> Result<Self, MergeError> {
        let mut starts = vec![0];
        let mut rows = 0_u32;
        for split in &splits {
            rows = rows
                .checked_add(split.row_count())
                .ok_or(MergeError::TooManyRows)?;
            starts.push(rows);
        }
        Ok(Self { splits, starts })
    }

    pub(crate) fn splits(&self) -> &[Arc<Split>] {
        &self.splits
    }

    pub(crate) fn row_count(&self) -> u32 {
        self.starts.last().copied().unwrap_or_default()
    }

    /// The numbers of the rows of each split.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range<u32>> {
        self.starts.windows(2).map(|bounds| match bounds {
            [start, end] => *start..*end,
            _ => 0..0,
        })
    }

    /// Reads rows, which may come in any order; each once.
    pub(crate) fn read(&self, rows: &[u32], columns: Columns<'_>) -> Result<Block, MergeError> {
        let mut sorted: Vec<(u32, usize)> = rows.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        let mut block = Block {
            batches: Vec::new(),
            positions: vec![(0, 0); rows.len()],
        };
        let mut rest = sorted.as_slice();
        for (split, range) in self.splits.iter().zip(self.ranges()) {
            let count = rest.partition_point(|(row, _)| *row < range.end);
            let (inside, after) = rest.split_at(count);
            rest = after;
            if inside.is_empty() {
                continue;
            }
            let wanted: Vec<u32> = inside.iter().map(|(row, _)| row - range.start).collect();
            let batch = read(split, &wanted, columns)?;
            for (position, (_, place)) in inside.iter().enumerate() {
                if let Some(slot) = block.positions.get_mut(*place) {
                    *slot = (block.batches.len(), position);
                }
            }
            block.batches.push(batch);
        }
        assert!(rest.is_empty(), "every row asked for is in a split");
        Ok(block)
    }
}

/// Reads rows of one split, which ascend.
pub(crate) fn read(
    split: &Split,
    rows: &[u32],
    columns: Columns<'_>,
) -> Result<RecordBatch, MergeError> {
    split
        .read(rows, columns)
        .map_err(|source| MergeError::input(split, source))
}
