//! The memory budget of the hot buffer: taken before an append is queued, returned after its seal.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// Counts the bytes of batches that are queued or in the hot buffer.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    capacity_bytes: u64,
    used_bytes: AtomicU64,
    freed: Notify,
}

impl MemoryBudget {
    pub(crate) fn new(capacity_bytes: u64) -> Self {
        Self {
            capacity_bytes,
            used_bytes: AtomicU64::new(0),
            freed: Notify::new(),
        }
    }

    /// Takes `bytes` if they fit; else tells how many are in use.
    ///
    /// One batch larger than the whole budget is let in when nothing else is held: refusing it
    /// retryably would make its sender repeat it for ever.
    pub(crate) fn try_take(&self, bytes: u64) -> Result<(), u64> {
        let take = |used: u64| {
            let total = used.saturating_add(bytes);
            (used == 0 || total <= self.capacity_bytes).then_some(total)
        };
        self.used_bytes
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, take)
            .map(|_| ())
    }

    /// Takes `bytes` whether they fit or not: recovery must load what was acknowledged.
    pub(crate) fn take(&self, bytes: u64) {
        self.used_bytes.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Gives `bytes` back.
    pub(crate) fn give_back(&self, bytes: u64) {
        let before = self.used_bytes.fetch_sub(bytes, Ordering::AcqRel);
        debug_assert!(before >= bytes, "gave back more than was taken");
        self.freed.notify_waiters();
    }

    /// Returns when `bytes` would fit, or after so long. Others may be quicker to take them.
    pub(crate) async fn wait_for_room(&self, bytes: u64, wait_max: Duration) {
        let deadline = Instant::now() + wait_max;
        loop {
            // Whoever gives back after this line is heard.
            let freed = self.freed.notified();
            if self.has_room(bytes) || timeout_at(deadline, freed).await.is_err() {
                return;
            }
        }
    }

    fn has_room(&self, bytes: u64) -> bool {
        let used = self.used_bytes();
        used == 0 || used.saturating_add(bytes) <= self.capacity_bytes
    }

    pub(crate) fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Acquire)
    }

    pub(crate) fn capacity_bytes(&self) -> u64 {
        self.capacity_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_beyond_the_capacity_are_refused_until_some_are_given_back() {
        let budget = MemoryBudget::new(100);
        assert_eq!(budget.try_take(60), Ok(()));
        assert_eq!(budget.try_take(50), Err(60));
        budget.give_back(60);
        assert_eq!(budget.try_take(50), Ok(()));
        assert_eq!(budget.used_bytes(), 50);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_room_goes_on_when_there_is_some_or_when_the_time_is_up() {
        let budget = MemoryBudget::new(100);
        budget.take(90);
        let start = Instant::now();
        budget.wait_for_room(20, Duration::from_secs(3)).await;
        assert_eq!(start.elapsed(), Duration::from_secs(3));
        let wait = budget.wait_for_room(20, Duration::from_secs(3));
        let give_back = async { budget.give_back(30) };
        tokio::join!(biased; wait, give_back);
        assert_eq!(start.elapsed(), Duration::from_secs(3));
    }

    #[test]
    fn one_batch_larger_than_the_budget_is_let_in_alone() {
        let budget = MemoryBudget::new(100);
        assert_eq!(budget.try_take(1000), Ok(()));
        assert_eq!(budget.try_take(1), Err(1000));
    }
}
