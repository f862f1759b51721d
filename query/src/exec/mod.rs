//! Runs queries: on a bounded number of threads, over one snapshot each, within a budget.

pub mod assemble;
pub mod dependencies;
pub mod find_logs;
pub mod find_traces;
mod identity;
pub mod log_patterns;
mod portion;
pub mod services;
pub mod skeleton;
pub mod summarize;
pub mod trace_by_id;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::{Signal, TimeRange};
use storage::{ReadError, Snapshot, Source, Storage};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::config::Limits;
use crate::error::QueryError;
use crate::limits::{Budget, Outcome};
use crate::memory::QueryMemory;

pub use identity::ContentHash;

/// Where queries run. A cheap handle.
#[derive(Clone)]
pub struct QueryPool {
    storage: Storage,
    limits: Limits,
    permits: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    memory: QueryMemory,
}

/// What a query holds before it finds anything: pages that are being decoded, texts that are being compared.
const BEGIN_BYTES: usize = 4 << 20;

/// An answer and how it came about.
#[derive(Debug)]
pub struct Answer<T> {
    /// What was found.
    pub value: T,
    /// How it came about.
    pub outcome: Outcome,
}

impl QueryPool {
    /// A pool over this storage. Fewer queries run at the same time than `limits` say where `memory` is little.
    pub fn new(storage: Storage, limits: Limits, memory: QueryMemory) -> Self {
        let fitting = memory.limit_bytes() / (2 * BEGIN_BYTES);
        let concurrency = limits.concurrency.get().min(fitting).max(1);
        let permits = Arc::new(Semaphore::new(concurrency));
        Self {
            storage,
            limits,
            permits,
            waiting: Arc::default(),
            memory,
        }
    }

    /// The storage that is read.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Runs `work` on a thread of its own over a snapshot taken when its turn has come. The work is
    /// told to stop when the caller drops the returned future.
    ///
    /// # Errors
    /// When too many queries wait already, the work needs more memory than is left, or it fails.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Snapshot, &mut Budget) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<Answer<T>, QueryError> {
        let permit = self.permit().await?;
        let cancelled = CancellationToken::new();
        let stop_when_dropped = cancelled.clone().drop_guard();
        let (storage, limits) = (self.storage.clone(), self.limits);
        let account = self.memory.account();
        let answer = tokio::task::spawn_blocking(move || {
            let mut budget = Budget::new(&limits, account, cancelled);
            budget.hold(BEGIN_BYTES);
            budget.check_memory()?;
            let value = work(&storage.snapshot(), &mut budget);
            drop(permit);
            budget.check_memory()?;
            Ok(Answer {
                value: value?,
                outcome: budget.finish(),
            })
        })
        .await?;
        drop(stop_when_dropped);
        answer
    }

    async fn permit(&self) -> Result<tokio::sync::OwnedSemaphorePermit, QueryError> {
        let permits = Arc::clone(&self.permits);
        if let Ok(permit) = Arc::clone(&permits).try_acquire_owned() {
            return Ok(permit);
        }
        let _place = Place::take(&self.waiting, self.limits.queue.get())?;
        match tokio::time::timeout(self.limits.timeout, permits.acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(QueryError::Overloaded),
        }
    }
}

/// A place in the queue, given back when dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize, max: usize) -> Result<Self, QueryError> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= max {
            return Err(QueryError::Overloaded);
        }
        Ok(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The value, or `None` after noting in the answer that this source could not be read: one damaged
/// split must not hide all others, and must not go unnoticed either.
fn readable<T>(result: Result<T, ReadError>, source: &Source, budget: &mut Budget) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            tracing::error!(
                split_id = source.id(),
                error = &error as &dyn std::error::Error,
                "failed to read split"
            );
            budget.mark_incomplete(format!("split {} could not be read", source.id()));
            None
        }
    }
}

/// What a visitor of a search says: whether the search goes on.
fn continue_if(may_continue: bool) -> ControlFlow<()> {
    if may_continue {
        ControlFlow::Continue(())
    } else {
        ControlFlow::Break(())
    }
}

/// Notes in the answer that something it may need could not even be opened. Everything here that goes through
/// the sources of a snapshot says so first.
fn note_unreadable(snapshot: &Snapshot, signal: Signal, time: TimeRange, budget: &mut Budget) {
    for it in snapshot.unreadable() {
        if it.signal == signal && it.time_range.overlaps(&time) {
            budget.mark_incomplete(format!("{} {}", it.name, it.reason));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::sync::mpsc;
    use std::time::Duration;

    use model::{Clock, UnixNanos};
    use storage::StorageConfig;

    use super::*;
    use crate::config::tests::generous_limits;

    struct StoppedClock;

    impl Clock for StoppedClock {
        fn now(&self) -> UnixNanos {
            UnixNanos(0)
        }
    }

    fn pool(directory: &tempfile::TempDir, limits: Limits) -> QueryPool {
        let config = StorageConfig::in_dir(directory.path());
        let storage = Storage::open(config, Arc::new(StoppedClock)).unwrap();
        QueryPool::new(storage, limits, QueryMemory::new(64 << 20))
    }

    #[tokio::test]
    async fn queries_beyond_the_queue_are_turned_away() {
        let directory = tempfile::tempdir().unwrap();
        let pool = pool(
            &directory,
            Limits {
                queue: NonZeroUsize::MIN,
                ..generous_limits()
            },
        );
        let (release, released) = mpsc::channel::<()>();
        let running = pool.run(move |_, _| Ok(released.recv().is_ok()));
        let waiting = pool.run(|_, _| Ok(()));
        let (mut running, mut waiting) = (std::pin::pin!(running), std::pin::pin!(waiting));
        tokio::select! {
            biased;
            _ = &mut running => panic!("the first query is still held back"),
            _ = &mut waiting => panic!("the second query waits for the first"),
            surplus = pool.run(|_, _| Ok(())) => {
                assert!(matches!(surplus, Err(QueryError::Overloaded)));
            }
        }
        release.send(()).unwrap();
        assert!(running.await.unwrap().value);
        waiting.await.unwrap();
        pool.run(|_, _| Ok(())).await.unwrap();
    }

    #[tokio::test]
    async fn a_query_is_told_to_stop_when_nobody_waits_for_it() {
        let directory = tempfile::tempdir().unwrap();
        let pool = pool(&directory, generous_limits());
        let (told, was_told) = mpsc::channel();
        let query = pool.run(move |_, budget| {
            while budget.may_continue() {
                std::thread::yield_now();
            }
            told.send(budget.incomplete_reason().map(str::to_owned))
                .unwrap();
            Ok(())
        });
        assert!(
            tokio::time::timeout(Duration::from_millis(1), query)
                .await
                .is_err()
        );
        let reason = was_told.recv_timeout(Duration::from_secs(60)).unwrap();
        assert_eq!(reason.as_deref(), Some("the client went away"));
    }

    #[tokio::test]
    async fn a_panic_in_a_query_is_an_error_and_frees_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let pool = pool(&directory, generous_limits());
        let answer = pool.run::<()>(|_, _| panic!("a bug")).await;
        assert!(matches!(answer, Err(QueryError::Task(_))));
        pool.run(|_, _| Ok(())).await.unwrap();
    }
}
