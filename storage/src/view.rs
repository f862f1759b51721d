//! The state that readers see, and the only ways it changes: publish, freeze, install, drop.

use std::sync::Arc;

use arrow_array::RecordBatch;
use model::{BatchError, Signal, UnixNanos};
use parking_lot::Mutex;

use crate::catalog::PublishedSplit;
use crate::error::ReadError;
use crate::hot::{BatchSize, HotBatch, HotBuffer};
use crate::snapshot::{Snapshot, Source, Unreadable};
use crate::split::id::SplitId;
use crate::split::reader::Split;

/// Acknowledged rows, guarded by one short lock that is never held during I/O.
#[derive(Debug, Default)]
pub(crate) struct View {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    traces: HotBuffer,
    logs: HotBuffer,
    /// Batches that a seal is turning into splits.
    sealing: Vec<Arc<HotBatch>>,
    splits: Vec<(PublishedSplit, Arc<Split>)>,
    unreadable: Vec<(PublishedSplit, Unreadable)>,
    set_aside: Vec<Unreadable>,
    /// Sequence of the newest entry in the hot buffer or in a split.
    last_sequence: u64,
    next_hot_id: u64,
    /// Built on demand, thrown away on every change.
    snapshot: Option<Snapshot>,
}

/// One acknowledged batch on its way into the view.
#[derive(Debug)]
pub(crate) struct Acknowledged {
    pub(crate) signal: Signal,
    pub(crate) batch: RecordBatch,
    pub(crate) size: BatchSize,
}

/// Rows that leave the hot buffer together.
#[derive(Debug, Clone)]
pub(crate) struct Frozen {
    /// The batches of both signals.
    pub(crate) batches: Vec<Arc<HotBatch>>,
    /// Every entry up to this one is in `batches` or in splits already.
    pub(crate) last_sequence: u64,
}

/// For each signal, the WAL sequence up to which its entries are in splits, as the splits say. It
/// is at or below the low-water mark, unless the catalog was rebuilt from splits one of which was
/// written and not published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SealedMarks {
    traces: u64,
    logs: u64,
}

impl SealedMarks {
    pub(crate) fn of(self, signal: Signal) -> u64 {
        match signal {
            Signal::Traces => self.traces,
            Signal::Logs => self.logs,
        }
    }

    pub(crate) fn raise(&mut self, signal: Signal, sequence: u64) {
        let mark = match signal {
            Signal::Traces => &mut self.traces,
            Signal::Logs => &mut self.logs,
        };
        *mark = (*mark).max(sequence);
    }

    pub(crate) fn highest(self) -> u64 {
        self.traces.max(self.logs)
    }

    pub(crate) fn lowest(self) -> u64 {
        self.traces.min(self.logs)
    }
}

/// How much is in the hot buffer, not counting what a seal has taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct HotSize {
    pub(crate) row_count: u64,
    pub(crate) budget_bytes: u64,
    /// Bytes of them in the WAL.
    pub(crate) wal_bytes: u64,
    /// When the oldest row was acknowledged.
    pub(crate) oldest_arrival: Option<UnixNanos>,
}

impl View {
    /// The view as it is now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut state = self.state.lock();
        if let Some(snapshot) = &state.snapshot {
            return snapshot.clone();
        }
        let snapshot = state.build_snapshot();
        state.snapshot = Some(snapshot.clone());
        snapshot
    }

    /// Makes batches visible, all at once. `last_sequence` is that of the newest one.
    pub(crate) fn publish(
        &self,
        batches: Vec<Acknowledged>,
        last_sequence: u64,
        now: UnixNanos,
    ) -> Result<(), BatchError> {
        let first_id = {
            let mut state = self.state.lock();
            state.next_hot_id += batches.len() as u64;
            state.next_hot_id - batches.len() as u64
        };
        let wrap = |(batch, id): (Acknowledged, u64)| {
            let id = format!("hot-{id}");
            HotBatch::new(id, batch.signal, batch.batch, batch.size, now).map(Arc::new)
        };
        let batches = batches
            .into_iter()
            .zip(first_id..)
            .map(wrap)
            .collect::<Result<Vec<_>, _>>()?;
        let mut state = self.state.lock();
        for batch in batches {
            state.buffer(batch.signal()).push(batch);
        }
        state.last_sequence = state.last_sequence.max(last_sequence);
        state.snapshot = None;
        Ok(())
    }

    /// Merges the newest small batches of a signal, if there are enough of them; returns how much
    /// less of the memory budget they need now. Only the thread that publishes and freezes may call
    /// this.
    pub(crate) fn merge_small(&self, signal: Signal) -> Result<u64, ReadError> {
        let mut saved_bytes = 0;
        loop {
            let (parts, id) = {
                let mut state = self.state.lock();
                let Some(parts) = state.buffer(signal).next_merge() else {
                    return Ok(saved_bytes);
                };
                state.next_hot_id += 1;
                (parts, format!("hot-{}", state.next_hot_id - 1))
            };
            let merged = Arc::new(HotBatch::merge(id, &parts)?);
            let taken: u64 = parts.iter().map(|part| part.budget_bytes()).sum();
            saved_bytes += taken - merged.budget_bytes();
            let mut state = self.state.lock();
            state.buffer(signal).replace_newest(parts.len(), merged);
            state.snapshot = None;
        }
    }

    /// Takes the hot buffer out for a seal. Its rows stay visible. When the seal before this one
    /// failed, its rows are handed out again together with the new ones.
    pub(crate) fn freeze(&self) -> Frozen {
        let mut state = self.state.lock();
        for signal in Signal::ALL {
            let batches = state.buffer(signal).take();
            state.sealing.extend(batches);
        }
        Frozen {
            batches: state.sealing.clone(),
            last_sequence: state.last_sequence,
        }
    }

    /// Whether a seal took rows out and did not finish.
    pub(crate) fn has_unfinished_seal(&self) -> bool {
        !self.state.lock().sealing.is_empty()
    }

    /// Puts splits in the place of the rows they were made from, at one moment for all readers.
    /// Returns how much of the memory budget those rows held.
    pub(crate) fn install(
        &self,
        frozen: &Frozen,
        splits: Vec<(PublishedSplit, Arc<Split>)>,
    ) -> u64 {
        let mut state = self.state.lock();
        let is_sealed =
            |batch: &Arc<HotBatch>| frozen.batches.iter().any(|b| Arc::ptr_eq(b, batch));
        let (sealed, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut state.sealing)
            .into_iter()
            .partition(is_sealed);
        state.sealing = rest;
        let rows = sealed
            .iter()
            .map(|batch| u64::from(batch.row_count()))
            .sum::<u64>();
        let split_rows = splits
            .iter()
            .map(|(_, split)| u64::from(split.row_count()))
            .sum::<u64>();
        assert_eq!(rows, split_rows, "splits hold the rows they replace");
        state.splits.extend(splits);
        state.snapshot = None;
        sealed.iter().map(|batch| batch.budget_bytes()).sum()
    }

    /// Adds a split found at start.
    pub(crate) fn add_split(&self, published: PublishedSplit, split: Split) {
        let mut state = self.state.lock();
        state.splits.push((published, Arc::new(split)));
        state.snapshot = None;
    }

    /// Adds a split that could not be opened at start.
    pub(crate) fn add_unreadable(&self, published: PublishedSplit) {
        let unreadable = Unreadable {
            name: format!("split {}", published.id),
            signal: published.signal,
            time_range: published.time_range,
            reason: "could not be read".to_owned(),
        };
        let mut state = self.state.lock();
        state.unreadable.push((published, unreadable));
        state.snapshot = None;
    }

    /// Says what was set aside, from now on.
    pub(crate) fn set_set_aside(&self, set_aside: Vec<Unreadable>) {
        let mut state = self.state.lock();
        if state.set_aside != set_aside {
            state.set_aside = set_aside;
            state.snapshot = None;
        }
    }

    /// How many published splits could not be opened.
    pub(crate) fn unreadable_count(&self) -> usize {
        self.state.lock().unreadable.len()
    }

    /// Every published split, readable or not.
    pub(crate) fn published(&self) -> Vec<PublishedSplit> {
        let state = self.state.lock();
        let readable = state.splits.iter().map(|(published, _)| published);
        readable
            .chain(state.unreadable.iter().map(|(published, _)| published))
            .cloned()
            .collect()
    }

    /// What is known of the published splits that can be read. Nobody holds a split by this.
    pub(crate) fn readable(&self) -> Vec<PublishedSplit> {
        let state = self.state.lock();
        let readable = state
            .splits
            .iter()
            .filter(|(_, split)| !split.is_unreadable());
        readable.map(|(published, _)| published.clone()).collect()
    }

    /// The published splits that could be opened at start, or were sealed since.
    pub(crate) fn splits(&self) -> Vec<(PublishedSplit, Arc<Split>)> {
        self.state.lock().splits.clone()
    }

    /// See [`SealedMarks`].
    pub(crate) fn sealed_marks(&self) -> SealedMarks {
        let mut marks = SealedMarks::default();
        for (published, split) in &self.state.lock().splits {
            marks.raise(published.signal, split.wal_sequence());
        }
        marks
    }

    /// Puts one split in the place of others that hold the same rows, at one moment for all readers;
    /// returns the others. Does nothing and returns `None` when one of them is no longer there.
    pub(crate) fn replace(
        &self,
        removed: &[SplitId],
        added: PublishedSplit,
        split: Arc<Split>,
    ) -> Option<Vec<Arc<Split>>> {
        let mut state = self.state.lock();
        let is_removed = |it: &&(PublishedSplit, Arc<Split>)| removed.contains(&it.0.id);
        let found: Vec<Arc<Split>> = state
            .splits
            .iter()
            .filter(is_removed)
            .map(|(_, split)| Arc::clone(split))
            .collect();
        if found.len() != removed.len() {
            return None;
        }
        let rows: u64 = found.iter().map(|it| u64::from(it.row_count())).sum();
        assert_eq!(
            rows,
            u64::from(split.row_count()),
            "a split holds the rows of those it replaces"
        );
        state.splits.retain(|it| !removed.contains(&it.0.id));
        state.splits.push((added, split));
        state.snapshot = None;
        Some(found)
    }

    /// Takes splits out; returns the readable ones, and the names of the others.
    pub(crate) fn remove_splits(&self, ids: &[SplitId]) -> (Vec<Arc<Split>>, Vec<SplitId>) {
        let mut state = self.state.lock();
        let is_removed = |published: &PublishedSplit| ids.contains(&published.id);
        let (removed, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut state.splits)
            .into_iter()
            .partition(|(p, _)| is_removed(p));
        state.splits = kept;
        let (removed_unreadable, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut state.unreadable)
            .into_iter()
            .partition(|(p, _)| is_removed(p));
        state.unreadable = kept;
        state.snapshot = None;
        let unreadable = removed_unreadable
            .into_iter()
            .map(|(published, _)| published.id);
        (
            removed.into_iter().map(|(_, split)| split).collect(),
            unreadable.collect(),
        )
    }

    /// How much waits for a seal.
    pub(crate) fn hot_size(&self) -> HotSize {
        let state = self.state.lock();
        let mut size = HotSize::default();
        for batch in state.traces.batches().iter().chain(state.logs.batches()) {
            size.row_count += u64::from(batch.row_count());
            size.budget_bytes += batch.budget_bytes();
            size.wal_bytes += batch.wal_bytes();
            let arrived = batch.arrived();
            size.oldest_arrival = Some(size.oldest_arrival.map_or(arrived, |o| o.min(arrived)));
        }
        size
    }
}

impl State {
    fn buffer(&mut self, signal: Signal) -> &mut HotBuffer {
        match signal {
            Signal::Traces => &mut self.traces,
            Signal::Logs => &mut self.logs,
        }
    }

    fn build_snapshot(&self) -> Snapshot {
        let hot = self
            .sealing
            .iter()
            .chain(self.traces.batches())
            .chain(self.logs.batches());
        let hot = hot.map(|batch| Source::hot(Arc::clone(batch)));
        let splits = self
            .splits
            .iter()
            .map(|(_, split)| Source::split(Arc::clone(split)));
        let unreadable = self
            .unreadable
            .iter()
            .map(|(_, unreadable)| unreadable.clone());
        let unreadable = unreadable.chain(self.set_aside.iter().cloned());
        Snapshot::new(hot.chain(splits).collect(), unreadable.collect())
    }
}
