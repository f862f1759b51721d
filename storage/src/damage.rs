//! Moves splits that turn out to be damaged out of the way, and keeps the list of what was set aside.
//! Runs on the one thread that changes the catalog.

use crate::Shared;
use crate::catalog::{Catalog, PublishedSplit};
use crate::rebuild;
use crate::set_aside;

/// Sets aside the splits that were found damaged since the last time, and lists what was set aside.
pub(crate) fn run(shared: &Shared, catalog: &mut Catalog) {
    for (published, split) in shared.view.splits() {
        if let Some(reason) = split.damage() {
            set_aside(shared, catalog, &published, &reason);
        }
    }
    list(shared);
}

/// Sets a split aside. When its directory cannot be moved, because it is not there for example, it
/// stays in the catalog, unreadable: a disk that is mounted later must not find its splits forgotten.
///
/// The catalog is last: a crash before it leaves a split that is listed and lies aside, which is
/// finished by the next start.
pub(crate) fn set_aside(
    shared: &Shared,
    catalog: &mut Catalog,
    split: &PublishedSplit,
    reason: &str,
) {
    let directories = &shared.directories;
    let name = split.id.as_str();
    let is_aside = directories.set_aside.join(name).exists();
    if !is_aside && !directories.splits.join(name).exists() {
        return;
    }
    let moved = rebuild::take_split(directories, split, reason);
    if let Err(error) = moved {
        tracing::error!(%error, split_id = %split.id, "failed to set damaged split aside");
        return;
    }
    if let Err(error) = catalog.remove(std::slice::from_ref(&split.id)) {
        tracing::warn!(%error, split_id = %split.id, "a split that was set aside is still in the catalog");
    }
    // Told of before it is gone, so that no answer is short without saying so.
    list(shared);
    drop(shared.view.remove_splits(std::slice::from_ref(&split.id)));
}

/// Reads what is in the directory: somebody may have taken something away.
pub(crate) fn list(shared: &Shared) {
    match set_aside::list(&shared.directories.set_aside) {
        Ok(items) => {
            let (now, age) = (shared.clock.now(), shared.config.retention_age);
            shared
                .view
                .set_set_aside(set_aside::unreadable(&items, now, age));
            *shared.set_aside.lock() = items;
        }
        Err(error) => tracing::warn!(%error, "failed to list what was set aside"),
    }
}
