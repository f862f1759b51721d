//! Why bodies could not be written, read or searched.

use std::io;

use crate::files::FileError;

/// Why a file of bodies could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BodiesError {
    /// The bytes are not what was written.
    #[error("bodies are damaged: {what}")]
    Damaged {
        /// What is wrong.
        what: &'static str,
    },
    /// The file was written by a version this one cannot read.
    #[error("bodies have format version {found}, not {expected}")]
    FormatVersion {
        /// The version found.
        found: u32,
        /// The version this program reads.
        expected: u32,
    },
    /// The split has no such row, or the rows asked for do not ascend.
    #[error("row {row} is out of order or not among the {row_count} rows")]
    BadRow {
        /// The row asked for.
        row: u32,
        /// How many rows there are.
        row_count: u32,
    },
    /// A body, or all of them, are more than the format has room for.
    #[error("bodies do not fit the format: {what}")]
    TooLarge {
        /// What does not fit.
        what: &'static str,
    },
    /// The compressor refused.
    #[error("bodies could not be compressed")]
    Compress {
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// The bytes could not be written.
    #[error("bodies could not be written")]
    Write {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Shorthand for a value that the bytes do not hold.
pub(super) const fn damaged(what: &'static str) -> BodiesError {
    BodiesError::Damaged { what }
}
