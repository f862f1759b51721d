//! The server under attack, as a process of its own.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinSet;

pub(crate) struct Server {
    pub(crate) otlp_grpc: SocketAddr,
    pub(crate) otlp_http: SocketAddr,
    process: Child,
    pid: u32,
    // Kept open, so that the server can write to it.
    _stdout: Lines<BufReader<ChildStdout>>,
    _dir: tempfile::TempDir,
}

impl Server {
    pub(crate) async fn start(binary: &str) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let mut command = Command::new(binary);
        command.arg("serve").arg("--data-dir").arg(dir.path());
        for flag in ["--otlp-grpc-listen", "--otlp-http-listen", "--http-listen"] {
            command.args([flag, "127.0.0.1:0"]);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut process = command.spawn().context("cannot start the server")?;
        let stdout = process.stdout.take().context("no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let mut addresses = Vec::new();
        while addresses.len() < 2 {
            let line = lines.next_line().await?.context("the server ended")?;
            let address = line.rsplit([' ', '/']).next().unwrap_or_default();
            addresses.push(address.parse().with_context(|| line.clone())?);
        }
        Ok(Self {
            otlp_grpc: addresses[0],
            otlp_http: addresses[1],
            pid: process.id().context("the server ended")?,
            process,
            _stdout: lines,
            _dir: dir,
        })
    }

    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        resident_bytes(self.pid)
    }

    /// Looks at the resident memory until it is stopped.
    pub(crate) fn watch_peak(&self) -> Watch {
        let (pid, peak) = (self.pid, Arc::new(AtomicU64::new(0)));
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

    pub(crate) async fn stop(mut self) -> Result<()> {
        let pid = self.pid.to_string();
        let status = Command::new("kill").args(["-TERM", &pid]).status().await?;
        ensure!(status.success(), "cannot stop the server");
        let ended = self.process.wait().await?;
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
