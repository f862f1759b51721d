//! The server: opens the storage once and runs collector and query on it.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use access::{Access, AccessArgs, Door};
use anyhow::{Context as _, Result};
use clap::Args;
use collector::{CollectorArgs, CollectorConfig, CollectorMetrics, Listeners};
use model::Clock;
use query::{Backend, QueryArgs, QueryConfig, QueryMemory, ServerInfo};
use storage::{Storage, StorageArgs, StorageConfig};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::SystemClock;
use crate::doors;
use crate::handles;
use crate::ingest_status;
use crate::logging::LogArgs;
use crate::memory::{Available, Budget, MemoryArgs};
use crate::memory_guard;
use crate::memory_status;

/// Settings of every part of the server.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) access: AccessArgs,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
    #[command(flatten)]
    pub(crate) storage: StorageArgs,
    #[command(flatten)]
    pub(crate) collector: CollectorArgs,
    #[command(flatten)]
    pub(crate) query: QueryArgs,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// Where the server listens, with the ports the system chose.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    pub(crate) otlp_grpc: SocketAddr,
    pub(crate) otlp_http: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) zipkin: Option<SocketAddr>,
    /// `https` where connections are encrypted.
    pub(crate) scheme: &'static str,
}

impl Addresses {
    fn of(access: &Access, receivers: &Listeners, http: &Door) -> io::Result<Self> {
        Ok(Self {
            otlp_grpc: receivers.otlp_grpc.local_addr()?,
            otlp_http: receivers.otlp_http.local_addr()?,
            http: http.local_addr()?,
            zipkin: receivers
                .zipkin
                .as_ref()
                .map(Door::local_addr)
                .transpose()?,
            scheme: doors::scheme(access),
        })
    }
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    addresses: Addresses,
    storage: Storage,
    parts: JoinSet<Result<()>>,
    shutdown: CancellationToken,
}

impl Server {
    /// Binds every address, opens the storage, and starts to serve.
    ///
    /// # Errors
    /// When a setting cannot work, an address is busy, or the data directory cannot be opened.
    pub(crate) async fn start(args: ServeArgs, shutdown: CancellationToken) -> Result<Self> {
        handles::raise_limit();
        let settings = Settings::check(args)?;
        let access = settings.access;
        let (collector_config, query_config) = (settings.collector, settings.query);
        let (receivers, http) =
            doors::open(&access, &collector_config, query_config.http_listen).await?;
        let addresses = Addresses::of(&access, &receivers, &http)?;

        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let info = server_info(&addresses, &access, &settings.storage);
        let seal_bytes = settings.storage.seal_bytes();
        let storage = open_storage(settings.storage, Arc::clone(&clock)).await?;

        let metrics = Arc::new(CollectorMetrics::new(&collector_config, Arc::clone(&clock)));
        let memory = memory_status::of(
            settings.budget,
            &collector_config,
            seal_bytes,
            Arc::clone(&metrics),
        );
        let mut parts = JoinSet::new();
        let receiving = collector::run(
            collector_config,
            receivers,
            storage.clone(),
            Arc::clone(&metrics),
            shutdown.clone(),
        );
        // Questions are answered as long as something is received, `/readyz` among them: it goes first.
        let stop_answering = CancellationToken::new();
        let received = stop_answering.clone().drop_guard();
        run_part(&mut parts, &shutdown, async {
            let _received = received;
            Ok(receiving.await?)
        });
        let watching = doors::watch(Arc::clone(&access), shutdown.clone());
        run_part(&mut parts, &shutdown, watching);
        let guarding = memory_guard::watch(
            settings.budget.bytes,
            Arc::clone(&metrics),
            shutdown.clone(),
        );
        run_part(&mut parts, &shutdown, guarding);
        let backend = Backend {
            storage: storage.clone(),
            clock,
            server: info,
            is_ready_to_write: readiness(storage.clone(), shutdown.clone()),
            ingest: ingest_status::of(Arc::clone(&metrics)),
            memory,
            query_memory: QueryMemory::new(query_config.memory_bytes),
            metrics: vec![Arc::new(move |out: &mut String| {
                metrics.render_prometheus(out);
                access.render_prometheus(out);
            })],
        };
        let answering = query::run(query_config, http, backend, stop_answering);
        run_part(&mut parts, &shutdown, async {
            answering.await;
            Ok(())
        });
        Ok(Self {
            addresses,
            storage,
            parts,
            shutdown,
        })
    }

    /// Where it listens.
    pub(crate) fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// What it keeps.
    pub(crate) fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Runs until it is told to stop or a part of it fails; then lets requests in flight finish, seals what
    /// is in memory, and closes the storage.
    ///
    /// # Errors
    /// When a part of the server failed.
    pub(crate) async fn wait(mut self) -> Result<()> {
        let mut outcome = Ok(());
        while let Some(ended) = self.parts.join_next().await {
            let ended = ended.map_err(anyhow::Error::from).and_then(|result| result);
            if outcome.is_ok() {
                outcome = ended;
            }
        }
        self.storage.shutdown().await;
        tracing::info!("stopped");
        outcome
    }

    /// Stops it and waits until everything is on disk.
    ///
    /// # Errors
    /// When a part of the server failed.
    pub(crate) async fn stop(self) -> Result<()> {
        self.shutdown.cancel();
        self.wait().await
    }
}

/// The settings of the parts, checked.
struct Settings {
    access: Arc<Access>,
    budget: Budget,
    storage: StorageConfig,
    collector: CollectorConfig,
    query: QueryConfig,
}

impl Settings {
    fn check(mut args: ServeArgs) -> Result<Self> {
        let budget = Budget::new(&args.memory, Available::look());
        budget.fill(&mut args.storage, &mut args.collector, &mut args.query);
        let storage = StorageConfig::try_from(args.storage)?;
        let collector = CollectorConfig::try_from(args.collector)?;
        let query = QueryConfig::try_from(args.query)?;
        tracing::info!(
            budget_bytes = budget.bytes,
            in_flight_bytes = collector.max_in_flight_bytes,
            request_bytes = collector.max_request_bytes,
            hot_bytes = storage.hot_bytes_max(),
            seal_bytes = storage.seal_bytes(),
            query_bytes = query.memory_bytes,
            "memory"
        );
        let shares_bytes = storage
            .hot_bytes_max()
            .saturating_add(collector.max_in_flight_bytes as u64)
            .saturating_add(query.memory_bytes as u64);
        if shares_bytes > budget.bytes {
            tracing::warn!(
                shares_bytes,
                budget_bytes = budget.bytes,
                "--max-in-flight-bytes, --hot-bytes-max and --query-memory together are more than --memory"
            );
        }
        Ok(Self {
            access: Arc::new(Access::try_from(args.access)?),
            budget,
            storage,
            collector,
            query,
        })
    }
}

/// What the status page says of the server as a whole.
fn server_info(addresses: &Addresses, access: &Access, storage: &StorageConfig) -> ServerInfo {
    ServerInfo {
        version: env!("CARGO_PKG_VERSION"),
        otlp_grpc: addresses.otlp_grpc,
        otlp_http: addresses.otlp_http,
        http: addresses.http,
        is_encrypted: access.is_encrypted(),
        needs_token: access.needs_token(),
        data_dir: storage.data_dir().to_path_buf(),
        retention_age: Some(storage.retention_age()),
    }
}

async fn open_storage(config: StorageConfig, clock: Arc<dyn Clock>) -> Result<Storage> {
    let data_dir = config.data_dir().to_path_buf();
    tokio::task::spawn_blocking(move || Storage::open(config, clock))
        .await?
        .with_context(|| format!("cannot open the data directory {}", data_dir.display()))
}

/// Opening wrote and synced a file, unless the disk was full; since then only a failed write changes the answer,
/// and being told to stop.
fn readiness(storage: Storage, shutdown: CancellationToken) -> Arc<dyn Fn() -> bool + Send + Sync> {
    Arc::new(move || {
        let status = storage.status();
        !shutdown.is_cancelled() && status.is_wal_open && status.wal_error.is_none()
    })
}

/// Runs a part of the server; when it ends, for whatever reason, the others stop as well.
fn run_part(
    parts: &mut JoinSet<Result<()>>,
    shutdown: &CancellationToken,
    part: impl Future<Output = Result<()>> + Send + 'static,
) {
    let stop_others = shutdown.clone().drop_guard();
    parts.spawn(async move {
        let _stop_others = stop_others;
        part.await
    });
}
