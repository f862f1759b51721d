//! Watches a process while something else goes on.

use std::{future::Future, pin::pin, time::Duration};

use anyhow::Result;

use super::tree::Usage;

const INTERVAL: Duration = Duration::from_millis(200);

/// Runs `work` and looks at the resident memory of a process tree meanwhile, in bytes.
pub(crate) async fn resident_while<T>(
    pid: u32,
    work: impl Future<Output = Result<T>>,
) -> Result<(T, Vec<f64>)> {
    let mut work = pin!(work);
    let mut samples = Vec::new();
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        tokio::select! {
            done = &mut work => return Ok((done?, samples)),
            _ = ticks.tick() => samples.push(Usage::of_tree(pid)?.resident_bytes as f64),
        }
    }
}
