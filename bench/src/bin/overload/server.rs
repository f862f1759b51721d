//! The server under load, as a process of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::Args;
use crate::connection::Connection;
use crate::page::Page;
use crate::spandrel_process::SpandrelProcess;

/// Small, so that the requests of some dozens of exporters are more than may be in memory.
pub(crate) const LIMITS: [&str; 4] = [
    "--max-in-flight-bytes",
    "4MiB",
    "--max-request-bytes",
    "1MiB",
];
const STOP_TIMEOUT: Duration = Duration::from_secs(120);
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

pub(crate) struct Server(SpandrelProcess);

/// How the process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// From the signal on.
    pub(crate) took: Duration,
}

impl Server {
    pub(crate) async fn start(args: &Args) -> Result<Self> {
        let mut command = Command::new(&args.spandrel);
        command.args(["serve", "--log", "warn", "--memory", &args.memory]);
        command.args(LIMITS).args(&args.spandrel_arg);
        Ok(Self(SpandrelProcess::start(command).await?))
    }

    pub(crate) fn otlp_grpc(&self) -> SocketAddr {
        self.0.otlp_grpc
    }

    pub(crate) fn otlp_http(&self) -> SocketAddr {
        self.0.otlp_http
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.pid
    }

    /// What `/metrics` says now.
    pub(crate) async fn metrics(&self) -> Result<Page> {
        let answer = Connection::to(self.0.http).get("/metrics").await?;
        ensure!(
            answer.status.is_success(),
            "/metrics answers {}",
            answer.status
        );
        Ok(Page::parse(&String::from_utf8_lossy(&answer.body)))
    }

    /// How many spans are stored of each service.
    pub(crate) async fn span_counts(&self) -> Result<BTreeMap<String, u64>> {
        let answer = Connection::to(self.0.http).get("/api/v1/services").await?;
        let answer: Value = serde_json::from_slice(&answer.body)?;
        let services = answer["services"].as_array().context("no services")?;
        let count = |service: &Value| {
            let name = service["name"].as_str()?.to_owned();
            Some((name, service["span_count"].as_u64()?))
        };
        let counts: Option<_> = services.iter().map(count).collect();
        counts.context("a service without a name or a count")
    }

    /// Looks at the memory until it is stopped.
    pub(crate) fn watch_memory(&self) -> Watch {
        let (pid, is_over) = (self.0.pid, Arc::new(AtomicBool::new(false)));
        let end = Arc::clone(&is_over);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut peak = Memory::default();
            while !end.load(Ordering::Relaxed) {
                peak.look(pid)?;
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
            Ok(peak)
        });
        Watch { is_over, task }
    }

    /// Asks it to end and waits for that.
    pub(crate) async fn stop(self) -> Result<Ended> {
        let began = Instant::now();
        let ended = timeout(STOP_TIMEOUT, self.0.stop()).await;
        let status = ended.with_context(|| format!("still there after {STOP_TIMEOUT:?}"))??;
        Ok(Ended {
            status,
            took: began.elapsed(),
        })
    }
}

/// The most that was resident.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// With mapped files. The kernel keeps this one, and misses nothing.
    pub(crate) resident_bytes: u64,
    /// Without them, at the moments that were looked at.
    pub(crate) anonymous_bytes: u64,
    /// The program and splits, as far as they were in the cache of the system, which takes them back when it
    /// needs to.
    pub(crate) mapped_bytes: u64,
}

impl Memory {
    fn look(&mut self, pid: u32) -> Result<()> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let bytes = |key: &str| -> Result<u64> {
            let line = status.lines().find_map(|it| it.strip_prefix(key));
            let kibibytes = line.and_then(|it| it.trim().strip_suffix("kB"));
            let kibibytes = kibibytes.with_context(|| format!("no {key}"))?;
            Ok(kibibytes.trim().parse::<u64>()? * 1024)
        };
        self.resident_bytes = self.resident_bytes.max(bytes("VmHWM:")?);
        self.anonymous_bytes = self.anonymous_bytes.max(bytes("RssAnon:")?);
        self.mapped_bytes = self.mapped_bytes.max(bytes("RssFile:")?);
        Ok(())
    }
}

pub(crate) struct Watch {
    is_over: Arc<AtomicBool>,
    task: JoinSet<Result<Memory>>,
}

impl Watch {
    pub(crate) async fn stop(mut self) -> Result<Memory> {
        self.is_over.store(true, Ordering::Relaxed);
        let ended = self.task.join_next().await;
        ended.context("nobody looked at the memory")??
    }
}
