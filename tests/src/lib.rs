//! The harness of the end-to-end stories: starts the real binary as a process, talks to it as its
//! users do, and waits for what happens elsewhere. It panics with the full picture.
#![expect(
    clippy::unwrap_used,
    reason = "test support panics with the full picture"
)]
#![expect(
    clippy::expect_used,
    reason = "test support panics with the full picture"
)]
#![expect(clippy::panic, reason = "test support panics with the full picture")]

mod client;
#[cfg(target_os = "linux")]
mod faults;
mod grpc;
mod node;
mod order;
mod otlp;
mod process;
mod python;
mod shop;
mod small_disk;
mod wait;

pub use client::{Answer, HttpClient};
#[cfg(target_os = "linux")]
pub use faults::{FailingCalls, limit_handles, open_handles};
pub use grpc::GrpcClient;
pub use node::{Pages, run_deno_order, run_node_order};
pub use order::{Habits, JAVASCRIPT, Order, SCOPE, stored_logs};
pub use otlp::{SpanView, TraceView, export_logs, export_spans};
pub use process::{SpandrelProcess, binary, command};
pub use python::{get_encrypted, python, read_parquet, run_python_doors, run_python_order};
pub use shop::ShopProcess;
pub use wait::{PATIENCE, until, while_there_is_an_answer};
