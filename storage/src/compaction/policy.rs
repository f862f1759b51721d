//! Decides which splits to merge. Pure: takes what the catalog knows, returns a plan, does no I/O.
//!
//! Time is cut into windows of an eighth of the retention age, and splits are merged only with
//! splits that were sealed in the same window. A merged split counts from the newest of its inputs,
//! so nothing is kept longer than an eighth over its age, however often it is merged.
//!
//! Within a window, splits of similar size are merged when [`FAN_IN`] of them have come together,
//! or enough to fill a split. When the window is over, what is left in it is merged once more. The
//! fan-in is as large as it is because 16 x 16 is more than the seals that `--seal-age` makes in a
//! window of the default settings: a row is rewritten about twice and no more.
//!
//! A merge costs by the row, and what it saves is a few microseconds of each search by the split. So
//! splits of [`LARGE`] and more are left as they are until there are more than [`LARGE_KEPT`] of a
//! signal; then as many are merged as it takes, the oldest first.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Signal, UnixNanos};

use crate::catalog::PublishedSplit;
use crate::config::StorageConfig;
use crate::split::id::SplitId;

/// Splits of similar size that make a merge worth its while.
const FAN_IN: usize = 16;
/// Splits that are merged at most: each is an open file, and a buffer in memory.
const INPUTS_MAX: usize = 64;
/// Windows that the retention age is cut into.
const WINDOWS: u64 = 8;
/// Bytes of the largest split that a merge makes.
const BYTES_MAX: u64 = 512 << 20;
/// Weight of a split that is as large as a merge makes it.
const FULL: u64 = 1 << 32;
/// Splits above this weight are left alone: no two of them would fit into one.
const MATURE: u64 = FULL / 2;
/// A run of splits that reaches this weight is merged without waiting for more.
const ENOUGH: u64 = FULL / 8 * 7;
/// Weight from which a split is large.
const LARGE: u64 = FULL / 32;
/// Large splits of a signal that are not merged with each other: searching them all takes some milliseconds,
/// and rewriting them would take minutes.
const LARGE_KEPT: usize = 256;
/// How many times larger a split of one tier may be than another one of it, as a power of two.
const TIER_BITS: u32 = 4;

/// What the plan depends on beside the splits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Rows of the largest split that a merge makes.
    pub(crate) rows_max: u64,
    /// Age at which splits are deleted.
    pub(crate) retention_age: Duration,
}

impl Settings {
    pub(crate) fn new(config: &StorageConfig) -> Self {
        Self {
            rows_max: config.compaction_rows_max,
            retention_age: config.retention_age,
        }
    }
}

/// Splits of one signal that are to become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Merge {
    /// What is merged, the first one sealed first; at least two.
    pub(crate) inputs: Vec<SplitId>,
    /// What they are.
    pub(crate) signal: Signal,
    /// Rows of all inputs.
    pub(crate) row_count: u64,
    /// Bytes of all inputs.
    pub(crate) size_bytes: u64,
}

/// A split that may be merged.
#[derive(Debug, Clone, Copy)]
struct Candidate<'a> {
    split: &'a PublishedSplit,
    weight: u64,
}

/// The splits of one signal that were sealed in the same window.
#[derive(Debug, Default)]
struct Window<'a> {
    /// Those of [`LARGE`] and more.
    large: Vec<Candidate<'a>>,
    small: Vec<Candidate<'a>>,
}

/// What is to be merged now, the cheapest first. Each split is in one merge at most.
pub(crate) fn plan(splits: &[PublishedSplit], now: UnixNanos, settings: &Settings) -> Vec<Merge> {
    let window_nanos = window_nanos(settings);
    let mut windows: BTreeMap<(u64, &str), Window<'_>> = BTreeMap::new();
    let mut large_counts: BTreeMap<&str, usize> = BTreeMap::new();
    for split in splits {
        let weight = weight(split, settings);
        if weight <= MATURE && !is_near_its_end(split, now, settings) {
            let signal = split.signal.as_str();
            let window = windows.entry((split.sealed.0 / window_nanos, signal));
            let window = window.or_default();
            let candidate = Candidate { split, weight };
            if weight >= LARGE {
                window.large.push(candidate);
                *large_counts.entry(signal).or_default() += 1;
            } else {
                window.small.push(candidate);
            }
        }
    }
    let mut runs = Vec::new();
    for ((window, signal), candidates) in windows {
        let is_over = now.0 / window_nanos > window;
        let runs_of = if is_over { leftovers } else { tiers };
        runs.extend(runs_of(&in_order(candidates.small)));
        let large_count = large_counts.entry(signal).or_default();
        for run in runs_of(&in_order(candidates.large)) {
            if *large_count > LARGE_KEPT {
                *large_count -= run.len().saturating_sub(1);
                runs.push(run);
            }
        }
    }
    runs.sort_by_key(|run| weight_of(run));
    runs.iter().filter_map(|run| to_merge(run)).collect()
}

fn in_order(mut candidates: Vec<Candidate<'_>>) -> Vec<Candidate<'_>> {
    candidates.sort_by_key(|candidate| (candidate.split.sealed, candidate.split.id.clone()));
    candidates
}

fn window_nanos(settings: &Settings) -> u64 {
    (age_nanos(settings) / WINDOWS).max(1)
}

fn age_nanos(settings: &Settings) -> u64 {
    u64::try_from(settings.retention_age.as_nanos()).unwrap_or(u64::MAX)
}

/// Whether retention deletes the split before a merge would pay for itself.
fn is_near_its_end(split: &PublishedSplit, now: UnixNanos, settings: &Settings) -> bool {
    let deleted = split.sealed.0.saturating_add(age_nanos(settings));
    deleted <= now.0.saturating_add(window_nanos(settings))
}

/// The size of a split as a share of the largest one a merge makes, by rows or by bytes, whichever
/// is more. Weights can be added up: splits that weigh [`FULL`] together fit into one.
fn weight(split: &PublishedSplit, settings: &Settings) -> u64 {
    let rows = share(u64::from(split.row_count), settings.rows_max);
    let bytes = share(split.size_bytes, BYTES_MAX);
    rows.max(bytes).max(1)
}

fn share(part: u64, whole: u64) -> u64 {
    let share = (u128::from(part) * u128::from(FULL)).div_ceil(u128::from(whole.max(1)));
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// Splits of one tier are at most 16 times larger than each other; those of the next are smaller.
fn tier(weight: u64) -> u32 {
    MATURE.ilog2().saturating_sub(weight.ilog2()) / TIER_BITS
}

/// Runs of similar size that are long enough, or that fill a split.
fn tiers<'a>(candidates: &[Candidate<'a>]) -> Vec<Vec<Candidate<'a>>> {
    let mut open: BTreeMap<u32, Vec<Candidate<'a>>> = BTreeMap::new();
    let mut due = Vec::new();
    for candidate in candidates {
        let run = open.entry(tier(candidate.weight)).or_default();
        if weight_of(run) + candidate.weight > FULL {
            due.push(std::mem::take(run));
        }
        run.push(*candidate);
        if run.len() >= FAN_IN || weight_of(run) >= ENOUGH {
            due.push(std::mem::take(run));
        }
    }
    due
}

/// What no later seal will join, in runs that fit into a split each. A split that is larger than
/// all others of its run together stays as it is: rewriting it would be for little.
fn leftovers<'a>(candidates: &[Candidate<'a>]) -> Vec<Vec<Candidate<'a>>> {
    let mut runs: Vec<Vec<Candidate<'a>>> = Vec::new();
    for candidate in candidates {
        match runs.last_mut() {
            Some(run) if run.len() < INPUTS_MAX && weight_of(run) + candidate.weight <= FULL => {
                run.push(*candidate);
            }
            _ => runs.push(vec![*candidate]),
        }
    }
    for run in &mut runs {
        while let Some(largest) = run.iter().map(|candidate| candidate.weight).max()
            && largest > weight_of(run) - largest
        {
            run.retain(|candidate| candidate.weight != largest);
        }
    }
    runs
}

fn weight_of(run: &[Candidate<'_>]) -> u64 {
    run.iter().map(|candidate| candidate.weight).sum()
}

/// The merge of a run; none when the run has nothing to merge.
fn to_merge(run: &[Candidate<'_>]) -> Option<Merge> {
    let [first, _, ..] = run else {
        return None;
    };
    let splits = run.iter().map(|candidate| candidate.split);
    Some(Merge {
        inputs: splits.clone().map(|split| split.id.clone()).collect(),
        signal: first.split.signal,
        row_count: splits.clone().map(|split| u64::from(split.row_count)).sum(),
        size_bytes: splits.map(|split| split.size_bytes).sum(),
    })
}

#[cfg(test)]
mod tests;
