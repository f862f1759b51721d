//! Spandrel itself, asked through its own API and, where whole traces are wanted, through Jaeger's.

use std::{net::SocketAddr, path::Path, path::PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::process::Command;

use super::{
    IdleCheck, System,
    ports::{Ports, loopback},
};
use crate::{
    dialects::{jaeger_v1, native},
    queries::{Answer, Ask},
    replay::Target,
    workload::Signal,
};

const JAEGER: &str = "/jaeger";
/// A quiet server must not keep its last rows in memory beyond the end of a measurement.
const SEAL_AGE: &str = "--seal-age=15s";

/// `spandrel serve`.
pub(crate) struct Spandrel {
    program: PathBuf,
    arguments: Vec<String>,
}

impl Spandrel {
    pub(crate) fn new(program: &Path, arguments: &[String]) -> Self {
        let mut arguments = arguments.to_vec();
        if !arguments
            .iter()
            .any(|argument| argument.starts_with("--seal-age"))
        {
            arguments.push(SEAL_AGE.to_owned());
        }
        Self {
            program: program.to_owned(),
            arguments,
        }
    }
}

impl System for Spandrel {
    fn name(&self) -> &'static str {
        "spandrel"
    }

    fn takes(&self, _signal: Signal) -> bool {
        true
    }

    fn command(&self, directory: &Path, ports: &Ports) -> Result<Command> {
        let mut command = Command::new(&self.program);
        command
            .args(["serve", "--log", "warn", "--data-dir"])
            .arg(self.data(directory))
            .args(["--otlp-http-listen", &loopback(ports.ingest).to_string()])
            .args([
                "--otlp-grpc-listen",
                &loopback(ports.ingest_grpc).to_string(),
            ])
            .args(["--http-listen", &loopback(ports.query).to_string()])
            .args(&self.arguments);
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
        "/readyz"
    }

    fn idle(&self) -> Option<IdleCheck> {
        Some(IdleCheck {
            path: "/api/v1/status",
            is_idle: has_no_hot_rows,
        })
    }

    fn question(&self, ask: &Ask) -> Option<String> {
        match ask {
            Ask::WholeTraces(_) => jaeger_v1::question(JAEGER, ask),
            _ => native::question(ask),
        }
    }

    fn answer(&self, ask: &Ask, status: u16, body: &[u8]) -> Result<Answer> {
        match ask {
            Ask::WholeTraces(_) => jaeger_v1::answer(ask, status, body),
            _ => native::answer(ask, status, body),
        }
    }

    fn settings(&self) -> String {
        format!("serve {}", self.arguments.join(" "))
    }
}

fn has_no_hot_rows(status: &[u8]) -> Result<bool> {
    let status: Value = serde_json::from_slice(status).context("the status is not JSON")?;
    let hot = |key: &str| status.pointer("/stored")?.get(key)?.as_u64();
    let spans = hot("hot_spans").context("the status has no hot_spans")?;
    let log_records = hot("hot_log_records").context("the status has no hot_log_records")?;
    Ok(spans + log_records == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_in_memory_are_work_to_be_done() {
        let status = |spans: u64, logs: u64| {
            let hot = format!(r#"{{"hot_spans":{spans},"hot_log_records":{logs}}}"#);
            has_no_hot_rows(format!(r#"{{"stored":{hot}}}"#).as_bytes())
        };
        assert!(status(0, 0).unwrap());
        assert!(!status(1, 0).unwrap());
        assert!(!status(0, 1).unwrap());
        assert!(has_no_hot_rows(b"{}").is_err());
    }

    #[test]
    fn a_seal_age_that_was_asked_for_is_kept() {
        let asked = ["--seal-age=5m".to_owned()];
        let settings =
            |arguments: &[String]| Spandrel::new(Path::new("spandrel"), arguments).settings();
        assert_eq!(settings(&asked), "serve --seal-age=5m");
        assert_eq!(settings(&[]), "serve --seal-age=15s");
    }
}
