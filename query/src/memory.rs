//! The memory that queries may hold together, and the account of each of them.
//!
//! Everything that grows with what a query finds is put on its account before more of it is read. A query that
//! finds nothing left ends, and its client is told to come back: by then others have given back what they held.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What all queries together may hold. A cheap handle.
#[derive(Debug, Clone)]
pub struct QueryMemory {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limit_bytes: usize,
    held_bytes: AtomicUsize,
}

impl QueryMemory {
    /// Lets queries hold so much.
    pub fn new(limit_bytes: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                limit_bytes,
                held_bytes: AtomicUsize::new(0),
            }),
        }
    }

    /// The most they may hold.
    pub fn limit_bytes(&self) -> usize {
        self.shared.limit_bytes
    }

    /// What they hold, answers that are being sent included.
    pub fn held_bytes(&self) -> usize {
        self.shared.held_bytes.load(Ordering::Relaxed)
    }

    /// The account of a query that holds nothing yet.
    pub(crate) fn account(&self) -> Account {
        Account {
            memory: self.clone(),
            held_bytes: 0,
        }
    }

    fn take(&self, bytes: usize) -> bool {
        let take = |held: usize| {
            let held = held.checked_add(bytes)?;
            (held <= self.shared.limit_bytes).then_some(held)
        };
        let held = &self.shared.held_bytes;
        held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }
}

/// What one query holds; dropping it gives everything back.
#[derive(Debug)]
pub struct Account {
    memory: QueryMemory,
    held_bytes: usize,
}

impl Account {
    /// Holds so much more; false when there is not so much.
    pub(crate) fn hold(&mut self, bytes: usize) -> bool {
        let is_held = self.memory.take(bytes);
        if is_held {
            self.held_bytes += bytes;
        }
        is_held
    }

    /// Gives back all but so much.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let less = self.held_bytes.saturating_sub(bytes);
        self.held_bytes -= less;
        let held = &self.memory.shared.held_bytes;
        held.fetch_sub(less, Ordering::Relaxed);
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    pub(crate) fn limit_bytes(&self) -> usize {
        self.memory.limit_bytes()
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_together_never_hold_more_than_the_limit() {
        let memory = QueryMemory::new(100);
        let (mut one, mut other) = (memory.account(), memory.account());
        assert!(one.hold(60));
        assert!(!other.hold(41));
        assert!(other.hold(40));
        assert_eq!(memory.held_bytes(), 100);
        one.shrink_to(20);
        assert!(other.hold(40));
        assert!(!other.hold(usize::MAX));
        drop(one);
        assert_eq!(memory.held_bytes(), 80);
        drop(other);
        assert_eq!(memory.held_bytes(), 0);
    }
}
