//! All senders at once.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::Args;
use crate::account::Account;
use crate::exporter::Protocol;
use crate::patient::Patient;
use crate::sdk::{PYTHON, Sdk};
use crate::server::Server;

/// What became of it.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) accounts: Vec<Account>,
    /// Spans the server had accepted when the last one was made.
    pub(crate) accepted_meanwhile: u64,
    /// From the first span made to the last one out of hand.
    pub(crate) took: Duration,
}

impl Load {
    /// Offers the load and waits until no sender holds anything any more.
    pub(crate) async fn offer(args: &Args, server: &Server) -> Result<Self> {
        let doors = [
            (Protocol::Grpc, server.otlp_grpc()),
            (Protocol::Http, server.otlp_http()),
        ];
        let mut programs = Vec::new();
        for (protocol, address) in doors {
            for number in 1..=2 {
                let service = format!("python-{}-{number}", protocol.name());
                programs.push(Sdk::start(python(args, protocol, address, &service)).await?);
            }
        }
        let began = Instant::now();
        let mut senders = JoinSet::new();
        for program in programs {
            senders.spawn(program.send());
        }
        for (protocol, address) in doors {
            let patient = Patient {
                service: format!("patient-{}", protocol.name()),
                number: 1 + u64::from(protocol == Protocol::Http),
                protocol,
                address,
                time: Duration::from_secs(args.seconds),
                spans_per_second: args.rate,
                exporters: args.exporters,
            };
            senders.spawn(patient.send());
        }
        sleep(Duration::from_secs(args.seconds)).await;
        let page = server.metrics().await?;
        let accepted = "spandrel_ingest_records_accepted_total";
        let accepted_meanwhile = page.sum(accepted, &[("signal", "traces")]);
        let mut accounts = Vec::new();
        while let Some(ended) = senders.join_next().await {
            accounts.push(ended??);
        }
        accounts.sort_by(|one, other| one.service.cmp(&other.service));
        Ok(Self {
            accounts,
            accepted_meanwhile,
            took: began.elapsed(),
        })
    }
}

fn python(args: &Args, protocol: Protocol, address: SocketAddr, service: &str) -> Command {
    let mut command = Command::new(&args.python);
    command.args(["-c", PYTHON, protocol.name()]);
    command.args([&format!("http://{address}"), service]);
    command.args([args.seconds.to_string(), args.rate.to_string()]);
    command.arg(args.exporters.to_string());
    command
}
