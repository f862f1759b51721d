//! A running system: started in a directory of its own, waited for, asked, stopped or killed.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};

use super::{System, ports::Ports};
use crate::{
    connection::Connection,
    process::{
        disk::DiskUse,
        settle::{SettleLimits, Settled, settle},
    },
    queries::{Answer, Ask},
    replay::Target,
    workload::Signal,
};

const READY_TIMEOUT: Duration = Duration::from_secs(300);
const READY_INTERVAL: Duration = Duration::from_millis(5);
const STOP_TIMEOUT: Duration = Duration::from_secs(300);

/// A system that runs. Its process ends with this value.
pub(crate) struct Server {
    system: Arc<dyn System>,
    directory: PathBuf,
    ports: Ports,
    child: Child,
    pid: u32,
    /// From the start of the process to its first sign of readiness.
    pub(crate) started_in: Duration,
}

impl Server {
    /// Starts a system on a directory, which is made if need be and kept as it is if it is there.
    pub(crate) async fn start(system: &Arc<dyn System>, directory: &Path) -> Result<Self> {
        let data = system.data(directory);
        fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
        let ports = Ports::free()?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(directory.join("server.log"))?;
        let mut command = system.command(directory, &ports)?;
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        let began = Instant::now();
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", system.name()))?;
        let pid = child.id().context("the server ended at once")?;
        let mut server = Self {
            system: Arc::clone(system),
            directory: directory.to_owned(),
            ports,
            child,
            pid,
            started_in: Duration::ZERO,
        };
        server.wait_until_ready(began).await?;
        server.started_in = began.elapsed();
        Ok(server)
    }

    async fn wait_until_ready(&mut self, began: Instant) -> Result<()> {
        let mut connection = self.connect();
        loop {
            if let Ok(response) = connection.get(self.system.ready_path()).await
                && response.status.is_success()
            {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                let log = self.directory.join("server.log");
                let name = self.system.name();
                bail!("{name} ended with {status}, see {}", log.display());
            }
            if began.elapsed() > READY_TIMEOUT {
                bail!(
                    "{} is not ready after {READY_TIMEOUT:?}",
                    self.system.name()
                );
            }
            sleep(READY_INTERVAL).await;
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn system(&self) -> &Arc<dyn System> {
        &self.system
    }

    /// Where it takes requests.
    pub(crate) fn target(&self, signal: Signal) -> Target {
        self.system.target(&self.ports, signal)
    }

    /// A connection to ask it on.
    pub(crate) fn connect(&self) -> Connection {
        Connection::to(self.system.query_address(&self.ports))
    }

    /// What its data take on the disk.
    pub(crate) fn disk(&self) -> Result<DiskUse> {
        DiskUse::of(&self.system.data(&self.directory))
    }

    /// Waits until it has nothing left to do.
    pub(crate) async fn settle(&self, limits: SettleLimits) -> Result<Settled> {
        let mut connection = self.connect();
        let idle = self.system.idle();
        let data = self.system.data(&self.directory);
        let limits = SettleLimits {
            quiet: limits.quiet.max(self.system.rest_min()),
            ..limits
        };
        settle(self.pid, &data, limits, async || match &idle {
            None => Ok(true),
            Some(check) => (check.is_idle)(&connection.get(check.path).await?.body),
        })
        .await
    }

    /// Asks one thing. `None` if the system has no way to be asked.
    pub(crate) async fn ask(
        &self,
        connection: &mut Connection,
        ask: &Ask,
    ) -> Result<Option<Answer>> {
        let Some(path) = self.system.question(ask) else {
            return Ok(None);
        };
        let response = connection.get(&path).await?;
        let answer = self
            .system
            .answer(ask, response.status.as_u16(), &response.body)?;
        Ok(Some(answer))
    }

    /// Asks it to end and waits for that.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let asked = Command::new("kill")
            .arg("-TERM")
            .arg(self.pid.to_string())
            .status();
        if !asked.await.context("cannot run kill")?.success() {
            bail!("{} is not there any more", self.system.name());
        }
        timeout(STOP_TIMEOUT, self.child.wait())
            .await
            .with_context(|| format!("{} does not end", self.system.name()))??;
        Ok(())
    }

    /// Ends it as a power cut would end the process: at once, with nothing written on the way.
    pub(crate) async fn kill(mut self) -> Result<()> {
        self.child.kill().await.context("cannot kill the server")
    }
}
