//! What one query has spent, and whether it may go on.
//!
//! A query that reaches a limit stops, keeps what it found, and says so: nothing here turns a short
//! answer into one that looks complete.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use storage::Source;
use tokio_util::sync::CancellationToken;

use crate::config::Limits;
use crate::error::QueryError;
use crate::memory::Account;

/// How many records pass between two looks at the clock.
const CLOCK_INTERVAL_ROWS: usize = 4096;

/// What was looked at for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scanned {
    /// Splits that were searched.
    pub splits: u64,
    /// Batches of the hot buffer that were searched.
    pub hot_batches: u64,
    /// Rows in them.
    pub rows: u64,
    /// Bytes of bodies of log records that were looked through, because neither an index nor what
    /// the bodies have in common told whether they match.
    pub body_bytes: u64,
}

/// The running account of one query.
#[derive(Debug)]
pub struct Budget {
    started: Instant,
    deadline: Instant,
    timeout: Duration,
    rows_max: usize,
    rows_visited: usize,
    trace_spans_max: usize,
    scan_bytes_max: u64,
    scanned: Scanned,
    scanned_sources: HashSet<String>,
    incomplete_reason: Option<String>,
    is_exhausted: bool,
    cancelled: CancellationToken,
    memory: Account,
    is_out_of_memory: bool,
}

/// How an answer came about: what every answer tells its reader.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Why the answer may lack something; `None` when it is complete.
    pub incomplete_reason: Option<String>,
    /// What was looked at.
    pub scanned: Scanned,
    /// How long it took.
    pub elapsed: Duration,
    /// What the query holds, and its answer until it is sent.
    pub memory: Arc<Account>,
}

impl Budget {
    /// Starts the account. `cancelled` fires when nobody waits for the answer any more.
    pub fn new(limits: &Limits, memory: Account, cancelled: CancellationToken) -> Self {
        let started = Instant::now();
        Self {
            started,
            deadline: started + limits.timeout,
            timeout: limits.timeout,
            rows_max: limits.rows_max.get(),
            rows_visited: 0,
            trace_spans_max: limits.trace_spans_max.get(),
            scan_bytes_max: limits.scan_bytes_max.get(),
            scanned: Scanned::default(),
            scanned_sources: HashSet::new(),
            incomplete_reason: None,
            is_exhausted: false,
            cancelled,
            memory,
            is_out_of_memory: false,
        }
    }

    /// Counts a source as searched, however often it is.
    pub fn count_source(&mut self, source: &Source) {
        if !self.scanned_sources.insert(source.id().to_owned()) {
            return;
        }
        if source.is_hot() {
            self.scanned.hot_batches += 1;
        } else {
            self.scanned.splits += 1;
        }
        self.scanned.rows += u64::from(source.row_count());
    }

    /// Counts one matching record; false when the query must stop here.
    pub fn visit_row(&mut self) -> bool {
        self.rows_visited += 1;
        if self.rows_visited > self.rows_max {
            self.exhaust(format!("more than {} matching records", self.rows_max));
        } else if self.rows_visited.is_multiple_of(CLOCK_INTERVAL_ROWS) {
            return self.may_continue();
        }
        !self.is_exhausted
    }

    /// Counts bytes of bodies that were looked through; false when the query must stop here.
    pub fn scan_bodies(&mut self, bytes: u64) -> bool {
        self.scanned.body_bytes += bytes;
        if !self.is_exhausted && self.scanned.body_bytes > self.scan_bytes_max {
            let max = self.scan_bytes_max;
            self.exhaust(format!(
                "more than {max} bytes of log bodies to look through one by one"
            ));
        }
        self.may_continue()
    }

    /// Whether there is time left; to be asked before each step that costs something.
    pub fn may_continue(&mut self) -> bool {
        if !self.is_exhausted {
            if self.cancelled.is_cancelled() {
                self.exhaust("the client went away".to_owned());
            } else if Instant::now() >= self.deadline {
                let timeout = humantime::format_duration(self.timeout);
                self.exhaust(format!("the time limit of {timeout} was reached"));
            }
        }
        !self.is_exhausted
    }

    /// Holds so many bytes of memory more, for as long as the query and the sending of its answer take. False when
    /// there are not so many: then the query has to stop, and is no answer at all.
    pub fn hold(&mut self, bytes: usize) -> bool {
        if !self.memory.hold(bytes) {
            self.is_out_of_memory = true;
            self.is_exhausted = true;
        }
        !self.is_out_of_memory
    }

    /// Holds what a list of so many items takes, in steps; `held_bytes` is what it held before.
    pub fn hold_list<T>(&mut self, held_bytes: &mut usize, items: usize) -> bool {
        const STEP_BYTES: usize = 64 << 10;
        let bytes = items.saturating_mul(size_of::<T>());
        if bytes <= *held_bytes {
            return !self.is_out_of_memory;
        }
        let more = (bytes - *held_bytes).max(STEP_BYTES);
        *held_bytes += more;
        self.hold(more)
    }

    /// What it holds.
    pub fn held_bytes(&self) -> usize {
        self.memory.held_bytes()
    }

    /// Gives back what it has come to hold since it held so much.
    pub fn give_back_to(&mut self, held_bytes: usize) {
        self.memory.shrink_to(held_bytes);
    }

    /// What all queries together may hold.
    pub fn memory_bytes_max(&self) -> usize {
        self.memory.limit_bytes()
    }

    /// Fails a query that could not hold what it needed: what it found until then is no answer.
    ///
    /// # Errors
    /// When that was so.
    pub fn check_memory(&self) -> Result<(), QueryError> {
        if self.is_out_of_memory {
            return Err(QueryError::OutOfMemory {
                limit_bytes: self.memory.limit_bytes(),
            });
        }
        Ok(())
    }

    /// Most spans of one trace that may be put into an answer.
    pub fn trace_spans_max(&self) -> usize {
        self.trace_spans_max
    }

    /// Notes that something is missing from the answer although the query goes on. The first reason
    /// is the one that is told.
    pub fn mark_incomplete(&mut self, reason: String) {
        if self.incomplete_reason.is_none() {
            self.incomplete_reason = Some(reason);
        }
    }

    /// What is known to be missing from the answer.
    pub fn incomplete_reason(&self) -> Option<&str> {
        self.incomplete_reason.as_deref()
    }

    /// Whether something is known to be missing from the answer.
    pub fn is_incomplete(&self) -> bool {
        self.incomplete_reason.is_some()
    }

    fn exhaust(&mut self, reason: String) {
        self.is_exhausted = true;
        self.mark_incomplete(reason);
    }

    /// Closes the account.
    pub fn finish(self) -> Outcome {
        Outcome {
            incomplete_reason: self.incomplete_reason,
            scanned: self.scanned,
            elapsed: self.started.elapsed(),
            memory: Arc::new(self.memory),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::num::{NonZeroU64, NonZeroUsize};

    use super::*;
    use crate::memory::QueryMemory;

    fn limits(timeout: Duration, rows_max: usize) -> Limits {
        Limits {
            timeout,
            concurrency: NonZeroUsize::MIN,
            queue: NonZeroUsize::MIN,
            rows_max: NonZeroUsize::new(rows_max).unwrap(),
            trace_spans_max: NonZeroUsize::MIN,
            scan_bytes_max: NonZeroU64::new(100).unwrap(),
        }
    }

    /// An account that no test overdraws.
    pub(crate) fn generous_budget(cancelled: CancellationToken) -> Budget {
        Budget::new(
            &crate::config::tests::generous_limits(),
            QueryMemory::new(usize::MAX).account(),
            cancelled,
        )
    }

    fn budget(limits: &Limits, cancelled: CancellationToken) -> Budget {
        Budget::new(limits, QueryMemory::new(100).account(), cancelled)
    }

    #[test]
    fn a_query_that_cannot_hold_what_it_needs_stops_and_is_no_answer() {
        let limits = limits(Duration::from_secs(60), 9);
        let mut budget = budget(&limits, CancellationToken::new());
        assert!(budget.hold(60));
        let before = budget.held_bytes();
        assert!(budget.hold(40));
        budget.give_back_to(before);
        assert!(budget.check_memory().is_ok());
        assert!(!budget.hold(41));
        assert!(!budget.may_continue());
        assert!(!budget.hold(1));
        assert!(matches!(
            budget.check_memory(),
            Err(QueryError::OutOfMemory { limit_bytes: 100 })
        ));
    }

    #[test]
    fn the_limit_of_bodies_to_look_through_stops_a_query_and_is_told() {
        let limits = limits(Duration::from_secs(60), 9);
        let mut budget = budget(&limits, CancellationToken::new());
        assert_eq!(
            [60, 40, 1].map(|bytes| budget.scan_bodies(bytes)),
            [true, true, false]
        );
        assert!(!budget.visit_row());
        let outcome = budget.finish();
        assert_eq!(outcome.scanned.body_bytes, 101);
        assert_eq!(
            outcome.incomplete_reason.as_deref(),
            Some("more than 100 bytes of log bodies to look through one by one")
        );
    }

    #[test]
    fn the_row_limit_stops_a_query_and_is_told() {
        let mut budget = budget(
            &limits(Duration::from_secs(60), 2),
            CancellationToken::new(),
        );
        assert_eq!(
            [budget.visit_row(), budget.visit_row(), budget.visit_row()],
            [true, true, false]
        );
        assert!(!budget.may_continue());
        assert_eq!(
            budget.finish().incomplete_reason.as_deref(),
            Some("more than 2 matching records")
        );
    }

    #[test]
    fn the_deadline_stops_a_query_and_is_told() {
        let mut budget = budget(&limits(Duration::ZERO, 9), CancellationToken::new());
        assert!(!budget.may_continue());
        assert_eq!(
            budget.finish().incomplete_reason.as_deref(),
            Some("the time limit of 0s was reached")
        );
    }

    #[test]
    fn a_query_nobody_waits_for_stops() {
        let cancelled = CancellationToken::new();
        let mut budget = budget(&limits(Duration::from_secs(60), 9), cancelled.clone());
        assert!(budget.may_continue());
        cancelled.cancel();
        assert!(!budget.may_continue());
    }

    #[test]
    fn the_first_reason_is_kept() {
        let mut budget = budget(
            &limits(Duration::from_secs(60), 9),
            CancellationToken::new(),
        );
        budget.mark_incomplete("first".into());
        budget.mark_incomplete("second".into());
        assert!(budget.may_continue());
        assert_eq!(budget.finish().incomplete_reason.as_deref(), Some("first"));
    }
}
