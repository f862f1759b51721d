//! Counts for the status page and the metrics.

use std::time::Duration;

use model::{Signal, TimeRange, UnixNanos};
use parking_lot::Mutex;

use crate::compaction::policy::Merge;
use crate::disk::DiskStatus;
use crate::set_aside::SetAside;
use crate::snapshot::Source;
use crate::split::reader::Split;

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
    /// What could not be read and was set aside, now or before the start.
    pub set_aside: Vec<SetAside>,
    /// What there is of traces on disk.
    pub traces: SignalStatus,
    /// What there is of logs on disk.
    pub logs: SignalStatus,
    /// What compaction has done.
    pub compaction: CompactionStatus,
    /// The times of the spans that can be found.
    pub span_times: Option<TimeRange>,
    /// The times of the log records that can be found.
    pub log_record_times: Option<TimeRange>,
    /// Splits written since the start.
    pub sealed_split_count: u64,
    /// Splits deleted since the start because they were too old.
    pub deleted_by_age: Deleted,
    /// Splits deleted since the start to keep within the limit of the disk.
    pub deleted_by_size: Deleted,
    /// What there is on the disk, and what there may be.
    pub disk: DiskStatus,
    /// When a seal last failed, and why; none when the one after it succeeded.
    pub last_seal_error: Option<(UnixNanos, String)>,
    /// Whether a WAL file could be begun since the start: on a full disk none can, and what was stored
    /// before is served all the same.
    pub is_wal_open: bool,
    /// Why the WAL takes nothing more, if so.
    pub wal_error: Option<String>,
}

/// Splits that are no more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deleted {
    /// How many there were.
    pub split_count: u64,
    /// Their bytes on the disk.
    pub bytes: u64,
}

/// What there is of one signal on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignalStatus {
    /// Published splits that can be read.
    pub split_count: u64,
    /// Their rows.
    pub split_row_count: u64,
    /// Bytes of their values (Parquet).
    pub data_bytes: u64,
    /// Bytes of their indexes.
    pub index_bytes: u64,
    /// Bytes in the WAL of what is in no split yet.
    pub wal_bytes: u64,
    /// Splits that wait for a merge.
    pub backlog_split_count: u64,
    /// Their rows.
    pub backlog_row_count: u64,
    /// When the oldest split was sealed.
    pub oldest_sealed: Option<UnixNanos>,
}

/// What compaction has done since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompactionStatus {
    /// Merges that were published.
    pub merge_count: u64,
    /// Splits that went into them.
    pub merged_split_count: u64,
    /// Rows that were rewritten.
    pub row_count: u64,
    /// Bytes of the splits that went in.
    pub input_bytes: u64,
    /// Bytes of the splits that came out.
    pub output_bytes: u64,
    /// Processor time spent, merges that failed included.
    pub cpu_time: Duration,
    /// When a merge last failed, and why; none when a later one succeeded.
    pub last_error: Option<(UnixNanos, String)>,
}

/// What the threads count.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    counts: Mutex<Counts>,
}

/// See [`StorageStatus`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    pub(crate) sealed_split_count: u64,
    pub(crate) deleted_by_age: Deleted,
    pub(crate) deleted_by_size: Deleted,
    pub(crate) last_seal_error: Option<(UnixNanos, String)>,
    pub(crate) wal_error: Option<String>,
    pub(crate) compaction: CompactionStatus,
}

impl Counters {
    pub(crate) fn change(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock());
    }

    pub(crate) fn get(&self) -> Counts {
        self.counts.lock().clone()
    }
}

impl Deleted {
    pub(crate) fn add(&mut self, more: Self) {
        self.split_count += more.split_count;
        self.bytes += more.bytes;
    }
}

impl SignalStatus {
    fn add_split(&mut self, split: &Split) {
        self.split_count += 1;
        self.split_row_count += u64::from(split.row_count());
        self.index_bytes += split.index_bytes();
        self.data_bytes += split.size_bytes().saturating_sub(split.index_bytes());
        let sealed = split.origin().sealed;
        self.oldest_sealed = Some(
            self.oldest_sealed
                .map_or(sealed, |oldest| oldest.min(sealed)),
        );
    }
}

impl StorageStatus {
    /// Counts what waits for a merge.
    pub(crate) fn add_backlog(&mut self, merges: &[Merge]) {
        for merge in merges {
            let on_disk = match merge.signal {
                Signal::Traces => &mut self.traces,
                Signal::Logs => &mut self.logs,
            };
            on_disk.backlog_split_count += merge.inputs.len() as u64;
            on_disk.backlog_row_count += merge.row_count;
        }
    }

    /// Counts the rows of a source.
    pub(crate) fn add_source(&mut self, source: &Source) {
        let rows = u64::from(source.row_count());
        let (count, times) = match source.signal() {
            Signal::Traces => (&mut self.span_count, &mut self.span_times),
            Signal::Logs => (&mut self.log_record_count, &mut self.log_record_times),
        };
        *count += rows;
        let on_disk = match source.signal() {
            Signal::Traces => &mut self.traces,
            Signal::Logs => &mut self.logs,
        };
        match source.as_split() {
            Some(split) if !split.is_unreadable() => on_disk.add_split(split),
            _ => on_disk.wal_bytes += source.wal_bytes(),
        }
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
