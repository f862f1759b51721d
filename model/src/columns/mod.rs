//! Building and reading the columns that spans and log records share.

mod build;
mod read;
mod unify;

pub(crate) use build::{
    AttributesBuilder, ColumnValue, EnvelopesBuilder, EventsBuilder, LinkRow, LinksBuilder,
    LogBatchBuilder, LogRow, ResourceKeys, SpanBatchBuilder, SpanRow,
};
pub use read::AttributesColumn;
pub(crate) use read::{DictionaryColumn, EventsColumn, LinksColumn, downcast, required_column};

pub use unify::unify_dictionaries;

/// A batch that does not have the columns or the texts its schema promises: a damaged file or a bug.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The column is not in the batch.
    #[error("column {column} is missing")]
    MissingColumn {
        /// Name of the column.
        column: String,
    },
    /// The column has another type than the schema says.
    #[error("column {column} has an unexpected type")]
    WrongType {
        /// Name of the column.
        column: String,
    },
    /// A text in the column does not read as what it should be.
    #[error("column {column} holds a damaged value in row {row}")]
    DamagedValue {
        /// Name of the column.
        column: String,
        /// Row within the batch.
        row: usize,
    },
}
