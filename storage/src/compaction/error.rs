//! Why splits could not be merged. They stay as they are.

use crate::catalog::CatalogError;
use crate::disk::room::Shortage;
use crate::error::{ReadError, SealError};
use crate::files::FileError;
use crate::split::id::SplitId;
use crate::split::reader::Split;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MergeError {
    /// The storage is shutting down.
    #[error("storage is shutting down")]
    Stopped,
    /// An input could not be read; the others may be merged without it.
    #[error("input {split_id} cannot be read")]
    Input {
        /// The split.
        split_id: SplitId,
        /// What is wrong with it.
        #[source]
        source: ReadError,
    },
    /// The rows of an input are not in the order of a split.
    #[error("rows of input {split_id} are not in order")]
    Unordered {
        /// The split.
        split_id: SplitId,
    },
    /// An input was deleted meanwhile.
    #[error("an input was deleted meanwhile")]
    InputGone,
    /// The rows do not fit into one split.
    #[error("inputs have more rows than a split can have")]
    TooManyRows,
    /// There is no room for the result beside the inputs.
    #[error("no room for the result")]
    NoRoom(#[from] Shortage),
    /// The result could not be written.
    #[error("merged split cannot be written")]
    Output(#[from] SealError),
    /// A directory could not be looked at or changed.
    #[error(transparent)]
    File(#[from] FileError),
    /// What was written is not what was read.
    #[error("merged split {split_id} does not hold the rows of its inputs")]
    Mismatch {
        /// The merged split; it was thrown away.
        split_id: SplitId,
    },
    /// The catalog could not be changed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A library stopped on values it did not expect.
    #[error("a merge panicked")]
    Panicked,
}

impl MergeError {
    /// An input that could not be read.
    pub(crate) fn input(split: &Split, source: impl Into<ReadError>) -> Self {
        Self::Input {
            split_id: split.id().clone(),
            source: source.into(),
        }
    }

    /// The input that is to be left out from now on.
    pub(crate) fn bad_input(&self) -> Option<&SplitId> {
        match self {
            Self::Input { split_id, .. } | Self::Unordered { split_id } => Some(split_id),
            Self::Stopped
            | Self::InputGone
            | Self::TooManyRows
            | Self::NoRoom(_)
            | Self::Output(_)
            | Self::File(_)
            | Self::Mismatch { .. }
            | Self::Catalog(_)
            | Self::Panicked => None,
        }
    }
}
