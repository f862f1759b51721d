//! A split: the immutable unit on disk, Parquet columns with a tantivy index beside them.

pub(crate) mod find;
pub(crate) mod id;
pub(crate) mod metadata;
pub(crate) mod parquet_file;
pub(crate) mod reader;
pub(crate) mod sort;
pub(crate) mod writer;

/// The file with the values, in the directory of the split.
pub(crate) const ROWS_FILE: &str = "rows.parquet";
/// The directory of the index, in the directory of the split.
pub(crate) const INDEX_DIR: &str = "index";
