//! The splits that are merged, seen as one list of rows: those of the first, then those of the next.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{RecordBatch, StringArray};
use model::Signal;
use model::schema::column;

use super::error::MergeError;
use crate::columns::typed;
use crate::snapshot::Columns;
use crate::split::attribute_columns::Choice;
use crate::split::physical::Dedicated;
use crate::split::reader::Split;
use crate::split::sort::Position;
use crate::split::stored::StoredBatch;
use crate::split::writer::SplitWriter;

/// Open splits of one signal, in the order in which they were sealed.
#[derive(Debug)]
pub(crate) struct Inputs {
    splits: Vec<Arc<Split>>,
    /// Number of the first row of each split, and at the end the number of rows.
    starts: Vec<u32>,
}

/// Rows of several splits in memory, in an order of their own.
#[derive(Debug)]
pub(crate) struct Block<B> {
    /// One batch or several for each split that has rows in the block.
    pub(crate) batches: Vec<B>,
    /// Where each row is.
    pub(crate) positions: Vec<Position>,
}

/// Rows that were read together.
pub(crate) trait Batch {
    fn row_count(&self) -> usize;
}

impl Batch for RecordBatch {
    fn row_count(&self) -> usize {
        self.num_rows()
    }
}

impl Batch for StoredBatch {
    fn row_count(&self) -> usize {
        self.columns.num_rows()
    }
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

    /// The columns for single attributes that the files of most rows have, if they are those of half of
    /// all rows; the order of columns does not matter.
    pub(crate) fn common_columns(&self) -> Result<Option<Vec<Dedicated>>, MergeError> {
        let mut found: Vec<(Vec<Dedicated>, u64)> = Vec::new();
        for split in &self.splits {
            let columns = split
                .dedicated_columns()
                .map_err(|source| MergeError::input(split, source))?;
            let is_same = |known: &[Dedicated]| {
                known.len() == columns.len() && columns.iter().all(|it| known.contains(it))
            };
            let rows = u64::from(split.row_count());
            match found.iter_mut().find(|(known, _)| is_same(known)) {
                Some((_, sum)) => *sum += rows,
                None => found.push((columns, rows)),
            }
        }
        let most = found.into_iter().max_by_key(|(_, rows)| *rows);
        let most = most.filter(|(_, rows)| rows * 2 >= u64::from(self.row_count()));
        Ok(most.map(|(columns, _)| columns))
    }

    /// Reads rows as [`Inputs::read`] does, in the columns that the writer has chosen.
    pub(crate) fn read_stored(
        &self,
        rows: &[u32],
        choices: &[Choice],
        writer: &mut SplitWriter,
    ) -> Result<Block<StoredBatch>, MergeError> {
        self.read_each(rows, |split, rows| {
            let failed = |source| MergeError::input(split, source);
            if let Some(batches) = split.read_stored(rows, choices).map_err(failed)? {
                return Ok(batches);
            }
            let whole = read(split, rows, Columns::All)?;
            let bodies = match split.signal() {
                Signal::Traces => None,
                Signal::Logs => {
                    let bodies: &StringArray = typed(&whole, column::BODY)
                        .map_err(|error| MergeError::input(split, error))?;
                    Some(bodies.clone())
                }
            };
            let columns = writer
                .spread(&whole, choices)
                .map_err(|error| MergeError::input(split, error))?;
            Ok(vec![StoredBatch { columns, bodies }])
        })
    }

    /// Reads rows, which may come in any order; each once.
    pub(crate) fn read(
        &self,
        rows: &[u32],
        columns: Columns<'_>,
    ) -> Result<Block<RecordBatch>, MergeError> {
        self.read_each(rows, |split, rows| Ok(vec![read(split, rows, columns)?]))
    }

    /// Reads the rows of each split, which ascend, as a batch or several.
    fn read_each<B: Batch>(
        &self,
        rows: &[u32],
        mut read: impl FnMut(&Split, &[u32]) -> Result<Vec<B>, MergeError>,
    ) -> Result<Block<B>, MergeError> {
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
            let mut inside = inside.iter();
            for batch in read(split, &wanted)? {
                let number = block.batches.len();
                // The numbers first: a zip whose second part ends early has taken one too many.
                for (position, (_, place)) in (0..batch.row_count()).zip(inside.by_ref()) {
                    if let Some(slot) = block.positions.get_mut(*place) {
                        *slot = (number, position);
                    }
                }
                block.batches.push(batch);
            }
            assert!(inside.next().is_none(), "every row asked for was read");
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
