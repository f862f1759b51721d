//! How telemetry gets in: OTLP over gRPC and HTTP, limits, acknowledgement.
//!
//! A request is admitted by bytes, decoded, appended to storage, and acknowledged once it is durable
//! and visible. Whatever cannot be taken now is refused with a code that senders retry.

mod admission;
mod advice;
mod config;
mod error;
mod exchange;
mod ingest;
mod metrics;
mod origins;
mod reason;
mod receiver;
mod senders;
mod server;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use access::Door;
use hyper::service::service_fn;
use hyper_util::service::TowerToHyperService;
use storage::Storage;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tower::{ServiceBuilder, ServiceExt as _};

use crate::error::Refusal;
use crate::ingest::Ingest;
use crate::receiver::body::BodyLimits;
use crate::receiver::grpc::GrpcReceiver;
use crate::receiver::http::HttpReceiver;
use crate::server::{ServerLimits, serve};

pub use config::{CollectorArgs, CollectorConfig, ConfigError};
pub use metrics::CollectorMetrics;
pub use origins::AllowedOrigins;
pub use senders::{Problem, SenderReport};

/// The doors of the receivers, already open, so that whoever opens them tells of busy ports.
#[derive(Debug)]
pub struct Listeners {
    /// Where OTLP over gRPC is received.
    pub otlp_grpc: Door,
    /// Where OTLP over HTTP is received.
    pub otlp_http: Door,
}

/// Why the receivers ended other than by shutdown.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A listener is not bound.
    #[error("listener has no address")]
    Listener {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A receiver ended by a fault of its own.
    #[error("receiver stopped")]
    Stopped {
        /// How it ended.
        #[source]
        source: JoinError,
    },
}

/// Receives until `shutdown` is cancelled, and keeps what it accepts in `storage`. On shutdown no
/// connection is accepted any more, and requests in flight are finished, for a bounded time;
/// `storage` must be open until this returns.
///
/// # Errors
/// When a listener is not usable, or a receiver ends by a fault of its own.
pub async fn run(
    config: CollectorConfig,
    listeners: Listeners,
    storage: Storage,
    metrics: Arc<CollectorMetrics>,
    shutdown: CancellationToken,
) -> Result<(), RunError> {
    let grpc_address = address(&listeners.otlp_grpc)?;
    let http_address = address(&listeners.otlp_http)?;
    let body_limits = BodyLimits {
        max_bytes: config.max_request_bytes,
        timeout: config.body_timeout,
    };
    let limits = ServerLimits {
        max_connections: config.max_connections,
        header_timeout: config.header_timeout,
    };
    let ingest = Arc::new(Ingest::new(storage, metrics, config.max_request_bytes));

    let mut servers = JoinSet::new();
    let grpc = Arc::new(GrpcReceiver::new(
        Arc::clone(&ingest),
        body_limits,
        http_address,
    ));
    let guard = Arc::clone(&listeners.otlp_grpc.guard);
    let grpc = service_fn(move |request| {
        let (grpc, guard) = (Arc::clone(&grpc), Arc::clone(&guard));
        async move {
            let answer = match guard.check_host(&request) {
                Ok(()) => grpc.handle(request).await,
                Err(source) => {
                    let refusal = Refusal::ForbiddenHost { source };
                    grpc.refuse(request, &refusal).await
                }
            };
            Ok::<_, Infallible>(answer)
        }
    });
    let listener = listeners.otlp_grpc.listener;
    servers.spawn(serve(listener, grpc, limits, shutdown.clone()));

    let receiver = Arc::new(HttpReceiver::new(ingest, body_limits, grpc_address));
    let http = Arc::clone(&receiver);
    let http = tower::service_fn(move |request| {
        let http = Arc::clone(&http);
        async move { Ok::<_, Infallible>(http.handle(request).await) }
    });
    let http = ServiceBuilder::new()
        .option_layer(config.allowed_origins.layer())
        .service(http);
    let guard = Arc::clone(&listeners.otlp_http.guard);
    let http = tower::service_fn(move |request| {
        let (http, guard) = (http.clone(), Arc::clone(&guard));
        let receiver = Arc::clone(&receiver);
        async move {
            match guard.check_host(&request) {
                Ok(()) => http.oneshot(request).await,
                Err(source) => {
                    let refusal = Refusal::ForbiddenHost { source };
                    Ok(receiver.refuse(request, &refusal).await)
                }
            }
        }
    });
    servers.spawn(serve(
        listeners.otlp_http.listener,
        TowerToHyperService::new(http),
        limits,
        shutdown,
    ));

    while let Some(ended) = servers.join_next().await {
        ended.map_err(|source| RunError::Stopped { source })?;
    }
    Ok(())
}

fn address(door: &Door) -> Result<SocketAddr, RunError> {
    door.local_addr()
        .map_err(|source| RunError::Listener { source })
}
