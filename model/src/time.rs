//! Moments and ranges in unix nanoseconds, and the clock everybody is handed.

use std::ops::Range;

/// Nanoseconds since 1970-01-01T00:00:00Z, as OTLP counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixNanos(pub u64);

impl UnixNanos {
    /// The largest moment that fits a signed 64-bit column; later ones are clamped when compared.
    pub const MAX: Self = Self(u64::MAX);

    /// Stores the moment in a signed column without losing a bit (values beyond 2262 turn negative).
    pub fn to_column(self) -> i64 {
        self.0.cast_signed()
    }

    /// The inverse of [`UnixNanos::to_column`].
    pub fn from_column(value: i64) -> Self {
        Self(value.cast_unsigned())
    }
}

/// A half-open range of moments: `start` is in it, `end` is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeRange {
    /// First moment in the range.
    pub start: UnixNanos,
    /// First moment after the range.
    pub end: UnixNanos,
}

impl TimeRange {
    /// Every moment but the very last one.
    pub const ALL: Self = Self {
        start: UnixNanos(0),
        end: UnixNanos(u64::MAX),
    };

    /// The range of `start..end`; `None` when it would be empty.
    pub fn new(start: UnixNanos, end: UnixNanos) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// The smallest range that holds both moments.
    pub fn enclosing(first: UnixNanos, last: UnixNanos) -> Self {
        Self {
            start: first,
            end: UnixNanos(last.0.saturating_add(1)),
        }
    }

    /// Whether the moment lies in the range.
    pub fn contains(&self, moment: UnixNanos) -> bool {
        self.start <= moment && (moment < self.end || self.end == UnixNanos::MAX)
    }

    /// Whether the two ranges share a moment.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// The range as plain numbers.
    pub fn as_range(&self) -> Range<u64> {
        self.start.0..self.end.0
    }
}

/// Where the time comes from. The binary owns the only implementation that reads the system clock.
pub trait Clock: Send + Sync + 'static {
    /// The current moment.
    fn now(&self) -> UnixNanos;

    /// Nanoseconds since some moment, counted evenly whatever people do to the clock on the wall. A
    /// clock that nobody can set may leave this as it is.
    fn steady_nanos(&self) -> u64 {
        self.now().0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_its_start_and_not_its_end() {
        let range = TimeRange::new(UnixNanos(10), UnixNanos(20)).unwrap();
        assert!(range.contains(UnixNanos(10)));
        assert!(!range.contains(UnixNanos(20)));
        assert_eq!(TimeRange::new(UnixNanos(5), UnixNanos(5)), None);
    }

    #[test]
    fn every_moment_survives_a_signed_column() {
        for moment in [0, 1, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX] {
            assert_eq!(
                UnixNanos::from_column(UnixNanos(moment).to_column()),
                UnixNanos(moment)
            );
        }
    }
}
