//! What is kept: WAL, hot buffer, splits, catalog, retention. The only crate that touches files.
//!
//! An append is acknowledged when it is durable in the WAL and visible to every snapshot taken
//! afterwards. The hot buffer is sealed into splits in the background; a split becomes visible in
//! the same moment in which its rows leave the hot buffer.

pub mod bodies;
pub mod error;
pub mod export;
pub mod filter;

mod appender;
mod archive;
#[cfg(test)]
mod body_search_tests;
mod budget;
mod byte_size;
mod catalog;
mod columns;
mod compaction;
mod config;
mod damage;
mod disk;
mod files;
mod hot;
mod lock;
mod open;
mod patterns;
mod rebuild;
mod retention;
mod retry;
mod row_set;
mod sealer;
mod set_aside;
mod snapshot;
mod split;
mod status;
mod steady_clock;
mod text_index;
mod view;
mod wal;

#[cfg(test)]
mod clock_tests;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod crash_tests;
#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod history_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod retention_tests;
#[cfg(test)]
mod seal_tests;
#[cfg(test)]
mod start_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;

use arrow_array::RecordBatch;
use bytes::Bytes;
use model::{Clock, Signal, UnixNanos};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::appender::{AppenderCommand, PendingAppend};
use crate::budget::MemoryBudget;
use crate::compaction::policy::{self, Settings};
use crate::compaction::worker::CompactorCommand;
use crate::disk::Disk;
use crate::error::SealError;
use crate::hot::BatchSize;
use crate::lock::DirectoryLock;
use crate::sealer::SealerCommand;
use crate::status::Counters;
use crate::steady_clock::SteadyClock;
use crate::view::{Acknowledged, View};

pub use archive::{Archive, Unread};
pub use byte_size::{ByteSizeError, parse_byte_size};
pub use config::{ConfigError, StorageArgs, StorageConfig};
pub use disk::DiskStatus;
pub use disk::limit::{MaxDisk, MaxDiskError};
pub use disk::room::Shortage;
pub use disk::usage::DiskUsage;
pub use error::{AppendError, OpenError, ReadError};
pub use filter::{Filter, Predicate, Test, TextMatch};
pub use hot::batch_time_range;
pub use patterns::PatternCount;
pub use set_aside::SetAside;
pub use snapshot::{Columns, Match, OperationCount, Snapshot, Source, Step, TimeOrder, Unreadable};
pub use status::{CompactionStatus, Deleted, SignalStatus, StorageStatus};

/// An accepted export request.
#[derive(Debug, Clone)]
pub struct Append {
    /// What it holds.
    pub signal: Signal,
    /// OTLP protobuf bytes of what was accepted: what the WAL keeps.
    pub payload: Bytes,
    /// The same records in the signal's schema: what becomes visible.
    pub batch: RecordBatch,
}

/// The open storage. Clones are handles to the same one.
///
/// When the last handle goes away without [`Storage::shutdown`], what is in the hot buffer stays
/// in the WAL and is replayed by the next [`Storage::open`].
#[derive(Debug, Clone)]
pub struct Storage {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    is_closing: AtomicBool,
    /// Gone when the threads have been told to end.
    running: Mutex<Option<Running>>,
    commands: mpsc::WeakSender<AppenderCommand>,
}

/// The threads and what keeps them running.
#[derive(Debug)]
struct Running {
    appender_commands: mpsc::Sender<AppenderCommand>,
    appender: JoinHandle<()>,
    sealer_commands: SyncSender<SealerCommand>,
    sealer: JoinHandle<()>,
    compactor_commands: SyncSender<CompactorCommand>,
    compactor: JoinHandle<()>,
}

/// What the threads and the handles share.
struct Shared {
    config: StorageConfig,
    /// By which everything here grows old.
    clock: SteadyClock,
    directories: Directories,
    view: View,
    budget: MemoryBudget,
    disk: Disk,
    counters: Counters,
    /// What the set-aside directory holds.
    set_aside: Mutex<Vec<SetAside>>,
    /// Set when compaction is to end.
    is_compaction_stopped: AtomicBool,
    /// Whether the WAL has had a file since the start.
    is_wal_open: AtomicBool,
    _lock: DirectoryLock,
}

/// Where things are below the data directory.
#[derive(Debug)]
struct Directories {
    wal: PathBuf,
    set_aside: PathBuf,
    splits: PathBuf,
    /// Merged splits that are not complete.
    compaction: PathBuf,
}

impl Directories {
    /// Those of a data directory, which need not be there.
    fn below(data_dir: &Path) -> Self {
        Self {
            wal: data_dir.join("wal"),
            set_aside: data_dir.join("set-aside"),
            splits: data_dir.join("splits"),
            compaction: data_dir.join("compaction"),
        }
    }
}

impl Storage {
    /// Opens the data directory, creating it when it is missing: takes the lock, reads the
    /// catalog, removes what a crash left unpublished, and replays the WAL.
    ///
    /// # Errors
    /// When another server holds the directory, or a file in it cannot be read or written. Damaged
    /// parts of the WAL and damaged splits are no error: see [`StorageStatus`].
    pub fn open(config: StorageConfig, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        open::open(config, clock)
    }

    /// Returns when the batch is durable and every snapshot taken from now on has it. A dropped
    /// future takes nothing back.
    ///
    /// # Errors
    /// See [`AppendError`]; only retryable ones are worth repeating.
    pub async fn append(&self, append: Append) -> Result<(), AppendError> {
        if append.batch.num_rows() == 0 {
            return Ok(());
        }
        let (answer, answered) = oneshot::channel();
        let shared = &self.inner.shared;
        let budget_bytes = append.batch.get_array_memory_size() as u64;
        // A seal that ends in a moment is better waited for than told to a sender.
        shared
            .budget
            .wait_for_room(budget_bytes, shared.config.append_wait)
            .await;
        self.enqueue(append, budget_bytes, answer)?;
        // The thread drops an append unanswered only when it ends.
        answered.await.unwrap_or(Err(AppendError::ShuttingDown))
    }

    fn enqueue(
        &self,
        append: Append,
        budget_bytes: u64,
        answer: oneshot::Sender<Result<(), AppendError>>,
    ) -> Result<(), AppendError> {
        let limit_bytes = wal::format::PAYLOAD_BYTES_MAX;
        let payload_bytes = append.payload.len();
        if payload_bytes > limit_bytes {
            return Err(AppendError::TooLarge {
                payload_bytes,
                limit_bytes,
            });
        }
        assert_eq!(
            append.batch.schema_ref(),
            &model::schema::schema(append.signal),
            "an append has the schema of its signal"
        );
        if self.inner.is_closing.load(Ordering::Acquire) {
            return Err(AppendError::ShuttingDown);
        }
        let commands = self
            .inner
            .commands
            .upgrade()
            .ok_or(AppendError::ShuttingDown)?;
        let permit = commands.try_reserve().map_err(|error| match error {
            mpsc::error::TrySendError::Full(()) => AppendError::Overloaded {
                queue_requests: commands.max_capacity(),
            },
            mpsc::error::TrySendError::Closed(()) => AppendError::ShuttingDown,
        })?;
        let shared = &self.inner.shared;
        shared
            .budget
            .try_take(budget_bytes)
            .map_err(|used_bytes| AppendError::Full {
                used_bytes,
                capacity_bytes: shared.budget.capacity_bytes(),
            })?;
        let batch = Acknowledged {
            signal: append.signal,
            batch: append.batch,
            size: BatchSize {
                budget_bytes,
                wal_bytes: payload_bytes as u64,
            },
        };
        permit.send(AppenderCommand::Append(PendingAppend {
            payload: append.payload,
            batch,
            answer,
        }));
        Ok(())
    }

    /// Everything acknowledged so far, as one consistent view.
    pub fn snapshot(&self) -> Snapshot {
        self.inner.shared.view.snapshot()
    }

    /// Counts for the status page and the metrics.
    pub fn status(&self) -> StorageStatus {
        self.inner.shared.status()
    }

    /// Takes no more appends, answers those that wait, seals the hot buffer and ends the threads, for a
    /// bounded time: what is not done by then is left to the next [`Storage::open`], as after a crash.
    /// Safe to call more than once.
    pub async fn shutdown(&self) {
        self.inner.is_closing.store(true, Ordering::Release);
        self.inner.shared.stop_compaction();
        let grace = self.inner.shared.config.shutdown_seal_grace;
        if timeout(grace, self.seal_and_stop()).await.is_err() {
            tracing::warn!(
                ?grace,
                "sealing takes too long: hot buffer stays in the wal"
            );
            self.inner.abandon();
        }
    }

    async fn seal_and_stop(&self) {
        if let Err(error) = self.seal().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "hot buffer stays in the wal"
            );
        }
        let inner = Arc::clone(&self.inner);
        let stopped = tokio::task::spawn_blocking(move || inner.stop()).await;
        if let Err(error) = stopped {
            tracing::error!(%error, "failed to stop the storage threads");
        }
    }
}

impl Storage {
    /// Moves everything acknowledged so far into splits; does nothing after a shutdown.
    async fn seal(&self) -> Result<(), SealError> {
        self.ask_sealer(SealerCommand::Seal).await.unwrap_or(Ok(()))
    }

    /// Sends a command and waits for its answer; `None` when the thread has ended.
    async fn ask_sealer<T: Send + 'static>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> SealerCommand + Send + 'static,
    ) -> Option<T> {
        let commands = {
            let running = self.inner.running.lock();
            running.as_ref()?.sealer_commands.clone()
        };
        let (answer, answered) = oneshot::channel();
        let send = move || commands.send(command(answer)).is_ok();
        let is_sent = tokio::task::spawn_blocking(send).await.unwrap_or(false);
        if is_sent { answered.await.ok() } else { None }
    }
}

impl Inner {
    /// Ends the threads in the reverse order of their start and waits for them.
    fn stop(&self) {
        let Some(running) = self.running.lock().take() else {
            return;
        };
        self.shared.stop_compaction();
        let awake = running.compactor_commands.try_send(CompactorCommand::Check);
        if awake.is_err() {
            tracing::trace!("compaction is awake");
        }
        if running.compactor.join().is_err() {
            tracing::error!("the compaction thread panicked");
        }
        drop(running.appender_commands);
        if running.appender.join().is_err() {
            tracing::error!("the wal thread panicked");
        }
        drop(running.sealer_commands);
        if running.sealer.join().is_err() {
            tracing::error!("the seal thread panicked");
        }
    }

    /// Waits for no thread any more: each ends when it has done what it is about, or with the process.
    fn abandon(&self) {
        drop(self.running.lock().take());
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn stop_compaction(&self) {
        self.is_compaction_stopped.store(true, Ordering::Release);
    }

    fn is_compaction_stopped(&self) -> bool {
        self.is_compaction_stopped.load(Ordering::Acquire)
    }

    /// Whether the hot buffer is large or old enough to become splits.
    fn is_seal_due(&self) -> bool {
        let size = self.view.hot_size();
        let age_nanos = u64::try_from(self.config.seal_age.as_nanos()).unwrap_or(u64::MAX);
        let is_old = |oldest: UnixNanos| oldest.0.saturating_add(age_nanos) <= self.clock.now().0;
        size.row_count >= self.config.seal_rows
            || size.wal_bytes >= self.disk.room().wal_bytes_max()
            || size.budget_bytes >= self.config.seal_bytes
            || size.oldest_arrival.is_some_and(is_old)
    }

    /// Keeps searches of the hot buffer short and its memory small.
    fn merge_small_batches(&self) {
        for signal in Signal::ALL {
            match self.view.merge_small(signal) {
                Ok(saved_bytes) => self.budget.give_back(saved_bytes),
                Err(error) => tracing::error!(%error, %signal, "failed to merge small batches"),
            }
        }
    }

    fn status(&self) -> StorageStatus {
        let snapshot = self.view.snapshot();
        let counts = self.counters.get();
        let wal_bytes = wal::replay::size_bytes(&self.directories.wal).unwrap_or_else(|error| {
            tracing::warn!(%error, "failed to measure the wal");
            0
        });
        let mut status = StorageStatus {
            hot_bytes: self.budget.used_bytes(),
            hot_bytes_max: self.budget.capacity_bytes(),
            unreadable_split_count: self.view.unreadable_count() as u64,
            wal_bytes,
            set_aside: self.set_aside.lock().clone(),
            sealed_split_count: counts.sealed_split_count,
            deleted_by_age: counts.deleted_by_age,
            deleted_by_size: counts.deleted_by_size,
            disk: self.disk.status(),
            last_seal_error: counts.last_seal_error,
            wal_error: counts.wal_error,
            is_wal_open: self.is_wal_open.load(Ordering::Acquire),
            compaction: counts.compaction,
            ..StorageStatus::default()
        };
        for signal in Signal::ALL {
            for source in snapshot.sources(signal) {
                status.add_source(source);
            }
        }
        for on_disk in [&mut status.traces, &mut status.logs] {
            // People compare it with their own clocks.
            let sealed = on_disk.oldest_sealed;
            on_disk.oldest_sealed = sealed.map(|sealed| self.clock.on_the_wall(sealed));
        }
        let settings = Settings::new(&self.config);
        let now = self.clock.now();
        status.add_backlog(&policy::plan(&self.view.readable(), now, &settings));
        status
    }
}
