//! VictoriaLogs.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;
use tokio::process::Command;

use super::{
    System,
    ports::{Ports, loopback},
};
use crate::{
    dialects::logsql,
    queries::{Answer, Ask},
    replay::Target,
    workload::Signal,
};

const FLAGS: [&str; 1] = ["-retentionPeriod=30d"];

/// `victoria-logs`, one port for everything.
pub(crate) struct VictoriaLogs {
    program: PathBuf,
}

impl VictoriaLogs {
    pub(crate) fn new(program: &Path) -> Self {
        Self {
            program: program.to_owned(),
        }
    }
}

impl System for VictoriaLogs {
    fn name(&self) -> &'static str {
        "victoria-logs"
    }

    fn takes(&self, signal: Signal) -> bool {
        signal == Signal::Logs
    }

    fn command(&self, directory: &Path, ports: &Ports) -> Result<Command> {
        let mut command = Command::new(&self.program);
        command
            .arg(format!(
                "-storageDataPath={}",
                self.data(directory).display()
            ))
            .arg(format!("-httpListenAddr={}", loopback(ports.query)))
            .args(FLAGS);
        Ok(command)
    }

    fn target(&self, ports: &Ports, _signal: Signal) -> Target {
        Target {
            address: loopback(ports.query),
            path: "/insert/opentelemetry/v1/logs".to_owned(),
        }
    }

    fn query_address(&self, ports: &Ports) -> SocketAddr {
        loopback(ports.query)
    }

    fn ready_path(&self) -> &'static str {
        "/health"
    }

    /// Records reach its files about ten seconds after they came.
    fn rest_min(&self) -> Duration {
        Duration::from_secs(20)
    }

    fn question(&self, ask: &Ask) -> Option<String> {
        logsql::question(ask)
    }

    fn answer(&self, ask: &Ask, status: u16, body: &[u8]) -> Result<Answer> {
        logsql::answer(ask, status, body)
    }

    fn settings(&self) -> String {
        FLAGS.join(" ")
    }
}
