//! Jaeger 2 with badger, its store for a single machine.

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
    dialects::jaeger_v1,
    queries::{Answer, Ask},
    replay::Target,
    workload::Signal,
};

/// `jaeger --config`.
pub(crate) struct Jaeger {
    program: PathBuf,
}

impl Jaeger {
    pub(crate) fn new(program: &Path) -> Self {
        Self {
            program: program.to_owned(),
        }
    }
}

impl System for Jaeger {
    fn name(&self) -> &'static str {
        "jaeger"
    }

    fn takes(&self, signal: Signal) -> bool {
        signal == Signal::Traces
    }

    fn command(&self, directory: &Path, ports: &Ports) -> Result<Command> {
        let config = directory.join("jaeger.yaml");
        fs::write(&config, configuration(&self.data(directory), ports))?;
        let mut command = Command::new(&self.program);
        command
            .arg("--config")
            .arg(config)
            // It would trace itself otherwise, to the standard port.
            .env("OTEL_TRACES_SAMPLER", "always_off");
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
        "/api/services"
    }

    fn question(&self, ask: &Ask) -> Option<String> {
        jaeger_v1::question("", ask)
    }

    fn answer(&self, ask: &Ask, status: u16, body: &[u8]) -> Result<Answer> {
        jaeger_v1::answer(ask, status, body)
    }

    fn settings(&self) -> String {
        "badger for keys and values, not ephemeral, batch processor, as in its example; keep-alive for \
         queries"
            .to_owned()
    }
}

/// Its `config-badger.yaml` without what is not used here.
fn configuration(data: &Path, ports: &Ports) -> String {
    let data = data.display();
    let [query_grpc, ..] = ports.others;
    let (grpc, http, query) = (ports.ingest_grpc, ports.ingest, ports.query);
    format!(
        "\
service:
  telemetry: {{metrics: {{level: none}}, logs: {{level: warn}}}}
  extensions: [jaeger_storage, jaeger_query]
  pipelines:
    traces: {{receivers: [otlp], processors: [batch], exporters: [jaeger_storage_exporter]}}
extensions:
  jaeger_query:
    storage: {{traces: store}}
    http: {{endpoint: 127.0.0.1:{query}, keep_alives_enabled: true}}
    grpc: {{endpoint: 127.0.0.1:{query_grpc}}}
  jaeger_storage:
    backends:
      store:
        badger:
          directories: {{keys: {data}/keys, values: {data}/values}}
          ephemeral: false
          ttl: {{spans: 720h}}
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: 127.0.0.1:{grpc}}}
      http: {{endpoint: 127.0.0.1:{http}}}
processors: {{batch: {{}}}}
exporters: {{jaeger_storage_exporter: {{trace_storage: store}}}}
"
    )
}
