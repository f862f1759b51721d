//! Q1 and Q2: a trace by its id, one that is there and one that is not.

use super::Class;
use crate::{queries::Ask, workload::truth::Truth};

/// Traces chosen by chance.
pub(super) fn hit(truth: &Truth) -> Class {
    let asks = truth.queries.traces.iter().map(|trace| Ask::Trace {
        id: trace.value.clone(),
        spans: trace.count,
    });
    Class {
        label: "Q1",
        question: "trace by id",
        asks: asks.collect(),
    }
}

/// Ids that look like any other and were never sent.
pub(super) fn miss(count: usize) -> Class {
    let asks = (1..=count as u64).map(|number| {
        // Weyl sequences: spread over all ids, the same in each run.
        let high = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let low = number.wrapping_mul(0xd1b5_4a32_d192_ed03);
        Ask::Trace {
            id: format!("{high:016x}{low:016x}"),
            spans: 0,
        }
    });
    Class {
        label: "Q2",
        question: "an id that does not exist",
        asks: asks.collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_that_are_not_there_are_all_different() {
        let ids: BTreeSet<String> = miss(500)
            .asks
            .into_iter()
            .map(|ask| match ask {
                Ask::Trace { id, spans: 0 } if id.len() == 32 => id,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(ids.len(), 500);
    }
}
