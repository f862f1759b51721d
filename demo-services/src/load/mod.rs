//! The load generator: seeded journeys through the shop that begin at a given rate, whether or not
//! the shop keeps up (open loop). Latency counts from the moment at which a request was due, so that
//! a stall is seen in full and not only by the one request that hit it.

mod journey;
mod record;
mod visitor;

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

pub use self::record::{Examples, OrderCounts, Progress, Summary};
use self::{record::Record, visitor::Visitor};
use crate::telemetry::{Identity, TelemetryError, tracer_provider};
use crate::tls::ExporterTls;

/// Journeys that may be under way at once; beyond that, arrivals are counted as turned away.
const JOURNEYS_MAX: usize = 1_024;
/// How long the shop may take to open.
const OPENING_TIMEOUT: Duration = Duration::from_secs(30);
/// How long journeys may go on after the last one began.
const FINISH_TIMEOUT: Duration = Duration::from_secs(20);
/// The same after Ctrl-C.
const INTERRUPTED_TIMEOUT: Duration = Duration::from_secs(1);
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// What load to make.
#[derive(Clone, Debug)]
pub struct LoadConfig {
    /// Address of the gateway.
    pub gateway: String,
    /// Where the generator's own spans go, by OTLP over gRPC.
    pub otlp: String,
    /// How a server at https:// is known.
    pub tls: ExporterTls,
    /// Where traces are looked at, for the links in the summary.
    pub ui: String,
    /// Journeys that begin per second.
    pub rate: Rate,
    /// The same seed makes the same journeys.
    pub seed: u64,
    /// How long journeys begin; until shutdown if not given.
    pub duration: Option<Duration>,
}

/// Journeys per second; never zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate(f64);

/// Why a rate was not understood.
#[derive(Debug, thiserror::Error)]
#[error("expected a rate above zero such as 5/s, 90/min or 1000/h, got {text:?}")]
pub struct RateError {
    text: String,
}

impl Rate {
    /// The rate as a number.
    pub fn per_second(self) -> f64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let refuse = || RateError {
            text: text.to_owned(),
        };
        let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
        let seconds = match unit {
            "s" | "sec" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3_600.0,
            _ => return Err(refuse()),
        };
        let per_second = number.parse::<f64>().map_err(|_| refuse())? / seconds;
        if per_second.is_finite() && per_second > 0.0 {
            Ok(Self(per_second))
        } else {
            Err(refuse())
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

/// Why no load could be made.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The generator's own telemetry could not be started.
    #[error("cannot start telemetry")]
    Telemetry(#[from] TelemetryError),
    /// The address of the gateway is not a URL.
    #[error("{url:?} is not the address of a gateway")]
    Gateway {
        /// The address as given.
        url: String,
    },
    /// The gateway did not show its products in time.
    #[error("the shop at {url} did not open within {} seconds", OPENING_TIMEOUT.as_secs())]
    Closed {
        /// Where it was looked for.
        url: String,
    },
}

/// Makes load until the duration is over or `shutdown`, waits for the journeys that are under way
/// and sums up. `progress` is renewed every second.
pub async fn run(
    config: LoadConfig,
    progress: watch::Sender<Progress>,
    shutdown: CancellationToken,
) -> Result<Summary, LoadError> {
    let identity = Identity {
        service: "load-generator",
        instance: "load-generator-1".into(),
    };
    let provider = tracer_provider(&identity, (&config.otlp, &config.tls))?;
    let record = Arc::new(Record::new());
    let visitor = Arc::new(Visitor::new(
        &config.gateway,
        &provider,
        Arc::clone(&record),
    )?);
    let result = visit(&config, &visitor, &record, &progress, &shutdown).await;

    // Blocking, and it waits for connections that live on this runtime. A backend that is gone must
    // not hold up the summary.
    let flush = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH_TIMEOUT));
    let flushed = timeout(FLUSH_TIMEOUT, flush).await;
    if !matches!(flushed, Ok(Ok(Ok(())))) {
        tracing::warn!("the load generator's last spans were not delivered");
    }
    result?;
    Ok(record.summary(&config.ui))
}

async fn visit(
    config: &LoadConfig,
    visitor: &Arc<Visitor>,
    record: &Arc<Record>,
    progress: &watch::Sender<Progress>,
    shutdown: &CancellationToken,
) -> Result<(), LoadError> {
    let opened = tokio::select! {
        products = timeout(OPENING_TIMEOUT, visitor.wait_for_products()) => products,
        () = shutdown.cancelled() => return Ok(()),
    };
    let products = opened.map_err(|_| LoadError::Closed {
        url: config.gateway.clone(),
    })?;

    record.open();
    tokio::select! {
        () = all_journeys(config, visitor, products, record, shutdown) => {}
        () = report(record, progress) => {}
    }
    record.close();
    progress.send_replace(record.progress());
    Ok(())
}

async fn all_journeys(
    config: &LoadConfig,
    visitor: &Arc<Visitor>,
    products: Arc<[String]>,
    record: &Record,
    shutdown: &CancellationToken,
) {
    let mut journeys = JoinSet::new();
    let mut arrivals = Arrivals::new(config.rate, config.seed, Instant::now());
    let end = config.duration.map(|duration| Instant::now() + duration);
    loop {
        let (number, due) = arrivals.next();
        if end.is_some_and(|end| due >= end) {
            break;
        }
        tokio::select! {
            () = sleep_until(due) => {}
            () = shutdown.cancelled() => break,
        }
        while journeys.try_join_next().is_some() {}
        if journeys.len() >= JOURNEYS_MAX {
            record.turned_away();
            continue;
        }
        let plan = journey::plan(config.seed, number, products.len());
        let (visitor, products) = (Arc::clone(visitor), Arc::clone(&products));
        journeys.spawn(async move { visitor.travel(plan, &products, due).await });
    }
    finish(journeys, shutdown).await;
}

/// Tells how it goes, for as long as it is polled.
async fn report(record: &Record, progress: &watch::Sender<Progress>) {
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        seconds.tick().await;
        progress.send_replace(record.progress());
    }
}

/// Lets the journeys that are under way come to their end, within limits.
async fn finish(mut journeys: JoinSet<()>, shutdown: &CancellationToken) {
    let all_done = async { while journeys.join_next().await.is_some() {} };
    let interrupted = async {
        shutdown.cancelled().await;
        sleep(INTERRUPTED_TIMEOUT).await;
    };
    tokio::select! {
        // Whether they all arrived or the time was over: what was seen is summed up.
        _ = timeout(FINISH_TIMEOUT, all_done) => {}
        () = interrupted => {}
    }
}

/// When journeys begin: at random moments, on average at the given rate. Depends on nothing but the
/// seed; above all not on how long journeys take.
struct Arrivals {
    rate: Rate,
    rng: ChaCha8Rng,
    next_at: Instant,
    number: u64,
}

impl Arrivals {
    fn new(rate: Rate, seed: u64, start: Instant) -> Self {
        Self {
            rate,
            rng: ChaCha8Rng::seed_from_u64(seed),
            next_at: start,
            number: 0,
        }
    }

    /// The number of the next journey and the moment at which it is due.
    fn next(&mut self) -> (u64, Instant) {
        // Exponential gaps, as independent visitors make them.
        let uniform: f64 = self.rng.random();
        let gap_seconds = -(1.0 - uniform).ln() / self.rate.0;
        self.next_at += Duration::from_secs_f64(gap_seconds);
        self.number += 1;
        (self.number, self.next_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_in_every_unit() {
        let rate = |text: &str| text.parse::<Rate>().map(|rate| rate.0).ok();

        assert_eq!(rate("5/s"), Some(5.0));
        assert_eq!(rate("5"), Some(5.0));
        assert_eq!(rate("90/min"), Some(1.5));
        assert_eq!(rate("1800/h"), Some(0.5));
        assert_eq!(
            [rate("0/s"), rate("-1/s"), rate("5/day"), rate("inf")],
            [None; 4]
        );
    }

    #[test]
    fn arrivals_come_at_the_rate_and_are_the_same_for_the_same_seed() {
        let start = Instant::now();
        let moments = || {
            let mut arrivals = Arrivals::new(Rate(5.0), 1, start);
            (0..5_000).map(|_| arrivals.next().1).collect::<Vec<_>>()
        };

        let first = moments();
        assert_eq!(first, moments());
        let seconds = first.last().unwrap().duration_since(start).as_secs_f64();
        assert!(
            (950.0..1_050.0).contains(&seconds),
            "5000 arrivals took {seconds} s"
        );
    }
}
