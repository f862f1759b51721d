//! What a server uses of the machine: CPU, memory, disk, and when it has come to rest.

pub(crate) mod disk;
pub(crate) mod sample;
pub(crate) mod settle;
mod stat;
pub(crate) mod tree;
