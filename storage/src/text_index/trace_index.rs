//! Which rows belong to a trace: a table of hashes of trace ids, and the rows behind each.
//!
//! The table says where to look; whoever uses it compares the ids of the rows, since two ids may have
//! one hash. The bytes are described in docs/formats/split.md.

use model::TraceId;
use twox_hash::XxHash3_64;

use super::postings::Postings;

/// The name of the file, in the directory of the index.
pub(crate) const FILE: &str = "traces";

/// Takes trace ids row by row.
#[derive(Debug, Default)]
pub(crate) struct TraceIndexBuilder {
    last: Option<TraceId>,
    ordinals: hashbrown::HashMap<TraceId, u32, foldhash::fast::FixedState>,
    rows: Vec<Postings>,
}

impl TraceIndexBuilder {
    /// Adds a row; rows ascend.
    pub(crate) fn push(&mut self, id: TraceId, row: u32) {
        if self.last == Some(id)
            && let Some(rows) = self.rows.last_mut()
        {
            rows.push(row);
            return;
        }
        let next = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let ordinal = *self.ordinals.entry(id).or_insert(next);
        if ordinal == next {
            self.rows.push(Postings::default());
            self.last = Some(id);
        }
        if let Some(rows) = self.rows.get_mut(ordinal as usize) {
            rows.push(row);
        }
    }

    /// The bytes of the file.
    pub(crate) fn finish(&self) -> Vec<u8> {
        let mut table: Vec<(u32, u32)> = self
            .ordinals
            .iter()
            .map(|(id, ordinal)| (hash_of(*id), *ordinal))
            .collect();
        table.sort_unstable();
        let mut lists = Vec::new();
        let mut starts = Vec::with_capacity(self.rows.len());
        for rows in &self.rows {
            starts.push(u32::try_from(lists.len()).unwrap_or(u32::MAX));
            put_list(&mut lists, rows);
        }
        let count = u32::try_from(table.len()).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(4 + table.len() * 8 + lists.len());
        bytes.extend(count.to_le_bytes());
        bytes.extend(table.iter().flat_map(|(hash, _)| hash.to_le_bytes()));
        bytes.extend(table.iter().flat_map(|(_, ordinal)| {
            let start = starts.get(*ordinal as usize).copied().unwrap_or_default();
            start.to_le_bytes()
        }));
        bytes.extend(lists);
        bytes
    }
}

/// The number of runs, then each run: twice the gap before it, plus one if its length minus one
/// follows because it is not one.
fn put_list(out: &mut Vec<u8>, rows: &Postings) {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for row in rows.iter() {
        match runs.last_mut() {
            Some((start, length)) if *start + *length == row => *length += 1,
            _ => runs.push((row, 1)),
        }
    }
    put_varint(out, runs.len() as u64);
    let mut next = 0;
    for (start, length) in runs {
        let gap = u64::from(start - next);
        put_varint(out, gap * 2 + u64::from(length > 1));
        if length > 1 {
            put_varint(out, u64::from(length - 1));
        }
        next = start + length;
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The part of the id's hash that the table keeps.
fn hash_of(id: TraceId) -> u32 {
    (XxHash3_64::oneshot(id.as_bytes()) >> 32) as u32
}

/// The file, mapped or read.
#[derive(Debug)]
pub(crate) struct TraceIndex {
    bytes: bytes::Bytes,
    count: usize,
    row_count: u32,
}

impl TraceIndex {
    /// `None` when the bytes are too short for what they say.
    pub(crate) fn open(bytes: bytes::Bytes, row_count: u32) -> Option<Self> {
        let count = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
        let is_long_enough = bytes.len() >= count.checked_mul(8)?.checked_add(4)?;
        is_long_enough.then_some(Self {
            bytes,
            count,
            row_count,
        })
    }

    /// Calls `visit` with lists of rows, each of one trace, one of which is that of `id` if it is
    /// here at all. Rows ascend. `None` when the bytes are damaged.
    pub(crate) fn visit_candidates(
        &self,
        id: TraceId,
        visit: &mut dyn FnMut(Vec<u32>),
    ) -> Option<()> {
        let wanted = hash_of(id);
        let mut place = self.first_not_below(wanted)?;
        while place < self.count && self.number(place)? == wanted {
            visit(self.list(self.number(self.count + place)?)?);
            place += 1;
        }
        Some(())
    }

    fn first_not_below(&self, wanted: u32) -> Option<usize> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.number(middle)? < wanted {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Some(low)
    }

    fn number(&self, place: usize) -> Option<u32> {
        let start = 4 + place * 4;
        Some(u32::from_le_bytes(
            self.bytes.get(start..start + 4)?.try_into().ok()?,
        ))
    }

    fn list(&self, start: u32) -> Option<Vec<u32>> {
        let mut bytes = self.bytes.get(4 + self.count * 8 + start as usize..)?;
        let count = take_varint(&mut bytes)?;
        let mut rows = Vec::new();
        let mut next = 0_u32;
        for _ in 0..count {
            let item = take_varint(&mut bytes)?;
            let start = next.checked_add(u32::try_from(item / 2).ok()?)?;
            let more = if item % 2 == 1 {
                take_varint(&mut bytes)?
            } else {
                0
            };
            let last = start.checked_add(u32::try_from(more).ok()?)?;
            if last >= self.row_count {
                return None;
            }
            rows.extend(start..=last);
            next = last + 1;
        }
        Some(rows)
    }
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let (mut value, mut shift) = (0_u64, 0);
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if *byte < 0x80 {
            return Some(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> TraceId {
        TraceId::from_slice(&(u128::from(number) + 1).to_be_bytes()).unwrap()
    }

    fn candidates(index: &TraceIndex, id: TraceId) -> Vec<Vec<u32>> {
        let mut found = Vec::new();
        index
            .visit_candidates(id, &mut |rows| found.push(rows))
            .unwrap();
        found
    }

    #[test]
    fn every_trace_is_found_with_its_rows_wherever_they_lie() {
        let mut builder = TraceIndexBuilder::default();
        for row in 0..3_000_u32 {
            builder.push(id(u64::from(row / 3 % 500)), row);
        }
        let index = TraceIndex::open(builder.finish().into(), 3_000).unwrap();
        for number in 0..500_u32 {
            let expected: Vec<u32> = (0..3_000).filter(|row| row / 3 % 500 == number).collect();
            assert!(candidates(&index, id(u64::from(number))).contains(&expected));
        }
        let strangers = (500..20_000).map(|number| candidates(&index, id(number)).len());
        assert_eq!(strangers.sum::<usize>(), 0);
    }

    #[test]
    fn bytes_cut_anywhere_are_refused_or_answer_with_nothing() {
        let mut builder = TraceIndexBuilder::default();
        (0..40).for_each(|row| builder.push(id(u64::from(row / 4)), row));
        let whole = builder.finish();
        for length in 0..whole.len() {
            let Some(index) = TraceIndex::open(whole[..length].to_vec().into(), 40) else {
                continue;
            };
            for number in 0..10 {
                let answer = index.visit_candidates(id(number), &mut |rows| {
                    let first = u32::try_from(number).unwrap() * 4;
                    assert_eq!(rows, (first..first + 4).collect::<Vec<_>>());
                });
                assert!(answer.is_some() || length < whole.len());
            }
        }
    }
}
