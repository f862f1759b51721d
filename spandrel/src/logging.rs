//! Our own log: human lines on stderr, so that stdout stays free for what a command prints.

use std::io::IsTerminal as _;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

/// How the server logs about itself.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logging")]
pub(crate) struct LogArgs {
    /// What to log: a level, or directives such as `info,storage=debug`
    #[arg(long, env = "SPANDREL_LOG", value_name = "FILTER")]
    log: Option<String>,

    /// How a line of the log is written
    #[arg(long, env = "SPANDREL_LOG_FORMAT", value_enum, default_value = "text")]
    log_format: LogFormat,
}

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// What is left out unless the user asks for it: one line for each connection that a stranger misuses, as often as
/// the stranger likes.
const LEFT_OUT: &str = "h2=error";

/// Starts logging; `default_level` applies when the user gave no filter.
///
/// # Errors
/// When the filter cannot be read, or logging was started before.
pub(crate) fn start(args: &LogArgs, default_level: &str) -> Result<()> {
    let default_filter = format!("{default_level},{LEFT_OUT}");
    let directives = args.log.as_deref().unwrap_or(&default_filter);
    let filter = EnvFilter::try_new(directives)
        .with_context(|| format!("--log does not understand \"{directives}\""))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match args.log_format {
        LogFormat::Text => lines
            .with_target(false)
            .with_ansi(std::io::stderr().is_terminal())
            .try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("logging cannot be started: {error}"))
}
