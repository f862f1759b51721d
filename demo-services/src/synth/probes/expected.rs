//! Searches with their answers as they stand in the file of `--expect`. Ranges of time include their
//! start and not their end.

use std::collections::BTreeMap;

use serde::Serialize;

/// A search for traces that have a span that satisfies everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(in crate::synth) struct ExpectedTraces {
    pub(in crate::synth) service: Option<String>,
    pub(in crate::synth) operation: Option<String>,
    pub(in crate::synth) duration_min_nanos: Option<u64>,
    pub(in crate::synth) attributes: BTreeMap<&'static str, String>,
    pub(in crate::synth) start_unix_nano: u64,
    pub(in crate::synth) end_unix_nano: u64,
    /// How many traces match.
    pub(in crate::synth) matching: u64,
    /// The newest of them, newest first, up to twenty.
    pub(in crate::synth) newest: Vec<KnownTrace>,
}

/// A trace and how many spans it has.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(in crate::synth) struct KnownTrace {
    pub(in crate::synth) trace_id: String,
    pub(in crate::synth) spans: u64,
}

/// A search for log records with a text in their body.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(in crate::synth) struct ExpectedLogs {
    /// One word, or several with single blanks between them.
    pub(in crate::synth) text: String,
    pub(in crate::synth) service: Option<String>,
    pub(in crate::synth) start_unix_nano: u64,
    pub(in crate::synth) end_unix_nano: u64,
    /// How many records match.
    pub(in crate::synth) matching: u64,
    /// The times of the newest of them, newest first, up to a hundred.
    pub(in crate::synth) newest_unix_nano: Vec<u64>,
}
