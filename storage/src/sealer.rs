//! The thread that turns the hot buffer into splits and deletes splits that are too old or too many.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use model::{Signal, UnixNanos};
use tokio::sync::{mpsc, oneshot};

use crate::Shared;
use crate::appender::AppenderCommand;
use crate::catalog::{Catalog, PublishedSplit};
use crate::compaction::error::MergeError;
use crate::compaction::publish::{self, Replacement};
use crate::compaction::worker::CompactorCommand;
use crate::damage;
use crate::error::{SealError, describe};
use crate::files;
use crate::hot::HotBatch;
use crate::retention;
use crate::retry::Retry;
use crate::split::metadata::Origin;
use crate::split::reader::Split;
use crate::split::writer::{self, WrittenSplit};
use crate::view::{Frozen, SealedMarks};
use crate::wal::range::{self, WalRange};
use crate::wal::replay;

/// How often ages are looked at.
const TICK: Duration = Duration::from_secs(1);

/// How many of those pass until the catalog is told of the clock, at most.
const CLOCK_TICKS_MAX: u64 = 600;
/// And no more than the ticks of the retention age divided by this: what a killed process did not
/// tell counts in part only.
const CLOCK_PARTS: u64 = 16;

/// What the thread is asked to do.
#[derive(Debug)]
pub(crate) enum SealerCommand {
    /// Seal if it is due.
    Check,
    /// Seal now, whatever there is.
    Seal(oneshot::Sender<Result<(), SealError>>),
    /// Publish a merged split in the place of its inputs.
    Replace(Box<Replacement>, oneshot::Sender<Result<(), MergeError>>),
    /// Delete what has expired.
    #[cfg(test)]
    Expire(oneshot::Sender<()>),
    /// Do nothing until the other end is gone.
    #[cfg(test)]
    Hold(Receiver<()>),
}

/// State of the thread; the only one that changes the catalog.
#[derive(Debug)]
pub(crate) struct Sealer {
    pub(crate) commands: Receiver<SealerCommand>,
    pub(crate) appender: mpsc::WeakSender<AppenderCommand>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) catalog: Catalog,
    /// Where the mark in the catalog is.
    pub(crate) low_water: u64,
    /// What was in splits at the start.
    pub(crate) marks: SealedMarks,
    pub(crate) retry: Retry,
    /// Ticks since the catalog was told of the clock.
    pub(crate) clock_ticks: u64,
    pub(crate) compactor: SyncSender<CompactorCommand>,
}

impl Sealer {
    /// Works until every sender of commands is gone.
    pub(crate) fn run(mut self) {
        let mut next_tick = Instant::now() + TICK;
        loop {
            // Commands that come all the time must not keep the ticks away.
            let wait = next_tick.saturating_duration_since(Instant::now());
            match self.commands.recv_timeout(wait) {
                Ok(command) => self.obey(command),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if Instant::now() >= next_tick {
                self.tick();
                next_tick = Instant::now() + TICK;
            }
        }
        self.remember_clock();
    }

    fn remember_clock(&mut self) {
        self.clock_ticks = 0;
        if let Err(error) = self.catalog.set_clock(self.shared.clock.reading()) {
            // Some of the age of everything is forgotten by the next start.
            tracing::warn!(%error, "failed to remember the clock");
        }
    }

    fn obey(&mut self, command: SealerCommand) {
        match command {
            SealerCommand::Check => self.seal_if_due(),
            SealerCommand::Seal(answer) => {
                if answer.send(self.seal()).is_err() {
                    tracing::debug!("a seal was done that nobody waits for");
                }
            }
            SealerCommand::Replace(replacement, answer) => {
                let replaced = publish::replace(&self.shared, &mut self.catalog, *replacement);
                if answer.send(replaced).is_err() {
                    tracing::debug!("a merged split was published that nobody waits for");
                }
            }
            #[cfg(test)]
            SealerCommand::Expire(answer) => {
                self.look_after_splits();
                answer.send(()).unwrap();
            }
            #[cfg(test)]
            SealerCommand::Hold(held) => {
                let _gone = held.recv();
            }
        }
    }

    fn tick(&mut self) {
        self.retry.tick();
        self.clock_ticks += 1;
        let age_ticks = self.shared.config.retention_age.as_secs() / CLOCK_PARTS;
        if self.clock_ticks >= age_ticks.min(CLOCK_TICKS_MAX) {
            self.remember_clock();
        }
        // First, so that a seal finds the room that this frees.
        self.look_after_splits();
        self.seal_if_due();
    }

    fn look_after_splits(&mut self) {
        damage::run(&self.shared, &mut self.catalog);
        retention::run(&self.shared, &mut self.catalog);
    }

    fn seal_if_due(&mut self) {
        let is_due = self.shared.is_seal_due() || self.shared.view.has_unfinished_seal();
        if is_due
            && !self.retry.is_waiting()
            && let Err(error) = self.seal()
        {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "failed to seal hot buffer"
            );
        }
    }

    /// Moves everything that is in the hot buffer now into splits.
    pub(crate) fn seal(&mut self) -> Result<(), SealError> {
        let result = self.freeze().and_then(|frozen| self.seal_guarded(&frozen));
        match &result {
            Ok(()) => self.retry.succeeded(),
            Err(_) => self.retry.failed(),
        }
        let failure = result
            .as_ref()
            .err()
            .map(|error| (self.shared.clock.now(), describe(error)));
        self.shared
            .counters
            .change(|counts| counts.last_seal_error = failure);
        result
    }

    fn freeze(&self) -> Result<Frozen, SealError> {
        let (answer, frozen) = oneshot::channel();
        let appender = self.appender.upgrade().ok_or(SealError::ShuttingDown)?;
        appender
            .blocking_send(AppenderCommand::Freeze(answer))
            .map_err(|_| SealError::ShuttingDown)?;
        frozen.blocking_recv().map_err(|_| SealError::ShuttingDown)
    }

    /// A panic in an encoder must not end the thread: what it was about stays in the WAL.
    fn seal_guarded(&mut self, frozen: &Frozen) -> Result<(), SealError> {
        let result = catch_unwind(AssertUnwindSafe(|| self.seal_frozen(frozen)))
            .unwrap_or(Err(SealError::Panicked));
        if result.is_err()
            && let Err(error) = writer::remove_temporary(&self.shared.directories.splits)
        {
            tracing::warn!(%error, "failed to remove half a split");
        }
        result
    }

    /// A crash between any two of these steps is repaired by the next start: splits that are not
    /// in the catalog are removed and their rows come from the WAL; splits that are in it hide the
    /// WAL entries at or below the low-water mark.
    fn seal_frozen(&mut self, frozen: &Frozen) -> Result<(), SealError> {
        if frozen.batches.is_empty() {
            return Ok(());
        }
        let now = self.shared.clock.now();
        let written = self.write(frozen, now)?;
        let splits = self.publish(&written, frozen.last_sequence)?;
        self.shared
            .counters
            .change(|counts| counts.sealed_split_count += splits.len() as u64);
        let budget_bytes = self.shared.view.install(frozen, splits);
        self.shared.budget.give_back(budget_bytes);
        if self.compactor.try_send(CompactorCommand::Check).is_err() {
            tracing::trace!("compaction has been told already");
        }
        // The rows are safe and visible; files that stay for now are trimmed after the next seal.
        if let Err(error) = replay::trim(&self.shared.directories.wal, frozen.last_sequence) {
            tracing::warn!(%error, "failed to trim wal");
        }
        Ok(())
    }

    /// Writes one split per signal that has rows, each complete and durable under its final name.
    pub(crate) fn write(
        &self,
        frozen: &Frozen,
        now: UnixNanos,
    ) -> Result<Vec<WrittenSplit>, SealError> {
        let mut written = Vec::new();
        for signal in Signal::ALL {
            let batches: Vec<Arc<HotBatch>> = frozen
                .batches
                .iter()
                .filter(|b| b.signal() == signal)
                .map(Arc::clone)
                .collect();
            if batches.is_empty() {
                continue;
            }
            let origin = Origin {
                wal: range::union([WalRange {
                    after: self.marks.of(signal).max(self.low_water),
                    to: frozen.last_sequence,
                }]),
                sealed: now,
            };
            if let Err(error) = self.write_one(signal, &batches, origin, &mut written) {
                self.remove(&written);
                return Err(error);
            }
        }
        Ok(written)
    }

    fn write_one(
        &self,
        signal: Signal,
        batches: &[Arc<HotBatch>],
        origin: Origin,
        written: &mut Vec<WrittenSplit>,
    ) -> Result<(), SealError> {
        let splits_dir = &self.shared.directories.splits;
        let mut split = writer::write_split(splits_dir, signal, batches, origin)?;
        let renamed = split.rename(splits_dir);
        written.push(split);
        renamed
    }

    /// Reads the splits back, then makes them known in one transaction with the low-water mark.
    pub(crate) fn publish(
        &mut self,
        written: &[WrittenSplit],
        low_water: u64,
    ) -> Result<Vec<(PublishedSplit, Arc<Split>)>, SealError> {
        let splits = match self.read_back(written) {
            Ok(splits) => splits,
            Err(error) => {
                self.remove(written);
                return Err(error);
            }
        };
        let published: Vec<PublishedSplit> =
            written.iter().map(WrittenSplit::to_published).collect();
        if let Err(error) = self.catalog.publish(&published, self.low_water..low_water)
            && !self.is_published_all_the_same(written)?
        {
            self.remove(written);
            return Err(error.into());
        }
        self.low_water = low_water;
        for split in &published {
            tracing::info!(
                split_id = %split.id,
                signal = %split.signal,
                rows = split.row_count,
                bytes = split.size_bytes,
                "published split"
            );
        }
        Ok(published.into_iter().zip(splits).collect())
    }

    /// A commit that is reported as failed may have happened.
    fn is_published_all_the_same(&self, written: &[WrittenSplit]) -> Result<bool, SealError> {
        let known = self.catalog.list_splits()?;
        Ok(written
            .iter()
            .any(|split| known.iter().any(|published| published.id == split.id)))
    }

    fn read_back(&self, written: &[WrittenSplit]) -> Result<Vec<Arc<Split>>, SealError> {
        let open = |split: &WrittenSplit| {
            let opened = Split::open(&self.shared.directories.splits, &split.to_published())?;
            opened.files()?;
            // Nobody has asked for it yet.
            opened.release();
            Ok(Arc::new(opened))
        };
        written.iter().map(open).collect()
    }

    fn remove(&self, written: &[WrittenSplit]) {
        for split in written {
            if let Err(error) = files::remove_dir(&split.dir) {
                // The next start removes it.
                tracing::warn!(%error, split_id = %split.id, "failed to remove unpublished split");
            }
        }
    }
}
