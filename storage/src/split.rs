//! A split: the immutable unit on disk, Parquet columns with a tantivy index beside them.

pub(crate) mod id;
