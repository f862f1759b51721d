//! `spandrel export`: what a server keeps, as files.
#![expect(clippy::print_stderr, reason = "the command talks to the terminal")]

mod download;

use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, ValueEnum};
use model::{Signal, TimeRange, UnixNanos};
use storage::export::{Export, ExportFormat, Exported};
use storage::{Archive, Filter};

use crate::client::ClientTlsArgs;
use download::Server;

/// Stands for the standard output.
const STDOUT: &str = "-";

/// What to export, and where to.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Export spans; both spans and log records when neither is asked for
    #[arg(long)]
    traces: bool,
    /// Export log records
    #[arg(long)]
    logs: bool,
    /// The data directory of a server that does not run
    #[arg(
        long,
        env = "SPANDREL_DATA_DIR",
        value_name = "DIR",
        default_value = "./spandrel-data"
    )]
    data_dir: PathBuf,
    /// A running server to ask instead, such as `http://127.0.0.1:4319`; https:// where it has a certificate
    #[arg(long, env = "SPANDREL_EXPORT_SERVER", value_name = "URL")]
    server: Option<Server>,
    #[command(flatten)]
    tls: ClientTlsArgs,
    /// Only what began (or was logged) at this moment or later: RFC 3339 or unix nanoseconds
    #[arg(long, value_name = "TIME", value_parser = query::parse_time)]
    start: Option<UnixNanos>,
    /// Only what began (or was logged) before this moment
    #[arg(long, value_name = "TIME", value_parser = query::parse_time)]
    end: Option<UnixNanos>,
    /// Only what satisfies this query, such as `service:checkout status:error`
    #[arg(
        long,
        value_name = "QUERY",
        default_value = "",
        hide_default_value = true
    )]
    query: String,
    /// How to write it
    #[arg(long, value_enum, default_value = "parquet")]
    format: Format,
    /// A file, a directory that gets `traces.<ending>` and `logs.<ending>`, or `-` for the standard output
    #[arg(long, value_name = "FILE|DIR|-", default_value = ".")]
    out: PathBuf,
}

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Plain Parquet, for DuckDB, pandas, DataFusion and the like.
    Parquet,
    /// One flat JSON object per record and line.
    Jsonl,
    /// OTLP JSON lines, for `spandrel import` and the OpenTelemetry Collector.
    Otlp,
}

impl Format {
    fn storage(self) -> ExportFormat {
        match self {
            Self::Parquet => ExportFormat::Parquet,
            Self::Jsonl => ExportFormat::JsonLines,
            Self::Otlp => ExportFormat::OtlpLines,
        }
    }

    /// The word for it in requests.
    fn as_str(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Jsonl => "jsonl",
            Self::Otlp => "otlp",
        }
    }
}

/// Where a signal goes.
enum Target {
    Stdout,
    File(PathBuf),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("standard output"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// Writes what the arguments ask for.
///
/// # Errors
/// When it cannot be read or written, or not all of it.
pub(crate) async fn run(args: ExportArgs) -> Result<()> {
    let parts = parts(&args)?;
    match &args.server {
        Some(server) => {
            for part in &parts {
                let bytes = server.download(&args, part).await?;
                eprintln!("{}: {bytes} bytes of {}", part.target, part.signal);
            }
            Ok(())
        }
        None => tokio::task::spawn_blocking(move || export(&args, parts)).await?,
    }
}

/// One file to write.
struct Part {
    signal: Signal,
    filter: Filter,
    target: Target,
}

fn parts(args: &ExportArgs) -> Result<Vec<Part>> {
    let signals = signals(args);
    let filters = signals
        .iter()
        .map(|signal| filter(args, *signal))
        .collect::<Result<Vec<_>>>()?;
    let targets = targets(args, &signals)?;
    let parts = signals.into_iter().zip(filters).zip(targets);
    let part = |((signal, filter), target)| Part {
        signal,
        filter,
        target,
    };
    Ok(parts.map(part).collect())
}

fn export(args: &ExportArgs, parts: Vec<Part>) -> Result<()> {
    let archive = Archive::open(&args.data_dir).with_context(|| {
        let dir = args.data_dir.display();
        format!("cannot export from {dir}; of a server that runs, ask it with --server")
    })?;
    let mut unread_count = 0;
    for part in parts {
        let export = Export {
            signal: part.signal,
            filter: part.filter,
            format: args.format.storage(),
        };
        let exported = match &part.target {
            Target::Stdout => {
                let mut out = io::stdout();
                let exported = export.write(&archive, &mut out);
                out.flush()?;
                exported
            }
            Target::File(path) => export.write_file(&archive, path),
        };
        let exported = exported.with_context(|| format!("cannot export to {}", part.target))?;
        print_exported(part.signal, &part.target, &exported);
        unread_count += exported.unread.len();
    }
    if unread_count > 0 {
        bail!("not everything could be read: {unread_count} parts are missing, see above");
    }
    Ok(())
}

fn signals(args: &ExportArgs) -> Vec<Signal> {
    let is_wanted = |signal: &Signal| match signal {
        Signal::Traces => args.traces || !args.logs,
        Signal::Logs => args.logs || !args.traces,
    };
    Signal::ALL.into_iter().filter(is_wanted).collect()
}

fn filter(args: &ExportArgs, signal: Signal) -> Result<Filter> {
    let start = args.start.unwrap_or(TimeRange::ALL.start);
    let end = args.end.unwrap_or(TimeRange::ALL.end);
    let time = TimeRange::new(start, end).context("--end must be later than --start")?;
    let all = query::lang::compile(&args.query, signal)
        .with_context(|| format!("--query {:?} does not apply to {signal}", args.query))?;
    Ok(Filter { time, all })
}

fn targets(args: &ExportArgs, signals: &[Signal]) -> Result<Vec<Target>> {
    if args.out == Path::new(STDOUT) {
        ensure!(
            args.format != Format::Parquet,
            "Parquet cannot be written to the standard output; name a file with --out"
        );
        ensure!(
            signals.len() == 1 || args.format == Format::Otlp,
            "the standard output takes one signal; add --traces or --logs"
        );
        return Ok(signals.iter().map(|_| Target::Stdout).collect());
    }
    let ends_in_slash = args.out.to_string_lossy().ends_with('/');
    if !args.out.is_dir() && !ends_in_slash {
        ensure!(
            signals.len() == 1,
            "a file takes one signal; add --traces or --logs, or name a directory with --out"
        );
        return Ok(vec![Target::File(args.out.clone())]);
    }
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot create the directory {}", args.out.display()))?;
    let file = |signal: &Signal| {
        let name = format!("{signal}.{}", args.format.storage().ending());
        Target::File(args.out.join(name))
    };
    Ok(signals.iter().map(file).collect())
}

fn print_exported(signal: Signal, target: &Target, exported: &Exported) {
    let what = match signal {
        Signal::Traces => "spans",
        Signal::Logs => "log records",
    };
    eprintln!(
        "{target}: {} {what}, {} bytes",
        exported.row_count, exported.size_bytes
    );
    for unread in &exported.unread {
        eprintln!("cannot read {unread}");
    }
}
