//! Searches that are drawn before anything is made and answered while it is made: which traces, which
//! log records, how many of them and which are the newest. What is searched for may be a range of
//! time, a service, an operation, a duration, attributes, words or words in a row.

mod logs;
mod phrases;
mod traces;
mod words;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, ops::Range};

use super::dice::Dice;

pub(super) use self::{
    logs::{ExpectedLogs, LogFacts, LogProbes},
    traces::{ExpectedTraces, TraceProbes},
};

/// The length of a range of time that does not span all data.
const WINDOW_NANOS: u64 = 3_600_000_000_000;
/// Ranges begin and end at whole milliseconds, which every backend can say.
const GRAIN_NANOS: u64 = 1_000_000;
/// Dice of probes are streams that no trace has.
const TRACES_STREAM: u64 = u64::MAX;
const LOGS_STREAM: u64 = u64::MAX - 1;

/// Searches by class.
pub(super) type ByClass<T> = BTreeMap<&'static str, Vec<T>>;

/// The ranges of time that are searched.
#[derive(Clone, Debug)]
pub(super) struct Windows {
    /// All data.
    all: Range<u64>,
}

impl Windows {
    /// For data within this range of Unix nanoseconds, its end included.
    pub(super) fn new(first: u64, last: u64) -> Self {
        let end = last / GRAIN_NANOS + 1;
        Self {
            all: first / GRAIN_NANOS * GRAIN_NANOS..end * GRAIN_NANOS,
        }
    }

    /// An hour that ends at some moment of the data; what lies before the data is cut off.
    fn hour(&self, dice: &mut Dice) -> Range<u64> {
        let end = self.until(dice);
        end.saturating_sub(WINDOW_NANOS).max(self.all.start)..end
    }

    /// Everything up to some moment of the data.
    fn up_to(&self, dice: &mut Dice) -> Range<u64> {
        self.all.start..self.until(dice)
    }

    fn until(&self, dice: &mut Dice) -> u64 {
        let grains = (self.all.end - self.all.start) / GRAIN_NANOS;
        self.all.start + (1 + dice.bits() % grains) * GRAIN_NANOS
    }
}

#[cfg(test)]
mod window_tests {
    use super::*;

    #[test]
    fn windows_are_whole_milliseconds_of_the_data() {
        let windows = Windows::new(5_000_000_001, 9_000_999_999);
        assert_eq!(windows.all, 5_000_000_000..9_001_000_000);
        let mut dice = Dice::of_trace(1, TRACES_STREAM);
        for _ in 0..1_000 {
            let hour = windows.hour(&mut dice);
            assert_eq!(hour.start, 5_000_000_000);
            assert!(hour.end > hour.start && hour.end <= 9_001_000_000);
            assert_eq!(hour.end % GRAIN_NANOS, 0);
        }
        let week = Windows::new(0, 168 * WINDOW_NANOS);
        let hour = week.hour(&mut dice);
        assert_eq!(hour.end - hour.start, WINDOW_NANOS);
    }
}
