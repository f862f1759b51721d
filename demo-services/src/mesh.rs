//! Calls to other services: replicas are balanced here, on the client's side, every attempt is its
//! own CLIENT span, and no call waits longer than the caller's caller does.

use std::{
    error::Error,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout};
use tonic::{
    Code, Request, Response, Status,
    metadata::MetadataMap,
    transport::{Channel, Endpoint},
};
use tracing::{Instrument, Span, info};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::telemetry::{
    fail,
    grpc::{code_word, remaining_time},
    propagation, span,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const CALL_TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPTS_MAX: u32 = 3;
const BACKOFF: Duration = Duration::from_millis(25);
/// How long a replica that refused a call is left alone if there is another one.
const EJECTED_FOR: Duration = Duration::from_secs(2);

/// Why a peer cannot be called at all.
#[derive(Debug, thiserror::Error)]
pub enum MeshError {
    /// No address was given for a service that is needed.
    #[error("no address is known for {service}")]
    Unknown {
        /// The service that is missing.
        service: &'static str,
    },
    /// An address is not a URL.
    #[error("{url:?} is not an address of {service}")]
    Address {
        /// Whose address it was meant to be.
        service: &'static str,
        /// The address as given.
        url: String,
        /// What is wrong with it.
        source: tonic::transport::Error,
    },
}

/// One address, with its connection.
#[derive(Debug)]
pub(crate) struct Replica {
    host: String,
    port: i64,
    channel: Channel,
    in_flight: AtomicUsize,
    ejected_until: Mutex<Option<Instant>>,
}

impl Replica {
    /// Connects at the first call, and again whenever the connection is lost.
    pub(crate) fn new(service: &'static str, url: &str) -> Result<Self, MeshError> {
        let endpoint = Endpoint::from_shared(url.to_owned())
            .map_err(|source| MeshError::Address {
                service,
                url: url.to_owned(),
                source,
            })?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true);
        Ok(Self {
            host: endpoint.uri().host().unwrap_or_default().to_owned(),
            port: i64::from(endpoint.uri().port_u16().unwrap_or(80)),
            channel: endpoint.connect_lazy(),
            in_flight: AtomicUsize::new(0),
            ejected_until: Mutex::new(None),
        })
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Says on `span` which server this is.
    pub(crate) fn describe(&self, span: &Span) {
        span.set_attribute("server.address", self.host.clone());
        span.set_attribute("server.port", self.port);
    }

    fn is_ejected(&self) -> bool {
        self.ejected_until
            .lock()
            .is_some_and(|until| Instant::now() < until)
    }
}

/// Counts a call as long as it lives, so that a call that is given up is counted down too.
struct InFlight<'a>(&'a AtomicUsize);

impl<'a> InFlight<'a> {
    fn of(replica: &'a Replica) -> Self {
        replica.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(&replica.in_flight)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Another service, in all its replicas.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    service: &'static str,
    replicas: Arc<[Replica]>,
    turn: Arc<AtomicUsize>,
}

impl Peer {
    pub(crate) fn new(service: &'static str, urls: &[String]) -> Result<Self, MeshError> {
        if urls.is_empty() {
            return Err(MeshError::Unknown { service });
        }
        let replicas = urls.iter().map(|url| Replica::new(service, url));
        Ok(Self {
            service,
            replicas: replicas.collect::<Result<Arc<[_]>, _>>()?,
            turn: Arc::new(AtomicUsize::new(0)),
        })
    }

    /// Calls `method`, a read or something else that may safely happen twice: an unavailable replica
    /// is tried again, on another one if there is one.
    pub(crate) async fn call<M, R, F, Fut>(
        &self,
        method: &'static str,
        message: M,
        send: F,
    ) -> Result<R, Status>
    where
        M: Clone + Send,
        R: Send,
        F: Fn(Channel, Request<M>) -> Fut + Send + Sync,
        Fut: Future<Output = Result<Response<R>, Status>> + Send,
    {
        for attempt in 1..ATTEMPTS_MAX {
            match self.attempt(method, attempt, message.clone(), &send).await {
                Err(status) if status.code() == Code::Unavailable => {
                    info!(
                        shop.retry.attempt = attempt,
                        rpc.method = method,
                        "{} did not answer, trying another time",
                        self.service
                    );
                    sleep(BACKOFF * attempt).await;
                }
                answer => return answer,
            }
        }
        self.attempt(method, ATTEMPTS_MAX, message, &send).await
    }

    /// Calls `method` exactly once: for what must not happen twice.
    pub(crate) async fn call_once<M, R, F, Fut>(
        &self,
        method: &'static str,
        message: M,
        send: F,
    ) -> Result<R, Status>
    where
        M: Send,
        R: Send,
        F: Fn(Channel, Request<M>) -> Fut + Send + Sync,
        Fut: Future<Output = Result<Response<R>, Status>> + Send,
    {
        self.attempt(method, 1, message, &send).await
    }

    async fn attempt<M, R, F, Fut>(
        &self,
        method: &'static str,
        attempt: u32,
        message: M,
        send: &F,
    ) -> Result<R, Status>
    where
        M: Send,
        R: Send,
        F: Fn(Channel, Request<M>) -> Fut + Send + Sync,
        Fut: Future<Output = Result<Response<R>, Status>> + Send,
    {
        let replica = self.pick();
        let span = client_span(method, attempt, replica);
        let wait = remaining_time().map_or(CALL_TIMEOUT, |remaining| remaining.min(CALL_TIMEOUT));
        let mut request = Request::new(message);
        request.set_timeout(wait);
        inject(&span, request.metadata_mut());

        let in_flight = InFlight::of(replica);
        let answered = timeout(
            wait,
            send(replica.channel(), request).instrument(span.clone()),
        )
        .await;
        drop(in_flight);

        let answer = match answered {
            // Nobody but a deadline cancels here: the transport's and the server's say it this way.
            Ok(Err(status)) if status.code() == Code::Cancelled => Err(out_of_time()),
            Ok(Err(status)) if is_broken_connection(&status) => {
                Err(Status::unavailable("the connection broke"))
            }
            Ok(answer) => answer,
            Err(_) => Err(out_of_time()),
        };
        self.record(&span, replica, answer.as_ref().err());
        answer.map(Response::into_inner)
    }

    fn record(&self, span: &Span, replica: &Replica, refused: Option<&Status>) {
        let code = refused.map_or(Code::Ok, Status::code);
        span.set_attribute("rpc.status_code", code_word(code));
        if let Some(status) = refused {
            fail(span, code_word(code), status.message());
        }
        if code == Code::Unavailable {
            *replica.ejected_until.lock() = Some(Instant::now() + EJECTED_FOR);
        }
    }

    /// The less busy of two neighbours, taken in turn; ejected ones only if there is no other.
    fn pick(&self) -> &Replica {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let count = self.replicas.len();
        let (first, second) = (
            &self.replicas[turn % count],
            &self.replicas[(turn + 1) % count],
        );
        let load = |replica: &Replica| {
            (
                replica.is_ejected(),
                replica.in_flight.load(Ordering::Relaxed),
            )
        };
        if load(second) < load(first) {
            second
        } else {
            first
        }
    }
}

/// Whether the call died with its connection: the transport calls that unknown, but it is the same
/// for the caller as a connection that could not be made.
fn is_broken_connection(status: &Status) -> bool {
    status
        .source()
        .is_some_and(|source| source.is::<tonic::transport::Error>())
}

fn out_of_time() -> Status {
    Status::deadline_exceeded("no answer in time")
}

fn client_span(method: &'static str, attempt: u32, replica: &Replica) -> Span {
    let span = span("client", method);
    span.set_attribute("rpc.system.name", "grpc");
    span.set_attribute("rpc.method", method);
    replica.describe(&span);
    if attempt > 1 {
        span.set_attribute("shop.retry.attempt", i64::from(attempt));
    }
    span
}

/// Adds the headers that carry `span` to the metadata of a call.
pub(crate) fn inject(span: &Span, metadata: &mut MetadataMap) {
    for (name, value) in propagation::headers_of(span) {
        if let (Ok(name), Ok(value)) = (
            tonic::metadata::AsciiMetadataKey::from_bytes(name.as_bytes()),
            value.parse(),
        ) {
            metadata.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        proto::{
            HealthReply, HealthRequest,
            health_client::HealthClient,
            health_server::{Health, HealthServer},
        },
        telemetry::{
            grpc::within,
            testing::{attribute, context_of, telemetry},
        },
    };
    use tokio::{io::AsyncReadExt, net::TcpListener, task::JoinSet};
    use tonic::{
        service::Routes,
        transport::{Server, server::TcpIncoming},
    };

    fn two_replicas() -> Peer {
        let urls = [
            "http://127.0.0.1:1".to_owned(),
            "http://127.0.0.1:2".to_owned(),
        ];
        Peer::new("catalog", &urls).unwrap()
    }

    #[tokio::test]
    async fn idle_replicas_take_turns() {
        let peer = two_replicas();

        assert_eq!(
            [peer.pick().port, peer.pick().port, peer.pick().port],
            [1, 2, 1]
        );
    }

    #[tokio::test]
    async fn the_busier_replica_is_passed_over() {
        let peer = two_replicas();
        peer.replicas[0].in_flight.store(3, Ordering::Relaxed);

        assert_eq!([peer.pick().port, peer.pick().port], [2, 2]);
    }

    #[tokio::test]
    async fn a_replica_that_refused_is_left_alone_while_another_one_is_there() {
        let peer = two_replicas();
        let span = Span::none();
        peer.record(&span, &peer.replicas[0], Some(&Status::unavailable("gone")));

        assert_eq!([peer.pick().port, peer.pick().port], [2, 2]);
    }

    #[tokio::test]
    async fn every_attempt_is_a_span_of_its_own_and_the_second_one_goes_elsewhere() {
        let kept = telemetry();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let alive = listener.local_addr().unwrap();
        // Taken and given back at once: nobody answers there.
        let dead = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap();
        let mut server = JoinSet::new();
        let routes = Routes::new(HealthServer::new(Answers));
        let incoming = TcpIncoming::from(listener);
        server.spawn(
            Server::builder()
                .add_routes(routes)
                .serve_with_incoming(incoming),
        );
        let urls = [format!("http://{dead}"), format!("http://{alive}")];
        let peer = Peer::new("catalog", &urls).unwrap();
        let caller = span("internal", "caller");
        let trace_id = context_of(&caller).trace_id();

        let call = peer.call(
            "shop.Health/Check",
            HealthRequest {},
            |channel, request| async move { HealthClient::new(channel).check(request).await },
        );
        let reply = call.instrument(caller.clone()).await.unwrap();

        assert_eq!(reply.service, "catalog");
        let spans = kept.spans(trace_id);
        let told = |key| {
            spans
                .iter()
                .map(|span| attribute(span, key))
                .collect::<Vec<_>>()
        };
        assert_eq!(told("rpc.method"), ["shop.Health/Check"; 2]);
        assert_eq!(told("rpc.status_code"), ["UNAVAILABLE", "OK"]);
        assert_eq!(told("error.type"), ["UNAVAILABLE", ""]);
        assert_eq!(told("shop.retry.attempt"), ["", "2"]);
        assert_eq!(
            told("server.port"),
            [dead.port().to_string(), alive.port().to_string()]
        );
    }

    #[tokio::test]
    async fn a_call_waits_no_longer_than_its_own_caller() {
        // Accepts connections and never answers.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let peer = Peer::new("catalog", &[url]).unwrap();

        let call = peer.call_once(
            "shop.Health/Check",
            HealthRequest {},
            |channel, request| async { HealthClient::new(channel).check(request).await },
        );
        let started = Instant::now();
        let refused = within(Some(Duration::from_millis(50)), call)
            .await
            .unwrap_err();

        assert_eq!(refused.code(), Code::DeadlineExceeded);
        assert!(started.elapsed() < CALL_TIMEOUT);
    }

    #[tokio::test]
    async fn a_connection_that_breaks_is_an_unavailable_replica() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let peer = Peer::new("catalog", &[url]).unwrap();
        let mut server = JoinSet::new();
        // Takes the first bytes of each connection and hangs up.
        server.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = [0; 1_024];
                while stream
                    .read(&mut bytes)
                    .await
                    .is_ok_and(|count| count == bytes.len())
                {}
            }
        });

        let call = peer.call_once(
            "shop.Health/Check",
            HealthRequest {},
            |channel, request| async { HealthClient::new(channel).check(request).await },
        );

        assert_eq!(call.await.unwrap_err().code(), Code::Unavailable);
    }

    struct Answers;

    #[tonic::async_trait]
    impl Health for Answers {
        async fn check(&self, _: Request<HealthRequest>) -> Result<Response<HealthReply>, Status> {
            Ok(Response::new(HealthReply {
                service: "catalog".to_owned(),
            }))
        }
    }
}
