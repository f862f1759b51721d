//! Many times more load than the server can take, from exporters of an SDK and from senders that do what OTLP asks of
//! them: what became of every span, and what the server took for it.
//!
//! The server gets a small share of a processor where a control group may be made, so that a few senders on the same
//! machine are many times too much for it. The program fails when a promise was not kept.
#![expect(clippy::print_stdout, reason = "a benchmark talks to the terminal")]

#[path = "../../connection.rs"]
#[expect(dead_code, reason = "other programs use the rest of it")]
mod connection;
#[path = "../../spandrel_process.rs"]
mod spandrel_process;
#[path = "../../stats.rs"]
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "other programs use the rest of it")
)]
mod stats;

mod account;
mod exporter;
mod load;
mod page;
mod patient;
mod report;
mod sdk;
mod server;
mod spans;
mod throttle;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Parser;
use tokio::signal::ctrl_c;

use crate::load::Load;
use crate::report::Report;

/// Offers a server many times the load that it can take, and holds it to its promises.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// The release binary of Spandrel.
    spandrel: PathBuf,

    /// How long spans are made.
    #[arg(default_value = "600")]
    seconds: u64,

    /// The memory budget of the server.
    #[arg(long, default_value = "128MiB")]
    memory: String,

    /// Another flag for the server, such as `--spandrel-arg=--wal-queue-requests=16`.
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    spandrel_arg: Vec<String>,

    /// The share of one processor that the server gets while it is under load.
    #[arg(long, value_name = "PERCENT", default_value = "1")]
    cpu_percent: u32,

    /// How many spans each of the six senders makes in a second.
    #[arg(long, value_name = "SPANS", default_value = "4000")]
    rate: u32,

    /// How many exporters each sender has, each with a queue and a connection of its own.
    #[arg(long, value_name = "COUNT", default_value = "16")]
    exporters: usize,

    /// A Python with the OpenTelemetry SDK.
    #[arg(
        long,
        value_name = "PATH",
        default_value = "target/python-venv/bin/python"
    )]
    python: PathBuf,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let report = tokio::select! {
        report = run(&args) => report?,
        _ = ctrl_c() => bail!("interrupted"),
    };
    println!("{report}");
    Ok(if report.broken().is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn run(args: &Args) -> Result<Report> {
    let server = server::Server::start(args).await?;
    let throttle = throttle::Throttle::on(server.pid(), args.cpu_percent);
    match &throttle {
        Ok(_) => println!("the server has {} % of a processor", args.cpu_percent),
        Err(error) => println!(
            "the server runs unthrottled, with as much load as the senders can make: {error:#}"
        ),
    }
    let is_throttled = throttle.is_ok();
    let watch = server.watch_memory();
    let load = Load::offer(args, &server).await?;
    let memory = watch.stop().await?;
    // What is left is to count and to stop, which nobody sends anything meanwhile.
    drop(throttle);
    let page = server.metrics().await?;
    let stored = server.span_counts().await?;
    let ended = server.stop().await?;
    Ok(Report {
        is_throttled,
        seconds: args.seconds,
        load,
        memory,
        page,
        stored,
        ended,
    })
}
