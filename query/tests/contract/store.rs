//! A storage in a temporary directory, and the router over it.

use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::BodyExt;
use model::otlp::{self, Encoding};
use model::{Clock, Signal, UnixNanos};
use query::{
    Backend, BudgetSource, IngestProblem, IngestSender, Limits, Memory, QueryConfig, QueryMemory,
    ServerInfo,
};
use storage::{Append, Storage, StorageConfig};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// A moment some time after everything that the tests store.
pub(crate) const NOW: UnixNanos = UnixNanos(1_700_000_100_000_000_000);

struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> UnixNanos {
        NOW
    }
}

/// The store and what serves it.
pub(crate) struct Store {
    directory: TempDir,
    storage: Storage,
    limits: Limits,
    router: Router,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    /// With `elapsed_micros` set to zero, and the address of the data directory replaced.
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Limits that no test reaches.
pub(crate) fn generous_limits() -> Limits {
    Limits {
        timeout: Duration::from_secs(600),
        concurrency: NonZeroUsize::new(2).unwrap(),
        queue: NonZeroUsize::new(8).unwrap(),
        rows_max: NonZeroUsize::MAX,
        trace_spans_max: NonZeroUsize::MAX,
        scan_bytes_max: NonZeroU64::MAX,
    }
}

impl Store {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self::open(directory, generous_limits())
    }

    fn open(directory: TempDir, limits: Limits) -> Self {
        let config = StorageConfig::in_dir(directory.path());
        let storage = Storage::open(config, Arc::new(StoppedClock)).unwrap();
        let router = router(&storage, limits);
        Self {
            directory,
            storage,
            limits,
            router,
        }
    }

    pub(crate) fn with_limits(self, limits: Limits) -> Self {
        let router = router(&self.storage, limits);
        Self {
            limits,
            router,
            ..self
        }
    }

    /// Lets queries hold so many bytes.
    pub(crate) fn with_query_memory(self, bytes: usize) -> Self {
        let mut config = config(self.limits);
        config.memory_bytes = bytes;
        let backend = Backend {
            query_memory: QueryMemory::new(bytes),
            ..backend(&self.storage)
        };
        Self {
            router: query::router(&config, backend),
            ..self
        }
    }

    /// Stores an OTLP JSON request.
    pub(crate) async fn append(&self, signal: Signal, request: &str) {
        let body = Bytes::copy_from_slice(request.as_bytes());
        let accepted = otlp::decode(signal, Encoding::Json, body).unwrap();
        assert_eq!(accepted.rejected, None, "the tests store good data");
        let append = Append {
            signal,
            payload: accepted.payload,
            batch: accepted.batch,
        };
        self.storage.append(append).await.unwrap();
    }

    /// Turns everything in memory into splits, by a stop and a start.
    pub(crate) async fn seal(self) -> Self {
        self.storage.shutdown().await;
        let Self {
            directory,
            storage,
            limits,
            router,
        } = self;
        drop((storage, router));
        Self::open(directory, limits)
    }

    /// Changes a byte in the middle of every file of this name in every split.
    pub(crate) fn damage(self, file_name: &str) -> Self {
        let Self {
            directory,
            storage,
            limits,
            router,
        } = self;
        drop((storage, router));
        let mut damaged = 0;
        for split in std::fs::read_dir(directory.path().join("splits")).unwrap() {
            let path = split.unwrap().path().join(file_name);
            let mut bytes = std::fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0xff;
            std::fs::write(&path, bytes).unwrap();
            damaged += 1;
        }
        assert!(damaged > 0, "there is no split to damage");
        Self::open(directory, limits)
    }

    /// Serves on a port of the system's choice until told to stop.
    pub(crate) async fn serve(&self, shutdown: CancellationToken) -> (SocketAddr, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let run = query::run(
            config(self.limits),
            listener.into(),
            backend(&self.storage),
            shutdown,
        );
        #[expect(clippy::disallowed_methods, reason = "the test waits for the task")]
        let task = tokio::spawn(run);
        (address, task)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, "").await
    }

    /// How the body of a good answer breaks off.
    pub(crate) async fn get_broken(&self, path: &str) -> String {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        response
            .into_body()
            .collect()
            .await
            .unwrap_err()
            .to_string()
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, body: &str) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let body = without_elapsed(std::str::from_utf8(&bytes).unwrap());
        Answer {
            status,
            headers,
            body,
        }
    }
}

fn router(storage: &Storage, limits: Limits) -> Router {
    query::router(&config(limits), backend(storage))
}

fn config(limits: Limits) -> QueryConfig {
    QueryConfig {
        http_listen: "127.0.0.1:4319".parse().unwrap(),
        connections_max: 8,
        head_timeout: Duration::from_millis(500),
        limits,
        memory_bytes: QUERY_BYTES_MAX,
    }
}

fn backend(storage: &Storage) -> Backend {
    let server = ServerInfo {
        version: "1.2.3",
        otlp_grpc: "127.0.0.1:4317".parse().unwrap(),
        otlp_http: "127.0.0.1:4318".parse().unwrap(),
        http: "127.0.0.1:4319".parse().unwrap(),
        is_encrypted: false,
        needs_token: true,
        data_dir: "/data".into(),
        retention_age: Some(Duration::from_secs(7 * 24 * 3600)),
    };
    Backend {
        storage: storage.clone(),
        clock: Arc::new(StoppedClock),
        server,
        is_ready_to_write: Arc::new(|| true),
        metrics: vec![Arc::new(|out| out.push_str("another_part 1\n"))],
        ingest: Arc::new(|| vec![sender_with_a_problem()]),
        memory: Arc::new(|| MEMORY),
        query_memory: QueryMemory::new(QUERY_BYTES_MAX),
    }
}

/// So little that a test can make an answer that takes more, and others do not notice.
const QUERY_BYTES_MAX: usize = 64 << 20;

const MEMORY: Memory = Memory {
    budget_bytes: 1 << 30,
    budget_source: BudgetSource::ControlGroup,
    held_bytes: Some(90 << 20),
    is_short: false,
    in_flight_bytes: 5000,
    in_flight_bytes_max: 256 << 20,
    request_bytes_max: 64 << 20,
    seal_bytes: 64 << 20,
};

fn sender_with_a_problem() -> IngestSender {
    let problem = IngestProblem {
        protocol: "otlp_http".to_owned(),
        signal: Some("traces".to_owned()),
        reason: "too_large".to_owned(),
        answer: "413".to_owned(),
        message: "the request is over the limit".to_owned(),
        advice: "Send smaller batches.".to_owned(),
        count: 3,
        first_seen: UnixNanos(4),
        last_seen: UnixNanos(6),
    };
    IngestSender {
        address: Some("127.0.0.1".to_owned()),
        user_agent: "OTel-OTLP-Exporter-Python/1.37.0".to_owned(),
        token_name: Some("shop".to_owned()),
        protocols: vec!["otlp_http".to_owned()],
        services: vec!["checkout".to_owned()],
        first_seen: UnixNanos(4),
        last_seen: UnixNanos(7),
        requests_acknowledged: 2,
        requests_refused: 3,
        records_accepted: 10,
        records_rejected: 1,
        problems: vec![problem],
    }
}

fn without_elapsed(body: &str) -> String {
    const FIELD: &str = "\"elapsed_micros\":";
    let Some((before, after)) = body.split_once(FIELD) else {
        return body.to_owned();
    };
    if !after.starts_with(|c: char| c.is_ascii_digit()) {
        return body.to_owned();
    }
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{before}{FIELD}0{rest}")
}
