//! The thread that owns the WAL: groups waiting appends, makes them durable, visible, then answers.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::Shared;
use crate::error::AppendError;
use crate::sealer::SealerCommand;
use crate::view::{Acknowledged, Frozen};
use crate::wal::format::ENTRY_HEADER_BYTES;
use crate::wal::writer::{WalFailure, WalWriter};

/// A group is closed when its payloads reach this size, so that one sync never waits for too much.
const GROUP_BYTES_MAX: usize = 8 << 20;

/// What the thread is asked to do.
#[derive(Debug)]
pub(crate) enum AppenderCommand {
    /// Make a batch durable and visible.
    Append(PendingAppend),
    /// Begin a new WAL file and hand the hot buffer to a seal.
    Freeze(oneshot::Sender<Frozen>),
}

/// An append that waits for its answer.
#[derive(Debug)]
pub(crate) struct PendingAppend {
    pub(crate) payload: Bytes,
    pub(crate) batch: Acknowledged,
    pub(crate) answer: oneshot::Sender<Result<(), AppendError>>,
}

/// State of the thread.
#[derive(Debug)]
pub(crate) struct Appender {
    pub(crate) commands: mpsc::Receiver<AppenderCommand>,
    pub(crate) wal: WalWriter,
    pub(crate) shared: Arc<Shared>,
    pub(crate) sealer: SyncSender<SealerCommand>,
}

impl Appender {
    /// Works until every sender of commands is gone.
    pub(crate) fn run(mut self) {
        while let Some(command) = self.commands.blocking_recv() {
            match command {
                AppenderCommand::Freeze(answer) => self.freeze(answer),
                AppenderCommand::Append(first) => {
                    let (group, freeze) = self.collect_group(first);
                    self.append_group(group);
                    if let Some(answer) = freeze {
                        self.freeze(answer);
                    }
                    self.tidy();
                }
            }
        }
    }

    /// Takes everything that waits behind `first`, up to a freeze or the size of a group.
    fn collect_group(
        &mut self,
        first: PendingAppend,
    ) -> (Vec<PendingAppend>, Option<oneshot::Sender<Frozen>>) {
        let mut group_bytes = first.payload.len();
        let mut group = vec![first];
        while group_bytes < GROUP_BYTES_MAX {
            match self.commands.try_recv() {
                Ok(AppenderCommand::Append(append)) => {
                    group_bytes += append.payload.len();
                    group.push(append);
                }
                Ok(AppenderCommand::Freeze(answer)) => return (group, Some(answer)),
                Err(_) => break,
            }
        }
        (group, None)
    }

    fn append_group(&mut self, group: Vec<PendingAppend>) {
        let written = self.take_room(&group).and_then(|()| self.write(&group));
        let budget_bytes: u64 = group
            .iter()
            .map(|append| append.batch.size.budget_bytes)
            .sum();
        let (batches, answers): (Vec<_>, Vec<_>) = group
            .into_iter()
            .map(|append| (append.batch, append.answer))
            .unzip();
        let result = written.and_then(|()| self.publish(batches).map_err(to_append_error));
        if result.is_err() {
            self.shared.budget.give_back(budget_bytes);
        }
        if let Err(AppendError::WalPoisoned { source }) = &result {
            let reason = source.to_string();
            self.shared
                .counters
                .change(|counts| counts.wal_error = Some(reason));
        }
        for answer in answers {
            if answer.send(result.clone()).is_err() {
                tracing::debug!("an append was answered after its sender stopped waiting");
            }
        }
    }

    /// A group that does not fit is refused before it is written: what is left of the disk is for
    /// seals and for the catalog.
    fn take_room(&self, group: &[PendingAppend]) -> Result<(), AppendError> {
        let bytes: usize = group
            .iter()
            .map(|append| append.payload.len() + ENTRY_HEADER_BYTES)
            .sum();
        let taken = self
            .shared
            .disk
            .take_for_append(bytes as u64, group.len() as u64);
        taken.map_err(|source| AppendError::NoRoom { source })
    }

    fn write(&mut self, group: &[PendingAppend]) -> Result<(), AppendError> {
        let entries = group
            .iter()
            .map(|append| (append.batch.signal, append.payload.as_ref()));
        self.wal.append_group(entries).map_err(to_append_error)?;
        self.shared.is_wal_open.store(true, Ordering::Release);
        Ok(())
    }

    /// Visible before the answer: whoever hears of success and asks then finds the rows.
    fn publish(&mut self, batches: Vec<Acknowledged>) -> Result<(), WalFailure> {
        let now = self.shared.clock.now();
        self.shared
            .view
            .publish(batches, self.wal.last_sequence(), now)
            .map_err(|error| {
                // `Storage::append` has checked the columns: this is a bug, and the rows are in the
                // log but not visible, so nothing more may be acknowledged.
                WalFailure::Poisoned(self.wal.poison_with(io::Error::other(error)))
            })
    }

    fn freeze(&mut self, answer: oneshot::Sender<Frozen>) {
        if let Err(error) = self.wal.rotate() {
            // The newest file goes on to be used; it is trimmed after a later seal.
            tracing::warn!(%error, "failed to begin a new wal file");
        }
        if answer.send(self.shared.view.freeze()).is_err() {
            tracing::debug!("a freeze was done that nobody waits for");
        }
    }

    /// What can wait until the group has been answered.
    fn tidy(&mut self) {
        self.shared.merge_small_batches();
        if self.wal.is_file_full()
            && let Err(error) = self.wal.rotate()
        {
            tracing::warn!(%error, "failed to begin a new wal file");
        }
        if self.shared.is_seal_due() && self.sealer.try_send(SealerCommand::Check).is_err() {
            tracing::trace!("the sealer has been told already");
        }
    }
}

fn to_append_error(failure: WalFailure) -> AppendError {
    match failure {
        WalFailure::Refused(source) => AppendError::WalRefused { source },
        WalFailure::Poisoned(source) => AppendError::WalPoisoned { source },
    }
}
