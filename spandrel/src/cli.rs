//! The command line.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the command line talks to the terminal"
)]

use std::net::SocketAddr;

use anyhow::Result;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::demo::{self, DemoArgs};
use crate::export::{self, ExportArgs};
use crate::import::{self, ImportArgs};
use crate::logging;
use crate::serve::{Addresses, ServeArgs, Server};
use crate::shutdown::Signals;
use crate::token::{self, TokenArgs};

/// Distributed tracing and logs in one binary.
#[derive(Debug, Parser)]
#[command(name = "spandrel", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Receive, keep and serve traces and logs.
    Serve(Box<ServeArgs>),
    /// Server, shop and load in one go: a first look that needs nothing of your own.
    ///
    /// Without --data-dir everything is kept in a temporary directory and removed at the end.
    Demo(Box<DemoArgs>),
    /// Write spans and log records as Parquet, JSON lines or OTLP.
    ///
    /// Reads the data directory of a server that does not run and changes nothing in it, or asks a running one.
    Export(ExportArgs),
    /// Send OTLP, Jaeger and Zipkin files to a running server.
    ///
    /// Takes OTLP JSON lines (what `export --format otlp` and the OpenTelemetry Collector's file exporter
    /// write), Jaeger's JSON (an answer of its API, a download of its interface) and Zipkin's JSON (version 2).
    Import(ImportArgs),
    /// Tokens that senders show to the server.
    Token(TokenArgs),
    /// The bundled shop of microservices and its load generator.
    Shop(Box<demo_services::cli::ShopArgs>),
}

/// Parses the command line and does what it says.
///
/// # Errors
/// When the command fails; the chain of causes says why.
pub(crate) async fn run() -> Result<()> {
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches)?;
    match cli.command {
        Command::Serve(args) => {
            logging::start(&args.log, "info")?;
            serve(*args).await
        }
        Command::Demo(args) => {
            logging::start(&args.serve.log, "warn")?;
            let keeps_data = names_a_data_dir(&matches, "demo");
            demo::run(*args, keeps_data, Signals::listen()?.token()).await
        }
        Command::Export(args) => export::run(args).await,
        Command::Import(args) => import::run(args).await,
        Command::Token(args) => token::run(args),
        // The shop sets up its own telemetry: its log records are part of what it shows.
        Command::Shop(args) => {
            let signals = Signals::listen()?;
            Ok(demo_services::cli::run(args.command, signals.token()).await?)
        }
    }
}

async fn serve(args: ServeArgs) -> Result<()> {
    let signals = Signals::listen()?;
    let server = Server::start(args, signals.token()).await?;
    print_addresses(server.addresses());
    server.wait().await
}

/// Whether the user, rather than the default, says where data is kept.
fn names_a_data_dir(matches: &ArgMatches, subcommand: &str) -> bool {
    matches
        .subcommand_matches(subcommand)
        .and_then(|it| it.value_source("data_dir"))
        .is_some_and(|source| source != ValueSource::DefaultValue)
}

/// Prints where the server listens, one line each; tests and scripts read these lines.
pub(crate) fn print_addresses(addresses: &Addresses) {
    println!("otlp/grpc   {}", addresses.otlp_grpc);
    let scheme = addresses.scheme;
    println!("otlp/http   {scheme}://{}", addresses.otlp_http);
    println!("ui and api  {scheme}://{}", reachable(addresses.http));
    if let Some(zipkin) = addresses.zipkin {
        println!("zipkin      {scheme}://{zipkin}");
    }
}

/// An address a browser on this machine can open, also when the server listens everywhere.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    address
}

/// Prints an error and its causes.
pub(crate) fn print_error(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
