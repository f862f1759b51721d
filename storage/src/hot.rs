//! The hot buffer: acknowledged batches not yet in a split, searchable row by row.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

use arrow_array::{Array as _, Int32Array, RecordBatch, StringArray, UInt32Array};
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;
use model::schema::{self, column};
use model::{BatchError, Signal, TimeRange, TraceId, UnixNanos, unify_dictionaries};

use crate::bodies::{PatternMiner, WATCH_BYTES};
use crate::columns::{DurationColumn, IdColumn, TextDictionary, TimeColumn, typed};
use crate::error::ReadError;
use crate::filter::{Filter, Matcher, Rows};
use crate::patterns::{self, VisitPatterns};
use crate::snapshot::{Columns, Match, OperationCount, Step, project};

/// The group of log records, which are not grouped by trace.
pub(crate) const NO_GROUP: u32 = u32::MAX;

/// What a batch takes while it is in the hot buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchSize {
    /// What the memory budget holds for it.
    pub(crate) budget_bytes: u64,
    /// Bytes of its payload in the WAL.
    pub(crate) wal_bytes: u64,
}

/// Acknowledged rows of one signal, never changed once made.
#[derive(Debug)]
pub(crate) struct HotBatch {
    id: String,
    signal: Signal,
    batch: RecordBatch,
    rows: Rows,
    time_range: TimeRange,
    size: BatchSize,
    /// When the oldest row was acknowledged.
    arrived: UnixNanos,
    groups: OnceLock<Vec<u32>>,
}

impl HotBatch {
    /// Wraps a batch of the signal's schema.
    pub(crate) fn new(
        id: String,
        signal: Signal,
        batch: RecordBatch,
        size: BatchSize,
        arrived: UnixNanos,
    ) -> Result<Self, BatchError> {
        assert!(
            batch.num_rows() > 0,
            "empty batches are answered before they get here"
        );
        let rows = Rows::new(signal, &batch)?;
        let time_range = batch_time_range(signal, &batch)?;
        let groups = OnceLock::new();
        Ok(Self {
            id,
            signal,
            batch,
            rows,
            time_range,
            size,
            arrived,
            groups,
        })
    }

    /// One batch with the rows of several, in their order.
    pub(crate) fn merge(id: String, parts: &[Arc<Self>]) -> Result<Self, ReadError> {
        let signal = parts.first().map_or(Signal::Traces, |part| part.signal);
        let batch = unify_dictionaries(&concat_batches(
            &schema::schema(signal),
            parts.iter().map(|part| &part.batch),
        )?)?;
        // Many small batches take more room than one large one, never less.
        let taken: u64 = parts.iter().map(|part| part.budget_bytes()).sum();
        let size = BatchSize {
            budget_bytes: taken.min(batch.get_array_memory_size() as u64),
            wal_bytes: parts.iter().map(|part| part.wal_bytes()).sum(),
        };
        let arrived = parts
            .iter()
            .map(|part| part.arrived)
            .min()
            .unwrap_or_default();
        Ok(Self::new(id, signal, batch, size, arrived)?)
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn signal(&self) -> Signal {
        self.signal
    }

    pub(crate) fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    pub(crate) fn row_count(&self) -> u32 {
        u32::try_from(self.batch.num_rows()).unwrap_or(u32::MAX)
    }

    pub(crate) fn time_range(&self) -> TimeRange {
        self.time_range
    }

    pub(crate) fn budget_bytes(&self) -> u64 {
        self.size.budget_bytes
    }

    pub(crate) fn wal_bytes(&self) -> u64 {
        self.size.wal_bytes
    }

    pub(crate) fn arrived(&self) -> UnixNanos {
        self.arrived
    }

    /// See [`crate::Source::find_in_order`].
    pub(crate) fn find(
        &self,
        filter: &Filter,
        visit: &mut dyn FnMut(Step) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        if !filter.may_match(&self.time_range) {
            return Ok(());
        }
        let matcher = Matcher::new(self.signal, &self.batch, &self.rows, filter)?;
        let durations = match self.signal {
            Signal::Traces => Some(DurationColumn::new(&self.batch)?),
            Signal::Logs => None,
        };
        let groups = match self.signal {
            Signal::Traces => self.groups()?,
            Signal::Logs => &[],
        };
        let mut body_bytes = 0;
        for row in 0..self.row_count() {
            let matches = matcher.matches(row as usize)?;
            body_bytes += matcher.take_body_bytes();
            if body_bytes >= WATCH_BYTES {
                if visit(Step::Scanned { body_bytes }).is_break() {
                    return Ok(());
                }
                body_bytes = 0;
            }
            if !matches {
                continue;
            }
            let found = Match {
                row,
                time: matcher.time(row as usize),
                duration_nano: durations.map_or(0, |durations| durations.value(row as usize)),
                group: groups.get(row as usize).copied().unwrap_or(NO_GROUP),
            };
            if visit(Step::Match(found)).is_break() {
                return Ok(());
            }
        }
        // There is nothing after it that could be left out.
        let (ControlFlow::Continue(()) | ControlFlow::Break(())) =
            visit(Step::Scanned { body_bytes });
        Ok(())
    }

    /// See [`crate::Source::find_among`].
    pub(crate) fn find_among(&self, filter: &Filter, rows: &[u32]) -> Result<Vec<u32>, ReadError> {
        let matcher = Matcher::new(self.signal, &self.batch, &self.rows, filter)?;
        let matches = |row: &u32| Ok(matcher.matches(*row as usize)?.then_some(*row));
        let found = rows.iter().map(matches);
        let found = found.collect::<Result<Vec<Option<u32>>, BatchError>>()?;
        Ok(found.into_iter().flatten().collect())
    }

    /// See [`crate::Source::patterns`].
    pub(crate) fn patterns(
        &self,
        filter: &Filter,
        miner: &mut PatternMiner,
        visit: &mut VisitPatterns<'_>,
    ) -> Result<(), ReadError> {
        let bodies: &StringArray = typed(&self.batch, column::BODY)?;
        let mut found = Vec::new();
        self.find(filter, &mut |step| match step {
            Step::Match(it) => {
                found.push((it.row as usize, it.time));
                ControlFlow::Continue(())
            }
            Step::Rest(_) => ControlFlow::Continue(()),
            Step::Scanned { body_bytes } => visit(&[], body_bytes),
        })?;
        let text = |row: usize| bodies.is_valid(row).then(|| bodies.value(row));
        let texts = found.iter().map(|(row, time)| (text(*row), *time));
        // One portion: there is nothing after it that could be left out.
        let (ControlFlow::Continue(()) | ControlFlow::Break(())) =
            visit(&patterns::of_texts(texts, miner), 0);
        Ok(())
    }

    /// See [`crate::Source::rows_of_trace`].
    pub(crate) fn rows_of_trace(&self, id: TraceId) -> Result<Vec<u32>, ReadError> {
        let ids = IdColumn::new(&self.batch, column::TRACE_ID)?;
        let is_wanted = |row: &u32| ids.value(*row as usize) == id.as_bytes();
        Ok((0..self.row_count()).filter(is_wanted).collect())
    }

    /// See [`crate::Source::trace_ids`].
    pub(crate) fn trace_ids(&self, rows: &[u32]) -> Result<Vec<Option<TraceId>>, ReadError> {
        let ids = IdColumn::new(&self.batch, column::TRACE_ID)?;
        Ok(rows
            .iter()
            .map(|row| TraceId::from_slice(ids.value(*row as usize)).ok())
            .collect())
    }

    /// See [`crate::Source::read`].
    pub(crate) fn read(
        &self,
        rows: &[u32],
        columns: Columns<'_>,
    ) -> Result<RecordBatch, ReadError> {
        let projected = project(&self.batch, columns)?;
        if rows.len() == self.batch.num_rows() {
            return Ok(projected);
        }
        Ok(take_record_batch(
            &projected,
            &UInt32Array::from(rows.to_vec()),
        )?)
    }

    /// See [`crate::Source::service_counts`].
    pub(crate) fn service_counts(&self) -> Result<Vec<(String, u64)>, ReadError> {
        let services = TextDictionary::new(&self.batch, column::SERVICE_NAME)?;
        let mut counts: HashMap<&str, u64> = HashMap::new();
        for row in 0..services.row_count() {
            *counts.entry(services.text(row)).or_default() += 1;
        }
        let mut counts: Vec<_> = counts
            .into_iter()
            .map(|(name, count)| (name.to_owned(), count))
            .collect();
        counts.sort_unstable();
        Ok(counts)
    }

    /// See [`crate::Source::operation_counts`].
    pub(crate) fn operation_counts(&self, service: &str) -> Result<Vec<OperationCount>, ReadError> {
        if self.signal == Signal::Logs {
            return Ok(Vec::new());
        }
        let services = TextDictionary::new(&self.batch, column::SERVICE_NAME)?;
        let names: &StringArray = typed(&self.batch, column::NAME)?;
        let kinds: &Int32Array = typed(&self.batch, column::KIND)?;
        let mut counts: HashMap<(&str, i32), u64> = HashMap::new();
        for row in 0..services.row_count() {
            if services.text(row) == service {
                *counts
                    .entry((names.value(row), kinds.value(row)))
                    .or_default() += 1;
            }
        }
        let mut counts: Vec<_> = counts
            .into_iter()
            .map(|((name, kind), span_count)| OperationCount {
                name: name.to_owned(),
                kind,
                span_count,
            })
            .collect();
        counts.sort_unstable();
        Ok(counts)
    }

    /// Trace ordinals by row, numbered in the order in which the traces appear.
    fn groups(&self) -> Result<&[u32], BatchError> {
        if let Some(groups) = self.groups.get() {
            return Ok(groups);
        }
        let ids = IdColumn::new(&self.batch, column::TRACE_ID)?;
        let mut ordinals: HashMap<&[u8], u32> = HashMap::new();
        let mut groups = Vec::with_capacity(self.batch.num_rows());
        for row in 0..ids.len() {
            let id = ids.value(row);
            if TraceId::from_slice(id).is_err() {
                groups.push(NO_GROUP);
                continue;
            }
            let next = u32::try_from(ordinals.len()).unwrap_or(NO_GROUP);
            groups.push(*ordinals.entry(id).or_insert(next));
        }
        Ok(self.groups.get_or_init(|| groups))
    }
}

/// The range that holds the moments of every row; the batch has at least one.
///
/// # Errors
/// When the batch is not of this signal's schema.
pub fn batch_time_range(signal: Signal, batch: &RecordBatch) -> Result<TimeRange, BatchError> {
    let times = TimeColumn::new(signal, batch)?;
    let mut first = UnixNanos::MAX;
    let mut last = UnixNanos(0);
    for row in 0..batch.num_rows() {
        let time = times.value(row);
        first = first.min(time);
        last = last.max(time);
    }
    Ok(TimeRange::enclosing(first, last))
}

/// Batches are merged when this many small ones lie side by side.
const MERGE_FAN_IN: usize = 8;
/// Batches of this many rows are not merged further.
const MERGED_ROWS_MAX: u32 = 4096;

/// The batches of one signal that no seal has taken yet, oldest first.
///
/// Small batches are merged as they come, so that a search visits few of them: every row is copied
/// about four times before its batch is large enough.
#[derive(Debug, Default)]
pub(crate) struct HotBuffer {
    batches: Vec<Arc<HotBatch>>,
}

impl HotBuffer {
    pub(crate) fn push(&mut self, batch: Arc<HotBatch>) {
        self.batches.push(batch);
    }

    pub(crate) fn batches(&self) -> &[Arc<HotBatch>] {
        &self.batches
    }

    /// Takes everything out.
    pub(crate) fn take(&mut self) -> Vec<Arc<HotBatch>> {
        std::mem::take(&mut self.batches)
    }

    /// The newest batches that are worth merging into one now: enough of similar size.
    pub(crate) fn next_merge(&self) -> Option<Vec<Arc<HotBatch>>> {
        let newest = self.batches.last()?;
        let tier = tier_of(newest.row_count())?;
        let run = self.batches.iter().rev();
        let count = run
            .take_while(|batch| tier_of(batch.row_count()).is_some_and(|t| t <= tier))
            .count();
        let start = self.batches.len() - count;
        (count >= MERGE_FAN_IN).then(|| self.batches[start..].to_vec())
    }

    /// Puts `merged` in the place of the newest `count` batches.
    pub(crate) fn replace_newest(&mut self, count: usize, merged: Arc<HotBatch>) {
        let rows: u64 = self.batches[self.batches.len() - count..]
            .iter()
            .map(|batch| u64::from(batch.row_count()))
            .sum();
        assert_eq!(
            rows,
            u64::from(merged.row_count()),
            "a merge keeps every row"
        );
        self.batches.truncate(self.batches.len() - count);
        self.batches.push(merged);
    }
}

/// Which batches count as similar in size; `None` for those that are large enough.
fn tier_of(row_count: u32) -> Option<u32> {
    (row_count < MERGED_ROWS_MAX).then(|| row_count.max(1).ilog2() / 3)
}
