//! The server under attack, as a process of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::spandrel_process::SpandrelProcess;

pub(crate) struct Server(SpandrelProcess);

impl Server {
    pub(crate) async fn start(binary: &str) -> Result<Self> {
        let mut command = Command::new(binary);
        command.arg("serve");
        Ok(Self(SpandrelProcess::start(command).await?))
    }

    pub(crate) fn otlp_grpc(&self) -> SocketAddr {
        self.0.otlp_grpc
    }

    pub(crate) fn otlp_http(&self) -> SocketAddr {
        self.0.otlp_http
    }

    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        resident_bytes(self.0.pid)
    }

    /// Looks at the resident memory until it is stopped.
    pub(crate) fn watch_peak(&self) -> Watch {
        let (pid, peak) = (self.0.pid, Arc::new(AtomicU64::new(0)));
        let is_over = Arc::new(AtomicBool::new(false));
        let (seen, end) = (Arc::clone(&peak), Arc::clone(&is_over));
        let mut task = JoinSet::new();
        task.spawn(async move {
            while !end.load(Ordering::Relaxed) {
                seen.fetch_max(resident_bytes(pid)?, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(())
        });
        Watch {
            peak,
            is_over,
            task,
        }
    }

    pub(crate) async fn stop(self) -> Result<()> {
        let ended = self.0.stop().await?;
        ensure!(ended.success(), "the server ended with {ended}");
        Ok(())
    }
}

pub(crate) struct Watch {
    peak: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    task: JoinSet<Result<()>>,
}

impl Watch {
    /// The most bytes that were resident.
    pub(crate) async fn stop(mut self) -> Result<u64> {
        self.is_over.store(true, Ordering::Relaxed);
        while let Some(ended) = self.task.join_next().await {
            ended??;
        }
        Ok(self.peak.load(Ordering::Relaxed))
    }
}

fn resident_bytes(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|it| it.trim().strip_suffix("kB"));
    let kibibytes: u64 = kibibytes.context("no VmRSS")?.trim().parse()?;
    Ok(kibibytes * 1024)
}
