//! `spandrel demo`: server, shop and load in one go.
#![expect(clippy::print_stdout, reason = "the demo talks to the terminal")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use demo_services::cli::{ChildTable, print_progress};
use demo_services::load::{self, LoadConfig, Progress, Rate, Summary};
use demo_services::{ExporterTls, Supervisor, SupervisorConfig};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cli::{print_addresses, reachable};
use crate::process_memory::proportional_bytes;
use crate::serve::{ServeArgs, Server};

/// Instances of the catalog, so that there is something to balance over.
const CATALOG_REPLICAS: u16 = 2;

/// Settings of the demo.
#[derive(Debug, Clone, Args)]
pub(crate) struct DemoArgs {
    /// How long to make load before everything stops by itself; until Ctrl-C if not given
    #[arg(long = "for", env = "SPANDREL_DEMO_FOR", value_name = "DURATION", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,
    /// Journeys through the shop that begin per second, minute or hour: `5/s`, `90/min`
    #[arg(long, env = "SPANDREL_DEMO_RATE", default_value = "5/s")]
    rate: Rate,
    /// The same seed makes the same journeys
    #[arg(long, env = "SPANDREL_DEMO_SEED", default_value_t = 1)]
    seed: u64,
    /// Where the shop's gateway listens; port 0 takes a free one
    #[arg(
        long,
        env = "SPANDREL_SHOP_GATEWAY_LISTEN",
        default_value = "127.0.0.1:18080"
    )]
    gateway_listen: SocketAddr,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}

/// Runs the demo until its duration is over or `stop` is cancelled. Then the load ends, the shop finishes and
/// sends its last telemetry, and the server stores it and stops. With `keeps_data` the data directory of
/// `args` is used; else a temporary one, which is removed at the end.
///
/// # Errors
/// When a part of it cannot start, or fails.
pub(crate) async fn run(args: DemoArgs, keeps_data: bool, stop: CancellationToken) -> Result<()> {
    if !args.serve.access.is_plain() {
        bail!(
            "the shop of the demo shows no token and speaks no TLS to the server beside it; leave out \
             --ingest-token-file, --ingest-token and --tls-cert, and their SPANDREL_* variables"
        );
    }
    let began = Instant::now();
    let mut serve = args.serve.clone();
    let temporary = if keeps_data {
        None
    } else {
        Some(temporary_directory()?)
    };
    if let Some(directory) = &temporary {
        serve.storage.data_dir = directory.path().join("server");
    }
    let shop_data = shop_directory(&serve.storage.data_dir);

    // The server outlives the shop, so that the shop's last telemetry arrives.
    let server = Server::start(serve, CancellationToken::new()).await?;
    let shop = Supervisor::start(SupervisorConfig {
        gateway_listen: args.gateway_listen,
        otlp: otlp_url(&server),
        tls: ExporterTls::default(),
        data: Some(shop_data),
        catalog_replicas: CATALOG_REPLICAS,
        program: None,
    });
    let started = tokio::select! {
        started = shop => started.map(Some),
        () = stop.cancelled() => Ok(None),
    };
    let outcome = match started {
        Ok(Some(shop)) => {
            print_start(&server, &shop, &args, began.elapsed());
            let outcome = make_load(&args, &server, &shop, stop).await;
            let children: Vec<u32> = shop.children().iter().map(|child| child.pid).collect();
            let memory = Memory::measure(&children);
            shop.shutdown().await;
            outcome.map(|summary| print_summary(&summary, &server, &memory))
        }
        Ok(None) => Ok(()),
        Err(error) => Err(error).context(
            "cannot start the shop; if its port is busy, choose another with --gateway-listen or \
             SPANDREL_SHOP_GATEWAY_LISTEN",
        ),
    };
    server.stop().await?;
    outcome
}

fn temporary_directory() -> Result<TempDir> {
    tempfile::Builder::new()
        .prefix("spandrel-demo-")
        .tempdir()
        .context("cannot make a temporary directory")
}

/// The shop's databases lie beside what the server keeps, not in it.
fn shop_directory(data_dir: &Path) -> PathBuf {
    let mut name = data_dir.as_os_str().to_owned();
    name.push("-shop");
    PathBuf::from(name)
}

fn otlp_url(server: &Server) -> String {
    format!("http://{}", reachable(server.addresses().otlp_grpc))
}

fn ui_url(server: &Server) -> String {
    format!("http://{}", reachable(server.addresses().http))
}

async fn make_load(
    args: &DemoArgs,
    server: &Server,
    shop: &Supervisor,
    stop: CancellationToken,
) -> Result<Summary> {
    let config = LoadConfig {
        gateway: shop.gateway_url(),
        otlp: otlp_url(server),
        tls: ExporterTls::default(),
        ui: ui_url(server),
        rate: args.rate,
        seed: args.seed,
        duration: args.duration,
    };
    let (sender, progress) = watch::channel(Progress::default());
    let is_over = stop.child_token();
    let (summary, printed) = tokio::join!(
        async {
            let summary = load::run(config, sender, stop).await;
            is_over.cancel();
            summary
        },
        print_progress(progress, is_over.clone()),
    );
    printed?;
    Ok(summary?)
}

fn print_start(server: &Server, shop: &Supervisor, args: &DemoArgs, took: Duration) {
    print_addresses(server.addresses());
    println!("shop        {}\n", shop.gateway_url());
    println!("{}\n", ChildTable(&shop.children()));
    let end = match args.duration {
        Some(duration) => format!("ends after {}", humantime::format_duration(duration)),
        None => "Ctrl-C ends it".to_owned(),
    };
    println!(
        "Ready after {:.1} s, load {} ({end}).",
        took.as_secs_f64(),
        args.rate
    );
    println!("Open {}/traces\n", ui_url(server));
}

/// Shares of resident memory, in bytes.
struct Memory {
    server: u64,
    shop: u64,
}

impl Memory {
    fn measure(children: &[u32]) -> Self {
        Self {
            server: proportional_bytes(std::process::id()).unwrap_or(0),
            shop: children
                .iter()
                .filter_map(|pid| proportional_bytes(*pid))
                .sum(),
        }
    }
}

fn print_summary(summary: &Summary, server: &Server, memory: &Memory) {
    const MEBIBYTE: u64 = 1 << 20;
    let status = server.storage().status();
    println!("\n{summary}");
    println!(
        "stored: {} spans and {} log records; memory: server and load {} MiB, shop {} MiB",
        status.span_count,
        status.log_record_count,
        memory.server / MEBIBYTE,
        memory.shop / MEBIBYTE
    );
}
