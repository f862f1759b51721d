//! Starts receivers on free ports with a storage in a temporary directory.

mod client;
mod payload;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use access::{Access, AccessArgs, Address, Door, Purpose};
use clap::Parser;
use collector::{
    CollectorArgs, CollectorConfig, CollectorMetrics, Listeners, RunError, SenderReport,
};
use model::otlp::json::{write_logs, write_spans};
use model::{Clock, LogReader, Signal, SpanReader, UnixNanos};
use serde_json::{Value, json};
use storage::{Columns, Storage, StorageConfig};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub(crate) use client::{Answer, Client, frame};
pub(crate) use payload::{RpcStatus, TRACE_ID, gzip, logs_json, spans_json, spans_protobuf};

/// How long anything in these tests may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

const NOW: UnixNanos = UnixNanos(1_790_000_000_000_000_000);

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: CollectorArgs,
    #[command(flatten)]
    access: AccessArgs,
}

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> UnixNanos {
        NOW
    }
}

async fn open(access: &Access, name: &'static str) -> Door {
    let door = access.open(Address {
        flag: "--listen",
        name,
        address: "127.0.0.1:0".parse().unwrap(),
        purpose: Purpose::Send,
    });
    door.await.unwrap()
}

/// Receivers under test.
pub(crate) struct Receivers {
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) zipkin: Option<SocketAddr>,
    access: Arc<Access>,
    metrics: Arc<CollectorMetrics>,
    storage: Storage,
    shutdown: CancellationToken,
    running: JoinSet<Result<(), RunError>>,
    _watching: JoinSet<()>,
    _data_dir: TempDir,
}

impl Receivers {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(flags: &[&str]) -> Self {
        let cli = Cli::parse_from(["receivers"].iter().chain(flags));
        let config = CollectorConfig::try_from(cli.args).unwrap();
        let data_dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(StorageConfig::in_dir(data_dir.path()), Arc::new(FixedClock));
        let storage = storage.unwrap();
        let access = Arc::new(Access::try_from(cli.access).unwrap());
        let otlp_grpc = open(&access, "grpc").await;
        let otlp_http = open(&access, "http").await;
        let grpc = otlp_grpc.local_addr().unwrap();
        let http = otlp_http.local_addr().unwrap();
        let zipkin = match config.zipkin_listen {
            Some(_) => Some(open(&access, "zipkin").await),
            None => None,
        };
        let zipkin_address = zipkin.as_ref().map(|it| it.local_addr().unwrap());
        let metrics = Arc::new(CollectorMetrics::new(&config, Arc::new(FixedClock)));
        let shutdown = CancellationToken::new();
        let mut running = JoinSet::new();
        running.spawn(collector::run(
            config,
            Listeners {
                otlp_grpc,
                otlp_http,
                zipkin,
            },
            storage.clone(),
            Arc::clone(&metrics),
            shutdown.clone(),
        ));
        let mut watching = JoinSet::new();
        watching.spawn(Arc::clone(&access).watch(shutdown.clone()));
        Self {
            grpc,
            http,
            zipkin: zipkin_address,
            access,
            metrics,
            storage,
            shutdown,
            running,
            _watching: watching,
            _data_dir: data_dir,
        }
    }

    /// Begins the shutdown and returns without waiting for its end.
    pub(crate) fn begin_shutdown(&self) {
        self.shutdown.cancel();
    }

    /// Closes the storage under the running receivers.
    pub(crate) async fn close_storage(&self) {
        self.storage.shutdown().await;
    }

    /// Waits until the receivers have ended.
    pub(crate) async fn ended(&mut self) {
        let ended = timeout(PATIENCE, self.running.join_next())
            .await
            .expect("did not shut down");
        ended.unwrap().unwrap().unwrap();
    }

    /// All that is visible now, as OTLP JSON.
    pub(crate) fn stored(&self) -> Value {
        let mut spans = Vec::new();
        let mut records = Vec::new();
        let snapshot = self.storage.snapshot();
        for source in snapshot.sources(Signal::Traces) {
            let rows: Vec<u32> = (0..source.row_count()).collect();
            let batch = source.read(&rows, Columns::All).unwrap();
            let reader = SpanReader::new(&batch).unwrap();
            spans.extend((0..batch.num_rows()).map(|row| reader.span(row).unwrap()));
        }
        for source in snapshot.sources(Signal::Logs) {
            let rows: Vec<u32> = (0..source.row_count()).collect();
            let batch = source.read(&rows, Columns::All).unwrap();
            let reader = LogReader::new(&batch).unwrap();
            records.extend((0..batch.num_rows()).map(|row| reader.log_record(row).unwrap()));
        }
        let (mut resource_spans, mut resource_logs) = (Vec::new(), Vec::new());
        write_spans(&mut resource_spans, &spans);
        write_logs(&mut resource_logs, &records);
        let read = |text: &[u8]| serde_json::from_slice::<Value>(text).unwrap();
        json!({ "resourceSpans": read(&resource_spans), "resourceLogs": read(&resource_logs) })
    }

    /// The names of all spans that are visible now, sorted.
    pub(crate) fn span_names(&self) -> Vec<String> {
        let snapshot = self.storage.snapshot();
        let mut names = Vec::new();
        for source in snapshot.sources(Signal::Traces) {
            let rows: Vec<u32> = (0..source.row_count()).collect();
            let batch = source.read(&rows, Columns::All).unwrap();
            let reader = SpanReader::new(&batch).unwrap();
            names.extend((0..rows.len()).map(|row| reader.keys().name(row).to_owned()));
        }
        names.sort();
        names
    }

    /// Body and trace id of all log records that are visible now, sorted.
    pub(crate) fn log_records(&self) -> Vec<(String, Option<String>)> {
        let snapshot = self.storage.snapshot();
        let mut records = Vec::new();
        for source in snapshot.sources(Signal::Logs) {
            let rows: Vec<u32> = (0..source.row_count()).collect();
            let batch = source.read(&rows, Columns::All).unwrap();
            let reader = LogReader::new(&batch).unwrap();
            records.extend((0..rows.len()).map(|row| {
                let trace_id = reader.trace_id(row).map(|id| id.to_string());
                (reader.body_text(row).to_owned(), trace_id)
            }));
        }
        records.sort();
        records
    }

    /// The value of one counter, by the name and labels it is printed with.
    /// What ends in some way is listed once it has happened, and is 0 until then.
    pub(crate) fn counter(&self, name_and_labels: &str) -> u64 {
        let mut text = String::new();
        self.metrics.render_prometheus(&mut text);
        self.access.render_prometheus(&mut text);
        let value = text.lines().find_map(|line| {
            line.strip_prefix(name_and_labels)
                .and_then(|rest| rest.strip_prefix(' '))
        });
        let name = name_and_labels.split('{').next().unwrap();
        assert!(text.contains(&format!("# TYPE {name} ")), "{text}");
        value.map_or(0, |value| value.parse().unwrap())
    }

    /// What is known of those who send.
    pub(crate) fn senders(&self) -> Vec<SenderReport> {
        self.metrics.senders()
    }

    /// Waits until that counter has this value.
    pub(crate) async fn wait_for_counter(&self, name_and_labels: &str, value: u64) {
        let reached = async {
            while self.counter(name_and_labels) != value {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, reached)
            .await
            .unwrap_or_else(|_| panic!("{name_and_labels} is {}", self.counter(name_and_labels)));
    }
}
