//! Which entries of the WAL are in a split: runs of sequences. Pure.

use serde::{Deserialize, Serialize};

/// The entries after one sequence, up to and with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct WalRange {
    pub(crate) after: u64,
    pub(crate) to: u64,
}

/// The same entries in as few runs as possible, in order.
pub(crate) fn union(ranges: impl IntoIterator<Item = WalRange>) -> Vec<WalRange> {
    let mut sorted: Vec<WalRange> = ranges.into_iter().filter(|it| it.after < it.to).collect();
    sorted.sort_unstable();
    let mut runs: Vec<WalRange> = Vec::new();
    for range in sorted {
        match runs.last_mut() {
            Some(last) if range.after <= last.to => last.to = last.to.max(range.to),
            _ => runs.push(range),
        }
    }
    runs
}

/// Whether every entry of `inner` is in `outer`; both as [`union`] makes them.
pub(crate) fn covers(outer: &[WalRange], inner: &[WalRange]) -> bool {
    inner.iter().all(|run| {
        outer
            .iter()
            .any(|it| it.after <= run.after && run.to <= it.to)
    })
}

/// Whether there is an entry that is in both.
pub(crate) fn overlaps(a: &[WalRange], b: &[WalRange]) -> bool {
    a.iter()
        .any(|a| b.iter().any(|b| a.after < b.to && b.after < a.to))
}

/// How many entries there are.
pub(crate) fn count(runs: &[WalRange]) -> u64 {
    runs.iter().map(|run| run.to - run.after).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(ranges: &[(u64, u64)]) -> Vec<WalRange> {
        union(ranges.iter().map(|&(after, to)| WalRange { after, to }))
    }

    #[test]
    fn runs_that_touch_become_one() {
        assert_eq!(
            runs(&[(5, 9), (0, 3), (3, 5), (7, 8), (4, 4)]),
            runs(&[(0, 9)])
        );
        assert_eq!(
            runs(&[(4, 5), (0, 3)]),
            [WalRange { after: 0, to: 3 }, WalRange { after: 4, to: 5 }]
        );
        assert_eq!(count(&runs(&[(4, 5), (0, 3)])), 4);
    }

    #[test]
    fn runs_cover_others_and_overlap_with_them() {
        let outer = runs(&[(0, 3), (4, 9)]);
        for (inner, is_covered, is_overlapping) in [
            (runs(&[(1, 2), (4, 5)]), true, true),
            (runs(&[(2, 5)]), false, true),
            (runs(&[(3, 4)]), false, false),
            (runs(&[(9, 12)]), false, false),
            (outer.clone(), true, true),
        ] {
            assert_eq!(covers(&outer, &inner), is_covered, "{inner:?}");
            assert_eq!(overlaps(&outer, &inner), is_overlapping, "{inner:?}");
        }
    }
}
