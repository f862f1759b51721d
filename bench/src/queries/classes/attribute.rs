//! Q5 to Q8: traces by the values of span attributes that have few, some, many or unique values. The
//! first two and the pair are asked within an hour, the others over all data.

use super::{Class, traces};
use crate::workload::truth::Truth;

/// One of five status codes.
pub(super) fn low(truth: &Truth) -> Class {
    let question = "status code (5 values), 1 h, newest 20";
    traces(truth, "Q5", question, "attribute_low")
}

/// One of 600 routes.
pub(super) fn medium(truth: &Truth) -> Class {
    let question = "route (600 values), 1 h, newest 20";
    traces(truth, "Q5b", question, "attribute_medium")
}

/// One of 10,000 users.
pub(super) fn high(truth: &Truth) -> Class {
    let question = "user (10,000 values), all data, newest 20";
    traces(truth, "Q6", question, "attribute_high")
}

/// A session, which belongs to one trace.
pub(super) fn unique(truth: &Truth) -> Class {
    let question = "session (unique), all data";
    traces(truth, "Q7", question, "attribute_unique")
}

/// A route and a status code on the same span.
pub(super) fn two(truth: &Truth) -> Class {
    let question = "route and status code, 1 h, newest 20";
    traces(truth, "Q8", question, "attributes_two")
}
