//! The counters as Prometheus text.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use super::histogram::Histogram;
use super::{CollectorMetrics, Series};
use crate::reason::Reason;
use crate::receiver::{Protocol, Service};

const REQUESTS: &str = "spandrel_ingest_requests_total";
const RECORDS_ACCEPTED: &str = "spandrel_ingest_records_accepted_total";
const RECORDS_REJECTED: &str = "spandrel_ingest_records_rejected_total";
const RECEIVED_BYTES: &str = "spandrel_ingest_received_bytes_total";
const DURATION: &str = "spandrel_ingest_request_duration_seconds";
const SIZE: &str = "spandrel_ingest_request_bytes";
const IN_FLIGHT_BYTES: &str = "spandrel_ingest_in_flight_bytes";
const MEMORY_HELD: &str = "spandrel_process_memory_bytes";
const MEMORY_BUDGET: &str = "spandrel_process_memory_budget_bytes";
const IN_FLIGHT_BYTES_MAX: &str = "spandrel_ingest_in_flight_bytes_max";

/// The value of `signal` where a request did not say what it carries.
const UNKNOWN_SIGNAL: &str = "unknown";

type CountOf = fn(&Series) -> u64;

const SERIES_COUNTERS: [(&str, &str, CountOf); 3] = [
    (
        RECORDS_ACCEPTED,
        "Spans and log records acknowledged.",
        |series| series.records_accepted.load(Ordering::Relaxed),
    ),
    (
        RECORDS_REJECTED,
        "Records rejected from acknowledged requests.",
        |series| series.records_rejected.load(Ordering::Relaxed),
    ),
    (RECEIVED_BYTES, "Bytes of requests as sent.", |series| {
        series.received_bytes.load(Ordering::Relaxed)
    }),
];

impl CollectorMetrics {
    /// Appends all counters in the Prometheus text format.
    pub fn render_prometheus(&self, out: &mut String) {
        self.render_requests(out);
        for (name, help, count) in SERIES_COUNTERS {
            head(out, name, "counter", help);
            self.each_series(|labels, series| sample(out, name, labels, count(series)));
        }
        let help = "Seconds from the head of a request to its answer.";
        head(out, DURATION, "histogram", help);
        self.each_series(|labels, series| {
            histogram(out, DURATION, labels, &series.durations, seconds);
        });
        head(out, SIZE, "histogram", "Bytes of a request as sent.");
        self.each_series(|labels, series| {
            histogram(out, SIZE, labels, &series.sizes, |bytes| bytes.to_string());
        });
        let (held, limit) = (
            self.admission.in_flight_bytes(),
            self.admission.limit_bytes(),
        );
        head(
            out,
            IN_FLIGHT_BYTES,
            "gauge",
            "Bytes of requests in memory.",
        );
        sample(out, IN_FLIGHT_BYTES, "", held as u64);
        let help = "The limit of bytes in memory.";
        head(out, IN_FLIGHT_BYTES_MAX, "gauge", help);
        sample(out, IN_FLIGHT_BYTES_MAX, "", limit as u64);
        self.trimmed.render(out);
        self.render_memory(out);
        if let Some(redaction) = &self.redaction {
            redaction.render(out);
        }
    }

    /// Nothing where nobody looks at the memory of the process.
    fn render_memory(&self, out: &mut String) {
        let budget = self.budget_bytes.load(Ordering::Relaxed);
        if budget == 0 {
            return;
        }
        let help = "Memory the process holds, without mapped files.";
        head(out, MEMORY_HELD, "gauge", help);
        sample(
            out,
            MEMORY_HELD,
            "",
            self.held_bytes.load(Ordering::Relaxed),
        );
        head(
            out,
            MEMORY_BUDGET,
            "gauge",
            "Memory the process is to stay within.",
        );
        sample(out, MEMORY_BUDGET, "", budget);
    }

    /// Success is always listed, so that a rate of it can be asked for before the first request; what
    /// went wrong is listed once it has happened.
    fn render_requests(&self, out: &mut String) {
        head(out, REQUESTS, "counter", "Requests, by how they ended.");
        let mut requests = self.requests.lock().clone();
        for service in Service::ALL {
            for protocol in Protocol::ALL.into_iter().filter(|it| it.carries(service)) {
                let key = (Some(service.label()), protocol.label(), Reason::Accepted);
                requests.entry(key).or_default();
            }
        }
        for ((signal, protocol, reason), count) in requests {
            let signal = signal.unwrap_or(UNKNOWN_SIGNAL);
            let (outcome, reason) = (reason.outcome(), reason.label());
            let labels = format!(
                "signal=\"{signal}\",protocol=\"{protocol}\",outcome=\"{outcome}\",reason=\"{reason}\""
            );
            sample(out, REQUESTS, &labels, count);
        }
    }

    fn each_series(&self, mut visit: impl FnMut(&str, &Series)) {
        for (service, by_protocol) in Service::ALL.into_iter().zip(&self.series) {
            let by_protocol = Protocol::ALL.into_iter().zip(by_protocol);
            for (protocol, series) in by_protocol.filter(|(it, _)| it.carries(service)) {
                let (signal, protocol) = (service.label(), protocol.label());
                visit(
                    &format!("signal=\"{signal}\",protocol=\"{protocol}\""),
                    series,
                );
            }
        }
    }
}

fn seconds(micros: u64) -> String {
    #[expect(
        clippy::cast_precision_loss,
        reason = "more than 285 years of microseconds are not waited for"
    )]
    let seconds = micros as f64 / 1e6;
    seconds.to_string()
}

fn histogram<const N: usize>(
    out: &mut String,
    name: &str,
    labels: &str,
    histogram: &Histogram<N>,
    unit: fn(u64) -> String,
) {
    let (buckets, count, sum) = histogram.read();
    for (bound, up_to) in buckets {
        let bound = unit(bound);
        sample(
            out,
            &format!("{name}_bucket"),
            &format!("{labels},le=\"{bound}\""),
            up_to,
        );
    }
    sample(
        out,
        &format!("{name}_bucket"),
        &format!("{labels},le=\"+Inf\""),
        count,
    );
    sample(out, &format!("{name}_sum"), labels, unit(sum));
    sample(out, &format!("{name}_count"), labels, count);
}

pub(super) fn head(out: &mut String, name: &str, form: &str, help: &str) {
    push(
        out,
        format_args!("# HELP {name} {help}\n# TYPE {name} {form}\n"),
    );
}

pub(super) fn sample(out: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
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
