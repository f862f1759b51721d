//! Finds rare values of attributes that have too many for a term each: for every block of rows, a
//! filter says whether one of its rows may have the value. About 9 bits for each distinct value of a
//! block, and one wrong yes in 256.
//!
//! The filters are binary fuse filters (Graf and Lemire, "Binary Fuse Filters: Fast and Smaller Than
//! Xor Filters", 2022) with fingerprints of 8 bits. The bytes are described in docs/formats/split.md.

use std::ops::Range;

use bytes::Bytes;
use twox_hash::XxHash3_64;
use xorf::{BinaryFuse8, BinaryFuse8Ref, DmaSerializable as _, Filter as _, FilterRef as _};

/// The name of the file, in the directory of the index.
pub(crate) const FILE: &str = "values";

/// Rows that share a filter.
pub(crate) const BLOCK_ROWS: u32 = 4096;

/// The hash that stands for the value of a key: keys are told apart by their seed.
pub(crate) fn value_hash(key_seed: u64, value: &str) -> u64 {
    XxHash3_64::oneshot_with_seed(key_seed, value.as_bytes())
}

/// The seed of a key.
pub(crate) fn key_seed(key: &str) -> u64 {
    XxHash3_64::oneshot(key.as_bytes())
}

/// The hashes of each block, in the order of rows.
#[derive(Debug, Default)]
pub(crate) struct ValueFilterBuilder {
    blocks: Vec<Vec<u64>>,
    /// The block that the last value was added to.
    last: usize,
}

impl ValueFilterBuilder {
    /// Adds a value of a row. Rows mostly ascend.
    pub(crate) fn add(&mut self, hash: u64, row: u32) {
        let block = (row / BLOCK_ROWS) as usize;
        if block != self.last {
            // Nothing more is likely to come there.
            if let Some(hashes) = self.blocks.get_mut(self.last) {
                hashes.sort_unstable();
                hashes.dedup();
                hashes.shrink_to_fit();
            }
            self.last = block;
        }
        self.add_to(block, hash);
    }

    /// The same for rows in any order.
    pub(crate) fn add_late(&mut self, hash: u64, row: u32) {
        self.add_to((row / BLOCK_ROWS) as usize, hash);
    }

    fn add_to(&mut self, block: usize, hash: u64) {
        if block >= self.blocks.len() {
            self.blocks.resize_with(block + 1, Vec::new);
        }
        if let Some(hashes) = self.blocks.get_mut(block)
            && hashes.last() != Some(&hash)
        {
            hashes.push(hash);
        }
    }

    /// The bytes of the file.
    pub(crate) fn finish(self, row_count: u32) -> Vec<u8> {
        let block_count = row_count.div_ceil(BLOCK_ROWS) as usize;
        let mut ends = Vec::with_capacity(block_count);
        let mut filters = Vec::new();
        let mut blocks = self.blocks.into_iter();
        for _ in 0..block_count {
            let mut hashes = blocks.next().unwrap_or_default();
            hashes.sort_unstable();
            hashes.dedup();
            put_filter(&mut filters, &hashes);
            ends.push(filters.len() as u64);
        }
        let mut bytes: Vec<u8> = ends.iter().flat_map(|end| end.to_le_bytes()).collect();
        bytes.extend(filters);
        bytes
    }
}

/// Nothing for a block without values; a single zero byte, which says "perhaps" to everything, in the
/// unlikely case that no filter can be built.
fn put_filter(out: &mut Vec<u8>, hashes: &[u64]) {
    if hashes.is_empty() {
        return;
    }
    let Ok(filter) = BinaryFuse8::try_from(hashes) else {
        out.push(0);
        return;
    };
    let start = out.len();
    out.resize(start + BinaryFuse8::DESCRIPTOR_LEN, 0);
    if let Some(descriptor) = out.get_mut(start..) {
        filter.dma_copy_descriptor_to(descriptor);
    }
    out.extend_from_slice(filter.dma_fingerprints());
}

/// The file, mapped or read.
#[derive(Debug)]
pub(crate) struct ValueFilter {
    bytes: Bytes,
    row_count: u32,
}

impl ValueFilter {
    /// `None` when the bytes are too short for the blocks of so many rows.
    pub(crate) fn open(bytes: Bytes, row_count: u32) -> Option<Self> {
        let filter = Self { bytes, row_count };
        let whole =
            filter.block_count() * 8 + usize::try_from(filter.end(filter.block_count())?).ok()?;
        (filter.bytes.len() == whole).then_some(filter)
    }

    /// The rows of the blocks that may have the value, ascending.
    pub(crate) fn blocks_with(&self, hash: u64) -> impl Iterator<Item = Range<u32>> {
        (0..self.block_count())
            .filter(move |block| self.may_contain(*block, hash))
            .map(|block| {
                let start = u32::try_from(block)
                    .unwrap_or(u32::MAX)
                    .saturating_mul(BLOCK_ROWS);
                start..start.saturating_add(BLOCK_ROWS).min(self.row_count)
            })
    }

    fn may_contain(&self, block: usize, hash: u64) -> bool {
        let directory = self.block_count() * 8;
        let range = (|| {
            let start = usize::try_from(self.end(block)?).ok()?;
            let end = usize::try_from(self.end(block + 1)?).ok()?;
            self.bytes.get(directory + start..directory + end)
        })();
        match range {
            Some([]) => false,
            Some(filter) if filter.len() > BinaryFuse8::DESCRIPTOR_LEN => {
                let (descriptor, fingerprints) = filter.split_at(BinaryFuse8::DESCRIPTOR_LEN);
                BinaryFuse8Ref::from_dma(descriptor, fingerprints).contains(&hash)
            }
            Some(_) | None => true,
        }
    }

    fn block_count(&self) -> usize {
        self.row_count.div_ceil(BLOCK_ROWS) as usize
    }

    /// Where the filter of the block before this one ends.
    fn end(&self, block: usize) -> Option<u64> {
        let Some(place) = block.checked_sub(1) else {
            return Some(0);
        };
        let bytes = self.bytes.get(place * 8..place * 8 + 8)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(rows: u32) -> ValueFilter {
        let mut builder = ValueFilterBuilder::default();
        for row in (0..rows).filter(|row| row / BLOCK_ROWS != 1) {
            builder.add(value_hash(1, &row.to_string()), row);
        }
        ValueFilter::open(builder.finish(rows).into(), rows).unwrap()
    }

    #[test]
    fn the_block_of_every_value_is_found_and_few_others() {
        let rows = 3 * BLOCK_ROWS + 5;
        let filter = filter(rows);
        let mut found = 0;
        for row in (0..rows).filter(|row| row / BLOCK_ROWS != 1) {
            let blocks: Vec<_> = filter
                .blocks_with(value_hash(1, &row.to_string()))
                .collect();
            assert!(blocks.iter().any(|block| block.contains(&row)));
            assert!(!blocks.iter().any(|block| block.contains(&BLOCK_ROWS)));
            found += blocks.len();
        }
        // One for each value, and one in 256 of the two other filters.
        assert!(found < 8_197 + 150, "{found}");
    }

    #[test]
    fn keys_are_told_apart() {
        assert_ne!(
            value_hash(key_seed("a"), "1"),
            value_hash(key_seed("b"), "1")
        );
    }

    #[test]
    fn bytes_of_another_length_are_refused() {
        let rows = 2 * BLOCK_ROWS;
        let whole = ValueFilterBuilder::default().finish(rows);
        assert!(ValueFilter::open(whole.clone().into(), rows).is_some());
        assert!(ValueFilter::open(whole[1..].to_vec().into(), rows).is_none());
    }
}
