//! When refused senders should come back: no faster than requests are taken, and not all at once.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Refused and taken requests are compared over this long.
const WINDOW: Duration = Duration::from_secs(1);
/// So many are taken in a second by any server that works: a few that are refused say nothing.
const TAKEN_MIN: u64 = 10;
/// The longest that a sender is asked to wait: beyond it its queue overflows, and the load is known to be over
/// much sooner than that.
const SECONDS_MAX: u64 = 30;

/// Watches how many requests are refused for each that is taken.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    began: Option<Instant>,
    refused: u64,
    taken: u64,
    /// Refused for each taken in the window before.
    ratio_before: u64,
    state: u64,
}

impl Backoff {
    /// Counts a request that was acknowledged.
    pub(crate) fn count_taken(&self, now: Instant) {
        let mut window = self.window.lock();
        window.roll(now);
        window.taken += 1;
    }

    /// Counts a request that is refused, and says how long its sender should wait.
    pub(crate) fn count_refused(&self, now: Instant) -> Duration {
        let mut window = self.window.lock();
        window.roll(now);
        window.refused += 1;
        let ratio = window.ratio().max(window.ratio_before);
        delay(ratio, window.random())
    }
}

impl Window {
    fn roll(&mut self, now: Instant) {
        let age = self.began.map_or(Duration::MAX, |began| now - began);
        if age < WINDOW {
            return;
        }
        // Nothing that was long ago tells of now.
        self.ratio_before = if age < 2 * WINDOW { self.ratio() } else { 0 };
        self.began = Some(now);
        self.refused = 0;
        self.taken = 0;
    }

    fn ratio(&self) -> u64 {
        self.refused / self.taken.max(TAKEN_MIN)
    }

    /// A number that nobody has to be unable to guess (splitmix64).
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 27)
    }
}

/// As many seconds as there are refused requests for each that is taken, so that they come back at the rate at
/// which requests are taken, spread over half as long again.
fn delay(ratio: u64, random: u64) -> Duration {
    let seconds = ratio.clamp(1, SECONDS_MAX);
    if seconds == 1 {
        return Duration::from_secs(1);
    }
    Duration::from_millis(seconds * 1000 + random % (seconds * 500))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_senders_come_back_at_the_rate_at_which_requests_are_taken() {
        let backoff = Backoff::default();
        let start = Instant::now();
        assert_eq!(backoff.count_refused(start), Duration::from_secs(1));
        for _ in 0..10 {
            backoff.count_taken(start);
        }
        let last = (0..99).map(|_| backoff.count_refused(start)).last();
        let range = Duration::from_secs(10)..Duration::from_secs(15);
        assert!(range.contains(&last.unwrap()), "{last:?}");

        let next = backoff.count_refused(start + WINDOW);
        assert!(range.contains(&next), "the window before counts: {next:?}");
        let later = backoff.count_refused(start + 10 * WINDOW);
        assert_eq!(later, Duration::from_secs(1), "long ago does not");
    }

    #[test]
    fn nobody_waits_longer_than_senders_can_hold_on() {
        let longest = Duration::from_secs(45);
        assert!((0..1000).all(|random| delay(u64::MAX, random * 7919) < longest));
    }
}
