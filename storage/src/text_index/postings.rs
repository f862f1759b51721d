//! The rows of terms while an index is being built: small in memory, in row order.

use std::borrow::Cow;

use hashbrown::HashTable;
use twox_hash::XxHash3_64;

/// Rows for each boundary of a run that make it worth keeping boundaries instead of rows.
const ROWS_PER_BOUNDARY: u32 = 3;

/// The rows of one term, ascending and each once: differences as numbers of seven bits a byte.
#[derive(Debug, Default, Clone)]
pub(crate) struct Postings {
    bytes: Vec<u8>,
    /// One more than the row added last.
    next: u32,
    count: u32,
}

impl Postings {
    /// Adds a row, which is not smaller than any before; the same one again changes nothing.
    pub(crate) fn push(&mut self, row: u32) {
        if self.count > 0 && row < self.next {
            debug_assert_eq!(row + 1, self.next, "rows ascend");
            return;
        }
        let mut rest = row - self.next;
        while rest >= 0x80 {
            self.bytes.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest as u8);
        self.next = row + 1;
        self.count += 1;
    }

    /// How many rows there are.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Where runs of rows that lie side by side begin and end, one after the other, if there are much
    /// fewer of them than rows. An end is the first row after a run.
    pub(crate) fn boundaries(&self) -> Option<Self> {
        let (mut boundaries, mut end) = (Self::default(), None);
        for row in self.iter() {
            if end != Some(row) {
                end.into_iter().for_each(|end| boundaries.push(end));
                boundaries.push(row);
            }
            end = Some(row + 1);
        }
        end.into_iter().for_each(|end| boundaries.push(end));
        (boundaries.count <= self.count / ROWS_PER_BOUNDARY).then_some(boundaries)
    }

    /// The rows, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        let mut bytes = self.bytes.iter();
        let mut next = 0_u32;
        std::iter::from_fn(move || {
            let (mut delta, mut shift) = (0_u32, 0);
            loop {
                let byte = *bytes.next()?;
                delta |= u32::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
            }
            let row = next + delta;
            next = row + 1;
            Some(row)
        })
    }
}

/// The place of a text in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TermNumber(u32);

/// Distinct texts, each with its rows.
#[derive(Debug, Default)]
pub(crate) struct TermTable {
    bytes: Vec<u8>,
    entries: Vec<TermEntry>,
    by_hash: HashTable<u32>,
}

#[derive(Debug)]
struct TermEntry {
    hash: u64,
    start: usize,
    postings: Postings,
}

impl TermTable {
    /// Adds a row to the rows of a text.
    pub(crate) fn add(&mut self, text: &[u8], row: u32) -> TermNumber {
        self.add_hashed(XxHash3_64::oneshot(text), text, row)
    }

    /// The same for who knows a hash of the text already; one table is given hashes of one kind.
    pub(crate) fn add_hashed(&mut self, hash: u64, text: &[u8], row: u32) -> TermNumber {
        let found = self.by_hash.find(hash, |entry| {
            let entry = *entry as usize;
            self.entries[entry].hash == hash && self.text(entry) == text
        });
        let entry = match found {
            Some(entry) => *entry as usize,
            None => self.insert(hash, text),
        };
        self.entries[entry].postings.push(row);
        TermNumber(u32::try_from(entry).unwrap_or(u32::MAX))
    }

    /// Adds a row to the rows of a text that was added before.
    pub(crate) fn add_known(&mut self, number: TermNumber, row: u32) {
        self.entries[number.0 as usize].postings.push(row);
    }

    fn insert(&mut self, hash: u64, text: &[u8]) -> usize {
        let entry = self.entries.len();
        self.entries.push(TermEntry {
            hash,
            start: self.bytes.len(),
            postings: Postings::default(),
        });
        self.bytes.extend_from_slice(text);
        let entries = &self.entries;
        let number = u32::try_from(entry).unwrap_or(u32::MAX);
        self.by_hash
            .insert_unique(hash, number, |entry| entries[*entry as usize].hash);
        entry
    }

    fn text(&self, entry: usize) -> &[u8] {
        let end = self
            .entries
            .get(entry + 1)
            .map_or(self.bytes.len(), |next| next.start);
        self.bytes
            .get(self.entries[entry].start..end)
            .unwrap_or_default()
    }

    /// How many texts there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many bytes the texts have together.
    pub(crate) fn text_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Every text with its rows, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &Postings)> {
        (0..self.entries.len()).map(|entry| (self.text(entry), &self.entries[entry].postings))
    }

    /// The hash that every text was added with, and its rows.
    pub(crate) fn hashes(&self) -> impl Iterator<Item = (u64, &Postings)> {
        self.entries
            .iter()
            .map(|entry| (entry.hash, &entry.postings))
    }
}

/// Terms with their rows, sorted and each once.
pub(crate) type SortedTerms<'a> = Vec<(Vec<u8>, Cow<'a, Postings>)>;

/// Sorts terms. Long texts may share a term: the rows of equal terms are put together.
pub(crate) fn sorted_terms<'a>(
    terms: impl Iterator<Item = (Vec<u8>, &'a Postings)>,
) -> SortedTerms<'a> {
    let mut terms: Vec<_> = terms.collect();
    terms.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut sorted: SortedTerms<'a> = Vec::with_capacity(terms.len());
    for (term, rows) in terms {
        match sorted.last_mut() {
            Some((known, all)) if *known == term => *all = Cow::Owned(united(all, rows)),
            _ => sorted.push((term, Cow::Borrowed(rows))),
        }
    }
    sorted
}

fn united(a: &Postings, b: &Postings) -> Postings {
    let mut rows: Vec<u32> = a.iter().chain(b.iter()).collect();
    rows.sort_unstable();
    let mut united = Postings::default();
    rows.into_iter().for_each(|row| united.push(row));
    united
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were_added_each_once() {
        let mut postings = Postings::default();
        let rows = [0, 1, 1, 2, 130, 130, 40_000, 4_000_000_000];
        rows.iter().for_each(|row| postings.push(*row));
        let expected = [0, 1, 2, 130, 40_000, 4_000_000_000];
        assert_eq!(postings.iter().collect::<Vec<_>>(), expected);
        assert_eq!(postings.count(), 6);
    }

    #[test]
    fn rows_in_long_runs_have_boundaries() {
        let mut postings = Postings::default();
        (5..20).chain(30..42).for_each(|row| postings.push(row));
        let boundaries = postings.boundaries().unwrap();
        assert_eq!(boundaries.iter().collect::<Vec<_>>(), [5, 20, 30, 42]);
        (50..60).step_by(2).for_each(|row| postings.push(row));
        assert!(postings.boundaries().is_none());
    }

    #[test]
    fn terms_are_sorted_and_equal_ones_put_together() {
        let (mut a, mut b) = (Postings::default(), Postings::default());
        [1, 5].iter().for_each(|row| a.push(*row));
        [0, 5, 9].iter().for_each(|row| b.push(*row));
        let terms = [
            (b"x".to_vec(), &a),
            (b"a".to_vec(), &a),
            (b"x".to_vec(), &b),
        ];
        let rows = |(_, rows): &(Vec<u8>, Cow<'_, Postings>)| rows.iter().collect::<Vec<_>>();
        let sorted = sorted_terms(terms.into_iter());
        assert_eq!(
            sorted.iter().map(rows).collect::<Vec<_>>(),
            [vec![1, 5], vec![0, 1, 5, 9]]
        );
    }

    #[test]
    fn equal_texts_share_their_rows_and_equal_hashes_do_not() {
        let mut table = TermTable::default();
        table.add_hashed(7, b"a", 0);
        table.add_hashed(7, b"b", 1);
        table.add_hashed(7, b"a", 5);
        table.add_hashed(8, b"", 6);
        let found: Vec<(&[u8], Vec<u32>)> = table
            .iter()
            .map(|(text, rows)| (text, rows.iter().collect()))
            .collect();
        let expected: [(&[u8], Vec<u32>); 3] =
            [(b"a", vec![0, 5]), (b"b", vec![1]), (b"", vec![6])];
        assert_eq!(found, expected);
    }
}
