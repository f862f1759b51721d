//! The write-ahead log: what was accepted, made durable before it is acknowledged.

pub(crate) mod attempts;
pub(crate) mod format;
pub(crate) mod range;
mod reader;
pub(crate) mod replay;
pub(crate) mod writer;
