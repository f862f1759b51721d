//! Where the traces of a split of spans begin, so that a row's trace has a number: one bit per row.

/// The name of the file, in the directory of the index.
pub(crate) const FILE: &str = "trace_starts";

/// Bits that share one count of the bits before them.
const WORD_BITS: u32 = u64::BITS;

/// The bits as they are written: words of 64 rows, little-endian, the lowest bit first.
#[derive(Debug, Default)]
pub(crate) struct TraceStartsBuilder {
    words: Vec<u64>,
}

impl TraceStartsBuilder {
    /// Adds the next row.
    pub(crate) fn push(&mut self, row: u32, begins_trace: bool) {
        let place = (row / WORD_BITS) as usize;
        if place >= self.words.len() {
            self.words.resize(place + 1, 0);
        }
        if let Some(word) = self.words.get_mut(place) {
            *word |= u64::from(begins_trace) << (row % WORD_BITS);
        }
    }

    /// The bytes of the file.
    pub(crate) fn finish(&self) -> Vec<u8> {
        self.words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect()
    }
}

/// The file, with counts that make a lookup cheap.
#[derive(Debug)]
pub(crate) struct TraceStarts {
    words: Vec<u64>,
    /// Bits that are set before each word.
    before: Vec<u32>,
}

impl TraceStarts {
    /// `None` when the bytes are not one bit for each row.
    pub(crate) fn open(bytes: &[u8], row_count: u32) -> Option<Self> {
        if bytes.len() != row_count.div_ceil(WORD_BITS) as usize * 8 {
            return None;
        }
        let words: Vec<u64> = bytes
            .chunks_exact(8)
            .filter_map(|word| word.try_into().ok().map(u64::from_le_bytes))
            .collect();
        let mut count = 0;
        let before = words
            .iter()
            .map(|word| {
                let before = count;
                count += word.count_ones();
                before
            })
            .collect();
        Some(Self { words, before })
    }

    /// The number of the row's trace: rows of one trace have one number, and no others have it.
    pub(crate) fn ordinal(&self, row: u32) -> u32 {
        let place = (row / WORD_BITS) as usize;
        let (Some(word), Some(before)) = (self.words.get(place), self.before.get(place)) else {
            return 0;
        };
        let up_to_row = word & (u64::MAX >> (WORD_BITS - 1 - row % WORD_BITS));
        (before + up_to_row.count_ones()).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_number_of_the_trace_that_began_last() {
        let mut builder = TraceStartsBuilder::default();
        let begins = |row: u32| row.is_multiple_of(67) || row == 63;
        (0..300).for_each(|row| builder.push(row, begins(row)));
        let starts = TraceStarts::open(&builder.finish(), 300).unwrap();
        let mut expected = 0;
        for row in 0..300 {
            expected += u32::from(begins(row));
            assert_eq!(starts.ordinal(row), expected - 1, "row {row}");
        }
        assert!(TraceStarts::open(&builder.finish(), 400).is_none());
    }
}
