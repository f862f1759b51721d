//! Merges splits into one: finds the order, copies the rows block by block, reads the result back.

use std::path::Path;
use std::sync::Arc;

use model::Signal;

use super::error::MergeError;
use super::inputs::Inputs;
use super::order::Order;
use super::proof::Proof;
use crate::catalog::PublishedSplit;
use crate::error::SealError;
use crate::files;
use crate::row_set::RowSet;
use crate::snapshot::Columns;
use crate::split::metadata::Origin;
use crate::split::reader::Split;
use crate::split::stored::StoredBatch;
use crate::split::writer::{SplitWriter, WrittenSplit};
use crate::wal::range;

/// Memory that the rows of a block are meant to take.
const BLOCK_BYTES: usize = 8 << 20;
/// How many times the bytes on disk the rows of the first block are taken to have in memory.
const EXPANSION: u64 = 16;
/// Rows of a block at most.
const BLOCK_ROWS_MAX: usize = 16 * 1024;
/// A block may have this many times the rows of the one before, since rows may be larger there.
const BLOCK_GROWTH: usize = 4;
/// Rows that are put in order and written together.
const CHUNK_ROWS: usize = 8 * 1024;

/// Where the result is written, and where it is moved when it is complete.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places<'a> {
    /// Holds results that are not complete. What a failure leaves there is for the caller to remove.
    pub(crate) unfinished: &'a Path,
    /// Holds splits.
    pub(crate) splits: &'a Path,
}

/// A merged split that was read back and that nobody knows yet.
#[derive(Debug)]
pub(crate) struct Merged {
    pub(crate) published: PublishedSplit,
    pub(crate) split: Arc<Split>,
}

/// Merges splits of one signal, given in the order in which they were sealed.
pub(crate) fn merge(
    signal: Signal,
    splits: Vec<Arc<Split>>,
    places: Places<'_>,
    is_stopped: &dyn Fn() -> bool,
) -> Result<Merged, MergeError> {
    let inputs = Inputs::new(splits)?;
    let (mut written, proof) = write(signal, &inputs, places.unfinished, is_stopped)?;
    let merged = written
        .rename(places.splits)
        .map_err(MergeError::from)
        .and_then(|()| read_back(&written, places.splits, &proof, is_stopped));
    if merged.is_err()
        && let Err(error) = files::remove_dir(&written.dir)
    {
        // The next start removes it.
        tracing::warn!(%error, split_id = %written.id, "failed to remove merged split");
    }
    merged
}

/// Writes all rows of the inputs; returns what to compare the result with.
fn write(
    signal: Signal,
    inputs: &Inputs,
    dir: &Path,
    is_stopped: &dyn Fn() -> bool,
) -> Result<(WrittenSplit, Proof), MergeError> {
    let origins = || inputs.splits().iter().map(|split| split.origin());
    let origin = Origin {
        wal: range::union(origins().flat_map(|origin| origin.wal)),
        sealed: origins()
            .map(|origin| origin.sealed)
            .max()
            .unwrap_or_default(),
    };
    let order = Order::new(signal, inputs, is_stopped)?;
    let mut writer = SplitWriter::create(dir, signal, origin)?;
    let mut proof = Proof::new(signal);
    copy(inputs, order, &mut writer, &mut proof, is_stopped)?;
    Ok((writer.finish()?, proof))
}

/// Copies every row of the inputs once.
fn copy(
    inputs: &Inputs,
    mut order: Order,
    writer: &mut SplitWriter,
    proof: &mut Proof,
    is_stopped: &dyn Fn() -> bool,
) -> Result<(), MergeError> {
    let mut copied = RowSet::empty(inputs.row_count());
    let mut block_rows = first_block_rows(inputs);
    let mut choices = None;
    loop {
        let rows = order.next_rows(inputs, block_rows)?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            assert!(!copied.contains(*row), "a merge copies a row once");
            copied.insert(*row);
        }
        let whole = if proof.samples_next() {
            Some(inputs.read(&rows, Columns::All)?)
        } else {
            None
        };
        let choices = match (&mut choices, &whole) {
            (Some(choices), _) => choices,
            // The first block is one of those that are compared as a whole.
            (choices, whole) => {
                let whole = whole.as_ref();
                let batches: Vec<_> = whole.iter().flat_map(|block| &block.batches).collect();
                let positions = whole.map_or(&[][..], |block| &block.positions);
                let columns = inputs.common_columns()?;
                choices.insert(writer.choose(&batches, positions, columns.as_deref())?)
            }
        };
        let block = inputs.read_stored(&rows, choices, writer)?;
        let keys = block.batches.iter().map(|batch| &batch.columns);
        let whole = whole.map(|block| block.batches);
        proof
            .add_block(keys, whole.as_deref())
            .map_err(SealError::Unreadable)?;
        drop(whole);
        for positions in block.positions.chunks(CHUNK_ROWS) {
            if is_stopped() {
                return Err(MergeError::Stopped);
            }
            writer.copy(&block.batches, positions, choices)?;
        }
        inputs.splits().iter().for_each(|split| split.release());
        let bytes = block.batches.iter().map(StoredBatch::memory_bytes);
        block_rows = next_block_rows(rows.len(), bytes.sum());
    }
    assert_eq!(
        copied,
        RowSet::full(inputs.row_count()),
        "a merge copies every row"
    );
    Ok(())
}

/// How many rows are read first, when it is not known how large they are. The columns are chosen by
/// them, for which a chunk is best.
fn first_block_rows(inputs: &Inputs) -> usize {
    let splits = inputs.splits().iter();
    let bytes: u64 = splits.map(|split| split.size_bytes()).sum();
    let row_bytes = bytes.saturating_mul(EXPANSION) / u64::from(inputs.row_count().max(1));
    let row_bytes = usize::try_from(row_bytes).unwrap_or(usize::MAX).max(1);
    (BLOCK_BYTES / row_bytes).clamp(1, CHUNK_ROWS)
}

/// How many rows like those of the last block take about [`BLOCK_BYTES`].
fn next_block_rows(rows: usize, bytes: usize) -> usize {
    let row_bytes = (bytes / rows.max(1)).max(1);
    (BLOCK_BYTES / row_bytes)
        .min(rows.saturating_mul(BLOCK_GROWTH))
        .clamp(1, BLOCK_ROWS_MAX)
}

/// Opens the result, which compares the checksums of its files, and compares its rows.
fn read_back(
    written: &WrittenSplit,
    splits_dir: &Path,
    proof: &Proof,
    is_stopped: &dyn Fn() -> bool,
) -> Result<Merged, MergeError> {
    let published = written.to_published();
    let unreadable = |source| MergeError::Output(SealError::Unreadable(source));
    let split = Split::open(splits_dir, &published).map_err(unreadable)?;
    split.files().map_err(unreadable)?;
    if proof.holds_for(&split, is_stopped)? {
        let split = Arc::new(split);
        Ok(Merged { published, split })
    } else {
        let split_id = written.id.clone();
        Err(MergeError::Mismatch { split_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_grow_step_by_step_and_shrink_at_once() {
        assert_eq!(next_block_rows(2_048, 2_048 * 100), 8_192);
        assert_eq!(next_block_rows(8_192, 8_192 * 100), BLOCK_ROWS_MAX);
        assert_eq!(next_block_rows(8_192, 8_192 * 65_536), 128);
        assert_eq!(next_block_rows(1, usize::MAX), 1);
    }
}
