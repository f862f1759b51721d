//! Watches the memory the process really holds: what no estimate foresaw makes senders wait as well.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use collector::CollectorMetrics;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::process_memory;

/// Memory is given out in milliseconds, and a look costs microseconds.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// So far below the budget senders are let in again, in hundredths of it.
const RELIEF_PERCENT: u64 = 95;

/// Tells the receivers while the process holds more than `budget_bytes`, until `shutdown`. Does nothing where the
/// system does not say what it holds.
pub(crate) async fn watch(
    budget_bytes: u64,
    metrics: Arc<CollectorMetrics>,
    shutdown: CancellationToken,
) -> Result<()> {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_short = false;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            _ = ticks.tick() => {}
        }
        let Some(held_bytes) = process_memory::own_bytes() else {
            shutdown.cancelled().await;
            return Ok(());
        };
        let was_short = is_short;
        is_short = is_over(held_bytes, budget_bytes, was_short);
        metrics.set_memory(held_bytes, budget_bytes, is_short);
        if is_short && !was_short {
            tracing::warn!(
                held_bytes,
                budget_bytes,
                "over the memory budget: senders are asked to come back one by one"
            );
        } else if was_short && !is_short {
            tracing::info!(held_bytes, budget_bytes, "within the memory budget again");
        }
    }
}

fn is_over(held_bytes: u64, budget_bytes: u64, was_over: bool) -> bool {
    let line = if was_over {
        budget_bytes / 100 * RELIEF_PERCENT
    } else {
        budget_bytes
    };
    held_bytes > line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_are_let_in_again_only_well_below_the_budget() {
        assert!(!is_over(1000, 1000, false));
        assert!(is_over(1001, 1000, false));
        assert!(is_over(951, 1000, true));
        assert!(!is_over(950, 1000, true));
    }
}
