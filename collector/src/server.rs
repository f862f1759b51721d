//! Serves connections: accepts a bounded number, limits how long heads may take, and on shutdown
//! lets requests in flight finish.

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use access::{Door, Guard, Guest, accept};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::CollectorConfig;
use crate::connections::{Connections, Guard as Place};
use crate::error::BoxError;
use crate::senders::Peer;
use crate::strangers::Strangers;

// What is left then is cut off, which takes no time unless something is wrong.
const CUT_OFF_TIME_MAX: Duration = Duration::from_secs(1);

// An idle connection that has to make room is told so, and not waited for.
const LEAVE_TIME_MAX: Duration = Duration::from_millis(100);

// Enough for a Collector that exports from many queues over one connection.
const HTTP2_STREAMS_MAX: u32 = 256;
// Per stream and per connection: how much a sender may have on the way before it is read.
const HTTP2_STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const HTTP2_CONNECTION_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
const HTTP2_HEADERS_BYTES_MAX: u32 = 16 * 1024;
// Streams that the sender reset before they were looked at, and streams that were reset here because of what
// the sender did: beyond either the connection is closed.
const HTTP2_PENDING_RESETS_MAX: usize = 20;
const HTTP2_ERROR_RESETS_MAX: usize = 256;
// Answers have some hundred bytes.
const HTTP2_SEND_BYTES_MAX: usize = 64 * 1024;
// The largest head over HTTP/1, and how much of a body is read at once.
const HTTP1_BUFFER_BYTES_MAX: usize = 64 * 1024;
const HTTP1_HEADERS_MAX: usize = 100;
// An HTTP/2 peer that does not answer pings is gone, whatever TCP believes.
const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(30);
const HTTP2_PING_TIMEOUT: Duration = Duration::from_secs(20);

/// The bounds of one server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerLimits {
    pub(crate) max_connections: usize,
    pub(crate) header_timeout: Duration,
    /// How long requests in flight may take to finish on shutdown.
    pub(crate) shutdown_grace: Duration,
}

impl From<&CollectorConfig> for ServerLimits {
    fn from(config: &CollectorConfig) -> Self {
        Self {
            max_connections: config.max_connections,
            header_timeout: config.header_timeout,
            shutdown_grace: config.shutdown_grace,
        }
    }
}

/// Serves HTTP/1 and HTTP/2 until `shutdown`, then finishes requests in flight, for a bounded time.
pub(crate) async fn serve<S, B>(
    door: Door,
    service: S,
    limits: ServerLimits,
    strangers: Strangers,
    shutdown: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let Door { listener, guard } = door;
    let tasks = TaskTracker::new();
    let cut_off = CancellationToken::new();
    let builder = Arc::new(builder(limits.header_timeout, tasks.clone()));
    let connections = Connections::new(limits.max_connections);
    let accept = async {
        loop {
            // First the connection, then its place: only when one is there, another has to leave.
            let (stream, peer) = accept(&listener).await;
            let connection = Connection {
                peer,
                strangers: strangers.clone(),
                place: connections.enter().await,
                guard: Arc::clone(&guard),
                builder: Arc::clone(&builder),
                header_timeout: limits.header_timeout,
                shutdown: shutdown.clone(),
                cut_off: cut_off.clone(),
            };
            let service = service.clone();
            tasks.spawn(connection.serve(stream, service));
        }
    };
    tokio::select! {
        () = accept => {}
        () = shutdown.cancelled() => {}
    }
    drop(listener);
    tasks.close();
    if timeout(limits.shutdown_grace, tasks.wait()).await.is_err() {
        tracing::warn!(
            tasks = tasks.len(),
            "cut off requests that did not finish in time"
        );
        cut_off.cancel();
        if timeout(CUT_OFF_TIME_MAX, tasks.wait()).await.is_err() {
            tracing::warn!(
                tasks = tasks.len(),
                "requests are still running after the cut-off"
            );
        }
    }
}

fn builder(header_timeout: Duration, tasks: TaskTracker) -> Builder<TrackedExecutor> {
    let mut builder = Builder::new(TrackedExecutor(tasks));
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_headers(HTTP1_HEADERS_MAX)
        .max_buf_size(HTTP1_BUFFER_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .initial_stream_window_size(HTTP2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(HTTP2_CONNECTION_WINDOW_BYTES)
        .max_header_list_size(HTTP2_HEADERS_BYTES_MAX)
        .max_pending_accept_reset_streams(HTTP2_PENDING_RESETS_MAX)
        .max_local_error_reset_streams(HTTP2_ERROR_RESETS_MAX)
        .max_send_buf_size(HTTP2_SEND_BYTES_MAX)
        .keep_alive_interval(HTTP2_PING_INTERVAL)
        .keep_alive_timeout(HTTP2_PING_TIMEOUT);
    builder
}

/// Runs the tasks of HTTP/2 streams where shutdown can wait for them.
#[derive(Debug, Clone)]
struct TrackedExecutor(TaskTracker);

impl<F> Executor<F> for TrackedExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}

struct Connection {
    peer: SocketAddr,
    strangers: Strangers,
    place: Place,
    guard: Arc<Guard>,
    builder: Arc<Builder<TrackedExecutor>>,
    header_timeout: Duration,
    shutdown: CancellationToken,
    cut_off: CancellationToken,
}

impl Connection {
    /// What encrypts the connection has to be agreed on within the time that a head may take.
    async fn let_in(&self, stream: TcpStream) -> Option<Guest> {
        let guest = tokio::select! {
            guest = timeout(self.header_timeout, self.guard.let_in(stream)) => guest,
            () = ends(&self.shutdown, self.place.close()) => return None,
        };
        match guest {
            Ok(Ok(guest)) => Some(guest),
            Ok(Err(error)) => {
                tracing::debug!(%error, "connection was not let in");
                self.strangers.not_let_in(self.peer, &error);
                None
            }
            Err(_elapsed) => None,
        }
    }

    async fn serve<S, B>(self, stream: TcpStream, service: S)
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
        S: Send + Sync + 'static,
        S::Future: Send + 'static,
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let Some(Guest { stream, name }) = self.let_in(stream).await else {
            return;
        };
        let has_begun = CancellationToken::new();
        let begin = has_begun.clone();
        let peer = Peer(self.peer);
        let place = &self.place;
        let requests = place.requests();
        let service = service_fn(move |mut request: Request<Incoming>| {
            begin.cancel();
            request.extensions_mut().insert(peer);
            if let Some(name) = &name {
                request.extensions_mut().insert(name.clone());
            }
            let in_progress = requests.begin();
            let answer = service.call(request);
            async move {
                let answer = answer.await;
                drop(in_progress);
                answer
            }
        });
        // The timer for heads starts when the version of HTTP is known, which a silent peer never
        // lets happen.
        let mut silence = pin!(async {
            if timeout(self.header_timeout, has_begun.cancelled())
                .await
                .is_ok()
            {
                pending::<()>().await;
            }
        });
        let mut connection = pin!(self.builder.serve_connection(TokioIo::new(stream), service));
        let mut left = pin!(async {
            place.close().cancelled().await;
            sleep(LEAVE_TIME_MAX).await;
        });
        let mut is_draining = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "connection ended with an error");
                        if !has_begun.is_cancelled() {
                            self.strangers.ended(self.peer, &error);
                        }
                    }
                    return;
                }
                () = ends(&self.shutdown, place.close()), if !is_draining => {
                    connection.as_mut().graceful_shutdown();
                    is_draining = true;
                }
                () = &mut left => return,
                () = &mut silence => return,
                () = self.cut_off.cancelled() => return,
            }
        }
    }
}

/// Returns when the server stops or the connection has to make room.
async fn ends(shutdown: &CancellationToken, close: &CancellationToken) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = close.cancelled() => {}
    }
}
