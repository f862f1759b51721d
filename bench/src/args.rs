//! The command line.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};

use crate::workload::Signal;

/// The same requests into Spandrel and its peers, the same questions to each, one table.
#[derive(Clone, Debug, Parser)]
#[command(name = "bench")]
pub(crate) struct Args {
    /// What is sent.
    #[arg(long, value_enum, default_value_t = SignalChoice::Both)]
    pub(crate) signal: SignalChoice,
    /// Records of each signal, such as 300000, 300k or 10m.
    #[arg(long, default_value = "1m", value_parser = parse_count)]
    pub(crate) count: u64,
    /// Measure how cost grows instead: the last million records of each of these sizes, on an empty
    /// server each, and the queries on it.
    #[arg(long, value_delimiter = ',', value_parser = parse_count)]
    pub(crate) sizes: Vec<u64>,
    /// How often everything is repeated, the systems in turn within each round.
    #[arg(long, default_value = "1")]
    pub(crate) rounds: NonZeroUsize,
    /// Only these parts; queries need the ingest before them.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) only: Vec<Part>,
    /// The systems, in this order. Those without a program are built or, where that fails, skipped.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "spandrel,jaeger,victoria-logs"
    )]
    pub(crate) peers: Vec<String>,
    /// The program of a system: `victoria-traces=PATH`. Adds the system if it is not among --peers.
    #[arg(long = "peer", value_parser = parse_peer)]
    pub(crate) peer_programs: Vec<(String, PathBuf)>,
    /// Where peers are built, and looked for.
    #[arg(long, default_value = "target/peers")]
    pub(crate) peers_dir: PathBuf,
    /// The program of Spandrel that is measured; the one beside this program if not given, which
    /// always makes the workload.
    #[arg(long)]
    pub(crate) spandrel: Option<PathBuf>,
    /// A further argument for `spandrel serve`, such as --spandrel-arg=--seal-age=1m.
    #[arg(long = "spandrel-arg", allow_hyphen_values = true)]
    pub(crate) spandrel_arguments: Vec<String>,
    /// Where workloads and data are kept meanwhile.
    #[arg(long, default_value = "target/bench")]
    pub(crate) work_dir: PathBuf,
    /// Connections that requests are sent on.
    #[arg(long, default_value = "4")]
    pub(crate) connections: NonZeroUsize,
    /// Records in a request.
    #[arg(long, default_value = "500")]
    pub(crate) batch: u32,
    /// Another seed makes other data.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// A server has settled after so long without work and without a change to its files.
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) quiet: Duration,
    /// Longest wait for a server to settle.
    #[arg(long, default_value = "30m", value_parser = humantime::parse_duration)]
    pub(crate) settle_deadline: Duration,
    /// Questions of each query class.
    #[arg(long, default_value = "500")]
    pub(crate) asks: NonZeroUsize,
    /// Ask everything once more while so many records a second come in.
    #[arg(long, value_parser = parse_count)]
    pub(crate) while_ingesting: Option<u64>,
    /// Records a second of the paced part.
    #[arg(long, default_value = "20000", value_parser = parse_count)]
    pub(crate) rate: u64,
    /// Records of the paced part.
    #[arg(long, default_value = "200k", value_parser = parse_count)]
    pub(crate) paced_count: u64,
    /// Writes the report to this file as well.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// A look at Spandrel alone within about three minutes: 200,000 records, 100 questions a class,
    /// short waits.
    #[arg(long)]
    pub(crate) quick: bool,
}

/// What `--quick` stands for.
const QUICK_COUNT: u64 = 200_000;
const QUICK_PACED_COUNT: u64 = 100_000;
const QUICK_ASKS: NonZeroUsize = NonZeroUsize::new(100).unwrap();
const QUICK_QUIET: Duration = Duration::from_secs(3);

impl Args {
    /// With what `--quick` stands for put in.
    pub(crate) fn resolved(mut self) -> Self {
        if self.quick {
            self.count = self.count.min(QUICK_COUNT);
            self.paced_count = self.paced_count.min(QUICK_PACED_COUNT);
            self.asks = self.asks.min(QUICK_ASKS);
            self.quiet = self.quiet.min(QUICK_QUIET);
            self.peers = vec!["spandrel".to_owned()];
        }
        self
    }

    pub(crate) fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    pub(crate) fn signals(&self) -> &'static [Signal] {
        match self.signal {
            SignalChoice::Traces => &[Signal::Traces],
            SignalChoice::Logs => &[Signal::Logs],
            SignalChoice::Both => &[Signal::Traces, Signal::Logs],
        }
    }
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SignalChoice {
    Traces,
    Logs,
    Both,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Everything as fast as possible: CPU, memory, disk.
    Ingest,
    /// Every query class on what was ingested.
    Queries,
    /// A steady load: acknowledgement, visibility, and what a kill loses.
    Paced,
}

/// A number of records: digits, then maybe k or m.
fn parse_count(text: &str) -> Result<u64> {
    let (digits, unit) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1_000),
        None => text
            .strip_suffix(['m', 'M'])
            .map_or((text, 1), |digits| (digits, 1_000_000)),
    };
    let number: u64 = digits
        .parse()
        .with_context(|| format!("{text:?} is not a number such as 300k or 10m"))?;
    let count = number.checked_mul(unit).filter(|count| *count > 0);
    count.with_context(|| format!("{text:?} is out of range"))
}

fn parse_peer(text: &str) -> Result<(String, PathBuf)> {
    let (name, path) = text
        .split_once('=')
        .with_context(|| format!("{text:?} is not NAME=PATH"))?;
    Ok((name.to_owned(), PathBuf::from(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(flags: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from(["bench"].iter().chain(flags)).map(Args::resolved)
    }

    #[test]
    fn counts_may_be_thousands_and_millions() {
        assert_eq!(parse_count("300").unwrap(), 300);
        assert_eq!(parse_count("20k").unwrap(), 20_000);
        assert_eq!(parse_count("30m").unwrap(), 30_000_000);
        for refused in ["", "0", "m", "1g", "-1", "99999999999999999999m"] {
            assert!(parse_count(refused).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn quick_asks_for_less_of_spandrel_alone() {
        let quick = parse(&["--quick", "--asks", "7"]).unwrap();
        assert_eq!(quick.peers, ["spandrel"]);
        assert_eq!((quick.count, quick.asks.get()), (QUICK_COUNT, 7));
        assert!(quick.wants(Part::Paced));
    }

    #[test]
    fn lists_are_separated_by_commas() {
        let args = parse(&["--sizes", "1m,10m", "--only", "ingest,queries"]).unwrap();
        assert_eq!(args.sizes, [1_000_000, 10_000_000]);
        assert!(args.wants(Part::Queries) && !args.wants(Part::Paced));
        let peer = parse(&["--peer", "tempo=/opt/tempo"])
            .unwrap()
            .peer_programs;
        assert_eq!(peer, [("tempo".to_owned(), PathBuf::from("/opt/tempo"))]);
        assert!(parse(&["--peer", "tempo"]).is_err());
        assert!(parse(&["--rounds", "0"]).is_err());
    }
}
