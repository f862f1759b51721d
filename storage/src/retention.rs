//! Deletes splits that are too old, or too many for the disk. Which ones is decided by a pure
//! function.

use std::time::Duration;

use model::UnixNanos;

use crate::Shared;
use crate::catalog::{Catalog, PublishedSplit};
use crate::files;
use crate::split::id::SplitId;
use crate::split::writer;
use crate::status::Deleted;

/// A split, and the bytes that go with it.
#[derive(Debug, Clone, Copy)]
struct Candidate<'a> {
    split: &'a PublishedSplit,
    bytes: u64,
}

/// What decides.
#[derive(Debug, Clone, Copy)]
struct Rules {
    now: UnixNanos,
    /// What is older goes.
    age: Duration,
    /// Of what is not older, nothing goes.
    age_min: Duration,
    /// Bytes that have to go.
    excess_bytes: u64,
}

/// Why a split goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Age,
    Size,
}

/// Whether what was sealed then is so old now.
pub(crate) fn has_age(sealed: UnixNanos, age: Duration, now: UnixNanos) -> bool {
    let age_nanos = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
    sealed.0.saturating_add(age_nanos) <= now.0
}

/// The splits whose time has come, and then the oldest ones until enough bytes are gone.
///
/// The age counts from when a split was sealed, not from the times in its records: those come from
/// clocks of others, and a sender whose clock is years behind must not have its records deleted on
/// arrival, nor one whose clock is years ahead have them kept for years. Where clocks are right the
/// two differ by the age at which the hot buffer is sealed.
fn plan<'a>(splits: &[Candidate<'a>], rules: Rules) -> Vec<(Candidate<'a>, Reason)> {
    let is_older = |split: &PublishedSplit, age: Duration| has_age(split.sealed, age, rules.now);
    let mut oldest_first = splits.to_vec();
    oldest_first.sort_by_key(|it| (it.split.sealed, it.split.id.clone()));
    let mut freed_bytes = 0;
    let mut planned = Vec::new();
    for candidate in oldest_first {
        let reason = if is_older(candidate.split, rules.age) {
            Reason::Age
        } else if freed_bytes < rules.excess_bytes && is_older(candidate.split, rules.age_min) {
            Reason::Size
        } else {
            break;
        };
        freed_bytes += candidate.bytes;
        planned.push((candidate, reason));
    }
    planned
}

/// Measures the disk and deletes what has to go. What fails is tried again the next time.
pub(crate) fn run(shared: &Shared, catalog: &mut Catalog) {
    finish_deletions(shared, catalog);
    let published = shared.view.published();
    measure(shared, &published);
    let candidates: Vec<_> = published
        .iter()
        .map(|split| Candidate {
            split,
            bytes: shared
                .disk
                .split_bytes(&split.id)
                .unwrap_or(split.size_bytes),
        })
        .collect();
    let rules = Rules {
        now: shared.clock.now(),
        age: shared.config.retention_age,
        age_min: shared.config.min_retention,
        excess_bytes: shared.disk.room().excess_bytes(),
    };
    let planned = plan(&candidates, rules);
    if !planned.is_empty() && delete(shared, catalog, &planned) {
        count(shared, &planned);
        // So that what was refused is taken at once.
        measure(shared, &shared.view.published());
    }
}

fn measure(shared: &Shared, published: &[PublishedSplit]) {
    if let Err(error) = shared.disk.measure(shared, published) {
        // The limit is kept by what was known before; appends are taken until the disk refuses.
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "failed to measure the disk"
        );
    }
}

/// Whether the splits are deleted, or will be.
fn delete(shared: &Shared, catalog: &mut Catalog, planned: &[(Candidate<'_>, Reason)]) -> bool {
    let ids: Vec<SplitId> = planned
        .iter()
        .map(|(candidate, _)| candidate.split.id.clone())
        .collect();
    match catalog.remove(&ids) {
        Ok(()) => {}
        Err(error) if error.is_disk_failure() => {
            tracing::warn!(%error, "the catalog cannot be written, freeing space without it");
            return delete_before_catalog(shared, &ids);
        }
        Err(error) => {
            tracing::error!(%error, "failed to delete splits");
            return false;
        }
    }
    let (readable, unreadable) = shared.view.remove_splits(&ids);
    for split in &readable {
        split.delete_when_unused();
    }
    for id in unreadable {
        if let Err(error) = files::remove_dir(&shared.directories.splits.join(id.as_str())) {
            tracing::warn!(%error, split_id = %id, "failed to remove deleted split");
        }
    }
    true
}

/// A disk that is full to the last byte takes no change of the catalog. A rename needs no space: it
/// says that the split is deleted, then its files go, and the catalog follows when it can.
fn delete_before_catalog(shared: &Shared, ids: &[SplitId]) -> bool {
    let splits_dir = &shared.directories.splits;
    let mut deleted = Vec::new();
    for id in ids {
        match writer::mark_deleted(splits_dir, id) {
            Ok(()) => deleted.push(id.clone()),
            Err(error) => tracing::error!(%error, split_id = %id, "failed to delete split"),
        }
    }
    // Who holds one of them and has it open reads on; who has not is told that it cannot be read.
    drop(shared.view.remove_splits(&deleted));
    deleted.len() == ids.len()
}

/// Makes the catalog forget what was deleted without it.
pub(crate) fn finish_deletions(shared: &Shared, catalog: &mut Catalog) {
    let splits_dir = &shared.directories.splits;
    let mut finish = || -> Result<(), Box<dyn std::error::Error>> {
        let ids = writer::list_deleted(splits_dir)?;
        if !ids.is_empty() {
            catalog.remove(&ids)?;
            writer::remove_deleted(splits_dir, &ids)?;
        }
        Ok(())
    };
    if let Err(error) = finish() {
        tracing::warn!(error, "deleted splits are still in the catalog");
    }
}

fn count(shared: &Shared, planned: &[(Candidate<'_>, Reason)]) {
    for (candidate, reason) in planned {
        let id = &candidate.split.id;
        match reason {
            Reason::Age => tracing::info!(split_id = %id, "deleted expired split"),
            Reason::Size => {
                tracing::info!(split_id = %id, "deleted oldest split to keep within --max-disk");
            }
        }
    }
    let total = |wanted: Reason| {
        let mut deleted = Deleted::default();
        for (candidate, _) in planned.iter().filter(|(_, reason)| *reason == wanted) {
            deleted.split_count += 1;
            deleted.bytes += candidate.bytes;
        }
        deleted
    };
    shared.counters.change(|counts| {
        counts.deleted_by_age.add(total(Reason::Age));
        counts.deleted_by_size.add(total(Reason::Size));
    });
}

#[cfg(test)]
mod tests {
    use model::{Signal, TimeRange};

    use super::*;

    fn split(sealed: u64, newest: u64) -> PublishedSplit {
        PublishedSplit {
            id: SplitId::new(UnixNanos(1)),
            signal: Signal::Traces,
            row_count: 1,
            time_range: TimeRange {
                start: UnixNanos(0),
                end: UnixNanos(newest),
            },
            size_bytes: 1,
            sealed: UnixNanos(sealed),
        }
    }

    fn planned(splits: &[PublishedSplit], rules: Rules) -> Vec<(u64, Reason)> {
        let candidates: Vec<_> = splits
            .iter()
            .map(|split| Candidate { split, bytes: 10 })
            .collect();
        plan(&candidates, rules)
            .into_iter()
            .map(|(candidate, reason)| (candidate.split.sealed.0, reason))
            .collect()
    }

    const RULES: Rules = Rules {
        now: UnixNanos(0),
        age: Duration::from_nanos(50),
        age_min: Duration::from_nanos(20),
        excess_bytes: 0,
    };

    #[test]
    fn a_split_expires_by_when_it_was_sealed_whatever_its_records_say() {
        let splits = [split(101, 1), split(100, u64::MAX), split(100, 1)];
        let at = |now| {
            let now = UnixNanos(now);
            planned(&splits, Rules { now, ..RULES })
        };
        assert_eq!(at(149), []);
        assert_eq!(at(150), [(100, Reason::Age); 2]);
        assert_eq!(at(u64::MAX).len(), 3);
    }

    #[test]
    fn the_oldest_go_until_enough_bytes_are_gone_and_the_young_stay() {
        let splits = [split(130, 1), split(110, 1), split(100, 1), split(120, 1)];
        let rules = |now, excess_bytes| Rules {
            now: UnixNanos(now),
            excess_bytes,
            ..RULES
        };
        let size = |sealed: u64| (sealed, Reason::Size);
        assert_eq!(planned(&splits, rules(149, 0)), []);
        assert_eq!(planned(&splits, rules(149, 1)), [size(100)]);
        assert_eq!(planned(&splits, rules(149, 10)), [size(100)]);
        assert_eq!(planned(&splits, rules(149, 11)), [size(100), size(110)]);
        let all_but_the_young = [size(100), size(110), size(120)];
        assert_eq!(planned(&splits, rules(149, 1_000)), all_but_the_young);
        // What goes by age counts.
        let by_age = (100, Reason::Age);
        assert_eq!(planned(&splits, rules(150, 10)), [by_age]);
        assert_eq!(planned(&splits, rules(150, 11)), [by_age, size(110)]);
    }

    #[test]
    fn a_floor_above_the_age_keeps_nothing_longer() {
        let splits = [split(100, 1), split(110, 1)];
        let rules = Rules {
            now: UnixNanos(150),
            age_min: Duration::MAX,
            excess_bytes: 1_000,
            ..RULES
        };
        assert_eq!(planned(&splits, rules), [(100, Reason::Age)]);
    }
}
