//! What the load generator saw: counts, latencies, what became of the orders, and traces to look at.

use std::{collections::BTreeMap, fmt, time::Duration};

use hdrhistogram::Histogram;
use parking_lot::Mutex;
use tokio::time::Instant;

/// Latencies are kept in microseconds, up to a minute, to three digits.
const LATENCY_MAX_US: u64 = 60_000_000;

/// How it goes, once a second.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Since the first journey could begin.
    pub elapsed: Duration,
    /// Journeys that have begun.
    pub journeys: u64,
    /// Answered and failed requests.
    pub requests: u64,
    /// Requests without an answer or with a status from 400, other than the 404 of a dead link.
    pub errors: u64,
    /// What became of the orders so far.
    pub orders: OrderCounts,
    /// Half of the requests were answered within this time.
    pub p50: Duration,
    /// 99 % of the requests were answered within this time.
    pub p99: Duration,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>4} s  {} journeys  {} requests  {} errors  p50 {}  p99 {}  orders: {}",
            self.elapsed.as_secs(),
            self.journeys,
            self.requests,
            self.errors,
            Milliseconds(self.p50),
            Milliseconds(self.p99),
            self.orders
        )
    }
}

/// Orders by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderCounts {
    /// Paid for and shipped.
    pub confirmed: u64,
    /// Turned down, as a declined card or short stock should be.
    pub rejected: u64,
    /// Neither for a long while, or given up by the shop.
    pub unfinished: u64,
    /// Confirmed with a bad card, or rejected with a good one for another reason than stock.
    pub unexpected: u64,
}

impl fmt::Display for OrderCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} confirmed, {} rejected",
            self.confirmed, self.rejected
        )?;
        if self.unfinished > 0 {
            write!(f, ", {} unfinished", self.unfinished)?;
        }
        if self.unexpected > 0 {
            write!(f, ", {} UNEXPECTED", self.unexpected)?;
        }
        Ok(())
    }
}

/// Trace ids worth a look.
#[derive(Clone, Debug, Default)]
pub struct Examples {
    /// The last order that went through.
    pub confirmed_order: Option<String>,
    /// The last order that was turned down.
    pub rejected_order: Option<String>,
    /// The slowest request of all.
    pub slowest: Option<String>,
    /// The last request that failed.
    pub error: Option<String>,
}

/// Latencies of one route.
#[derive(Clone, Debug)]
pub struct RouteSummary {
    /// Method and template.
    pub route: String,
    /// Answered and failed requests.
    pub requests: u64,
    /// Half of them took no longer.
    pub p50: Duration,
    /// 95 % took no longer.
    pub p95: Duration,
    /// 99 % took no longer.
    pub p99: Duration,
}

/// What is left to say at the end. Its `Display` is the report of `spandrel shop load`.
#[derive(Clone, Debug)]
pub struct Summary {
    /// From the first to the last journey's end.
    pub elapsed: Duration,
    /// Journeys that began.
    pub journeys: u64,
    /// Journeys that could not begin because too many were under way.
    pub turned_away: u64,
    /// Requests without an answer or with a status from 400, other than the 404 of a dead link.
    pub errors: u64,
    /// All requests together, named `all`.
    pub all: RouteSummary,
    /// Each route for itself.
    pub routes: Vec<RouteSummary>,
    /// What became of the orders.
    pub orders: OrderCounts,
    /// Trace ids worth a look.
    pub examples: Examples,
    /// Where traces are looked at.
    pub ui: String,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.elapsed.as_secs_f64();
        writeln!(
            f,
            "{} journeys and {} requests in {seconds:.1} s, {} errors",
            self.journeys, self.all.requests, self.errors
        )?;
        if self.turned_away > 0 {
            writeln!(
                f,
                "{} journeys were turned away: too many under way",
                self.turned_away
            )?;
        }
        writeln!(f, "orders: {}", self.orders)?;
        writeln!(
            f,
            "{:<28}{:>9}{:>11}{:>11}{:>11}",
            "route", "requests", "p50", "p95", "p99"
        )?;
        for route in std::iter::once(&self.all).chain(&self.routes) {
            let RouteSummary {
                route,
                requests,
                p50,
                p95,
                p99,
            } = route;
            let (p50, p95, p99) = (
                Milliseconds(*p50).to_string(),
                Milliseconds(*p95).to_string(),
                Milliseconds(*p99).to_string(),
            );
            writeln!(f, "{route:<28}{requests:>9}{p50:>11}{p95:>11}{p99:>11}")?;
        }
        let examples = [
            ("a confirmed order", &self.examples.confirmed_order),
            ("a rejected order", &self.examples.rejected_order),
            ("the slowest request", &self.examples.slowest),
            ("an error", &self.examples.error),
        ];
        for (what, trace_id) in examples {
            if let Some(trace_id) = trace_id {
                writeln!(f, "{what}: {}/trace/{trace_id}", self.ui)?;
            }
        }
        Ok(())
    }
}

struct Milliseconds(Duration);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} ms", self.0.as_secs_f64() * 1_000.0)
    }
}

/// One request as it ended.
pub(super) struct Sample<'a> {
    pub(super) route: &'static str,
    /// Since it was due, not since it was sent.
    pub(super) latency: Duration,
    pub(super) is_error: bool,
    pub(super) trace_id: &'a str,
}

/// What became of one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OrderOutcome {
    Confirmed,
    Rejected,
    Unfinished,
}

/// Everything seen so far; shared by all visitors.
pub(super) struct Record(Mutex<Seen>);

struct Seen {
    opened_at: Instant,
    closed_at: Option<Instant>,
    journeys: u64,
    turned_away: u64,
    errors: u64,
    slowest: Duration,
    all: Latencies,
    routes: BTreeMap<&'static str, Latencies>,
    orders: OrderCounts,
    examples: Examples,
}

impl Record {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Seen {
            opened_at: Instant::now(),
            closed_at: None,
            journeys: 0,
            turned_away: 0,
            errors: 0,
            slowest: Duration::ZERO,
            all: Latencies::default(),
            routes: BTreeMap::new(),
            orders: OrderCounts::default(),
            examples: Examples::default(),
        }))
    }

    /// The shop is open: time counts from here.
    pub(super) fn open(&self) {
        self.0.lock().opened_at = Instant::now();
    }

    /// The last journey is over.
    pub(super) fn close(&self) {
        self.0.lock().closed_at = Some(Instant::now());
    }

    pub(super) fn turned_away(&self) {
        self.0.lock().turned_away += 1;
    }

    pub(super) fn journey(&self) {
        self.0.lock().journeys += 1;
    }

    pub(super) fn request(&self, sample: &Sample<'_>) {
        let mut seen = self.0.lock();
        seen.all.add(sample.latency);
        seen.routes
            .entry(sample.route)
            .or_default()
            .add(sample.latency);
        if sample.is_error {
            seen.errors += 1;
            seen.examples.error = Some(sample.trace_id.to_owned());
        }
        if sample.latency > seen.slowest {
            seen.slowest = sample.latency;
            seen.examples.slowest = Some(sample.trace_id.to_owned());
        }
    }

    pub(super) fn order(&self, outcome: OrderOutcome, as_expected: bool, trace_id: &str) {
        let mut seen = self.0.lock();
        match outcome {
            OrderOutcome::Confirmed => {
                seen.orders.confirmed += 1;
                seen.examples.confirmed_order = Some(trace_id.to_owned());
            }
            OrderOutcome::Rejected => {
                seen.orders.rejected += 1;
                seen.examples.rejected_order = Some(trace_id.to_owned());
            }
            OrderOutcome::Unfinished => seen.orders.unfinished += 1,
        }
        if !as_expected {
            seen.orders.unexpected += 1;
        }
    }

    pub(super) fn progress(&self) -> Progress {
        let seen = self.0.lock();
        Progress {
            elapsed: seen.opened_at.elapsed(),
            journeys: seen.journeys,
            requests: seen.all.count(),
            errors: seen.errors,
            orders: seen.orders,
            p50: seen.all.quantile(0.5),
            p99: seen.all.quantile(0.99),
        }
    }

    pub(super) fn summary(&self, ui: &str) -> Summary {
        let seen = self.0.lock();
        let end = seen.closed_at.unwrap_or_else(Instant::now);
        Summary {
            elapsed: end.saturating_duration_since(seen.opened_at),
            journeys: seen.journeys,
            turned_away: seen.turned_away,
            errors: seen.errors,
            all: seen.all.summary("all"),
            routes: seen
                .routes
                .iter()
                .map(|(route, latencies)| latencies.summary(route))
                .collect(),
            orders: seen.orders,
            examples: seen.examples.clone(),
            ui: ui.trim_end_matches('/').to_owned(),
        }
    }
}

#[derive(Default)]
struct Latencies {
    /// `None` until the first value.
    microseconds: Option<Histogram<u64>>,
}

impl Latencies {
    fn add(&mut self, latency: Duration) {
        if self.microseconds.is_none() {
            self.microseconds = Histogram::new_with_bounds(1, LATENCY_MAX_US, 3).ok();
        }
        if let Some(histogram) = &mut self.microseconds {
            // What is longer than the histogram counts as its longest.
            histogram.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
        }
    }

    fn count(&self) -> u64 {
        self.microseconds.as_ref().map_or(0, Histogram::len)
    }

    fn quantile(&self, quantile: f64) -> Duration {
        let value = self
            .microseconds
            .as_ref()
            .map_or(0, |all| all.value_at_quantile(quantile));
        Duration::from_micros(value)
    }

    fn summary(&self, route: &str) -> RouteSummary {
        RouteSummary {
            route: route.to_owned(),
            requests: self.count(),
            p50: self.quantile(0.5),
            p95: self.quantile(0.95),
            p99: self.quantile(0.99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_tells_counts_quantiles_and_where_to_look() {
        let record = Record::new();
        for milliseconds in 1..=100 {
            record.request(&Sample {
                route: "GET /api/home",
                latency: Duration::from_millis(milliseconds),
                is_error: milliseconds == 7,
                trace_id: &format!("trace-{milliseconds}"),
            });
        }
        record.order(OrderOutcome::Confirmed, true, "trace-of-order");
        record.order(OrderOutcome::Rejected, false, "trace-of-rejection");

        let text = record.summary("http://127.0.0.1:4319/").to_string();

        assert!(
            text.contains("100 requests in") && text.contains(", 1 errors"),
            "{text}"
        );
        assert!(
            text.contains("orders: 1 confirmed, 1 rejected, 1 UNEXPECTED"),
            "{text}"
        );
        let row = "GET /api/home                     100    50.0 ms    95.0 ms    99.0 ms";
        assert!(text.contains(row), "{text}");
        assert!(text.contains("the slowest request: http://127.0.0.1:4319/trace/trace-100"));
        assert!(text.contains("an error: http://127.0.0.1:4319/trace/trace-7"));
        assert!(text.contains("a confirmed order: http://127.0.0.1:4319/trace/trace-of-order"));
    }
}
