//! Serves a router at a door: bounded connections, slow clients cut off, a graceful end.

use std::sync::Arc;
use std::time::Duration;

use access::{Door, Guard, accept};
use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::api;
use crate::config::QueryConfig;

/// Longest that answers may take to be written after the end was asked for.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves until `shutdown` fires.
pub(crate) async fn serve(
    door: Door,
    router: Router,
    config: &QueryConfig,
    shutdown: CancellationToken,
) {
    // HTTP/1 only: browsers speak nothing else without TLS, and telling protocols apart would wait without
    // a limit for the first bytes.
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(config.head_timeout);
    let Door { listener, guard } = door;
    let head_timeout = config.head_timeout;
    let permits = Arc::new(Semaphore::new(config.connections_max));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = next(&listener, &permits) => accepted,
        };
        let Some((stream, permit)) = accepted else {
            break;
        };
        let connection = Connection {
            builder: builder.clone(),
            watcher: graceful.watcher(),
            router: router.clone(),
            guard: Arc::clone(&guard),
            head_timeout,
        };
        connections.spawn(async move {
            connection.answer(stream).await;
            drop(permit);
        });
    }
    drop(listener);
    if timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("answers were cut off at the end");
    }
    connections.shutdown().await;
}

/// The next connection, once there is room for one.
async fn next(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    let (stream, _peer) = accept(listener).await;
    Some((stream, permit))
}

/// What it takes to answer the requests of one connection.
struct Connection {
    builder: Builder<TokioExecutor>,
    watcher: Watcher,
    router: Router,
    guard: Arc<Guard>,
    head_timeout: Duration,
}

impl Connection {
    /// Answers until the client or the server ends the connection.
    async fn answer(self, stream: TcpStream) {
        let (router, guard) = (self.router, self.guard);
        let guest = match timeout(self.head_timeout, guard.let_in(stream)).await {
            Ok(Ok(guest)) => guest,
            Ok(Err(error)) => {
                tracing::debug!(%error, "connection was not let in");
                return;
            }
            Err(_elapsed) => return,
        };
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let router = router.clone();
            let checked = guard.check_host(&request);
            async move {
                match checked {
                    Ok(()) => router.oneshot(request.map(Body::new)).await,
                    Err(forbidden) => Ok(api::refuse(forbidden.into())),
                }
            }
        });
        let io = TokioIo::new(guest.stream);
        let connection = self.builder.serve_connection(io, service);
        if let Err(error) = self.watcher.watch(connection.into_owned()).await {
            tracing::debug!(%error, "connection ended early");
        }
    }
}
