//! One request from its head to its answer, and the account of it that counters and people get.

use std::time::{Duration, Instant};

use http::Request;
use model::dialect::Reject;
use model::otlp::Rejected;
use model::{TimeRange, UnixNanos};

use crate::advice::advice;
use crate::error::Refusal;
use crate::metrics::CollectorMetrics;
use crate::reason::Reason;
use crate::receiver::{Protocol, Service};
use crate::senders::{Complaint, Event, Sender};

/// Clocks of well-kept machines are seconds apart at most, and exporters hold records for seconds.
const AHEAD_MAX: Duration = Duration::from_secs(5 * 60);
/// Beyond this the default time range of the UI no longer shows what arrives.
const BEHIND_MAX: Duration = Duration::from_secs(60 * 60);

/// What came of a request that was acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Exported {
    /// Records that are durable.
    pub(crate) accepted: u64,
    /// Records that are not, with the first reason.
    pub(crate) rejected: Option<Rejected>,
    /// The first few records that are not, where the protocol can tell which they are.
    pub(crate) rejects: Vec<Reject>,
    /// The services that the accepted records are of.
    pub(crate) services: Vec<String>,
    /// From the oldest to the newest accepted record.
    pub(crate) times: Option<TimeRange>,
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct Exchange {
    sender: Sender,
    service: Option<Service>,
    protocol: Protocol,
    began: Instant,
}

impl Exchange {
    /// Begins with the head of the request; `service` is `None` where it does not name one.
    pub(crate) fn begin<B>(
        request: &Request<B>,
        service: Option<Service>,
        protocol: Protocol,
    ) -> Self {
        Self {
            sender: Sender::of(request),
            service,
            protocol,
            began: Instant::now(),
        }
    }

    /// Counts the request, and remembers for its sender what was wrong with it.
    pub(crate) fn end(self, metrics: &CollectorMetrics, exported: Result<&Exported, &Refusal>) {
        let now = metrics.clock().now();
        let reason = match exported {
            Ok(exported) if exported.rejected.is_none() => Reason::Accepted,
            Ok(_) => Reason::RecordsRejected,
            Err(refusal) => refusal.answer().reason,
        };
        let nothing = Exported::default();
        let known = exported.unwrap_or(&nothing);
        let complaints = match exported {
            Ok(exported) => self.remarks(exported, now),
            Err(refusal) => vec![self.complaint(refusal)],
        };
        metrics.count_request(self.service, self.protocol, reason, self.began.elapsed());
        let event = Event {
            at: now,
            protocol: self.protocol.label(),
            signal: self.service.map(Service::label),
            is_acknowledged: exported.is_ok(),
            accepted: known.accepted,
            rejected: known.rejected.as_ref().map_or(0, |it| it.count),
            services: &known.services,
            complaints,
        };
        metrics.count_sent(&self.sender, self.service, self.protocol, event);
    }

    fn complaint(&self, refusal: &Refusal) -> Complaint {
        let answer = refusal.answer();
        let told = match self.protocol {
            Protocol::OtlpGrpc => answer.grpc.description().to_owned(),
            Protocol::OtlpHttp | Protocol::Zipkin | Protocol::Loki | Protocol::JsonLines => {
                answer.http.as_str().to_owned()
            }
        };
        Complaint {
            reason: answer.reason.label(),
            answer: told,
            message: refusal.message(),
            advice: self.advice(answer.reason).to_owned(),
        }
    }

    fn advice(&self, reason: Reason) -> &'static str {
        advice(self.protocol, reason).unwrap_or_default()
    }

    /// What the owner of the sender should know of a request that was acknowledged.
    fn remarks(&self, exported: &Exported, now: UnixNanos) -> Vec<Complaint> {
        let answer = match self.protocol {
            Protocol::OtlpGrpc => "OK",
            Protocol::OtlpHttp | Protocol::JsonLines => "200",
            Protocol::Zipkin => "202",
            // Nothing else than 204 says that everything was taken.
            Protocol::Loki if exported.rejected.is_some() => "400",
            Protocol::Loki => "204",
        };
        let remark = |reason, message, advice: &str| Complaint {
            reason,
            answer: answer.to_owned(),
            message,
            advice: advice.to_owned(),
        };
        let rejected = exported.rejected.as_ref().map(|rejected| {
            let advice = self.advice(Reason::RecordsRejected);
            remark(
                Reason::RecordsRejected.label(),
                rejected.reason.clone(),
                advice,
            )
        });
        let clock = exported.times.and_then(|times| skew(times, now));
        let clock = clock.map(|(reason, message, advice)| remark(reason, message, advice));
        rejected.into_iter().chain(clock).collect()
    }
}

/// What is remarkable about the times of records that arrive now.
fn skew(times: TimeRange, now: UnixNanos) -> Option<(&'static str, String, &'static str)> {
    let newest = times.end.0.saturating_sub(1);
    let apart = |from: u64, to: u64| Duration::from_nanos(to.saturating_sub(from));
    let (ahead, behind) = (apart(now.0, newest), apart(newest, now.0));
    if ahead > AHEAD_MAX {
        let message = format!(
            "the newest record is {} ahead of this server's clock",
            rounded(ahead)
        );
        let advice = "The records are stored, under their own time. Compare the clocks of the sender's \
                      machine and of this one; the exporter must send nanoseconds since 1970 in UTC.";
        return Some(("future_time", message, advice));
    }
    if behind > BEHIND_MAX {
        let message = format!(
            "the newest record of the request is {} old",
            rounded(behind)
        );
        let advice = "The records are stored, under their own time: choose a longer time range to see \
                      them. If they are new, the sender's clock is slow.";
        return Some(("old_time", message, advice));
    }
    None
}

/// A duration as people say it: two digits of its largest sensible unit are enough.
fn rounded(duration: Duration) -> String {
    const UNITS: [(u64, &str); 3] = [(86_400, "days"), (3_600, "hours"), (60, "minutes")];
    let seconds = duration.as_secs();
    let fitting = UNITS.into_iter().find(|(unit, _)| seconds >= 2 * unit);
    let (unit, name) = fitting.unwrap_or((60, "minutes"));
    format!("{} {name}", seconds / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000_000_000;
    const NOW: UnixNanos = UnixNanos(1_000_000 * HOUR);

    fn remark(oldest: u64, newest: u64) -> Option<(&'static str, String)> {
        let times = TimeRange::enclosing(UnixNanos(oldest), UnixNanos(newest));
        skew(times, NOW).map(|(reason, message, _)| (reason, message))
    }

    #[test]
    fn times_far_from_now_are_remarked_by_the_newest_record() {
        let now = NOW.0;

        assert_eq!(remark(now - 9 * HOUR, now), None);
        assert_eq!(remark(now, now + HOUR / 12), None);
        assert_eq!(
            remark(now, now + 3 * HOUR),
            Some((
                "future_time",
                "the newest record is 3 hours ahead of this server's clock".to_owned()
            ))
        );
        assert_eq!(
            remark(now - 50 * HOUR, now - 49 * HOUR),
            Some((
                "old_time",
                "the newest record of the request is 2 days old".to_owned()
            ))
        );
        assert_eq!(
            remark(now - 2 * HOUR, now - HOUR - HOUR / 2).unwrap().1,
            "the newest record of the request is 90 minutes old"
        );
    }
}
