//! Tempo as one process with local storage. Its program must be given.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Result;
use tokio::process::Command;

use super::{
    System,
    ports::{Ports, loopback},
};
use crate::{
    dialects::tempo,
    queries::{Answer, Ask},
    replay::Target,
    workload::Signal,
};

/// `tempo -config.file`.
pub(crate) struct Tempo {
    program: PathBuf,
}

impl Tempo {
    pub(crate) fn new(program: &Path) -> Self {
        Self {
            program: program.to_owned(),
        }
    }
}

impl System for Tempo {
    fn name(&self) -> &'static str {
        "tempo"
    }

    fn takes(&self, signal: Signal) -> bool {
        signal == Signal::Traces
    }

    fn command(&self, directory: &Path, ports: &Ports) -> Result<Command> {
        let config = directory.join("tempo.yaml");
        fs::write(&config, configuration(&self.data(directory), ports))?;
        let mut command = Command::new(&self.program);
        command.arg(format!("-config.file={}", config.display()));
        Ok(command)
    }

    fn target(&self, ports: &Ports, signal: Signal) -> Target {
        Target {
            address: loopback(ports.ingest),
            path: signal.otlp_path().to_owned(),
        }
    }

    fn query_address(&self, ports: &Ports) -> SocketAddr {
        loopback(ports.query)
    }

    fn ready_path(&self) -> &'static str {
        "/ready"
    }

    fn question(&self, ask: &Ask) -> Option<String> {
        tempo::question(ask)
    }

    fn answer(&self, ask: &Ask, status: u16, body: &[u8]) -> Result<Answer> {
        tempo::answer(ask, status, body)
    }

    fn settings(&self) -> String {
        "monolithic, local storage, ingestion limits raised".to_owned()
    }
}

/// Without the overrides its default limits cap what it takes.
fn configuration(data: &Path, ports: &Ports) -> String {
    let data = data.display();
    let [server_grpc, ..] = ports.others;
    let (grpc, http, query) = (ports.ingest_grpc, ports.ingest, ports.query);
    format!(
        "\
server:
  http_listen_address: 127.0.0.1
  http_listen_port: {query}
  grpc_listen_address: 127.0.0.1
  grpc_listen_port: {server_grpc}
  log_level: warn
distributor:
  receivers:
    otlp:
      protocols:
        http: {{endpoint: 127.0.0.1:{http}}}
        grpc: {{endpoint: 127.0.0.1:{grpc}}}
storage:
  trace:
    backend: local
    wal: {{path: {data}/wal}}
    local: {{path: {data}/blocks}}
overrides:
  defaults:
    ingestion: {{rate_limit_bytes: 2000000000, burst_size_bytes: 2000000000, max_traces_per_user: 0}}
    global: {{max_bytes_per_trace: 0}}
usage_report: {{reporting_enabled: false}}
"
    )
}
