//! Q12: log records with words that follow one another in their body.

use super::{Class, logs};
use crate::workload::truth::Truth;

pub(super) fn class(truth: &Truth) -> Class {
    logs(truth, "Q12", "phrase, 1 h, newest 100", "phrase")
}
