//! Counts what was left out of records that were accepted.

use std::sync::atomic::{AtomicU64, Ordering};

use model::otlp::Trimmed;

use super::render::{head, sample};
use crate::receiver::{Protocol, Service};

const TRIMMED: &str = "spandrel_ingest_trimmed_total";

/// Counters by service, protocol and what was trimmed.
#[derive(Debug, Default)]
pub(crate) struct TrimmedCounts {
    counts: [[[AtomicU64; PARTS.len()]; Protocol::ALL.len()]; Service::ALL.len()],
}

type Part = fn(&Trimmed) -> u64;

const PARTS: [(&str, Part); 4] = [
    ("values", |trimmed| trimmed.values),
    ("attributes", |trimmed| trimmed.attributes),
    ("events", |trimmed| trimmed.events),
    ("links", |trimmed| trimmed.links),
];

impl TrimmedCounts {
    /// Adds what was left out of one request.
    pub(crate) fn count(&self, service: Service, protocol: Protocol, trimmed: Trimmed) {
        if trimmed == Trimmed::default() {
            return;
        }
        let counters = &self.counts[service as usize][protocol as usize];
        for (counter, (_, part)) in counters.iter().zip(PARTS) {
            counter.fetch_add(part(&trimmed), Ordering::Relaxed);
        }
    }

    /// Appends the counters in the Prometheus text format.
    pub(crate) fn render(&self, out: &mut String) {
        let help = "Parts of accepted records that were cut or left out by a limit.";
        head(out, TRIMMED, "counter", help);
        for (service, by_protocol) in Service::ALL.into_iter().zip(&self.counts) {
            if service.signal().is_none() {
                continue;
            }
            for (protocol, counters) in Protocol::ALL.into_iter().zip(by_protocol) {
                for (counter, (part, _)) in counters.iter().zip(PARTS) {
                    let (signal, protocol) = (service.label(), protocol.label());
                    let labels =
                        format!("signal=\"{signal}\",protocol=\"{protocol}\",part=\"{part}\"");
                    sample(out, TRIMMED, &labels, counter.load(Ordering::Relaxed));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_counted_where_they_came_from() {
        let counts = TrimmedCounts::default();
        let trimmed = Trimmed {
            values: 2,
            links: 3,
            ..Trimmed::default()
        };
        counts.count(Service::Logs, Protocol::OtlpHttp, trimmed);
        counts.count(Service::Logs, Protocol::OtlpHttp, trimmed);

        let mut text = String::new();
        counts.render(&mut text);

        for line in [
            "spandrel_ingest_trimmed_total{signal=\"logs\",protocol=\"otlp_http\",part=\"values\"} 4",
            "spandrel_ingest_trimmed_total{signal=\"logs\",protocol=\"otlp_http\",part=\"links\"} 6",
            "spandrel_ingest_trimmed_total{signal=\"traces\",protocol=\"otlp_http\",part=\"values\"} 0",
        ] {
            assert!(
                text.lines().any(|it| it == line),
                "{line} is missing in\n{text}"
            );
        }
    }
}
