//! End-to-end stories on the real binary: what a user does, and what they see then.
#![expect(clippy::unwrap_used, reason = "stories panic with the full picture")]
#![expect(clippy::panic, reason = "stories panic with the full picture")]

mod browser_sdk;
mod compaction;
mod compose;
mod demo;
mod disk;
mod doors;
mod export;
mod faults;
mod import;
mod ingest_logs;
mod ingest_traces;
mod jaeger;
mod ledger;
mod memory;
mod metrics;
mod node_sdk;
mod overload;
mod python_sdk;
mod redaction;
mod restart;
mod rust_sdk;
mod search;
mod senders;
mod shop;
mod shutdown;
mod start;
mod ui;
