//! The settings of `spandrel shop synth`.

use std::{
    num::{NonZeroU16, NonZeroU32, NonZeroU64},
    path::PathBuf,
    str::FromStr,
    time::{SystemTime, UNIX_EPOCH},
};

use clap::{Args, ValueEnum};

use super::{Source, SynthConfig, Workload};
use crate::{clock, load::RateError, tls::ExporterTls};

/// `spandrel shop synth`
#[derive(Args, Clone, Debug)]
pub struct SynthArgs {
    /// What to make.
    #[arg(long, value_enum, env = "SPANDREL_SHOP_SYNTH_SIGNAL", default_value_t = SignalChoice::Traces)]
    pub signal: SignalChoice,
    /// How many spans, and how many log records.
    #[arg(long, env = "SPANDREL_SHOP_SYNTH_COUNT", default_value = "100000")]
    pub count: NonZeroU64,
    /// Records per second over all signals, `20000/s` or `20k/s`, whether or not the server keeps up;
    /// or `max`.
    #[arg(long, env = "SPANDREL_SHOP_SYNTH_RATE", default_value = "max")]
    pub rate: SynthRate,
    /// The same seed makes the same records.
    #[arg(long, env = "SPANDREL_SHOP_SYNTH_SEED", default_value_t = 1)]
    pub seed: u64,
    /// Records in a request.
    #[arg(long, env = "SPANDREL_SHOP_SYNTH_BATCH", default_value = "500")]
    pub batch: NonZeroU32,
    /// Connections to the server.
    #[arg(long, env = "SPANDREL_SHOP_SYNTH_CONNECTIONS", default_value = "4")]
    pub connections: NonZeroU16,
    /// Requests under way at once, on all connections together; at a rate, what is due beyond that
    /// is dropped and counted.
    #[arg(long, env = "SPANDREL_SHOP_SYNTH_IN_FLIGHT", default_value = "64")]
    pub in_flight: NonZeroU16,
    /// Where records go, OTLP over gRPC; nothing is sent if not given.
    #[arg(long, env = "SPANDREL_SHOP_SYNTH_OTLP")]
    pub otlp: Option<String>,
    /// How a server at https:// is known.
    #[command(flatten)]
    pub tls: ExporterTls,
    /// When the data ends: `now` or a time such as 2026-01-01T00:00:00Z. It begins earlier by an hour
    /// for each million records.
    #[arg(long, env = "SPANDREL_SHOP_SYNTH_EPOCH", default_value = "now")]
    pub epoch: Epoch,
    /// Write the requests to this file, for `--replay`.
    #[arg(long, env = "SPANDREL_SHOP_SYNTH_OUT")]
    pub out: Option<PathBuf>,
    /// Take the requests from a file that `--out` wrote.
    #[arg(long, env = "SPANDREL_SHOP_SYNTH_REPLAY", conflicts_with = "expect")]
    pub replay: Option<PathBuf>,
    /// Write exact counts and sample queries with their right answers to this file, as JSON.
    #[arg(long, env = "SPANDREL_SHOP_SYNTH_EXPECT")]
    pub expect: Option<PathBuf>,
    /// Sample queries of each kind in the file of `--expect`.
    #[arg(long, env = "SPANDREL_SHOP_SYNTH_SAMPLES", default_value = "100")]
    pub samples: NonZeroU16,
    /// Print a SHA-256 digest of all requests.
    #[arg(long, env = "SPANDREL_SHOP_SYNTH_DIGEST")]
    pub digest: bool,
}

impl From<SynthArgs> for SynthConfig {
    fn from(args: SynthArgs) -> Self {
        let workload = Workload {
            traces: args.signal != SignalChoice::Logs,
            logs: args.signal != SignalChoice::Traces,
            count: args.count.get(),
            seed: args.seed,
            batch: args.batch.get(),
            end_nanos: args.epoch.unix_nanos(),
        };
        let expect = args.expect;
        let samples = usize::from(args.samples.get());
        Self {
            source: match args.replay {
                Some(path) => Source::Replayed(path),
                None => Source::Made {
                    workload,
                    expect,
                    samples,
                },
            },
            otlp: args.otlp,
            tls: args.tls,
            rate: args.rate,
            connections: usize::from(args.connections.get()),
            in_flight_max: usize::from(args.in_flight.get()),
            out: args.out,
            digest: args.digest,
        }
    }
}

/// What to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SignalChoice {
    /// Spans.
    Traces,
    /// Log records.
    Logs,
    /// Spans, and the log records that go with them.
    Both,
}

/// When requests are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SynthRate {
    /// As fast as the server takes them.
    Max,
    /// So many records a second, never zero, whether or not the server keeps up.
    PerSecond(f64),
}

impl FromStr for SynthRate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
        let rate = match number.strip_suffix('k') {
            Some(thousands) => format!("{thousands}e3/{unit}"),
            None => format!("{number}/{unit}"),
        };
        let rate: crate::load::Rate = rate.parse()?;
        Ok(Self::PerSecond(rate.per_second()))
    }
}

/// When the data ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Epoch {
    /// At the start of the command.
    Now,
    /// At this time.
    At(SystemTime),
}

impl Epoch {
    fn unix_nanos(self) -> u64 {
        let at = match self {
            Self::Now => clock::now(),
            Self::At(at) => at,
        };
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl FromStr for Epoch {
    type Err = humantime::TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "now" {
            return Ok(Self::Now);
        }
        humantime::parse_rfc3339(text).map(Self::At)
    }
}
