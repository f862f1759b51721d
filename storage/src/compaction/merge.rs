//! Merges splits into one: finds the order, copies the rows block by block, reads the result back.

use std::path::Path;
use std::sync::Arc;

use model::Signal;

use super::checksum::Checksum;
use super::error::MergeError;
use super::inputs::Inputs;
use super::order::Order;
use super::system;
use crate::catalog::PublishedSplit;
use crate::error::SealError;
use crate::files;
use crate::row_set::RowSet;
use crate::snapshot::Columns;
use crate::split::metadata::Origin;
use crate::split::reader::Split;
use crate::split::writer::{SplitWriter, WrittenSplit};

/// Memory that the rows of a block are meant to take.
const BLOCK_BYTES: usize = 32 << 20;
/// Rows of the first block, before it is known how large they are.
const FIRST_BLOCK_ROWS: usize = 2 * 1024;
/// Rows of a block at most.
const BLOCK_ROWS_MAX: usize = 64 * 1024;
/// A block may have this many times the rows of the one before, since rows may be larger there.
const BLOCK_GROWTH: usize = 4;
/// Rows that are put in order and written together.
const CHUNK_ROWS: usize = 8 * 1024;
/// Free disk that a merge leaves to what is more important, beside room for its result.
const RESERVED_BYTES: u64 = 256 << 20;

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
    check_room(&splits, places.splits)?;
    let inputs = Inputs::new(splits)?;
    let (mut written, expected) = write(signal, &inputs, places.unfinished, is_stopped)?;
    let merged = written
        .rename(places.splits)
        .map_err(MergeError::from)
        .and_then(|()| read_back(&written, places.splits, expected, is_stopped));
    if merged.is_err()
        && let Err(error) = files::remove_dir(&written.dir)
    {
        // The next start removes it.
        tracing::warn!(%error, split_id = %written.id, "failed to remove merged split");
    }
    merged
}

/// A merge that fills the disk would stop what is acknowledged.
fn check_room(splits: &[Arc<Split>], dir: &Path) -> Result<(), MergeError> {
    let input_bytes: u64 = splits.iter().map(|split| split.size_bytes()).sum();
    let needed_bytes = input_bytes.saturating_add(RESERVED_BYTES);
    match system::free_bytes(dir)? {
        Some(free_bytes) if free_bytes < needed_bytes => Err(MergeError::DiskFull {
            needed_bytes,
            free_bytes,
        }),
        _ => Ok(()),
    }
}

/// Writes all rows of the inputs; returns what they add up to.
fn write(
    signal: Signal,
    inputs: &Inputs,
    dir: &Path,
    is_stopped: &dyn Fn() -> bool,
) -> Result<(WrittenSplit, Checksum), MergeError> {
    let origins = || inputs.splits().iter().map(|split| split.origin());
    let origin = Origin {
        wal_sequence: origins()
            .map(|origin| origin.wal_sequence)
            .max()
            .unwrap_or(0),
        sealed: origins()
            .map(|origin| origin.sealed)
            .max()
            .unwrap_or_default(),
    };
    let order = Order::new(signal, inputs, is_stopped)?;
    let mut writer = SplitWriter::create(dir, signal, origin)?;
    let checksum = copy(inputs, order, &mut writer, is_stopped)?;
    Ok((writer.finish()?, checksum))
}

/// Copies every row of the inputs once.
fn copy(
    inputs: &Inputs,
    mut order: Order,
    writer: &mut SplitWriter,
    is_stopped: &dyn Fn() -> bool,
) -> Result<Checksum, MergeError> {
    let mut checksum = Checksum::default();
    let mut copied = RowSet::empty(inputs.row_count());
    let mut block_rows = FIRST_BLOCK_ROWS;
    loop {
        let rows = order.next_rows(inputs, block_rows)?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            assert!(!copied.contains(*row), "a merge copies a row once");
            copied.insert(*row);
        }
        let block = inputs.read(&rows, Columns::All)?;
        for batch in &block.batches {
            checksum.add(batch).map_err(SealError::from)?;
        }
        let batches: Vec<_> = block.batches.iter().collect();
        for positions in block.positions.chunks(CHUNK_ROWS) {
            if is_stopped() {
                return Err(MergeError::Stopped);
            }
            writer.write(&batches, positions)?;
        }
        let bytes = batches.iter().map(|batch| batch.get_array_memory_size());
        block_rows = next_block_rows(rows.len(), bytes.sum());
    }
    assert_eq!(
        copied,
        RowSet::full(inputs.row_count()),
        "a merge copies every row"
    );
    Ok(checksum)
}

/// How many rows like those of the last block take about [`BLOCK_BYTES`].
fn next_block_rows(rows: usize, bytes: usize) -> usize {
    let row_bytes = (bytes / rows.max(1)).max(1);
    (BLOCK_BYTES / row_bytes)
        .min(rows.saturating_mul(BLOCK_GROWTH))
        .clamp(1, BLOCK_ROWS_MAX)
}

/// Opens the result, which compares the checksums of its files, and reads all of its rows.
fn read_back(
    written: &WrittenSplit,
    splits_dir: &Path,
    expected: Checksum,
    is_stopped: &dyn Fn() -> bool,
) -> Result<Merged, MergeError> {
    let published = written.to_published();
    let unreadable = |source| MergeError::Output(SealError::Unreadable(source));
    let split = Split::open(splits_dir, &published).map_err(unreadable)?;
    split.files().map_err(unreadable)?;
    let mut found = Checksum::default();
    let (mut row, mut block_rows) = (0, FIRST_BLOCK_ROWS);
    while row < split.row_count() {
        if is_stopped() {
            return Err(MergeError::Stopped);
        }
        let end = u32::try_from(block_rows)
            .ok()
            .and_then(|rows| row.checked_add(rows))
            .map_or(split.row_count(), |end| end.min(split.row_count()));
        let rows: Vec<u32> = (row..end).collect();
        let batch = split.read(&rows, Columns::All).map_err(unreadable)?;
        found.add(&batch).map_err(SealError::from)?;
        block_rows = next_block_rows(rows.len(), batch.get_array_memory_size());
        row = end;
    }
    if found == expected {
        Ok(Merged {
            published,
            split: Arc::new(split),
        })
    } else {
        let split_id = written.id.clone();
        Err(MergeError::Mismatch { split_id })
    }
}
