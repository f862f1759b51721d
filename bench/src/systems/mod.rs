//! The systems under test. Each says how it is started, where it takes requests and how it is asked;
//! what they have in common is in `server`.

mod jaeger;
pub(crate) mod ports;
pub(crate) mod server;
mod spandrel;
mod tempo;
mod victoria_logs;
mod victoria_traces;

use std::{net::SocketAddr, path::Path, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Result, bail};
use tokio::process::Command;

use self::ports::Ports;
use crate::{
    queries::{Answer, Ask},
    replay::Target,
    workload::Signal,
};

/// A path and how to read its answer.
pub(crate) struct IdleCheck {
    pub(crate) path: &'static str,
    /// Whether nothing waits.
    pub(crate) is_idle: fn(&[u8]) -> Result<bool>,
}

/// One backend.
pub(crate) trait System: Send + Sync {
    /// What it is called in tables and on the command line.
    fn name(&self) -> &'static str;

    /// Whether it keeps records of this signal.
    fn takes(&self, signal: Signal) -> bool;

    /// The command that runs it with its data below a directory, on these ports. May write a
    /// configuration there.
    fn command(&self, directory: &Path, ports: &Ports) -> Result<Command>;

    /// The directory that its data are in.
    fn data(&self, directory: &Path) -> PathBuf {
        directory.join("data")
    }

    /// Where it takes requests.
    fn target(&self, ports: &Ports, signal: Signal) -> Target;

    /// Where it is asked.
    fn query_address(&self, ports: &Ports) -> SocketAddr;

    /// What answers with success once it can be used.
    fn ready_path(&self) -> &'static str;

    /// What tells whether records wait in memory for their time. `None` for a system whose CPU and
    /// files show all there is to do.
    fn idle(&self) -> Option<IdleCheck> {
        None
    }

    /// How long it must rest at least to have settled: longer than records wait in memory without work.
    fn rest_min(&self) -> Duration {
        Duration::ZERO
    }

    /// The path and query that ask for this; `None` if it has no way to be asked.
    fn question(&self, ask: &Ask) -> Option<String>;

    /// Reads what it answered with this status and body.
    fn answer(&self, ask: &Ask, status: u16, body: &[u8]) -> Result<Answer>;

    /// The settings that are worth knowing, for the report.
    fn settings(&self) -> String;
}

/// The system of this name whose program is at this path.
pub(crate) fn named(name: &str, program: &Path, arguments: &[String]) -> Result<Arc<dyn System>> {
    Ok(match name {
        "spandrel" => Arc::new(spandrel::Spandrel::new(program, arguments)),
        "jaeger" => Arc::new(jaeger::Jaeger::new(program)),
        "victoria-logs" => Arc::new(victoria_logs::VictoriaLogs::new(program)),
        "victoria-traces" => Arc::new(victoria_traces::VictoriaTraces::new(program)),
        "tempo" => Arc::new(tempo::Tempo::new(program)),
        other => bail!("there is no system called {other}"),
    })
}
