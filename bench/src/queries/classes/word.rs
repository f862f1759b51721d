//! Q11 and Q13: log records with a word in their body.

use super::{Class, logs};
use crate::workload::truth::Truth;

/// A word that many records have, within an hour.
pub(super) fn frequent(truth: &Truth) -> Class {
    logs(truth, "Q11", "word, 1 h, newest 100", "word")
}

/// A word that few records have: an id or a number, over all data.
pub(super) fn rare(truth: &Truth) -> Class {
    logs(
        truth,
        "Q11b",
        "rare word, all data, newest 100",
        "rare_word",
    )
}

/// A word in what one service wrote.
pub(super) fn of_service(truth: &Truth) -> Class {
    let question = "word + service, 1 h, newest 100";
    logs(truth, "Q13", question, "word_and_service")
}
