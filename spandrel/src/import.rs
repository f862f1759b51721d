//! `spandrel import`: files of this and other systems, sent to a running server.
#![expect(clippy::print_stderr, reason = "the command talks to the terminal")]

mod decode;
mod input;
mod report;
mod send;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use http::HeaderValue;
use tokio::sync::mpsc;

use crate::client::ClientTlsArgs;
use decode::{Decoder, Portion};
use report::Report;
use send::{Endpoint, Sender};

/// Portions that wait to be sent.
const PORTIONS_WAITING: usize = 2;

/// What to import, and where to.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Files to read; the standard input when there are none, or for `-`
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What the files hold; by default each document is looked at
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Where the server takes OTLP over HTTP; https:// where it has a certificate
    #[arg(
        long,
        env = "SPANDREL_IMPORT_ENDPOINT",
        value_name = "URL",
        default_value = "http://127.0.0.1:4318"
    )]
    endpoint: Endpoint,
    /// The token that the server asks senders for
    #[arg(
        long,
        env = "SPANDREL_IMPORT_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true,
        value_parser = send::bearer
    )]
    token: Option<HeaderValue>,
    /// How long a request is repeated that the server cannot take now
    #[arg(
        long,
        env = "SPANDREL_IMPORT_RETRY_FOR",
        value_name = "DURATION",
        default_value = "60s",
        value_parser = humantime::parse_duration
    )]
    retry_for: Duration,
    #[command(flatten)]
    tls: ClientTlsArgs,
}

/// What a document holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// OTLP JSON: export requests, one per line.
    Otlp,
    /// Jaeger's JSON.
    Jaeger,
    /// Zipkin's JSON, version 2.
    Zipkin,
}

/// Sends what the files hold.
///
/// # Errors
/// When a file cannot be read, or the server does not take something. Records that are left out since they
/// are not valid are no error: they are counted on the standard error.
pub(crate) async fn run(args: ImportArgs) -> Result<()> {
    let began = Instant::now();
    let client = args.tls.client(args.endpoint.traces())?;
    let sender = Sender::new(client, args.endpoint, args.token, args.retry_for);
    let (portions, waiting) = mpsc::channel::<Portion>(PORTIONS_WAITING);
    let files = if args.files.is_empty() {
        vec![PathBuf::from(input::STDIN)]
    } else {
        args.files
    };
    let format = args.format;
    let reading = tokio::task::spawn_blocking(move || {
        let mut decoder = Decoder::new(format, portions);
        for file in &files {
            if decoder.read(file).is_break() {
                break;
            }
        }
        decoder.finish()
    });
    let sent = sender.run(waiting).await;
    let mut report: Report = reading.await.context("reading ended early")?;
    report.add_sent(sent);
    eprint!("{}", report.text(began.elapsed()));
    match report.failures() {
        0 => Ok(()),
        1 => bail!("1 failure, see above"),
        count => bail!("{count} failures, see above"),
    }
}
