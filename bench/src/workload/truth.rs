//! What the generator says about what it made: right answers to sample queries.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The file of `--expect`, as far as it is needed here.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Truth {
    /// By name.
    pub(crate) services: BTreeMap<String, Service>,
    pub(crate) queries: Queries,
    pub(crate) probes: Probes,
}

impl Truth {
    /// Whether every service and operation of the other is known here.
    pub(crate) fn has_all_names_of(&self, other: &Self) -> bool {
        other.services.iter().all(|(name, service)| {
            let own = self.services.get(name);
            let is_known =
                |operation| own.is_some_and(|own| own.operations.contains_key(operation));
            own.is_some() && service.operations.keys().all(is_known)
        })
    }
}

/// What one service sent.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Service {
    /// By span name; what is counted there does not matter here.
    pub(crate) operations: BTreeMap<String, serde::de::IgnoredAny>,
}

/// Values with counts.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Queries {
    /// Trace ids with the number of their spans.
    pub(crate) traces: Vec<Counted>,
    /// Trace ids with the number of log records that carry them.
    pub(crate) logs_of_traces: Vec<Counted>,
}

/// A value and how often it is there.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Counted {
    pub(crate) value: String,
    pub(crate) count: u64,
}

/// Searches with their exact answers, by class.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Probes {
    pub(crate) traces: BTreeMap<String, Vec<TraceProbe>>,
    pub(crate) logs: BTreeMap<String, Vec<LogProbe>>,
}

/// A search for traces that have a span that satisfies everything and starts within a time range.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct TraceProbe {
    pub(crate) service: Option<String>,
    pub(crate) operation: Option<String>,
    pub(crate) duration_min_nanos: Option<u64>,
    pub(crate) attributes: BTreeMap<String, String>,
    /// The range includes its start and not its end. Both are whole milliseconds.
    pub(crate) start_unix_nano: u64,
    pub(crate) end_unix_nano: u64,
    /// Traces that match.
    pub(crate) matching: u64,
    /// Of these the newest, by the latest start of a matching span, newest first.
    pub(crate) newest: Vec<KnownTrace>,
}

/// A trace and how many spans it has.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct KnownTrace {
    pub(crate) trace_id: String,
    pub(crate) spans: u64,
}

/// A search for log records whose body has a word, or words one after the other.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct LogProbe {
    /// One word, or several with single blanks between them.
    pub(crate) text: String,
    pub(crate) service: Option<String>,
    /// The range includes its start and not its end. Both are whole milliseconds.
    pub(crate) start_unix_nano: u64,
    pub(crate) end_unix_nano: u64,
    /// Records that match.
    pub(crate) matching: u64,
    /// The times of the newest of these, newest first.
    pub(crate) newest_unix_nano: Vec<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_the_generator_is_understood() {
        let text = r#"{
            "spans": 3, "traces": 1,
            "services": {"cart": {"spans": 3, "log_records": 0,
                "operations": {"GET /a": {"unset": 2, "error": 1}}}},
            "queries": {"traces": [{"value": "0a", "count": 3}], "logs_of_traces": [], "words": []},
            "probes": {
                "traces": {"operation": [{"service": "cart", "operation": "GET /a",
                    "duration_min_nanos": 1000000, "attributes": {}, "start_unix_nano": 1,
                    "end_unix_nano": 2, "matching": 1, "newest": [{"trace_id": "0a", "spans": 3}]}]},
                "logs": {"word": [{"text": "read", "service": null, "start_unix_nano": 1,
                    "end_unix_nano": 2, "matching": 1, "newest_unix_nano": [1]}]}
            }
        }"#;
        let truth: Truth = serde_json::from_str(text).unwrap();

        assert_eq!(truth.queries.traces[0].count, 3);
        assert_eq!(truth.probes.traces["operation"][0].newest[0].spans, 3);
        assert_eq!(truth.probes.logs["word"][0].newest_unix_nano, [1]);
        assert!(truth.has_all_names_of(&Truth::default()));
        assert!(!Truth::default().has_all_names_of(&truth));
    }
}
