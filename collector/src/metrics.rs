//! Counts what the receivers took and refused, and prints it as Prometheus text.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::admission::Admission;
use crate::config::CollectorConfig;
use crate::receiver::{Service, Transport};

const REQUESTS: &str = "spandrel_otlp_requests_total";
const RECORDS_ACCEPTED: &str = "spandrel_otlp_records_accepted_total";
const RECORDS_REJECTED: &str = "spandrel_otlp_records_rejected_total";
const RECEIVED_BYTES: &str = "spandrel_otlp_received_bytes_total";
const UNKNOWN_PATH_REQUESTS: &str = "spandrel_otlp_unknown_path_requests_total";
const IN_FLIGHT_BYTES: &str = "spandrel_otlp_in_flight_bytes";
const IN_FLIGHT_BYTES_MAX: &str = "spandrel_otlp_in_flight_bytes_max";

/// How an export request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    Invalid,
    TooLarge,
    Unsupported,
    Overloaded,
    Interrupted,
    NotStored,
    Failed,
}

impl Outcome {
    const ALL: [Self; 8] = [
        Self::Accepted,
        Self::Invalid,
        Self::TooLarge,
        Self::Unsupported,
        Self::Overloaded,
        Self::Interrupted,
        Self::NotStored,
        Self::Failed,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Invalid => "invalid",
            Self::TooLarge => "too_large",
            Self::Unsupported => "unsupported",
            Self::Overloaded => "overloaded",
            Self::Interrupted => "interrupted",
            Self::NotStored => "not_stored",
            Self::Failed => "failed",
        }
    }
}

/// Counters of the OTLP receivers since the process started, and the budget of bytes in flight whose
/// use they show.
#[derive(Debug)]
pub struct CollectorMetrics {
    series: [[Series; Transport::ALL.len()]; Service::ALL.len()],
    unknown_path_requests: [AtomicU64; Transport::ALL.len()],
    has_told_of_metrics: AtomicBool,
    internal_errors: AtomicU64,
    admission: Admission,
}

#[derive(Debug, Default)]
struct Series {
    requests: [AtomicU64; Outcome::ALL.len()],
    records_accepted: AtomicU64,
    records_rejected: AtomicU64,
    received_bytes: AtomicU64,
}

type SeriesCounter = fn(&Series) -> &AtomicU64;

const SERIES_COUNTERS: [(&str, &str, SeriesCounter); 3] = [
    (
        RECORDS_ACCEPTED,
        "Spans and log records acknowledged.",
        |series| &series.records_accepted,
    ),
    (
        RECORDS_REJECTED,
        "Records rejected from accepted requests.",
        |series| &series.records_rejected,
    ),
    (
        RECEIVED_BYTES,
        "Bytes of export requests as sent.",
        |series| &series.received_bytes,
    ),
];

/// The records of one export request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordCounts {
    pub(crate) accepted: u64,
    pub(crate) rejected: u64,
}

impl CollectorMetrics {
    /// Counters at zero, and an unused budget, for receivers with this `config`.
    pub fn new(config: &CollectorConfig) -> Self {
        Self::with_admission(Admission::new(config.max_in_flight_bytes))
    }

    fn with_admission(admission: Admission) -> Self {
        Self {
            series: Default::default(),
            unknown_path_requests: Default::default(),
            has_told_of_metrics: AtomicBool::new(false),
            internal_errors: AtomicU64::new(0),
            admission,
        }
    }

    /// The budget of bytes in flight.
    pub(crate) fn admission(&self) -> &Admission {
        &self.admission
    }

    pub(crate) fn count_request(&self, service: Service, transport: Transport, outcome: Outcome) {
        let requests = &self.series(service, transport).requests;
        for (counter, candidate) in requests.iter().zip(Outcome::ALL) {
            if candidate == outcome {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn count_received(&self, service: Service, transport: Transport, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.series(service, transport)
            .received_bytes
            .fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn count_records(
        &self,
        service: Service,
        transport: Transport,
        records: RecordCounts,
    ) {
        let series = self.series(service, transport);
        series
            .records_accepted
            .fetch_add(records.accepted, Ordering::Relaxed);
        series
            .records_rejected
            .fetch_add(records.rejected, Ordering::Relaxed);
    }

    pub(crate) fn count_unknown_path(&self, transport: Transport) {
        self.unknown_path_requests[transport as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// True for the first caller only, so that the log is told once that metrics are not stored.
    pub(crate) fn is_first_metrics_request(&self) -> bool {
        !self.has_told_of_metrics.swap(true, Ordering::Relaxed)
    }

    /// A number that names an internal error both in the answer and in the log.
    pub(crate) fn next_error_id(&self) -> u64 {
        self.internal_errors.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn series(&self, service: Service, transport: Transport) -> &Series {
        &self.series[service as usize][transport as usize]
    }

    /// Appends all counters in the Prometheus text format.
    pub fn render_prometheus(&self, out: &mut String) {
        head(
            out,
            REQUESTS,
            "counter",
            "OTLP export requests, by how they ended.",
        );
        self.each_series(|labels, series| {
            for (outcome, counter) in Outcome::ALL.into_iter().zip(&series.requests) {
                let labels = format!("{labels},outcome=\"{}\"", outcome.label());
                sample(out, REQUESTS, &labels, counter.load(Ordering::Relaxed));
            }
        });
        for (name, help, counter) in SERIES_COUNTERS {
            head(out, name, "counter", help);
            self.each_series(|labels, series| {
                sample(out, name, labels, counter(series).load(Ordering::Relaxed));
            });
        }
        head(
            out,
            UNKNOWN_PATH_REQUESTS,
            "counter",
            "Requests for a path without a receiver.",
        );
        for (transport, counter) in Transport::ALL.into_iter().zip(&self.unknown_path_requests) {
            let labels = format!("transport=\"{}\"", transport.label());
            sample(
                out,
                UNKNOWN_PATH_REQUESTS,
                &labels,
                counter.load(Ordering::Relaxed),
            );
        }
        head(
            out,
            IN_FLIGHT_BYTES,
            "gauge",
            "Bytes of export requests in memory.",
        );
        sample(
            out,
            IN_FLIGHT_BYTES,
            "",
            self.admission.in_flight_bytes() as u64,
        );
        head(
            out,
            IN_FLIGHT_BYTES_MAX,
            "gauge",
            "The limit of bytes in memory.",
        );
        sample(
            out,
            IN_FLIGHT_BYTES_MAX,
            "",
            self.admission.limit_bytes() as u64,
        );
    }

    fn each_series(&self, mut visit: impl FnMut(&str, &Series)) {
        for (service, by_transport) in Service::ALL.into_iter().zip(&self.series) {
            for (transport, series) in Transport::ALL.into_iter().zip(by_transport) {
                let (signal, transport) = (service.label(), transport.label());
                visit(
                    &format!("signal=\"{signal}\",transport=\"{transport}\""),
                    series,
                );
            }
        }
    }
}

fn head(out: &mut String, name: &str, form: &str, help: &str) {
    push(
        out,
        format_args!("# HELP {name} {help}\n# TYPE {name} {form}\n"),
    );
}

fn sample(out: &mut String, name: &str, labels: &str, value: u64) {
    if labels.is_empty() {
        push(out, format_args!("{name} {value}\n"));
    } else {
        push(out, format_args!("{name}{{{labels}}} {value}\n"));
    }
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(text);
    debug_assert!(written.is_ok(), "writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_printed_with_their_labels() {
        let admission = Admission::new(1000);
        let mut ticket = admission.ticket();
        ticket.grow(25).unwrap();
        let metrics = CollectorMetrics::with_admission(admission);
        metrics.count_request(Service::Logs, Transport::Http, Outcome::TooLarge);
        metrics.count_received(Service::Traces, Transport::Grpc, 512);
        let records = RecordCounts {
            accepted: 3,
            rejected: 2,
        };
        metrics.count_records(Service::Traces, Transport::Grpc, records);
        metrics.count_unknown_path(Transport::Http);

        let mut text = String::new();
        metrics.render_prometheus(&mut text);

        let lines: Vec<&str> = text.lines().collect();
        for line in [
            "# TYPE spandrel_otlp_requests_total counter",
            "spandrel_otlp_requests_total{signal=\"logs\",transport=\"http\",outcome=\"too_large\"} 1",
            "spandrel_otlp_requests_total{signal=\"logs\",transport=\"grpc\",outcome=\"too_large\"} 0",
            "spandrel_otlp_records_accepted_total{signal=\"traces\",transport=\"grpc\"} 3",
            "spandrel_otlp_records_rejected_total{signal=\"traces\",transport=\"grpc\"} 2",
            "spandrel_otlp_received_bytes_total{signal=\"traces\",transport=\"grpc\"} 512",
            "spandrel_otlp_unknown_path_requests_total{transport=\"http\"} 1",
            "spandrel_otlp_in_flight_bytes 25",
            "spandrel_otlp_in_flight_bytes_max 1000",
        ] {
            assert!(lines.contains(&line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn only_the_first_metrics_request_is_told_to_the_log() {
        let metrics = CollectorMetrics::with_admission(Admission::new(1));

        assert!(metrics.is_first_metrics_request());
        assert!(!metrics.is_first_metrics_request());
    }
}
