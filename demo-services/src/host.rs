//! What every service process does around its service: telemetry, its own database file, its
//! address, its peers, and an orderly end.

use std::{io, net::SocketAddr, path::PathBuf};

use axum::serve::ListenerExt;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tonic::{
    Request, Response, Status,
    service::{Routes, RoutesBuilder},
    transport::{Server, server::TcpIncoming},
};
use tracing::{info, level_filters::LevelFilter};

use crate::{
    database::{Database, DatabaseError},
    mesh::{MeshError, Peer},
    messaging::BusClient,
    proto::{
        HealthReply, HealthRequest,
        health_server::{Health, HealthServer},
    },
    services::{self, Service},
    telemetry::{Identity, Telemetry, TelemetryError, grpc::GrpcServerLayer},
    tls::ExporterTls,
};

/// How one service process is set up.
#[derive(Clone, Debug)]
pub struct ServiceConfig {
    /// Which service to be.
    pub service: Service,
    /// Which of its instances, counted from 1.
    pub instance: u16,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Address of the bus.
    pub bus: String,
    /// Addresses of other services, one or more for each.
    pub peers: Vec<(Service, Vec<String>)>,
    /// Where traces and logs go, by OTLP over gRPC.
    pub otlp: String,
    /// How a server at https:// is known.
    pub tls: ExporterTls,
    /// Directory of the database file.
    pub data: PathBuf,
    /// What is written to standard error besides; everything from INFO goes to OTLP anyway.
    pub stderr_level: LevelFilter,
}

impl ServiceConfig {
    /// The file that belongs to this instance alone.
    pub fn database_path(&self) -> PathBuf {
        self.data
            .join(format!("{}-{}.db", self.service.name(), self.instance))
    }
}

/// Why a service process could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address as asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The directory for the database cannot be made.
    #[error("cannot create the data directory {path}")]
    Data {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Traces and logs cannot be set up.
    #[error("cannot start telemetry")]
    Telemetry(#[from] TelemetryError),
    /// The service's own database cannot be used.
    #[error("cannot use the database")]
    Database(#[from] DatabaseError),
    /// Another service cannot be addressed.
    #[error("cannot address another service")]
    Peer(#[from] MeshError),
    /// The gRPC server stopped.
    #[error("the server stopped")]
    Grpc(#[from] tonic::transport::Error),
    /// The HTTP server stopped.
    #[error("the server stopped")]
    Http(#[source] io::Error),
}

/// Runs one service until `shutdown`, then stops taking work, finishes what it has and flushes its
/// telemetry. `on_ready` hears the address as soon as requests are answered.
pub async fn run_service(
    config: ServiceConfig,
    on_ready: impl FnOnce(SocketAddr) + Send + 'static,
    shutdown: CancellationToken,
) -> Result<(), HostError> {
    let identity = Identity {
        service: config.service.name(),
        // The pid makes a restarted instance a new one, as the conventions want it.
        instance: format!(
            "{}-{}.{}",
            config.service.name(),
            config.instance,
            std::process::id()
        ),
    };
    let telemetry = Telemetry::start(&identity, (&config.otlp, &config.tls), config.stderr_level)?;
    let result = serve(config, on_ready, shutdown).await;
    telemetry.shutdown().await;
    result
}

/// The same without telemetry of its own.
pub(crate) async fn serve(
    config: ServiceConfig,
    on_ready: impl FnOnce(SocketAddr) + Send + 'static,
    shutdown: CancellationToken,
) -> Result<(), HostError> {
    std::fs::create_dir_all(&config.data).map_err(|source| HostError::Data {
        path: config.data.clone(),
        source,
    })?;
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|source| HostError::Listen {
            address: config.listen,
            source,
        })?;
    let service = config.service;
    let host = Host {
        config,
        listener,
        on_ready: Box::new(on_ready),
        tasks: JoinSet::new(),
        shutdown,
    };
    services::run(service, host).await
}

/// What a service gets to build itself from.
pub(crate) struct Host {
    config: ServiceConfig,
    listener: TcpListener,
    on_ready: Box<dyn FnOnce(SocketAddr) + Send>,
    tasks: JoinSet<()>,
    shutdown: CancellationToken,
}

impl Host {
    /// Opens the service's own file, the only one it ever opens.
    pub(crate) fn database(
        &self,
        schema: &str,
        seed: fn(&rusqlite::Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<Database, HostError> {
        let path = self.config.database_path();
        Ok(Database::open(
            &path,
            self.config.service.name(),
            schema,
            seed,
        )?)
    }

    pub(crate) fn bus(&self) -> Result<BusClient, HostError> {
        Ok(BusClient::new(&self.config.bus)?)
    }

    pub(crate) fn peer(&self, service: Service) -> Result<Peer, HostError> {
        let urls = self
            .config
            .peers
            .iter()
            .find(|(known, _)| *known == service);
        Ok(Peer::new(
            service.name(),
            urls.map_or(&[], |(_, urls)| urls.as_slice()),
        )?)
    }

    pub(crate) fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// Runs `task` beside the server; it must end by itself when the shutdown token is cancelled.
    pub(crate) fn background(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Serves gRPC until shutdown, then waits for the background tasks.
    pub(crate) async fn serve_grpc(
        self,
        add_services: impl FnOnce(&mut RoutesBuilder),
    ) -> Result<(), HostError> {
        let mut routes = Routes::builder();
        routes.add_service(HealthServer::new(Alive(self.config.service)));
        add_services(&mut routes);

        self.announce(&self.listener)?;
        let Self {
            listener,
            on_ready,
            tasks,
            shutdown,
            ..
        } = self;
        on_ready(local_address(&listener)?);
        // Small messages must not wait for each other: that costs 40 ms at a time.
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        Server::builder()
            .layer(GrpcServerLayer)
            .add_routes(routes.routes())
            .serve_with_incoming_shutdown(incoming, shutdown.cancelled_owned())
            .await?;
        tasks.join_all().await;
        Ok(())
    }

    /// Serves HTTP until shutdown, then waits for the background tasks.
    pub(crate) async fn serve_http(self, router: axum::Router) -> Result<(), HostError> {
        self.announce(&self.listener)?;
        let Self {
            listener,
            on_ready,
            tasks,
            shutdown,
            ..
        } = self;
        on_ready(local_address(&listener)?);
        // A socket that refuses still works, only slower.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(listener, service)
            .with_graceful_shutdown(shutdown.cancelled_owned())
            .await
            .map_err(HostError::Http)?;
        tasks.join_all().await;
        Ok(())
    }

    fn announce(&self, listener: &TcpListener) -> Result<(), HostError> {
        let address = local_address(listener)?;
        info!(
            server.address = %address.ip(),
            server.port = address.port(),
            "{} is ready on {address}",
            self.config.service.name()
        );
        Ok(())
    }
}

fn local_address(listener: &TcpListener) -> Result<SocketAddr, HostError> {
    listener.local_addr().map_err(HostError::Http)
}

struct Alive(Service);

#[tonic::async_trait]
impl Health for Alive {
    async fn check(&self, _: Request<HealthRequest>) -> Result<Response<HealthReply>, Status> {
        Ok(Response::new(HealthReply {
            service: self.0.name().to_owned(),
        }))
    }
}
