//! A split: the immutable unit on disk, Parquet columns with a tantivy index beside them.

pub(crate) mod attribute_columns;
mod attribute_scan;
mod body_rows;
mod envelope_numbers;
pub(crate) mod find;
mod gather;
pub(crate) mod id;
pub(crate) mod keys;
mod lists;
mod logical;
pub(crate) mod metadata;
mod pages;
mod parents;
mod parquet_file;
pub(crate) mod physical;
mod properties;
pub(crate) mod reader;
mod row_copier;
mod row_writer;
pub(crate) mod sort;
mod source_rows;
pub(crate) mod stored;
mod stored_rows;
mod template;
mod time_blocks;
pub(crate) mod writer;

/// The file with the values, in the directory of the split.
pub(crate) const ROWS_FILE: &str = "rows.parquet";
/// The file with the bodies of log records, in the directory of the split.
pub(crate) const BODIES_FILE: &str = "bodies";
/// The directory of the index, in the directory of the split.
pub(crate) const INDEX_DIR: &str = "index";
