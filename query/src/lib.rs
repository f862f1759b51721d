//! How telemetry is found: the native HTTP API, Jaeger's dialect, the query language, and the execution
//! of queries over storage. Serves the UI beside them.

pub mod config;
pub mod error;
pub mod exec;
pub mod ingest_status;
pub mod lang;
mod limits;
pub mod memory;
pub mod memory_status;

mod api;
mod metrics;
mod server;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use access::Door;
use model::Clock;
use storage::Storage;
use tokio_util::sync::CancellationToken;

pub use api::{parse_time, router};
pub use config::{ConfigError, Limits, QueryArgs, QueryConfig};
pub use error::QueryError;
pub use ingest_status::{IngestProblem, IngestSender, IngestStatus};
pub use memory::QueryMemory;
pub use memory_status::{BudgetSource, Memory, MemoryStatus};

/// What `/api/v1/status` says of the server as a whole.
#[derive(Debug, Clone)]
pub struct ServerInfo {
    /// Version of the binary.
    pub version: &'static str,
    /// Where OTLP/gRPC is taken in.
    pub otlp_grpc: SocketAddr,
    /// Where OTLP/HTTP is taken in.
    pub otlp_http: SocketAddr,
    /// Where the UI and the query API are served.
    pub http: SocketAddr,
    /// Whether all of these speak TLS.
    pub is_encrypted: bool,
    /// Whether senders have to show a token.
    pub needs_token: bool,
    /// Where the data is kept.
    pub data_dir: PathBuf,
    /// Age at which data is deleted; `None` when it is kept for good.
    pub retention_age: Option<Duration>,
}

/// Whether the other side of the process is ready to take writes.
pub type ReadinessCheck = Arc<dyn Fn() -> bool + Send + Sync>;
/// Appends Prometheus text of another part of the process.
pub type MetricsRenderer = Arc<dyn Fn(&mut String) + Send + Sync>;

/// What the query side works on and with.
#[derive(Clone)]
pub struct Backend {
    /// What is read.
    pub storage: Storage,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What the status page says.
    pub server: ServerInfo,
    /// Part of `/readyz`: whether a write has succeeded.
    pub is_ready_to_write: ReadinessCheck,
    /// Further parts of `/metrics`.
    pub metrics: Vec<MetricsRenderer>,
    /// Who sends to the other side of the process.
    pub ingest: IngestStatus,
    /// What the process may hold in memory, and what it holds.
    pub memory: MemoryStatus,
    /// What queries may hold of it.
    pub query_memory: QueryMemory,
}

/// Serves the UI and every query API at the door until `shutdown` fires; then takes no new
/// connections, finishes the answers that are being written, and returns.
pub async fn run(config: QueryConfig, door: Door, backend: Backend, shutdown: CancellationToken) {
    let router = router(&config, backend);
    server::serve(door, router, &config, shutdown).await;
}
