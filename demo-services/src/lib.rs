//! The bundled shop: a handful of microservices, the bus between them, a supervisor that runs them
//! as child processes, and a load generator. It speaks only OTLP to the outside, like any other
//! instrumented system, and uses no other crate of this workspace.
//!
//! - [`cli`]: `spandrel shop up | run | load | synth`.
//! - [`Supervisor`]: the whole shop as child processes of the current executable.
//! - [`load`]: open-loop, seeded load against the gateway.
//! - [`synth`]: spans and log records without a shop, for benchmarks.
//!
//! Inside, each service lives in `services::<name>` and knows only the protocol (`proto`), the
//! `mesh` (calls to other services), `messaging` (the bus and its outbox and inbox), `database`
//! (its own file) and `telemetry`.

pub mod cli;
mod clock;
mod database;
mod host;
pub mod load;
mod mesh;
mod messaging;
mod proto;
mod services;
mod supervisor;
pub mod synth;
mod telemetry;
mod tls;

pub use host::{HostError, ServiceConfig, run_service};
pub use services::Service;
pub use supervisor::{ChildInfo, Supervisor, SupervisorConfig, SupervisorError};
pub use tls::{ExporterTls, TlsError};

#[cfg(test)]
mod tests;
