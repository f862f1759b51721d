//! What was made, what became of it, and how that reads.

use std::{fmt, time::Duration};

use hdrhistogram::Histogram;
use tokio::task::JoinError;

use super::{send::Outcome, source::Made};

/// Latencies are kept in microseconds, up to two minutes, to three digits.
const LATENCY_MAX_US: u64 = 120_000_000;

/// What is left to say at the end. Its `Display` is the report of `spandrel shop synth`.
#[derive(Clone, Debug)]
pub struct Summary {
    pub(super) made: Made,
    /// `None` if nothing was to be sent.
    pub(super) delivery: Option<Delivery>,
    pub(super) elapsed: Duration,
}

impl Summary {
    /// SHA-256 of all requests, if it was asked for.
    pub fn digest(&self) -> Option<&str> {
        self.made.digest.as_deref()
    }

    /// Whether everything was made and, if it was sent, accepted: only then do the answers in
    /// `--expect` hold for the server.
    pub fn is_complete(&self) -> bool {
        let is_lossless = |delivery: &Delivery| {
            delivery.rejected + delivery.failed + delivery.dropped + delivery.lost_tasks == 0
        };
        self.made.is_complete && self.delivery.as_ref().is_none_or(is_lossless)
    }
}

/// What became of the requests that were sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Delivery {
    pub(super) requests: u64,
    pub(super) accepted: u64,
    pub(super) rejected: u64,
    pub(super) failed: u64,
    /// Records that were due while too many requests were under way.
    pub(super) dropped: u64,
    pub(super) retries: u64,
    pub(super) bytes: u64,
    /// How long after its moment a request was handed over, at worst.
    pub(super) late_max: Duration,
    lost_tasks: u64,
    complaint: Option<String>,
    /// `None` until the first value.
    ack_us: Option<Histogram<u64>>,
}

impl Delivery {
    pub(super) fn join(&mut self, ended: Option<Result<Outcome, JoinError>>) {
        match ended {
            Some(Ok(outcome)) => self.add(outcome),
            Some(Err(_)) => self.lost_tasks += 1,
            None => {}
        }
    }

    fn add(&mut self, outcome: Outcome) {
        self.requests += 1;
        self.accepted += outcome.accepted;
        self.rejected += outcome.rejected;
        self.failed += outcome.failed;
        self.retries += outcome.retries;
        self.bytes += outcome.bytes;
        self.complaint = outcome.complaint.or(self.complaint.take());
        if let Some(latency) = outcome.latency {
            if self.ack_us.is_none() {
                self.ack_us = Histogram::new_with_bounds(1, LATENCY_MAX_US, 3).ok();
            }
            if let Some(histogram) = &mut self.ack_us {
                // What is longer than the histogram counts as its longest.
                histogram.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
            }
        }
    }

    fn ack_ms(&self, quantile: f64) -> f64 {
        let value = |all: &Histogram<u64>| all.value_at_quantile(quantile);
        self.ack_us.as_ref().map_or(0, value) as f64 / 1_000.0
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Made {
            requests,
            spans,
            span_bytes,
            log_records,
            log_bytes,
            ..
        } = &self.made;
        let seconds = self.elapsed.as_secs_f64();
        write!(
            f,
            "made {spans} spans ({:.1} B each) and {log_records} log records ({:.1} B each) in \
             {requests} requests, {seconds:.2} s",
            per(*span_bytes, *spans),
            per(*log_bytes, *log_records)
        )?;
        if !self.made.is_complete {
            write!(f, "\nstopped before the end")?;
        }
        if let Some(digest) = &self.made.digest {
            write!(f, "\nsha256 {digest}")?;
        }
        let Some(delivery) = &self.delivery else {
            return Ok(());
        };
        write!(
            f,
            "\naccepted {} records in {} requests, {:.0} records/s, {:.1} MB\n\
             rejected {}, failed {}, dropped {}, retries {}\n\
             ack p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms; sent at most {:.1} ms late",
            delivery.accepted,
            delivery.requests,
            delivery.accepted as f64 / seconds.max(1e-9),
            delivery.bytes as f64 / 1e6,
            delivery.rejected,
            delivery.failed,
            delivery.dropped,
            delivery.retries,
            delivery.ack_ms(0.5),
            delivery.ack_ms(0.99),
            delivery.ack_ms(1.0),
            delivery.late_max.as_secs_f64() * 1_000.0
        )?;
        if let Some(complaint) = &delivery.complaint {
            write!(f, "\nthe server said last: {complaint}")?;
        }
        Ok(())
    }
}

fn per(bytes: u64, records: u64) -> f64 {
    if records == 0 {
        0.0
    } else {
        bytes as f64 / records as f64
    }
}
