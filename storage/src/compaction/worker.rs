//! The thread that merges splits, one merge at a time and behind everybody else.
//!
//! It reads the inputs through handles of its own: a query that needs one of them never waits for a
//! lock that this thread holds while others have its processor. What it has written is published by
//! the seal thread, the only one that changes the catalog.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use tokio::sync::oneshot;

use super::error::MergeError;
use super::merge::{self, Merged, Places};
use super::policy::{self, Merge, Settings};
use super::publish::Replacement;
use super::system;
use crate::Shared;
use crate::catalog::PublishedSplit;
use crate::error::describe;
use crate::retry::Retry;
use crate::sealer::SealerCommand;
use crate::split::id::SplitId;
use crate::split::reader::Split;
use crate::split::writer;

/// How often ages are looked at.
const TICK: Duration = Duration::from_secs(10);
/// An input that could not be read is tried again after this many ticks: an hour.
const LEFT_OUT_TICKS: u32 = 360;

/// What the thread is asked to do.
#[derive(Debug)]
pub(crate) enum CompactorCommand {
    /// Look whether there is something to do, or whether to end.
    Check,
    /// Do what is planned, then answer.
    #[cfg(test)]
    Compact(oneshot::Sender<()>),
    /// Merge all splits of each signal, whatever the policy says, then answer.
    #[cfg(test)]
    MergeAll(oneshot::Sender<Result<(), MergeError>>),
}

/// State of the thread.
#[derive(Debug)]
pub(crate) struct Compactor {
    pub(crate) commands: Receiver<CompactorCommand>,
    pub(crate) sealer: SyncSender<SealerCommand>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) retry: Retry,
    /// Inputs that could not be read, and the ticks until they are tried again.
    pub(crate) left_out: HashMap<SplitId, u32>,
}

impl Compactor {
    /// Works until compaction is stopped.
    pub(crate) fn run(mut self) {
        system::lower_priority_of_thread();
        self.work();
        while !self.shared.is_compaction_stopped() {
            match self.commands.recv_timeout(TICK) {
                Ok(CompactorCommand::Check) => self.work(),
                #[cfg(test)]
                Ok(CompactorCommand::Compact(answer)) => {
                    self.work();
                    answer.send(()).unwrap();
                }
                #[cfg(test)]
                Ok(CompactorCommand::MergeAll(answer)) => answer.send(self.merge_all()).unwrap(),
                Err(RecvTimeoutError::Timeout) => {
                    self.tick();
                    self.work();
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn tick(&mut self) {
        self.retry.tick();
        self.left_out.retain(|_, ticks| {
            *ticks = ticks.saturating_sub(1);
            *ticks > 0
        });
    }

    /// Does what is planned, and what is planned then, until there is nothing or it fails.
    fn work(&mut self) {
        while !self.retry.is_waiting()
            && let Some(merge) = self.next_merge()
        {
            match self.run_merge(&merge) {
                Ok(()) => self.retry.succeeded(),
                Err(MergeError::Stopped) => return,
                Err(error) => self.failed(&error),
            }
        }
    }

    /// A merge that finds no room waits until there is some, and others go first.
    fn next_merge(&self) -> Option<Merge> {
        let now = self.shared.clock.now();
        let settings = Settings::new(&self.shared.config);
        let room = self.shared.disk.room();
        policy::plan(&self.candidates(), now, &settings)
            .into_iter()
            .find(|merge| room.for_merge(merge.size_bytes).is_ok())
    }

    /// The splits that can be read, as far as is known.
    fn candidates(&self) -> Vec<PublishedSplit> {
        let mut splits = self.shared.view.readable();
        splits.retain(|split| !self.left_out.contains_key(&split.id));
        splits
    }

    /// Merges, publishes and counts. A panic must not end the thread: the inputs stay as they are.
    fn run_merge(&self, merge: &Merge) -> Result<(), MergeError> {
        let cpu_before = system::thread_cpu_time();
        let result = catch_unwind(AssertUnwindSafe(|| self.merge_and_publish(merge)))
            .unwrap_or(Err(MergeError::Panicked));
        if result.is_err()
            && let Err(error) = writer::remove_temporary(&self.shared.directories.compaction)
        {
            tracing::warn!(%error, "failed to remove half a merged split");
        }
        let cpu_time = system::thread_cpu_time().saturating_sub(cpu_before);
        self.shared.counters.change(|counts| {
            let counts = &mut counts.compaction;
            counts.cpu_time += cpu_time;
            if let Ok(output_bytes) = &result {
                counts.merge_count += 1;
                counts.merged_split_count += merge.inputs.len() as u64;
                counts.row_count += merge.row_count;
                counts.input_bytes += merge.size_bytes;
                counts.output_bytes += output_bytes;
                counts.last_error = None;
            }
        });
        result.map(|_| ())
    }

    /// Returns the bytes of the new split.
    fn merge_and_publish(&self, merge: &Merge) -> Result<u64, MergeError> {
        let shared = &self.shared;
        let _room = shared.disk.take_for_merge(merge.size_bytes)?;
        let splits_dir = &shared.directories.splits;
        // Held, so that the directories stay while they are read, also when retention deletes them.
        let mut held = Vec::new();
        let mut inputs = Vec::new();
        let known = shared.view.splits();
        for id in &merge.inputs {
            let (published, split) = known
                .iter()
                .find(|(published, _)| published.id == *id)
                .ok_or(MergeError::InputGone)?;
            held.push(Arc::clone(split));
            let opened = Split::open(splits_dir, published)
                .and_then(|opened| opened.files().map(|_| opened))
                .map_err(|source| MergeError::input(split, source))?;
            inputs.push(Arc::new(opened));
        }
        drop(known);
        let places = Places {
            unfinished: &shared.directories.compaction,
            splits: splits_dir,
        };
        let is_stopped = || shared.is_compaction_stopped();
        let merged = merge::merge(merge.signal, inputs, places, &is_stopped)?;
        let (id, bytes) = (merged.published.id.clone(), merged.published.size_bytes);
        self.publish(merge, merged)?;
        tracing::info!(
            split_id = %id,
            signal = %merge.signal,
            inputs = merge.inputs.len(),
            rows = merge.row_count,
            input_bytes = merge.size_bytes,
            bytes,
            "merged splits"
        );
        Ok(bytes)
    }

    fn publish(&self, merge: &Merge, merged: Merged) -> Result<(), MergeError> {
        let replacement = Replacement {
            removed: merge.inputs.clone(),
            merged,
        };
        let (answer, answered) = oneshot::channel();
        let command = SealerCommand::Replace(Box::new(replacement), answer);
        let is_sent = self.sealer.send(command).is_ok();
        let replaced = is_sent.then(|| answered.blocking_recv());
        let Some(Ok(replaced)) = replaced else {
            // Nobody is there to publish anything, so nothing more is merged.
            self.shared.stop_compaction();
            return Err(MergeError::Stopped);
        };
        replaced
    }

    fn failed(&mut self, error: &MergeError) {
        let described = describe(error);
        if let MergeError::InputGone = error {
            tracing::debug!(error = described, "a merge came too late");
            return;
        }
        tracing::error!(error = described, "failed to merge splits");
        let now = self.shared.clock.now();
        self.shared
            .counters
            .change(|counts| counts.compaction.last_error = Some((now, described)));
        match error.bad_input() {
            Some(id) => {
                self.left_out.insert(id.clone(), LEFT_OUT_TICKS);
                self.show_damage(id);
            }
            None => self.retry.failed(),
        }
    }

    /// Lets the split find out by itself that it cannot be read, if so: the status tells of it.
    fn show_damage(&self, id: &SplitId) {
        let known = self.shared.view.splits();
        if let Some((_, split)) = known.iter().find(|(published, _)| published.id == *id)
            && let Err(error) = split.files()
        {
            tracing::debug!(%error, split_id = %id, "split cannot be read");
        }
    }

    #[cfg(test)]
    fn merge_all(&mut self) -> Result<(), MergeError> {
        for signal in model::Signal::ALL {
            let mut splits = self.candidates();
            splits.retain(|split| split.signal == signal);
            splits.sort_by_key(|split| (split.sealed, split.id.clone()));
            if splits.len() < 2 {
                continue;
            }
            let merge = Merge {
                inputs: splits.iter().map(|split| split.id.clone()).collect(),
                signal,
                row_count: splits.iter().map(|split| u64::from(split.row_count)).sum(),
                size_bytes: splits.iter().map(|split| split.size_bytes).sum(),
            };
            self.run_merge(&merge)
                .inspect_err(|error| self.failed(error))?;
        }
        Ok(())
    }
}
