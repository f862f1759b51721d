//! Q9: the names of all services, and of all operations of each. There are only as many different
//! questions as services and one; they are repeated.

use std::{collections::BTreeSet, sync::Arc};

use super::{Class, LISTS};
use crate::{queries::Ask, workload::truth::Truth};

pub(super) fn class(truth: &Truth, count: usize) -> Class {
    let services: BTreeSet<String> = truth
        .services
        .iter()
        .filter(|(_, service)| !service.operations.is_empty())
        .map(|(name, _)| name.clone())
        .collect();
    let operations = truth
        .services
        .iter()
        .map(|(name, service)| Ask::Operations {
            service: name.clone(),
            names: Arc::new(service.operations.keys().cloned().collect()),
        });
    let all: Vec<Ask> = std::iter::once(Ask::Services(Arc::new(services)))
        .chain(operations)
        .collect();
    Class {
        label: LISTS,
        question: "lists of services and of operations",
        asks: all.iter().cycle().take(count).cloned().collect(),
    }
}
