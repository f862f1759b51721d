//! The query classes, one file each. A class is many questions of one kind, no two alike where the
//! data allow it.

mod attribute;
mod by_id;
mod count;
mod lists;
mod logs_of_trace;
mod operation;
mod phrase;
mod service;
mod whole_traces;
mod word;

use std::{collections::BTreeMap, sync::Arc};

use super::Ask;
use crate::workload::{Signal, Workload, truth::Truth};

/// Questions of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Class {
    /// Short and stable: `Q1`.
    pub(crate) label: &'static str,
    pub(crate) question: &'static str,
    pub(crate) asks: Vec<Ask>,
}

/// The class whose answers change when records with other names come in.
pub(crate) const LISTS: &str = "Q9";

/// All classes over a workload, with at most so many questions each.
pub(crate) fn all(workload: &Workload, asks_max: usize) -> Vec<Class> {
    let truth = &workload.truth;
    let mut classes = match workload.signal {
        Signal::Traces => vec![
            by_id::hit(truth),
            by_id::miss(asks_max),
            service::class(truth),
            operation::class(truth),
            attribute::low(truth),
            attribute::medium(truth),
            attribute::high(truth),
            attribute::unique(truth),
            attribute::two(truth),
            lists::class(truth, asks_max),
            whole_traces::by_operation(truth),
            whole_traces::by_status(truth),
            whole_traces::by_attribute(truth),
        ],
        Signal::Logs => vec![
            word::frequent(truth),
            word::rare(truth),
            phrase::class(truth),
            word::of_service(truth),
            logs_of_trace::class(truth),
            count::class(truth),
        ],
    };
    for class in &mut classes {
        class.asks.truncate(asks_max);
    }
    classes
}

/// The probes of a class; none if the workload has none.
fn probes<T: Clone>(all: &BTreeMap<String, Vec<T>>, key: &str) -> impl Iterator<Item = Arc<T>> {
    all.get(key).into_iter().flatten().cloned().map(Arc::new)
}

fn traces(truth: &Truth, label: &'static str, question: &'static str, key: &str) -> Class {
    Class {
        label,
        question,
        asks: probes(&truth.probes.traces, key).map(Ask::Traces).collect(),
    }
}

fn logs(truth: &Truth, label: &'static str, question: &'static str, key: &str) -> Class {
    Class {
        label,
        question,
        asks: probes(&truth.probes.logs, key).map(Ask::Logs).collect(),
    }
}
