//! How telemetry gets in: OTLP over gRPC and HTTP, other protocols over HTTP, limits, acknowledgement.
//!
//! A request is admitted by bytes, decoded, appended to storage, and acknowledged once it is durable
//! and visible. Whatever cannot be taken now is refused with a code that senders retry.

mod admission;
mod advice;
mod backoff;
mod config;
mod connections;
mod decoders;
mod error;
mod exchange;
mod gate;
mod ingest;
mod metrics;
mod origins;
mod reason;
mod receiver;
mod record_limits;
mod redaction;
mod senders;
mod server;
mod strangers;
#[cfg(feature = "testing")]
pub mod testing;

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

use crate::ingest::{DecodeLimits, Ingest};
use crate::receiver::Protocol;
use crate::receiver::body::BodyLimits;
use crate::receiver::grpc::GrpcReceiver;
use crate::receiver::http::HttpReceiver;
use crate::server::{ServerLimits, serve};
use crate::strangers::Strangers;

pub use config::{CollectorArgs, CollectorConfig, ConfigError};
pub use metrics::CollectorMetrics;
pub use origins::AllowedOrigins;
pub use record_limits::RecordLimitArgs;
pub use redaction::{Redaction, RedactionArgs, RedactionError};
pub use senders::{Problem, SenderReport};

/// The doors of the receivers, already open, so that whoever opens them tells of busy ports.
#[derive(Debug)]
pub struct Listeners {
    /// Where OTLP over gRPC is received.
    pub otlp_grpc: Door,
    /// Where OTLP over HTTP is received.
    pub otlp_http: Door,
    /// Where the same is received as over HTTP, for reporters that expect Zipkin's port.
    pub zipkin: Option<Door>,
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
    /// The system gives no threads to decode on.
    #[error("threads for decoding cannot be started")]
    Threads {
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
/// When a listener is not usable, there are no threads, or a receiver ends by a fault of its own.
pub async fn run(
    config: CollectorConfig,
    listeners: Listeners,
    storage: Storage,
    metrics: Arc<CollectorMetrics>,
    shutdown: CancellationToken,
) -> Result<(), RunError> {
    let grpc_address = address(&listeners.otlp_grpc)?;
    let http_address = address(&listeners.otlp_http)?;
    let http_url = format!("{}://{http_address}", listeners.otlp_http.scheme());
    let body_limits = BodyLimits::from(&config);
    let limits = ServerLimits::from(&config);
    let strangers = |protocol| Strangers::new(Arc::clone(&metrics), protocol);
    let grpc_strangers = strangers(Protocol::OtlpGrpc);
    let http_strangers = strangers(Protocol::OtlpHttp);
    let ingest = Ingest::new(storage, metrics, DecodeLimits::from(&config));
    let ingest = Arc::new(ingest.map_err(|source| RunError::Threads { source })?);

    let mut servers = JoinSet::new();
    let grpc = GrpcReceiver::new(Arc::clone(&ingest), body_limits, http_url);
    let http = HttpReceiver::new(ingest, body_limits, grpc_address);
    servers.spawn(serve_grpc(
        listeners.otlp_grpc,
        grpc,
        limits,
        grpc_strangers,
        shutdown.clone(),
    ));
    let http = Arc::new(http);
    for door in [Some(listeners.otlp_http), listeners.zipkin]
        .into_iter()
        .flatten()
    {
        servers.spawn(serve_http(
            door,
            Arc::clone(&http),
            config.allowed_origins.clone(),
            limits,
            http_strangers.clone(),
            shutdown.clone(),
        ));
    }
    while let Some(ended) = servers.join_next().await {
        ended.map_err(|source| RunError::Stopped { source })?;
    }
    Ok(())
}

async fn serve_grpc(
    door: Door,
    receiver: GrpcReceiver,
    limits: ServerLimits,
    strangers: Strangers,
    shutdown: CancellationToken,
) {
    let (receiver, guard) = (Arc::new(receiver), Arc::clone(&door.guard));
    let service = service_fn(move |mut request| {
        let (receiver, guard) = (Arc::clone(&receiver), Arc::clone(&guard));
        async move {
            let checked = gate::check_host(&guard, &request)
                .and_then(|()| gate::check_sender(&guard, &mut request));
            let answer = match checked {
                Ok(()) => receiver.handle(request).await,
                Err(refusal) => receiver.refuse(request, &refusal).await,
            };
            Ok::<_, Infallible>(answer)
        }
    });
    serve(door, service, limits, strangers, shutdown).await;
}

async fn serve_http(
    door: Door,
    receiver: Arc<HttpReceiver>,
    allowed_origins: AllowedOrigins,
    limits: ServerLimits,
    strangers: Strangers,
    shutdown: CancellationToken,
) {
    let guard = Arc::clone(&door.guard);
    let (inner_receiver, inner_guard) = (Arc::clone(&receiver), Arc::clone(&guard));
    let identified = tower::service_fn(move |mut request| {
        let (receiver, guard) = (Arc::clone(&inner_receiver), Arc::clone(&inner_guard));
        async move {
            let answer = match gate::check_sender(&guard, &mut request) {
                Ok(()) => receiver.handle(request).await,
                Err(refusal) => receiver.refuse(request, &refusal).await,
            };
            Ok::<_, Infallible>(answer)
        }
    });
    // Browsers ask for leave (a preflight) without a token, and are answered before one is asked for.
    let with_origins = ServiceBuilder::new()
        .option_layer(allowed_origins.layer())
        .service(identified);
    let service = tower::service_fn(move |request| {
        let (inner, receiver) = (with_origins.clone(), Arc::clone(&receiver));
        let guard = Arc::clone(&guard);
        async move {
            match gate::check_host(&guard, &request) {
                Ok(()) => inner.oneshot(request).await,
                Err(refusal) => Ok(receiver.refuse(request, &refusal).await),
            }
        }
    });
    let service = TowerToHyperService::new(service);
    serve(door, service, limits, strangers, shutdown).await;
}

fn address(door: &Door) -> Result<SocketAddr, RunError> {
    door.local_addr()
        .map_err(|source| RunError::Listener { source })
}
