//! What a merged split is compared with before its inputs go.
//!
//! Ids and times are compared for every row: no row is lost, doubled or mixed with another one. All
//! values are compared for every [`SAMPLED`]th block of rows, in their place: it protects from an
//! encoder that writes something else than it was given. All values of all rows would take longer
//! than everything else of a merge but the encoding (docs/adr/0008-compaction.md). That what was
//! written is what is on the disk is for the checksums of the files to say.

use std::ops::Range;

use arrow_array::RecordBatch;
use model::Signal;
use model::schema::column;

use super::checksum::Checksum;
use super::error::MergeError;
use super::order::KEY_ROWS;
use crate::error::{ReadError, SealError};
use crate::snapshot::{Columns, project};
use crate::split::reader::Split;

/// Of so many blocks, one is compared as a whole; the first one always.
const SAMPLED: usize = 16;

/// Checksums of what was read from the inputs.
#[derive(Debug)]
pub(crate) struct Proof {
    signal: Signal,
    row_count: u32,
    block_count: usize,
    keys: Checksum,
    blocks: Vec<(Range<u32>, Checksum)>,
}

fn key_columns(signal: Signal) -> &'static [&'static str] {
    match signal {
        Signal::Traces => &[
            column::TRACE_ID,
            column::SPAN_ID,
            column::START_TIME,
            column::DURATION_NANO,
        ],
        Signal::Logs => &[
            column::TRACE_ID,
            column::SPAN_ID,
            column::TIME,
            column::OBSERVED_TIME,
        ],
    }
}

impl Proof {
    pub(crate) fn new(signal: Signal) -> Self {
        Self {
            signal,
            row_count: 0,
            block_count: 0,
            keys: Checksum::default(),
            blocks: Vec::new(),
        }
    }

    /// Whether the next block has to be read as a whole.
    pub(crate) fn samples_next(&self) -> bool {
        self.block_count.is_multiple_of(SAMPLED)
    }

    /// Adds the rows that are written next. `keys` have at least ids and times of these rows and no others,
    /// `whole` all values, in any order.
    pub(crate) fn add_block<'a>(
        &mut self,
        keys: impl Iterator<Item = &'a RecordBatch>,
        whole: Option<&[RecordBatch]>,
    ) -> Result<(), ReadError> {
        let first_row = self.row_count;
        for batch in keys {
            let keys = project(batch, Columns::Named(key_columns(self.signal)))?;
            self.keys.add(&keys)?;
            self.row_count += u32::try_from(batch.num_rows()).unwrap_or(u32::MAX);
        }
        self.block_count += 1;
        if let Some(batches) = whole {
            let mut whole = Checksum::default();
            for batch in batches {
                whole.add(batch)?;
            }
            self.blocks.push((first_row..self.row_count, whole));
        }
        Ok(())
    }

    /// Whether the split holds these rows.
    pub(crate) fn holds_for(
        &self,
        split: &Split,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<bool, MergeError> {
        if split.row_count() != self.row_count {
            return Ok(false);
        }
        let mut keys = Checksum::default();
        let mut row = 0;
        while row < self.row_count {
            let end = row.saturating_add(KEY_ROWS).min(self.row_count);
            let columns = Columns::Named(key_columns(self.signal));
            add_rows(&mut keys, split, row..end, columns, is_stopped)?;
            row = end;
        }
        if keys != self.keys {
            return Ok(false);
        }
        for (rows, expected) in &self.blocks {
            let mut whole = Checksum::default();
            add_rows(&mut whole, split, rows.clone(), Columns::All, is_stopped)?;
            if whole != *expected {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn add_rows(
    checksum: &mut Checksum,
    split: &Split,
    rows: Range<u32>,
    columns: Columns<'_>,
    is_stopped: &dyn Fn() -> bool,
) -> Result<(), MergeError> {
    if is_stopped() {
        return Err(MergeError::Stopped);
    }
    let rows: Vec<u32> = rows.collect();
    split
        .read(&rows, columns)
        .and_then(|batch| Ok(checksum.add(&batch)?))
        .inspect(|()| split.release())
        .map_err(|error| MergeError::Output(SealError::Unreadable(error)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tempfile::TempDir;

    use super::*;
    use crate::hot::{BatchSize, HotBatch};
    use crate::split::metadata::Origin;
    use crate::split::writer::write_split;
    use crate::testing::spans;

    type Row = (u8, u8, &'static str, u64, u64);

    fn write(dir: &TempDir, rows: &[Row]) -> Split {
        let size = BatchSize {
            budget_bytes: 0,
            wal_bytes: 0,
        };
        let batch = spans("cart", rows).batch;
        let batch = HotBatch::new(
            "hot".into(),
            Signal::Traces,
            batch,
            size,
            model::UnixNanos(1),
        );
        let origin = Origin {
            wal: Vec::new(),
            sealed: model::UnixNanos(1),
        };
        let batches = [Arc::new(batch.unwrap())];
        let mut written = write_split(dir.path(), Signal::Traces, &batches, origin).unwrap();
        written.rename(dir.path()).unwrap();
        Split::open(dir.path(), &written.to_published()).unwrap()
    }

    #[test]
    fn a_split_with_another_row_id_time_or_value_is_noticed() {
        let dir = TempDir::new().unwrap();
        let rows: [Row; 3] = [
            (1, 1, "a", 10, 20),
            (1, 2, "b", 11, 22),
            (2, 3, "c", 12, 13),
        ];
        let mut proof = Proof::new(Signal::Traces);
        let batches = [
            spans("cart", &rows[1..]).batch,
            spans("cart", &rows[..1]).batch,
        ];
        proof.add_block(batches.iter(), Some(&batches)).unwrap();
        let holds = |rows: &[Row]| proof.holds_for(&write(&dir, rows), &|| false).unwrap();
        assert!(holds(&rows));
        assert!(!holds(&rows[..2]));
        assert!(!holds(&[rows[0], rows[1], rows[1]]));
        assert!(!holds(&[rows[0], rows[1], (2, 4, "c", 12, 13)]));
        assert!(!holds(&[rows[0], rows[1], (2, 3, "c", 12, 14)]));
        assert!(!holds(&[rows[0], rows[1], (2, 3, "d", 12, 13)]));
        // An id that changes places with another one of the same moments.
        assert!(!holds(&[(1, 2, "a", 10, 20), (1, 1, "b", 11, 22), rows[2]]));
    }
}
