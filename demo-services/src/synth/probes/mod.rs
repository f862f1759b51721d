//! Searches that are drawn before anything is made and answered while it is made: which traces, which
//! log records, how many of them and which are the newest. What is searched for may be a range of
//! time, a service, an operation, a duration, attributes, words or words in a row.

mod expected;
mod logs;
mod phrases;
mod traces;
mod words;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, ops::Range};

use super::dice::Dice;

pub(super) use self::{
    expected::{ExpectedLogs, ExpectedTraces},
    logs::{LogFacts, LogProbes},
    traces::TraceProbes,
};

/// The length of a range of time that does not span all data.
const WINDOW_NANOS: u64 = 3_600_000_000_000;
/// Ranges begin and end at whole seconds, which every backend can say, or at whole milliseconds where
/// the data are too short for as many different ends.
const GRAIN_NANOS: u64 = 1_000_000_000;
const FINE_GRAIN_NANOS: u64 = 1_000_000;
/// Data shorter than so many grains have finer ones.
const GRAINS_MIN: u64 = 2_000;
/// A prime that no number of samples is a multiple of: the ends of ranges go back and forth.
const STRIDE: u64 = 1_000_003;
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
    grain: u64,
}

impl Windows {
    /// For data within this range of Unix nanoseconds, its end included.
    pub(super) fn new(first: u64, last: u64) -> Self {
        let is_short = last.saturating_sub(first) / GRAIN_NANOS < GRAINS_MIN;
        let grain = if is_short {
            FINE_GRAIN_NANOS
        } else {
            GRAIN_NANOS
        };
        Self {
            all: first / grain * grain..(last / grain + 1) * grain,
            grain,
        }
    }

    /// An hour that ends at some moment of the data; what lies before the data is cut off. It is
    /// another one for each number below `count`.
    fn hour(&self, number: usize, count: usize, dice: &mut Dice) -> Range<u64> {
        let end = self.until(number, count, dice);
        end.saturating_sub(WINDOW_NANOS).max(self.all.start)..end
    }

    /// Everything up to some moment of the data.
    fn up_to(&self, number: usize, count: usize, dice: &mut Dice) -> Range<u64> {
        self.all.start..self.until(number, count, dice)
    }

    /// A moment in the stretch that belongs to the number, out of as many equal ones as there are
    /// numbers.
    fn until(&self, number: usize, count: usize, dice: &mut Dice) -> u64 {
        let count = count as u64;
        let grains = (self.all.end - self.all.start) / self.grain;
        let stretch = (number as u64).wrapping_mul(STRIDE) % count;
        let start = stretch * grains / count;
        let end = ((stretch + 1) * grains / count).max(start + 1);
        self.all.start + (1 + start + dice.bits() % (end - start)) * self.grain
    }
}

#[cfg(test)]
mod window_tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn windows_of_short_data_are_whole_milliseconds() {
        let windows = Windows::new(5_000_000_001, 9_000_999_999);
        assert_eq!(windows.all, 5_000_000_000..9_001_000_000);
        let mut dice = Dice::of_trace(1, TRACES_STREAM);
        for number in 0..1_000 {
            let hour = windows.hour(number, 1_000, &mut dice);
            assert_eq!(hour.start, 5_000_000_000);
            assert!(hour.end > hour.start && hour.end <= 9_001_000_000);
            assert_eq!(hour.end % 1_000_000, 0);
        }
    }

    #[test]
    fn windows_of_a_week_are_whole_seconds_and_no_two_are_alike() {
        let week = Windows::new(7, 168 * WINDOW_NANOS);
        let mut dice = Dice::of_trace(1, TRACES_STREAM);
        let mut ends = BTreeSet::new();
        for number in 0..500 {
            let hour = week.hour(number, 500, &mut dice);
            assert_eq!(hour.end % 1_000_000_000, 0);
            assert!(hour.end <= week.all.end);
            assert!(hour.end - hour.start == WINDOW_NANOS || hour.start == 0);
            assert!(ends.insert(hour.end));
        }
    }
}
