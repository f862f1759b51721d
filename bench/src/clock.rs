//! The only reader of the system clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix nanoseconds.
pub(crate) fn now_unix_nano() -> u64 {
    let since = now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark runs in real time: there is no test that would have to own it"
)]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}
