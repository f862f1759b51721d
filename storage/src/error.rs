//! Why the storage could not be opened, could not take an append, or could not be read.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_schema::ArrowError;
use model::BatchError;
use parquet::errors::ParquetError;
use tantivy::TantivyError;

pub use crate::bodies::BodiesError;
pub use crate::catalog::CatalogError;
pub use crate::disk::room::Shortage;
pub use crate::files::FileError;

/// Why the storage could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another server uses the data directory.
    #[error("data directory {} is in use by another server", data_dir.display())]
    Locked {
        /// The directory.
        data_dir: PathBuf,
    },
    /// There is nothing to read.
    #[error("{} is no data directory: it has no catalog", data_dir.display())]
    NoDataDirectory {
        /// The directory.
        data_dir: PathBuf,
    },
    /// There are splits and no catalog. A server would make one; who only reads does not.
    #[error("catalog {} is missing, and there are splits that it should list", path.display())]
    CatalogMissing {
        /// Where the catalog should be.
        path: PathBuf,
    },
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The catalog could not be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The system refused a thread.
    #[error("could not start thread {thread}")]
    Thread {
        /// Name of the thread.
        thread: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Why an append was not taken. Nothing of it will become visible, unless the WAL was poisoned:
/// then it may or may not be there after the next start.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// Sealing lags behind; there is room again when it has caught up.
    #[error("hot buffer is full: {used_bytes} of {capacity_bytes} bytes used")]
    Full {
        /// Bytes held now.
        used_bytes: u64,
        /// Bytes that may be held.
        capacity_bytes: u64,
    },
    /// The disk does not keep up.
    #[error("{queue_requests} export requests already wait for the disk")]
    Overloaded {
        /// Length of the queue.
        queue_requests: usize,
    },
    /// There is no room on the disk; there is again when retention or somebody else has freed some.
    #[error("no room on the disk")]
    NoRoom {
        /// What is missing.
        #[source]
        source: Shortage,
    },
    /// The server is going down.
    #[error("storage is shutting down")]
    ShuttingDown,
    /// The payload does not fit a WAL entry.
    #[error("payload of {payload_bytes} bytes is larger than {limit_bytes} bytes")]
    TooLarge {
        /// Size of the payload.
        payload_bytes: usize,
        /// Largest size of a payload.
        limit_bytes: usize,
    },
    /// The disk refused the write, because it is full for example. The log is as it was before.
    #[error("wal refused the write")]
    WalRefused {
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
    /// A sync of the WAL failed, now or earlier; nothing more is taken until a restart.
    #[error("wal cannot be written")]
    WalPoisoned {
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
}

impl AppendError {
    /// Whether the same append may succeed later without anybody's help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Full { .. }
            | Self::Overloaded { .. }
            | Self::NoRoom { .. }
            | Self::WalRefused { .. }
            | Self::ShuttingDown => true,
            Self::TooLarge { .. } | Self::WalPoisoned { .. } => false,
        }
    }
}

/// Why a source could not be read. The other sources of the snapshot still can.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file of a split could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file of a split is not what was written.
    #[error("file {file} of split {split_id} is damaged")]
    Damaged {
        /// The split.
        split_id: String,
        /// Name of the file within the split.
        file: String,
    },
    /// The metadata of a split cannot be read, or is of another version.
    #[error("metadata of split {split_id} cannot be read")]
    Metadata {
        /// The split.
        split_id: String,
        /// What is wrong with it.
        #[source]
        source: MetadataError,
    },
    /// The columns of a split could not be decoded.
    #[error("columns of split {split_id} cannot be decoded")]
    Columns {
        /// The split.
        split_id: String,
        /// What the decoder said.
        #[source]
        source: ParquetError,
    },
    /// The bodies of a split could not be read.
    #[error("bodies of split {split_id} cannot be read")]
    Bodies {
        /// The split.
        split_id: String,
        /// What is wrong with them.
        #[source]
        source: BodiesError,
    },
    /// The index of a split could not be read.
    #[error("index of split {split_id} cannot be read")]
    Index {
        /// The split.
        split_id: String,
        /// What the index said.
        #[source]
        source: Box<TantivyError>,
    },
    /// A library stopped on bytes it did not expect.
    #[error("split {split_id} made a decoder panic")]
    Panicked {
        /// The split.
        split_id: String,
    },
    /// A batch does not have the values its schema promises.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// Arrow could not build the answer.
    #[error("batch could not be built")]
    Arrow(#[from] ArrowError),
    /// The source has no such column.
    #[error("there is no column {column}")]
    UnknownColumn {
        /// The name asked for.
        column: String,
    },
    /// The source has no such row, or the rows asked for do not ascend.
    #[error("row {row} is out of order or not among the {row_count} rows")]
    BadRow {
        /// The row asked for.
        row: u32,
        /// How many rows there are.
        row_count: u32,
    },
}

impl ReadError {
    /// What is damaged, if it is certain that something is: bytes that are not what was written, or
    /// a file that is not there. What the system refuses today it may grant tomorrow, and what
    /// another version wrote is not damaged.
    pub(crate) fn damage(&self) -> Option<String> {
        match self {
            Self::Damaged { file, .. } => Some(format!("file {file} is damaged")),
            Self::File(error) if error.source.kind() == io::ErrorKind::NotFound => {
                let name = error.path.file_name().unwrap_or_default();
                Some(format!("file {} is missing", name.to_string_lossy()))
            }
            Self::Metadata {
                source: MetadataError::Json(_) | MetadataError::Checksum | MetadataError::WrongSplit,
                ..
            } => Some("its metadata is damaged".to_owned()),
            Self::File(_)
            | Self::Metadata { .. }
            | Self::Columns { .. }
            | Self::Bodies { .. }
            | Self::Index { .. }
            | Self::Panicked { .. }
            | Self::Batch(_)
            | Self::Arrow(_)
            | Self::UnknownColumn { .. }
            | Self::BadRow { .. } => None,
        }
    }
}

/// What is wrong with the metadata of a split.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// It is no JSON of the expected form.
    #[error("not the expected JSON")]
    Json(#[from] serde_json::Error),
    /// It was written by a version this one cannot read.
    #[error("format version {found} is not {expected}")]
    FormatVersion {
        /// The version found.
        found: u32,
        /// The version this program reads.
        expected: u32,
    },
    /// The batch schema is one this version cannot read.
    #[error("schema version {found} is not {expected}")]
    SchemaVersion {
        /// The version found.
        found: u32,
        /// The version this program reads.
        expected: u32,
    },
    /// Something in it is not as it was written.
    #[error("it does not have its checksum")]
    Checksum,
    /// It speaks of another split than the directory's name and the catalog.
    #[error("it belongs to another split")]
    WrongSplit,
}

/// Why the hot buffer could not be sealed. Its records stay in the WAL and visible.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The catalog could not be changed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The columns could not be written.
    #[error("columns could not be encoded")]
    Columns(#[from] ParquetError),
    /// The index could not be written.
    #[error("index could not be built")]
    Index(#[from] Box<TantivyError>),
    /// A batch could not be rearranged.
    #[error("batch could not be sorted")]
    Arrow(#[from] ArrowError),
    /// A batch does not have the values its schema promises.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The bodies of log records could not be written.
    #[error("bodies could not be encoded")]
    Bodies(#[from] BodiesError),
    /// The metadata could not be written as JSON.
    #[error("metadata could not be encoded")]
    Metadata(#[from] serde_json::Error),
    /// What was written cannot be read back.
    #[error("new split cannot be read back")]
    Unreadable(#[from] ReadError),
    /// A library stopped on values it did not expect.
    #[error("an encoder panicked")]
    Panicked,
    /// The thread that does it has ended.
    #[error("storage is shutting down")]
    ShuttingDown,
}

/// The error with its causes on one line, for people.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
