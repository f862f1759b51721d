//! A steady load on a fresh server: how long acknowledgements take at that rate, how soon records can be
//! found, and what a kill right after the last acknowledgement loses.

use std::{path::Path, sync::Arc};

use anyhow::Result;

use super::{Figures, ack, calibration::append_and_sync_millis, crash, visible::Visible};
use crate::{
    replay::{Pace, Replay},
    systems::{System, server::Server},
    workload::Workload,
};

/// The load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Records a second.
    pub(crate) rate: u64,
    pub(crate) connections: usize,
    /// Traces that are asked for after the kill.
    pub(crate) asks: usize,
}

/// Starts a server on an empty directory, loads it, kills it, starts it again.
pub(crate) async fn measure(
    system: &Arc<dyn System>,
    directory: &Path,
    workload: &Workload,
    load: Load,
) -> Result<Figures> {
    let disk = append_and_sync_millis(directory)?;
    let server = Server::start(system, directory).await?;
    let replay = Replay {
        file: workload.file.clone(),
        skip: 0,
        count: workload.count,
        pace: Pace::PerSecond(load.rate as f64),
        connections: load.connections,
    };
    let mut visible = Visible::default();
    let target = server.target(workload.signal);
    let replayed = tokio::select! {
        replayed = replay.run(&target) => replayed?,
        failed = visible.watch(&server, workload.signal) => {
            failed?;
            anyhow::bail!("looking for single records ended by itself");
        }
    };
    server.kill().await?;
    let mut figures = Figures::default();
    figures.add("64 KiB append + fdatasync before, p50", "ms", disk.p50);
    figures.add("64 KiB append + fdatasync before, p99", "ms", disk.p99);
    let rate = format!("at {}/s", load.rate);
    ack::figures(&rate, &replayed, &mut figures);
    let behind = replayed.records_per_second() < 0.9 * load.rate as f64;
    if behind {
        let reached = replayed.records_per_second();
        figures.remark(format!("it did not keep up {rate}: {reached:.0}/s"));
    }
    visible.figures(&mut figures);
    let server = Server::start(system, directory).await?;
    figures.add("ready after the kill", "s", server.started_in.as_secs_f64());
    crash::count(&server, workload, load.asks, &mut figures).await?;
    server.stop().await?;
    Ok(figures)
}
