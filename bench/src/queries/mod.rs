//! What is asked, what may be answered, and whether that is right: the same for every system.

pub(crate) mod check;
pub(crate) mod classes;

use std::{collections::BTreeSet, sync::Arc};

use crate::workload::truth::{LogProbe, TraceProbe};

/// Most traces in an answer.
pub(crate) const TRACES_MAX: usize = 20;
/// Most log records in the answer to a search for words.
pub(crate) const LOGS_MAX: usize = 100;
/// Most log records of one trace.
pub(crate) const LOGS_OF_TRACE_MAX: usize = 1_000;

/// A question together with what is known about its answer.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    /// A whole trace; `spans` is 0 if there is no such trace.
    Trace { id: String, spans: u64 },
    /// The newest matching traces, in whatever short form the system has.
    Traces(Arc<TraceProbe>),
    /// The newest matching traces, with all their spans.
    WholeTraces(Arc<TraceProbe>),
    /// All services.
    Services(Arc<BTreeSet<String>>),
    /// All operations of a service.
    Operations {
        service: String,
        names: Arc<BTreeSet<String>>,
    },
    /// The newest matching log records.
    Logs(Arc<LogProbe>),
    /// The log records that carry a trace id.
    LogsOfTrace { id: String, count: u64 },
    /// How many log records match.
    LogCount(Arc<LogProbe>),
}

/// What a system answered, whatever its dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A trace with so many spans; 0 if it was not found.
    Spans(u64),
    /// Traces in the order of the answer.
    Traces(Vec<FoundTrace>),
    /// Names of services or operations.
    Names(BTreeSet<String>),
    /// The times of log records in Unix nanoseconds, in the order of the answer.
    Logs(Vec<u64>),
    /// A count.
    Count(u64),
    /// The system does not know this kind of question.
    NotAvailable,
}

/// One trace of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FoundTrace {
    pub(crate) trace_id: String,
    /// How many spans the answer says it has, if it says so.
    pub(crate) spans: Option<u64>,
    /// Whether one of its spans satisfies the search, if the answer has its spans.
    pub(crate) is_match: Option<bool>,
}
