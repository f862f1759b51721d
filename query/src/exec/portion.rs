//! How many rows are read together, so that they fit in memory however large they are.

use arrow_array::RecordBatch;

/// Rows that are read together before it is known how large they are.
const ROWS_FIRST: usize = 128;
/// Most rows that are read together.
pub(super) const ROWS_MAX: usize = 2_000;
/// How large rows that are read together should be, by the size of those before them.
const BYTES: usize = 4 << 20;

/// The size of the next portion.
#[derive(Debug)]
pub(super) struct Portion {
    rows: usize,
}

impl Portion {
    pub(super) fn new() -> Self {
        Self { rows: ROWS_FIRST }
    }

    /// Takes the next portion off the front of what is left.
    pub(super) fn next<'a, T>(&self, rest: &mut &'a [T]) -> Option<&'a [T]> {
        let (portion, left) = rest.split_at(self.rows.min(rest.len()));
        *rest = left;
        (!portion.is_empty()).then_some(portion)
    }

    /// Learns how large rows are.
    pub(super) fn learn(&mut self, row_count: usize, bytes: usize) {
        let row_bytes = (bytes / row_count.max(1)).max(1);
        self.rows = (BYTES / row_bytes).clamp(1, ROWS_MAX);
    }
}

/// What a batch takes in memory.
pub(super) fn batch_bytes(batch: &RecordBatch) -> usize {
    batch.get_array_memory_size()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_rows_are_the_fewer_are_read_together() {
        let rows: Vec<u32> = (0..5_000).collect();
        let (mut rest, mut portion) = (rows.as_slice(), Portion::new());
        assert_eq!(portion.next(&mut rest).map(<[u32]>::len), Some(128));
        portion.learn(128, 128 << 20);
        assert_eq!(portion.next(&mut rest).map(<[u32]>::len), Some(4));
        portion.learn(4, 40 << 20);
        assert_eq!(portion.next(&mut rest).map(<[u32]>::len), Some(1));
        portion.learn(1, 10);
        assert_eq!(portion.next(&mut rest).map(<[u32]>::len), Some(2_000));
        assert_eq!(rest.len(), 5_000 - 128 - 4 - 1 - 2_000);
        rest = &[];
        assert_eq!(portion.next(&mut rest), None);
    }
}
