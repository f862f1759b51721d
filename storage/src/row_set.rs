//! A set of row numbers of one split: one bit per row.

use std::ops::Range;

/// Rows among `0..row_count`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowSet {
    words: Vec<u64>,
    row_count: u32,
}

impl RowSet {
    pub(crate) fn empty(row_count: u32) -> Self {
        Self {
            words: vec![0; row_count.div_ceil(64) as usize],
            row_count,
        }
    }

    pub(crate) fn full(row_count: u32) -> Self {
        let mut set = Self {
            words: vec![u64::MAX; row_count.div_ceil(64) as usize],
            row_count,
        };
        if let Some(last) = set.words.last_mut()
            && !row_count.is_multiple_of(64)
        {
            *last = (1 << (row_count % 64)) - 1;
        }
        set
    }

    /// How many rows there are to choose from.
    pub(crate) fn row_count(&self) -> u32 {
        self.row_count
    }

    /// Adds a row; panics when the split has no such row, which callers check.
    pub(crate) fn insert(&mut self, row: u32) {
        assert!(row < self.row_count, "row {row} of {}", self.row_count);
        self.words[(row / 64) as usize] |= 1 << (row % 64);
    }

    /// The first row of the set after `row`.
    pub(crate) fn next_after(&self, row: u32) -> Option<u32> {
        let first = row.checked_add(1)?;
        let (position, bit) = ((first / 64) as usize, first % 64);
        let mut words = self.words.get(position..)?.iter().zip(first / 64..);
        let (word, number) = words.next()?;
        let rest = word & (u64::MAX << bit);
        std::iter::once((rest, number))
            .chain(words.map(|(word, number)| (*word, number)))
            .find(|(word, _)| *word != 0)
            .map(|(word, number)| number * 64 + word.trailing_zeros())
    }

    /// Adds rows that lie side by side; panics when the split has not all of them.
    pub(crate) fn insert_range(&mut self, rows: Range<u32>) {
        assert!(
            rows.end <= self.row_count,
            "rows {rows:?} of {}",
            self.row_count
        );
        let mut row = rows.start;
        while row < rows.end {
            let bit = row % 64;
            let count = (64 - bit).min(rows.end - row);
            let ones = u64::MAX >> (64 - count);
            self.words[(row / 64) as usize] |= ones << bit;
            row += count;
        }
    }

    /// Whether the row is in the set.
    pub(crate) fn contains(&self, row: u32) -> bool {
        let word = self.words.get((row / 64) as usize);
        word.is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// The words that hold the rows among `rows`, and perhaps some of their neighbours.
    pub(crate) fn words_of(&self, rows: &Range<u32>) -> &[u64] {
        let first = (rows.start / 64) as usize;
        let end = (rows.end.div_ceil(64) as usize).min(self.words.len());
        self.words.get(first.min(end)..end).unwrap_or_default()
    }

    /// Whether there is no row in the set.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// Keeps the rows that are in both.
    pub(crate) fn intersect(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= other;
        }
    }

    /// Adds the rows of `other`.
    pub(crate) fn unite(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    /// Drops the rows of `other`.
    pub(crate) fn subtract(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= !other;
        }
    }

    /// The rows, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        self.iter_in(0..self.row_count)
    }

    /// The rows among `rows`, ascending.
    pub(crate) fn iter_in(&self, rows: Range<u32>) -> impl Iterator<Item = u32> {
        rows_of_words(self.words_of(&rows), rows)
    }
}

/// The rows among `rows` whose bits are set in the words that [`RowSet::words_of`] gives for them,
/// ascending.
pub(crate) fn rows_of_words(words: &[u64], rows: Range<u32>) -> impl Iterator<Item = u32> {
    let numbers = rows.start / 64..;
    let rows_of = |(word, position): (&u64, u32)| {
        let mut rest = *word;
        std::iter::from_fn(move || {
            if rest == 0 {
                return None;
            }
            let bit = rest.trailing_zeros();
            rest &= rest - 1;
            Some(position * 64 + bit)
        })
    };
    let all = words.iter().zip(numbers).flat_map(rows_of);
    all.filter(move |row| rows.contains(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(rows: &[u32]) -> RowSet {
        let mut set = RowSet::empty(130);
        rows.iter().for_each(|row| set.insert(*row));
        set
    }

    #[test]
    fn rows_come_back_ascending() {
        assert_eq!(
            set(&[129, 0, 64, 63]).iter().collect::<Vec<_>>(),
            [0, 63, 64, 129]
        );
        assert_eq!(RowSet::full(130).iter().count(), 130);
        assert_eq!(RowSet::full(128).iter().count(), 128);
    }

    #[test]
    fn the_next_row_of_a_set_is_found_across_words() {
        let rows = set(&[0, 63, 64, 129]);
        let after = [0, 1, 63, 64, 128, 129, 500].map(|row| rows.next_after(row));
        let expected = [
            Some(63),
            Some(63),
            Some(64),
            Some(129),
            Some(129),
            None,
            None,
        ];
        assert_eq!(after, expected);
        assert_eq!(
            [63, 65, 500].map(|row| rows.contains(row)),
            [true, false, false]
        );
    }

    #[test]
    fn a_range_of_rows_is_added() {
        for range in [0..0, 3..4, 60..70, 0..64, 64..130, 1..129] {
            let mut rows = RowSet::empty(130);
            rows.insert_range(range.clone());
            assert_eq!(rows.iter().collect::<Vec<_>>(), range.collect::<Vec<_>>());
        }
    }

    #[test]
    fn rows_of_a_range_come_back_ascending() {
        let rows = set(&[0, 5, 63, 64, 100, 129]);
        let among = |range| rows.iter_in(range).collect::<Vec<_>>();
        assert_eq!(among(5..100), [5, 63, 64]);
        assert_eq!(among(64..130), [64, 100, 129]);
        assert!(among(130..200).is_empty());
    }

    #[test]
    fn sets_are_intersected_united_and_subtracted() {
        let mut both = set(&[1, 2, 100]);
        both.intersect(&set(&[2, 100, 101]));
        assert_eq!(both, set(&[2, 100]));
        both.subtract(&set(&[2]));
        assert_eq!(both, set(&[100]));
        both.unite(&set(&[7]));
        assert_eq!(both, set(&[7, 100]));
    }
}
