//! Q4j, Q5j and Q6j: searches through Jaeger's API, whose answers hold every span of every trace found.

use super::{Class, probes};
use crate::{queries::Ask, workload::truth::Truth};

/// The same searches as Q4.
pub(super) fn by_operation(truth: &Truth) -> Class {
    Class {
        label: "Q4j",
        question: "as Q4, whole traces through Jaeger's API",
        asks: whole(truth, "operation"),
    }
}

/// A rare status code at a service: Jaeger finds nothing without a service.
pub(super) fn by_status(truth: &Truth) -> Class {
    Class {
        label: "Q5j",
        question: "service + status code, 1 h, whole traces through Jaeger's API",
        asks: whole(truth, "service_and_status"),
    }
}

/// A user at a service.
pub(super) fn by_attribute(truth: &Truth) -> Class {
    Class {
        label: "Q6j",
        question: "service + user, all data, whole traces through Jaeger's API",
        asks: whole(truth, "service_and_attribute"),
    }
}

fn whole(truth: &Truth, key: &str) -> Vec<Ask> {
    let found = probes(&truth.probes.traces, key);
    found.map(Ask::WholeTraces).collect()
}
