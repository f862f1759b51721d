//! When something that failed is tried again: after twice as many ticks each time.

/// What keeps failing is tried again after this many ticks at most.
const RETRY_TICKS_MAX: u32 = 64;

/// Counts failures, and the ticks until the next attempt.
#[derive(Debug, Default)]
pub(crate) struct Retry {
    failures: u32,
    ticks_left: u32,
}

impl Retry {
    pub(crate) fn failed(&mut self) {
        self.ticks_left = 1_u32
            .checked_shl(self.failures)
            .unwrap_or(u32::MAX)
            .min(RETRY_TICKS_MAX);
        self.failures = self.failures.saturating_add(1);
    }

    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn tick(&mut self) {
        self.ticks_left = self.ticks_left.saturating_sub(1);
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.ticks_left > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_is_tried_again_after_twice_as_long_each_time() {
        let mut retry = Retry::default();
        let mut waits = Vec::new();
        for _ in 0..9 {
            retry.failed();
            let mut ticks = 0;
            while retry.is_waiting() {
                retry.tick();
                ticks += 1;
            }
            waits.push(ticks);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 64, 64]);
    }
}
