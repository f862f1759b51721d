//! The time by which records grow old: it agrees with the clock on the wall, and follows no step of it.
//!
//! What was sealed is deleted by its age, so a clock that is set a year ahead would delete
//! everything, and one that is set a year back would keep what is sealed meanwhile for a year. This
//! clock goes on evenly while the storage is open. What passed while it was closed is known from the
//! wall alone, and counts up to a limit: a machine that starts with a wrong clock deletes nothing
//! that a right one would not soon delete too.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use model::{Clock, UnixNanos};

/// The time for which the storage was closed counts as this part of the retention age at most.
const CLOSED_PARTS: u32 = 8;
/// And as this much at most.
const CLOSED_MAX: Duration = Duration::from_secs(24 * 3600);

/// Two clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) steady: UnixNanos,
    pub(crate) wall: UnixNanos,
}

/// See the module.
pub(crate) struct SteadyClock {
    clock: Arc<dyn Clock>,
    begin: UnixNanos,
    begin_nanos: u64,
}

impl SteadyClock {
    /// Goes on from the last reading before the storage was closed; from the wall when there is none.
    pub(crate) fn resume(
        clock: Arc<dyn Clock>,
        last: Option<Reading>,
        retention_age: Duration,
    ) -> Self {
        let wall = clock.now();
        let closed_max = (retention_age / CLOSED_PARTS).min(CLOSED_MAX);
        let closed_max = u64::try_from(closed_max.as_nanos()).unwrap_or(u64::MAX);
        let begin = last.map_or(wall, |last| {
            let closed = wall.0.saturating_sub(last.wall.0).min(closed_max);
            UnixNanos(last.steady.0.saturating_add(closed))
        });
        let begin_nanos = clock.steady_nanos();
        Self {
            clock,
            begin,
            begin_nanos,
        }
    }

    /// The current moment of this clock.
    pub(crate) fn now(&self) -> UnixNanos {
        let passed = self.clock.steady_nanos().saturating_sub(self.begin_nanos);
        UnixNanos(self.begin.0.saturating_add(passed))
    }

    /// What to go on from after the storage was closed.
    pub(crate) fn reading(&self) -> Reading {
        Reading {
            steady: self.now(),
            wall: self.clock.now(),
        }
    }

    /// What the wall would have shown at a past moment of this clock.
    pub(crate) fn on_the_wall(&self, moment: UnixNanos) -> UnixNanos {
        let Reading { steady, wall } = self.reading();
        UnixNanos(wall.0.saturating_sub(steady.0.saturating_sub(moment.0)))
    }
}

impl fmt::Debug for SteadyClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SteadyClock")
            .field("begin", &self.begin)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ManualClock;

    const AGE: Duration = Duration::from_nanos(800);

    fn resume(clock: &Arc<ManualClock>, last: Option<Reading>) -> SteadyClock {
        SteadyClock::resume(Arc::<ManualClock>::clone(clock), last, AGE)
    }

    #[test]
    fn it_goes_on_evenly_when_the_wall_is_set() {
        let wall = ManualClock::at(1_000);
        let clock = resume(&wall, None);
        assert_eq!(clock.now(), UnixNanos(1_000));
        wall.step(-500);
        wall.let_pass(10);
        assert_eq!(clock.now(), UnixNanos(1_010));
        wall.step(1_000_000);
        wall.let_pass(10);
        assert_eq!(clock.now(), UnixNanos(1_020));
        assert_eq!(clock.on_the_wall(UnixNanos(1_000)), UnixNanos(1_000_500));
    }

    #[test]
    fn the_time_while_the_storage_was_closed_counts_up_to_a_limit() {
        let last = Reading {
            steady: UnixNanos(5_000),
            wall: UnixNanos(1_000),
        };
        let begins = |wall| resume(&ManualClock::at(wall), Some(last)).now().0;
        assert_eq!(begins(0), 5_000);
        assert_eq!(begins(1_099), 5_099);
        assert_eq!(begins(u64::MAX), 5_100);
        let long = Duration::from_secs(3_600 * 24 * 365);
        let clock = ManualClock::at(u64::MAX);
        let begin = SteadyClock::resume(clock, Some(last), long).now();
        assert_eq!(begin.0 - last.steady.0, 24 * 3_600 * 1_000_000_000);
    }
}
