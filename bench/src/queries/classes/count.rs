//! How many log records have a word, exactly.

use super::{Class, probes};
use crate::{queries::Ask, workload::truth::Truth};

pub(super) fn class(truth: &Truth) -> Class {
    Class {
        label: "Q15",
        question: "exact count of a word",
        asks: probes(&truth.probes.logs, "word_count")
            .map(Ask::LogCount)
            .collect(),
    }
}
