//! The write-ahead log: what was accepted, made durable before it is acknowledged.

pub(crate) mod format;
mod reader;
pub(crate) mod replay;
pub(crate) mod writer;
