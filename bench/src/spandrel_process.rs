//! Spandrel as a process of its own, on free ports of the loopback interface and in a temporary directory.

use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

const LISTEN: [&str; 3] = ["--otlp-grpc-listen", "--otlp-http-listen", "--http-listen"];

pub(crate) struct SpandrelProcess {
    pub(crate) otlp_grpc: SocketAddr,
    pub(crate) otlp_http: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) pid: u32,
    process: Child,
    // Kept open, so that the server can write to it.
    _stdout: Lines<BufReader<ChildStdout>>,
    _dir: tempfile::TempDir,
}

impl SpandrelProcess {
    /// Starts `command`, which is `serve` with its settings; where it listens and keeps its data is added.
    pub(crate) async fn start(mut command: Command) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        command.arg("--data-dir").arg(dir.path());
        for flag in LISTEN {
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
        while addresses.len() < LISTEN.len() {
            let line = lines.next_line().await?.context("the server ended")?;
            let address = line.rsplit([' ', '/']).next().unwrap_or_default();
            addresses.push(address.parse().with_context(|| line.clone())?);
        }
        Ok(Self {
            otlp_grpc: addresses[0],
            otlp_http: addresses[1],
            http: addresses[2],
            pid: process.id().context("the server ended")?,
            process,
            _stdout: lines,
            _dir: dir,
        })
    }

    /// Asks it to end and waits for that.
    pub(crate) async fn stop(mut self) -> Result<ExitStatus> {
        let pid = self.pid.to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status().await?;
        ensure!(asked.success(), "cannot stop the server");
        Ok(self.process.wait().await?)
    }
}
