//! Senders that are programs of their own, with the exporters of an SDK.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::account::Account;

const READY: &str = "ready";
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// The program of the SDK for Python.
pub(crate) const PYTHON: &str = include_str!("sender.py");

/// A sender that waits for its beginning.
pub(crate) struct Sdk {
    process: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Sdk {
    /// Starts it and waits until it has loaded what it needs, which takes programs of some languages seconds.
    pub(crate) async fn start(mut program: Command) -> Result<Self> {
        program
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut process = program.spawn().context("cannot start a sender")?;
        let stdin = process.stdin.take().context("no input")?;
        let stdout = process.stdout.take().context("no output")?;
        let mut sdk = Self {
            process,
            stdin,
            stdout: BufReader::new(stdout).lines(),
        };
        let line = timeout(START_TIMEOUT, sdk.stdout.next_line()).await;
        let line = line.context("a sender does not start")??;
        ensure!(line.as_deref() == Some(READY), "a sender says {line:?}");
        Ok(sdk)
    }

    /// Lets it send, waits for its end, which is when its queues are empty, and reads the account that it prints.
    pub(crate) async fn send(mut self) -> Result<Account> {
        self.stdin.write_all(b"\n").await?;
        let line = self.stdout.next_line().await?;
        let ended = self.process.wait().await?;
        ensure!(ended.success(), "a sender ended with {ended}");
        let line = line.context("a sender does not say what it did")?;
        Ok(serde_json::from_str(&line)?)
    }
}
