//! Runs what takes long for a processor away from the threads that serve connections.

use std::fmt::Display;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

use crate::error::Refusal;
use crate::metrics::CollectorMetrics;

/// As many decoders as processors: more would only hold more memory at once.
///
/// They have threads of their own. What a thread has freed stays with it for a while, and decoding takes and frees
/// more than anything else: on any thread of a large pool, that would be held many times over.
pub(crate) struct Decoders {
    permits: Semaphore,
    /// Has no other task than these. Taken where it ends.
    threads: Option<Runtime>,
    metrics: Arc<CollectorMetrics>,
}

impl Decoders {
    /// Faults of theirs are numbered by `metrics`.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub(crate) fn new(metrics: Arc<CollectorMetrics>) -> io::Result<Self> {
        let count = available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = Builder::new_current_thread()
            .max_blocking_threads(count)
            .thread_name("decoder")
            .build()?;
        Ok(Self {
            permits: Semaphore::new(count),
            threads: Some(threads),
            metrics,
        })
    }

    /// Does the work as soon as a decoder is free.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let permit = self.permits.acquire().await;
        let _permit = permit.map_err(|closed| self.internal(closed))?;
        let Some(threads) = &self.threads else {
            return Err(self.internal("no threads"));
        };
        match threads.spawn_blocking(work).await {
            Ok(done) => done,
            Err(error) => Err(self.internal(error)),
        }
    }

    fn internal(&self, error: impl Display) -> Refusal {
        let error_id = self.metrics.next_error_id();
        tracing::error!(error_id, %error, "failed to decode an export request");
        Refusal::Internal { error_id }
    }
}

impl Drop for Decoders {
    /// Does not wait for what is being decoded: nobody asks for it any more.
    fn drop(&mut self) {
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use model::{Clock, UnixNanos};

    use super::*;
    use crate::admission::Admission;

    struct StoppedClock;

    impl Clock for StoppedClock {
        fn now(&self) -> UnixNanos {
            UnixNanos(0)
        }

        fn steady_nanos(&self) -> u64 {
            0
        }
    }

    /// Decoders beside a budget of nothing.
    pub(crate) fn decoders() -> Decoders {
        let metrics =
            CollectorMetrics::with_admission(Admission::new(0, 0), Arc::new(StoppedClock));
        Decoders::new(Arc::new(metrics)).unwrap()
    }

    #[tokio::test]
    async fn a_fault_is_numbered_and_leaves_its_place_to_others() {
        let decoders = decoders();
        for number in 1..100 {
            let refused = decoders.run::<()>(|| panic!("a fault")).await.unwrap_err();
            assert!(matches!(refused, Refusal::Internal { error_id } if error_id == number));
        }
        assert_eq!(decoders.run(|| Ok(7)).await.unwrap(), 7);
    }
}
