//! The only reader of the system clock in the shop.

use std::time::UNIX_EPOCH;

/// Milliseconds since the Unix epoch; 0 if the clock stands before it.
#[expect(clippy::disallowed_methods, reason = "this is the shop's clock")]
pub(crate) fn unix_ms() -> i64 {
    let since_epoch = std::time::SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}
