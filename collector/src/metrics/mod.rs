//! Counts what the receivers took and refused, by signal, protocol and reason.

mod histogram;
mod render;
mod trimmed;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use model::Clock;
use parking_lot::Mutex;

use self::histogram::Histogram;
use self::trimmed::TrimmedCounts;
use crate::admission::Admission;
use crate::config::CollectorConfig;
use crate::reason::Reason;
use crate::receiver::{Protocol, Service};
use crate::redaction::Redaction;
use crate::senders::{Event, Sender, SenderReport, Senders};

/// Upper bounds of the time from the head of a request to its answer, in microseconds.
const DURATION_BOUNDS: [u64; 12] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000,
    30_000_000,
];
/// Upper bounds of the size of a request as sent, in bytes.
const SIZE_BOUNDS: [u64; 8] = [
    1 << 10,
    1 << 12,
    1 << 14,
    1 << 16,
    1 << 18,
    1 << 20,
    1 << 22,
    1 << 26,
];

/// Counters of the receivers since the process started, what is known of the senders, and the budget
/// of bytes in flight whose use they show.
pub struct CollectorMetrics {
    requests: Mutex<BTreeMap<RequestKey, u64>>,
    series: [[Series; Protocol::ALL.len()]; Service::ALL.len()],
    senders: Senders,
    clock: Arc<dyn Clock>,
    has_told_of_metrics: AtomicBool,
    internal_errors: AtomicU64,
    admission: Admission,
    trimmed: TrimmedCounts,
    held_bytes: AtomicU64,
    budget_bytes: AtomicU64,
    redaction: Option<Arc<Redaction>>,
}

/// Signal, protocol and reason; the signal is `None` where a request did not say.
type RequestKey = (Option<&'static str>, &'static str, Reason);

#[derive(Debug)]
struct Series {
    records_accepted: AtomicU64,
    records_rejected: AtomicU64,
    received_bytes: AtomicU64,
    durations: Histogram<{ DURATION_BOUNDS.len() }>,
    sizes: Histogram<{ SIZE_BOUNDS.len() }>,
}

impl Series {
    fn new() -> Self {
        Self {
            records_accepted: AtomicU64::new(0),
            records_rejected: AtomicU64::new(0),
            received_bytes: AtomicU64::new(0),
            durations: Histogram::new(&DURATION_BOUNDS),
            sizes: Histogram::new(&SIZE_BOUNDS),
        }
    }
}

impl CollectorMetrics {
    /// Counters at zero, and an unused budget, for receivers with this `config`.
    pub fn new(config: &CollectorConfig, clock: Arc<dyn Clock>) -> Self {
        let admission = Admission::new(config.max_in_flight_bytes, config.max_in_flight_requests);
        let mut metrics = Self::with_admission(admission, clock);
        metrics.redaction = config.redaction.clone();
        metrics
    }

    /// Counters at zero beside this budget.
    pub(crate) fn with_admission(admission: Admission, clock: Arc<dyn Clock>) -> Self {
        Self {
            requests: Mutex::default(),
            series: std::array::from_fn(|_| std::array::from_fn(|_| Series::new())),
            senders: Senders::default(),
            clock,
            has_told_of_metrics: AtomicBool::new(false),
            internal_errors: AtomicU64::new(0),
            admission,
            trimmed: TrimmedCounts::default(),
            held_bytes: AtomicU64::new(0),
            budget_bytes: AtomicU64::new(0),
            redaction: None,
        }
    }

    /// What is never kept; none when everything is.
    pub(crate) fn redaction(&self) -> Option<&Arc<Redaction>> {
        self.redaction.as_ref()
    }

    /// Who sends, the latest heard first; at most some hundred.
    pub fn senders(&self) -> Vec<SenderReport> {
        self.senders.report()
    }

    /// The budget of bytes in flight.
    pub(crate) fn admission(&self) -> &Admission {
        &self.admission
    }

    /// Tells how much memory the process holds and may hold. While it is short of it, only one request is taken
    /// at a time.
    pub fn set_memory(&self, held_bytes: u64, budget_bytes: u64, is_short: bool) {
        self.held_bytes.store(held_bytes, Ordering::Relaxed);
        self.budget_bytes.store(budget_bytes, Ordering::Relaxed);
        self.admission.set_memory_short(is_short);
    }

    /// The bytes of export requests in memory.
    pub fn in_flight_bytes(&self) -> usize {
        self.admission.in_flight_bytes()
    }

    /// Whether senders wait because the process holds more memory than it should.
    pub fn is_memory_short(&self) -> bool {
        self.admission.is_memory_short()
    }

    /// What was left out of accepted records.
    pub(crate) fn trimmed(&self) -> &TrimmedCounts {
        &self.trimmed
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    pub(crate) fn count_received(&self, service: Service, protocol: Protocol, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let series = self.series(service, protocol);
        series.received_bytes.fetch_add(bytes, Ordering::Relaxed);
        series.sizes.record(bytes);
    }

    /// Counts a request that ended, `took` after its head had arrived.
    pub(crate) fn count_request(
        &self,
        service: Option<Service>,
        protocol: Protocol,
        reason: Reason,
        took: Duration,
    ) {
        let key = (service.map(Service::label), protocol.label(), reason);
        *self.requests.lock().entry(key).or_default() += 1;
        if let Some(service) = service {
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            self.series(service, protocol).durations.record(micros);
        }
    }

    /// Remembers what happened to a request of `sender`, and counts its records.
    pub(crate) fn count_sent(
        &self,
        sender: &Sender,
        service: Option<Service>,
        protocol: Protocol,
        event: Event<'_>,
    ) {
        if let Some(service) = service {
            let series = self.series(service, protocol);
            series
                .records_accepted
                .fetch_add(event.accepted, Ordering::Relaxed);
            series
                .records_rejected
                .fetch_add(event.rejected, Ordering::Relaxed);
        }
        self.senders.record(sender, event);
    }

    /// True for the first caller only, so that the log is told once that metrics are not stored.
    pub(crate) fn is_first_metrics_request(&self) -> bool {
        !self.has_told_of_metrics.swap(true, Ordering::Relaxed)
    }

    /// A number that names an internal error both in the answer and in the log.
    pub(crate) fn next_error_id(&self) -> u64 {
        self.internal_errors.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn series(&self, service: Service, protocol: Protocol) -> &Series {
        &self.series[service as usize][protocol as usize]
    }
}
