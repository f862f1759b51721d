//! A Prometheus histogram with fixed buckets, written by many threads without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts values by upper bounds; a value belongs to the first bound that is not below it.
#[derive(Debug)]
pub(super) struct Histogram<const N: usize> {
    bounds: &'static [u64; N],
    /// One for each bound, and one for what is above all of them.
    buckets: [AtomicU64; N],
    above: AtomicU64,
    sum: AtomicU64,
}

impl<const N: usize> Histogram<N> {
    /// An empty histogram with these upper bounds, which must ascend.
    pub(super) fn new(bounds: &'static [u64; N]) -> Self {
        Self {
            bounds,
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
            above: AtomicU64::new(0),
            sum: AtomicU64::new(0),
        }
    }

    pub(super) fn record(&self, value: u64) {
        let bucket = self
            .bounds
            .iter()
            .zip(&self.buckets)
            .find(|(bound, _)| value <= **bound)
            .map_or(&self.above, |(_, bucket)| bucket);
        bucket.fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Each bound with the count of values up to it, then the count of all values and their sum.
    pub(super) fn read(&self) -> (Vec<(u64, u64)>, u64, u64) {
        let mut count = 0;
        let mut cumulative = Vec::with_capacity(N);
        for (bound, bucket) in self.bounds.iter().zip(&self.buckets) {
            count += bucket.load(Ordering::Relaxed);
            cumulative.push((*bound, count));
        }
        count += self.above.load(Ordering::Relaxed);
        (cumulative, count, self.sum.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_in_its_bucket_and_in_all_above() {
        let histogram = Histogram::new(&[10, 100]);

        for value in [1, 10, 11, 101] {
            histogram.record(value);
        }

        assert_eq!(histogram.read(), (vec![(10, 2), (100, 3)], 4, 123));
    }
}
