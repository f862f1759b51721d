//! Deletes splits that are too old. Which ones is decided by a pure function.

use std::time::Duration;

use model::UnixNanos;

use crate::Shared;
use crate::catalog::{Catalog, PublishedSplit};
use crate::files;
use crate::split::id::SplitId;

/// The splits whose time has come.
///
/// The age counts from when a split was sealed, not from the times in its records: those come from
/// clocks of others, and a sender whose clock is years behind must not have its records deleted on
/// arrival, nor one whose clock is years ahead have them kept for years. Where clocks are right the
/// two differ by the age at which the hot buffer is sealed.
fn expired(splits: &[PublishedSplit], now: UnixNanos, age: Duration) -> Vec<SplitId> {
    let age_nanos = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
    let is_expired = |split: &&PublishedSplit| split.sealed.0.saturating_add(age_nanos) <= now.0;
    splits
        .iter()
        .filter(is_expired)
        .map(|split| split.id.clone())
        .collect()
}

/// Deletes what has expired. What fails is tried again the next time.
pub(crate) fn run(shared: &Shared, catalog: &mut Catalog) {
    let ids = expired(
        &shared.view.published(),
        shared.clock.now(),
        shared.config.retention_age,
    );
    if ids.is_empty() {
        return;
    }
    if let Err(error) = catalog.remove(&ids) {
        tracing::error!(%error, "failed to delete expired splits");
        return;
    }
    for id in &ids {
        tracing::info!(split_id = %id, "deleted expired split");
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
    shared
        .counters
        .change(|counts| counts.expired_split_count += ids.len() as u64);
}

#[cfg(test)]
mod tests {
    use model::{Signal, TimeRange};

    use super::*;

    #[test]
    fn a_split_expires_by_when_it_was_sealed_whatever_its_records_say() {
        let split = |sealed: u64, newest: u64| PublishedSplit {
            id: SplitId::new(UnixNanos(1)),
            signal: Signal::Traces,
            row_count: 1,
            time_range: TimeRange {
                start: UnixNanos(0),
                end: UnixNanos(newest),
            },
            size_bytes: 1,
            sealed: UnixNanos(sealed),
        };
        let splits = [split(100, 1), split(100, u64::MAX), split(101, 1)];
        let at = |now| expired(&splits, UnixNanos(now), Duration::from_nanos(50));
        assert_eq!(at(149), []);
        assert_eq!(at(150), [splits[0].id.clone(), splits[1].id.clone()]);
        assert_eq!(at(u64::MAX).len(), 3);
    }
}
