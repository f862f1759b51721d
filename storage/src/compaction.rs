//! Merges small splits into few large ones: fewer places to search, and late spans beside the rest
//! of their trace.

pub(crate) mod error;
pub(crate) mod merge;
pub(crate) mod policy;
pub(crate) mod publish;
pub(crate) mod worker;

mod checksum;
mod inputs;
mod order;
mod order_logs;
mod order_spans;
mod proof;
mod system;

#[cfg(test)]
mod copy_tests;
#[cfg(test)]
mod tests;
