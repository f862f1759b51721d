//! Q4: the newest traces with a slow call of an operation, as summaries.

use super::{Class, traces};
use crate::workload::truth::Truth;

pub(super) fn class(truth: &Truth) -> Class {
    let question = "service + operation + duration, 1 h, newest 20";
    traces(truth, "Q4", question, "operation")
}
