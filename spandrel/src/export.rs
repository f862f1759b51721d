//! `spandrel export`: what a stopped server keeps, as files.
#![expect(clippy::print_stderr, reason = "the command talks to the terminal")]

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, ValueEnum};
use model::{Signal, TimeRange, UnixNanos};
use storage::export::{Export, ExportFormat, Exported};
use storage::{Archive, Filter};

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
    /// The data directory
    #[arg(
        long,
        env = "SPANDREL_DATA_DIR",
        value_name = "DIR",
        default_value = "./spandrel-data"
    )]
    data_dir: PathBuf,
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

    /// What the name of a file ends with, when the user names only its directory.
    fn ending(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Jsonl => "jsonl",
            Self::Otlp => "otlp.jsonl",
        }
    }
}

/// Where a signal goes.
enum Target {
    Stdout,
    File(PathBuf),
}

/// Writes what the arguments ask for.
///
/// # Errors
/// When it cannot be read or written, or not all of it.
pub(crate) async fn run(args: ExportArgs) -> Result<()> {
    tokio::task::spawn_blocking(move || export(&args)).await?
}

fn export(args: &ExportArgs) -> Result<()> {
    let signals = signals(args);
    let filters = signals
        .iter()
        .map(|signal| filter(args, *signal))
        .collect::<Result<Vec<_>>>()?;
    let targets = targets(args, &signals)?;
    let archive = Archive::open(&args.data_dir).with_context(|| {
        format!(
            "cannot read the data directory {}; a server that uses it has to be stopped first",
            args.data_dir.display()
        )
    })?;
    let mut unread_count = 0;
    for ((signal, filter), target) in signals.into_iter().zip(filters).zip(targets) {
        let export = Export {
            signal,
            filter,
            format: args.format.storage(),
        };
        let (name, exported) = match target {
            Target::Stdout => {
                let mut out = io::stdout();
                let exported = export.write(&archive, &mut out);
                out.flush()?;
                ("standard output".to_owned(), exported?)
            }
            Target::File(path) => {
                let exported = export.write_file(&archive, &path);
                let name = path.display().to_string();
                let exported = exported.with_context(|| format!("cannot export to {name}"))?;
                (name, exported)
            }
        };
        print_exported(signal, &name, &exported);
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
        let name = format!("{signal}.{}", args.format.ending());
        Target::File(args.out.join(name))
    };
    Ok(signals.iter().map(file).collect())
}

fn print_exported(signal: Signal, name: &str, exported: &Exported) {
    let what = match signal {
        Signal::Traces => "spans",
        Signal::Logs => "log records",
    };
    if !io::stdout().is_terminal() || name != "standard output" {
        eprintln!(
            "{name}: {} {what}, {} bytes",
            exported.row_count, exported.size_bytes
        );
    }
    for unread in &exported.unread {
        eprintln!("cannot read {unread}");
    }
}
