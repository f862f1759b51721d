//! Hands the memory budget, and what is in use of it, to the status page.

use std::sync::Arc;

use collector::{CollectorConfig, CollectorMetrics};
use query::{Memory, MemoryStatus};

use crate::memory::Budget;
use crate::process_memory;

/// What this process holds, whenever it is asked.
pub(crate) fn of(
    budget: Budget,
    collector: &CollectorConfig,
    seal_bytes: u64,
    metrics: Arc<CollectorMetrics>,
) -> MemoryStatus {
    let (in_flight_bytes_max, request_bytes_max) =
        (collector.max_in_flight_bytes, collector.max_request_bytes);
    Arc::new(move || Memory {
        budget_bytes: budget.bytes,
        budget_source: budget.source,
        held_bytes: process_memory::own_bytes(),
        is_short: metrics.is_memory_short(),
        in_flight_bytes: metrics.in_flight_bytes() as u64,
        in_flight_bytes_max: in_flight_bytes_max as u64,
        request_bytes_max: request_bytes_max as u64,
        seal_bytes,
    })
}
