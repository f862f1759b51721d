//! Q3: the newest traces that a service takes part in, within an hour that ends at any moment.

use super::{Class, traces};
use crate::workload::truth::Truth;

pub(super) fn class(truth: &Truth) -> Class {
    traces(truth, "Q3", "service, 1 h, newest 20", "service")
}
