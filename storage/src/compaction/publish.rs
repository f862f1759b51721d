//! Puts a merged split in the place of its inputs: in the catalog, then for readers, then on disk.
//! Runs on the one thread that changes the catalog.

use std::sync::Arc;

use super::error::MergeError;
use super::merge::Merged;
use crate::Shared;
use crate::catalog::{Catalog, CatalogError};
use crate::files;
use crate::split::id::SplitId;

/// A merged split and what it was made from.
#[derive(Debug)]
pub(crate) struct Replacement {
    pub(crate) removed: Vec<SplitId>,
    pub(crate) merged: Merged,
}

/// Makes the merged split visible instead of its inputs. When it fails, they stay as they are.
///
/// A crash before the transaction leaves the inputs, one after it the merged split; the next start
/// removes the directories of what the catalog does not list.
pub(crate) fn replace(
    shared: &Shared,
    catalog: &mut Catalog,
    replacement: Replacement,
) -> Result<(), MergeError> {
    let Replacement { removed, merged } = replacement;
    let added = merged.published.clone();
    if let Err(error) = replace_in_catalog(shared, catalog, &removed, &merged) {
        // Whoever does not find it in the catalog must not find it on disk; what may be there is
        // left to the next start.
        if is_unpublished(catalog, &added.id) {
            let dir = shared.directories.splits.join(added.id.as_str());
            if let Err(error) = files::remove_dir(&dir) {
                tracing::warn!(%error, split_id = %added.id, "failed to remove merged split");
            }
        }
        return Err(error);
    }
    let split = Arc::clone(&merged.split);
    // Only the proof has read it so far.
    split.release();
    let old = shared.view.replace(&removed, added, split);
    assert!(old.is_some(), "what the catalog lists is in the view");
    for split in old.into_iter().flatten() {
        split.delete_when_unused();
    }
    Ok(())
}

fn replace_in_catalog(
    shared: &Shared,
    catalog: &mut Catalog,
    removed: &[SplitId],
    merged: &Merged,
) -> Result<(), MergeError> {
    let known = shared.view.splits();
    let is_known = |id: &SplitId| known.iter().any(|(published, _)| published.id == *id);
    if !removed.iter().all(is_known) {
        return Err(MergeError::InputGone);
    }
    match catalog.replace(removed, &merged.published) {
        // A commit that is reported as failed may have happened.
        Err(error) if is_published(catalog, &merged.published.id)? => {
            tracing::warn!(%error, "a merged split was published with an error");
            Ok(())
        }
        result => Ok(result?),
    }
}

fn is_published(catalog: &Catalog, id: &SplitId) -> Result<bool, CatalogError> {
    let published = catalog.list_splits()?;
    Ok(published.iter().any(|split| split.id == *id))
}

/// Whether it is certain that the catalog does not list the split.
fn is_unpublished(catalog: &Catalog, id: &SplitId) -> bool {
    is_published(catalog, id).is_ok_and(|is_published| !is_published)
}
