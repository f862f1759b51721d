//! The command line of the shop: `spandrel shop up`, `shop run <service>`, `shop load` and `shop synth`.
//! The only place in this crate that prints.
#![expect(
    clippy::print_stdout,
    reason = "this is the module that talks to the terminal"
)]

use std::{
    fmt,
    io::{self, IsTerminal, Read, Write},
    net::SocketAddr,
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use clap::{Args, Subcommand};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use tracing::level_filters::LevelFilter;

use crate::{
    host::{HostError, ServiceConfig, run_service},
    load::{self, LoadConfig, LoadError, Progress, Rate},
    services::Service,
    supervisor::{ChildInfo, READY, Supervisor, SupervisorConfig, SupervisorError},
    synth::{self, SynthArgs, SynthError},
    tls::ExporterTls,
};

/// `spandrel shop ...`
#[derive(Args, Clone, Debug)]
pub struct ShopArgs {
    /// What to do with the shop.
    #[command(subcommand)]
    pub command: ShopCommand,
}

/// What can be done with the shop.
#[derive(Clone, Debug, Subcommand)]
pub enum ShopCommand {
    /// Run the whole shop, each service a child process, until Ctrl-C.
    Up(UpArgs),
    /// Run one service, as a container does.
    Run(RunArgs),
    /// Visit the shop: journeys at a steady rate, whatever the shop makes of them.
    Load(LoadArgs),
    /// Make spans and log records from a seed, without a shop, and send them or write them to a file.
    Synth(SynthArgs),
}

/// `spandrel shop up`
#[derive(Args, Clone, Debug)]
pub struct UpArgs {
    /// Where the gateway listens; the other services take free loopback ports.
    #[arg(
        long,
        env = "SPANDREL_SHOP_GATEWAY_LISTEN",
        default_value = "127.0.0.1:18080"
    )]
    pub gateway_listen: SocketAddr,
    /// Where traces and logs go, OTLP over gRPC.
    #[arg(
        long,
        env = "SPANDREL_SHOP_OTLP",
        default_value = "http://127.0.0.1:4317"
    )]
    pub otlp: String,
    /// How a server at https:// is known.
    #[command(flatten)]
    pub tls: ExporterTls,
    /// Directory of the databases; a temporary one, removed at the end, if none is given.
    #[arg(long, env = "SPANDREL_SHOP_DATA")]
    pub data: Option<PathBuf>,
    /// How many instances of the catalog run.
    #[arg(long, env = "SPANDREL_SHOP_CATALOG_REPLICAS", default_value_t = 2,
          value_parser = clap::value_parser!(u16).range(1..=16))]
    pub catalog_replicas: u16,
}

impl From<UpArgs> for SupervisorConfig {
    fn from(args: UpArgs) -> Self {
        Self {
            gateway_listen: args.gateway_listen,
            otlp: args.otlp,
            tls: args.tls,
            data: args.data,
            catalog_replicas: args.catalog_replicas,
            program: None,
        }
    }
}

/// `spandrel shop run <service>`
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// Which service to run.
    #[arg(env = "SPANDREL_SHOP_SERVICE")]
    pub service: Service,
    /// Which of its instances this is, counted from 1.
    #[arg(long, env = "SPANDREL_SHOP_INSTANCE", default_value_t = 1)]
    pub instance: u16,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, env = "SPANDREL_SHOP_LISTEN", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Address of the bus.
    #[arg(
        long,
        env = "SPANDREL_SHOP_BUS",
        default_value = "http://127.0.0.1:18081"
    )]
    pub bus: String,
    /// Addresses of another service: `catalog=http://a:8080,http://b:8080`; several in the
    /// environment are separated by semicolons.
    #[arg(long, env = "SPANDREL_SHOP_PEER", value_delimiter = ';')]
    pub peer: Vec<PeerAddresses>,
    /// Where traces and logs go, OTLP over gRPC.
    #[arg(
        long,
        env = "SPANDREL_SHOP_OTLP",
        default_value = "http://127.0.0.1:4317"
    )]
    pub otlp: String,
    /// How a server at https:// is known.
    #[command(flatten)]
    pub tls: ExporterTls,
    /// Directory of the database.
    #[arg(long, env = "SPANDREL_SHOP_DATA", default_value = "shop-data")]
    pub data: PathBuf,
    /// What is written to standard error besides: off, error, warn, info or debug.
    #[arg(long, env = "SPANDREL_SHOP_LOG", default_value = "info")]
    pub log: LevelFilter,
    /// Stop when standard input is closed: how a parent process says that it is over.
    #[arg(long, hide = true)]
    pub stop_with_stdin: bool,
}

/// One `--peer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerAddresses {
    service: Service,
    urls: Vec<String>,
}

/// Why a `--peer` was not understood.
#[derive(Debug, thiserror::Error)]
pub enum PeerAddressesError {
    /// There is no equals sign or nothing behind it.
    #[error("expected <service>=<url>[,<url>...], got {text:?}")]
    Form {
        /// What was given.
        text: String,
    },
    /// The name before the equals sign is not a service.
    #[error("there is no service {name:?}")]
    Service {
        /// What was given.
        name: String,
    },
}

impl FromStr for PeerAddresses {
    type Err = PeerAddressesError;

    fn from_str(text: &str) -> Result<Self, PeerAddressesError> {
        let form = || PeerAddressesError::Form {
            text: text.to_owned(),
        };
        let (name, urls) = text.split_once('=').ok_or_else(form)?;
        let service = Service::ALL
            .into_iter()
            .find(|service| service.name() == name);
        let service = service.ok_or_else(|| PeerAddressesError::Service {
            name: name.to_owned(),
        })?;
        let urls: Vec<String> = urls
            .split(',')
            .filter(|url| !url.is_empty())
            .map(str::to_owned)
            .collect();
        if urls.is_empty() {
            return Err(form());
        }
        Ok(Self { service, urls })
    }
}

/// `spandrel shop load`
#[derive(Args, Clone, Debug)]
pub struct LoadArgs {
    /// Journeys that begin per second, minute or hour: `5/s`, `90/min`.
    #[arg(long, env = "SPANDREL_SHOP_RATE", default_value = "5/s")]
    pub rate: Rate,
    /// The same seed makes the same journeys.
    #[arg(long, env = "SPANDREL_SHOP_SEED", default_value_t = 1)]
    pub seed: u64,
    /// How long journeys begin; until Ctrl-C if not given.
    #[arg(long = "for", env = "SPANDREL_SHOP_FOR", value_parser = humantime::parse_duration)]
    pub duration: Option<Duration>,
    /// Address of the gateway.
    #[arg(
        long,
        env = "SPANDREL_SHOP_GATEWAY",
        default_value = "http://127.0.0.1:18080"
    )]
    pub gateway: String,
    /// Where the generator's own spans go, OTLP over gRPC.
    #[arg(
        long,
        env = "SPANDREL_SHOP_OTLP",
        default_value = "http://127.0.0.1:4317"
    )]
    pub otlp: String,
    /// How a server at https:// is known.
    #[command(flatten)]
    pub tls: ExporterTls,
    /// Where traces are looked at, for the links in the summary.
    #[arg(
        long,
        env = "SPANDREL_SHOP_UI",
        default_value = "http://127.0.0.1:4319"
    )]
    pub ui: String,
}

impl From<LoadArgs> for LoadConfig {
    fn from(args: LoadArgs) -> Self {
        Self {
            gateway: args.gateway,
            otlp: args.otlp,
            tls: args.tls,
            ui: args.ui,
            rate: args.rate,
            seed: args.seed,
            duration: args.duration,
        }
    }
}

/// Why a shop command failed.
#[derive(Debug, thiserror::Error)]
pub enum ShopError {
    /// `shop up` failed.
    #[error("the shop could not be started")]
    Up(#[from] SupervisorError),
    /// `shop run` failed.
    #[error("the service failed")]
    Run(#[from] HostError),
    /// `shop load` failed.
    #[error("the load generator failed")]
    Load(#[from] LoadError),
    /// `shop synth` failed.
    #[error("the synthetic source failed")]
    Synth(#[from] SynthError),
    /// Not all that `shop synth` was to make was made and accepted.
    #[error("not everything was made and accepted, so that --expect does not hold for the server")]
    SynthIncomplete,
    /// Standard output is gone.
    #[error("cannot write to standard output")]
    Output(#[from] io::Error),
}

/// Runs a shop command until it is done or `shutdown` is cancelled. `Run` installs its own
/// process-wide `tracing` subscriber, so that the caller must not have installed one.
pub async fn run(command: ShopCommand, shutdown: CancellationToken) -> Result<(), ShopError> {
    match command {
        ShopCommand::Up(args) => up(args, shutdown).await,
        ShopCommand::Run(args) => run_one(args, shutdown).await,
        ShopCommand::Load(args) => run_load(args, shutdown).await,
        ShopCommand::Synth(args) => run_synth(args, shutdown).await,
    }
}

async fn up(args: UpArgs, shutdown: CancellationToken) -> Result<(), ShopError> {
    let supervisor = Supervisor::start(args.into()).await?;
    println!("{}", ChildTable(&supervisor.children()));
    println!(
        "The shop is open at {}. Ctrl-C closes it.",
        supervisor.gateway_url()
    );
    shutdown.cancelled().await;
    println!("Closing the shop.");
    supervisor.shutdown().await;
    Ok(())
}

async fn run_one(args: RunArgs, shutdown: CancellationToken) -> Result<(), ShopError> {
    let shutdown = if args.stop_with_stdin {
        stop_with_stdin(&shutdown)?
    } else {
        shutdown
    };
    let config = ServiceConfig {
        service: args.service,
        instance: args.instance,
        listen: args.listen,
        bus: args.bus,
        peers: args
            .peer
            .into_iter()
            .map(|peer| (peer.service, peer.urls))
            .collect(),
        otlp: args.otlp,
        tls: args.tls,
        data: args.data,
        stderr_level: args.log,
    };
    let on_ready = |address| println!("{READY}{address}");
    Ok(run_service(config, on_ready, shutdown).await?)
}

/// A token that is also cancelled when standard input is closed. The thread is not waited for: it
/// may hang in its read until the process exits.
fn stop_with_stdin(shutdown: &CancellationToken) -> io::Result<CancellationToken> {
    let stop = shutdown.child_token();
    let closed = stop.clone();
    std::thread::Builder::new()
        .name("stdin".into())
        .spawn(move || {
            let mut ignored = [0_u8; 64];
            let mut stdin = io::stdin().lock();
            while stdin.read(&mut ignored).is_ok_and(|count| count > 0) {}
            closed.cancel();
        })?;
    Ok(stop)
}

async fn run_load(args: LoadArgs, shutdown: CancellationToken) -> Result<(), ShopError> {
    let (sender, receiver) = watch::channel(Progress::default());
    let printing = shutdown.child_token();
    let (summary, printed) = tokio::join!(
        async {
            let summary = load::run(args.into(), sender, shutdown).await;
            printing.cancel();
            summary
        },
        print_progress(receiver, printing.clone()),
    );
    printed?;
    println!("{}", summary?);
    Ok(())
}

async fn run_synth(args: SynthArgs, shutdown: CancellationToken) -> Result<(), ShopError> {
    let is_expected = args.expect.is_some();
    let summary = synth::run(args.into(), shutdown).await?;
    println!("{summary}");
    if is_expected && !summary.is_complete() {
        return Err(ShopError::SynthIncomplete);
    }
    Ok(())
}

/// Prints how the load goes until `done`: one line a second; on a terminal always the same one.
pub async fn print_progress(
    progress: watch::Receiver<Progress>,
    done: CancellationToken,
) -> io::Result<()> {
    let is_terminal = io::stdout().is_terminal();
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
    seconds.tick().await;
    loop {
        tokio::select! {
            _ = seconds.tick() => {}
            () = done.cancelled() => break,
        }
        let line = progress.borrow().to_string();
        let mut stdout = io::stdout().lock();
        if is_terminal {
            // Back to the first column and clear what a longer line left there.
            write!(stdout, "\r{line}\x1b[K")?;
            stdout.flush()?;
        } else {
            writeln!(stdout, "{line}")?;
        }
    }
    if is_terminal {
        println!();
    }
    Ok(())
}

/// The children of the shop as a table, one row each.
#[derive(Debug)]
pub struct ChildTable<'a>(pub &'a [ChildInfo]);

impl fmt::Display for ChildTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<14}{:>3}{:>9}  {:<23}database",
            "service", "#", "pid", "address"
        )?;
        for child in self.0 {
            write!(
                f,
                "\n{:<14}{:>3}{:>9}  {:<23}{}",
                child.service.name(),
                child.instance,
                child.pid,
                child.address.to_string(),
                child.database.display()
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Shop {
        #[command(flatten)]
        args: ShopArgs,
    }

    #[test]
    fn defaults_are_valid() {
        for service in Service::ALL {
            Shop::try_parse_from(["shop", "run", service.name()]).unwrap();
        }
        Shop::try_parse_from(["shop", "up"]).unwrap();
        Shop::try_parse_from(["shop", "load"]).unwrap();
        Shop::try_parse_from(["shop", "synth"]).unwrap();
    }

    #[test]
    fn replicas_of_a_peer_are_told_apart() {
        let peer: PeerAddresses = "catalog=http://a:1,http://b:2".parse().unwrap();

        assert_eq!(peer.service, Service::Catalog);
        assert_eq!(peer.urls, ["http://a:1", "http://b:2"]);
    }

    #[test]
    fn a_peer_that_is_no_service_is_refused_by_name() {
        let refused = "cathedral=http://a:1".parse::<PeerAddresses>().unwrap_err();

        assert_eq!(refused.to_string(), "there is no service \"cathedral\"");
        assert!("catalog".parse::<PeerAddresses>().is_err());
        assert!("catalog=".parse::<PeerAddresses>().is_err());
    }

    #[test]
    fn a_shop_without_a_catalog_is_refused() {
        assert!(Shop::try_parse_from(["shop", "up", "--catalog-replicas", "0"]).is_err());
    }
}
