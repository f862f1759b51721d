//! A page of metrics in the Prometheus text format, as far as this server writes it.

/// Values with their names and labels.
#[derive(Debug, Default)]
pub(crate) struct Page {
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

impl Sample {
    fn parse(line: &str) -> Option<Self> {
        let (key, value) = line.rsplit_once(' ')?;
        let (name, labels) = key.split_once('{').unwrap_or((key, ""));
        let labels = labels.trim_end_matches('}').split(',').filter_map(|label| {
            let (name, value) = label.split_once('=')?;
            Some((name.to_owned(), value.trim_matches('"').to_owned()))
        });
        Some(Self {
            name: name.to_owned(),
            labels: labels.collect(),
            value: value.parse().ok()?,
        })
    }

    fn label(&self, name: &str) -> &str {
        let label = self.labels.iter().find(|(key, _)| key == name);
        label.map_or("", |(_, value)| value)
    }

    fn is(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        self.name == name && labels.iter().all(|(key, value)| self.label(key) == *value)
    }
}

/// Requests that ended in one way.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Requests {
    pub(crate) protocol: String,
    pub(crate) outcome: String,
    pub(crate) reason: String,
    pub(crate) count: u64,
}

impl Page {
    pub(crate) fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self {
            samples: lines.filter_map(Sample::parse).collect(),
        }
    }

    /// The sum of all values with these labels.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let values = self.samples.iter().filter(|it| it.is(name, labels));
        values.map(|it| it.value).sum::<f64>() as u64
    }

    /// How export requests ended, without the ways in which none did.
    pub(crate) fn requests(&self) -> Vec<Requests> {
        let samples = self.samples.iter();
        let samples = samples.filter(|it| it.is("spandrel_ingest_requests_total", &[]));
        let requests = samples.map(|it| Requests {
            protocol: it.label("protocol").to_owned(),
            outcome: it.label("outcome").to_owned(),
            reason: it.label("reason").to_owned(),
            count: it.value as u64,
        });
        requests.filter(|it| it.count > 0).collect()
    }

    /// A quantile of a histogram, as Prometheus counts it: within a bucket values are taken for evenly spread.
    /// `None` of nothing; the largest bound when it lies beyond.
    pub(crate) fn quantile(&self, name: &str, labels: &[(&str, &str)], share: f64) -> Option<f64> {
        let name = format!("{name}_bucket");
        let buckets = self.samples.iter().filter(|it| it.is(&name, labels));
        let buckets: Vec<(f64, f64)> = buckets
            .filter_map(|it| Some((it.label("le").parse().ok()?, it.value)))
            .collect();
        let (_, all) = *buckets.last()?;
        let rank = (all > 0.0).then_some(all * share)?;
        let (mut bound_below, mut count_below) = (0.0, 0.0);
        for (bound, count) in buckets {
            if count >= rank {
                let within = (rank - count_below) / (count - count_below);
                let width: f64 = bound - bound_below;
                return Some(if width.is_finite() {
                    bound_below + width * within
                } else {
                    bound_below
                });
            }
            (bound_below, count_below) = (bound, count);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
# HELP spandrel_ingest_requests_total Requests, by how they ended.
# TYPE spandrel_ingest_requests_total counter
spandrel_ingest_requests_total{signal=\"traces\",protocol=\"otlp_grpc\",outcome=\"accepted\",reason=\"none\"} 7
spandrel_ingest_requests_total{signal=\"logs\",protocol=\"otlp_grpc\",outcome=\"accepted\",reason=\"none\"} 0
took_bucket{protocol=\"a\",le=\"0.5\"} 10
took_bucket{protocol=\"a\",le=\"1\"} 20
took_bucket{protocol=\"a\",le=\"+Inf\"} 21
took_bucket{protocol=\"b\",le=\"0.5\"} 0
took_bucket{protocol=\"b\",le=\"+Inf\"} 0
plain 42
";

    #[test]
    fn counters_are_found_by_name_and_labels() {
        let page = Page::parse(PAGE);

        let accepted = Requests {
            protocol: "otlp_grpc".to_owned(),
            outcome: "accepted".to_owned(),
            reason: "none".to_owned(),
            count: 7,
        };
        assert_eq!(page.requests(), [accepted]);
        assert_eq!(page.sum("plain", &[]), 42);
        let all = page.sum("spandrel_ingest_requests_total", &[("signal", "traces")]);
        assert_eq!(all, 7);
        assert_eq!(page.sum("missing", &[]), 0);
    }

    #[test]
    fn quantiles_lie_within_their_bucket() {
        let page = Page::parse(PAGE);
        let of = |protocol, share| page.quantile("took", &[("protocol", protocol)], share);

        assert_eq!(of("a", 5.0 / 21.0), Some(0.25));
        assert_eq!(of("a", 15.0 / 21.0), Some(0.75));
        assert_eq!(of("a", 1.0), Some(1.0));
        assert_eq!(of("b", 0.5), None);
    }
}
