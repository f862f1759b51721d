//! The system clock: the only place that reads it.

use std::time::{SystemTime, UNIX_EPOCH};

use model::{Clock, UnixNanos};

/// Tells the time of the machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixNanos {
        #[expect(
            clippy::disallowed_methods,
            reason = "everybody else is handed this clock"
        )]
        let now = SystemTime::now();
        // A clock before 1970 counts as 1970; one after 2554 as the end of time.
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixNanos(u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX))
    }
}
