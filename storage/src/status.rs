//! Counts for the status page and the metrics.

use std::time::Duration;

use model::{Signal, TimeRange, UnixNanos};
use parking_lot::Mutex;

use crate::snapshot::Source;

/// What the storage holds and how it fares, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StorageStatus {
    /// Spans that can be found.
    pub span_count: u64,
    /// Log records that can be found.
    pub log_record_count: u64,
    /// Of these, the ones that are only in memory and in the WAL.
    pub hot_row_count: u64,
    /// Memory held by them and by appends that wait.
    pub hot_bytes: u64,
    /// Memory above which appends are refused.
    pub hot_bytes_max: u64,
    /// Published splits that can be read.
    pub split_count: u64,
    /// Bytes of their files.
    pub split_bytes: u64,
    /// Published splits that cannot be read.
    pub unreadable_split_count: u64,
    /// Bytes of the WAL.
    pub wal_bytes: u64,
    /// Damaged parts of the WAL that were copied to the set-aside directory at start.
    pub set_aside_count: u64,
    /// The times of the spans that can be found.
    pub span_times: Option<TimeRange>,
    /// The times of the log records that can be found.
    pub log_record_times: Option<TimeRange>,
    /// Splits written since the start.
    pub sealed_split_count: u64,
    /// Splits deleted by age since the start.
    pub expired_split_count: u64,
    /// When a seal last failed, and why; none when the one after it succeeded.
    pub last_seal_error: Option<(UnixNanos, String)>,
    /// Why the WAL takes nothing more, if so.
    pub wal_error: Option<String>,
}

/// What the threads count.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    counts: Mutex<Counts>,
}

/// See [`StorageStatus`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    pub(crate) set_aside_count: u64,
    pub(crate) sealed_split_count: u64,
    pub(crate) expired_split_count: u64,
    pub(crate) last_seal_error: Option<(UnixNanos, String)>,
    pub(crate) wal_error: Option<String>,
    pub(crate) compaction: CompactionCounts,
}

/// What compaction has done since the start.
#[derive(Debug, Clone, Default)]
pub(crate) struct CompactionCounts {
    pub(crate) merge_count: u64,
    pub(crate) merged_split_count: u64,
    pub(crate) row_count: u64,
    pub(crate) input_bytes: u64,
    pub(crate) output_bytes: u64,
    pub(crate) cpu_time: Duration,
    pub(crate) last_error: Option<(UnixNanos, String)>,
}

impl Counters {
    pub(crate) fn change(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock());
    }

    pub(crate) fn get(&self) -> Counts {
        self.counts.lock().clone()
    }
}

impl StorageStatus {
    /// Counts the rows of a source.
    pub(crate) fn add_source(&mut self, source: &Source) {
        let rows = u64::from(source.row_count());
        let (count, times) = match source.signal() {
            Signal::Traces => (&mut self.span_count, &mut self.span_times),
            Signal::Logs => (&mut self.log_record_count, &mut self.log_record_times),
        };
        *count += rows;
        let range = source.time_range();
        *times = Some(times.map_or(range, |known| TimeRange {
            start: known.start.min(range.start),
            end: known.end.max(range.end),
        }));
        match source.as_split() {
            Some(split) if split.is_unreadable() => self.unreadable_split_count += 1,
            Some(split) => {
                self.split_count += 1;
                self.split_bytes += split.size_bytes();
            }
            None => self.hot_row_count += rows,
        }
    }
}
