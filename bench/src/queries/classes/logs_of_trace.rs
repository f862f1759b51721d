//! Q14: the log records that carry a trace id.

use super::Class;
use crate::{queries::Ask, workload::truth::Truth};

pub(super) fn class(truth: &Truth) -> Class {
    let asks = truth
        .queries
        .logs_of_traces
        .iter()
        .map(|trace| Ask::LogsOfTrace {
            id: trace.value.clone(),
            count: trace.count,
        });
    Class {
        label: "Q14",
        question: "logs of a trace id",
        asks: asks.collect(),
    }
}
