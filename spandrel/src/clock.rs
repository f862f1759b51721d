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

    fn steady_nanos(&self) -> u64 {
        steady_nanos()
    }
}

/// Time in which the machine sleeps counts.
#[cfg(target_os = "linux")]
fn steady_nanos() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let time = std::time::Duration::try_from(time).unwrap_or_default();
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(not(target_os = "linux"))]
fn steady_nanos() -> u64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let start = START.get_or_init(std::time::Instant::now);
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_time_goes_forward() {
        let before = SystemClock.steady_nanos();
        while SystemClock.steady_nanos() == before {}
        assert!(SystemClock.steady_nanos() > before);
    }
}
