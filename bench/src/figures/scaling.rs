//! How cost grows with the data: for each size a fresh server takes everything, and what its last
//! million cost is set beside that of the other sizes.

use std::{fs, path::Path, sync::Arc};

use anyhow::Result;

use super::{Figures, ingest, ingest::Stretch, queries};
use crate::{
    process::tree::Usage,
    queries::classes,
    systems::{System, server::Server},
    workload::Workload,
};

/// The records at the end that are looked at.
const LAST: u64 = 1_000_000;

/// Measures one system at one size.
pub(crate) async fn measure(
    system: &Arc<dyn System>,
    directory: &Path,
    workload: &Workload,
    stretch: Stretch,
    asks_max: usize,
) -> Result<Figures> {
    let server = Server::start(system, directory).await?;
    let before = workload.count.saturating_sub(LAST);
    if before > 0 {
        let first = Stretch {
            skip: 0,
            count: before,
            ..stretch
        };
        ingest::send(&server, workload, first).await?;
    }
    let last = Stretch {
        skip: before,
        count: workload.count - before,
        ..stretch
    };
    let cost = ingest::send(&server, workload, last).await?;
    let usage = Usage::of_tree(server.pid())?;
    let disk = server.disk()?;
    let record = workload.signal.record();
    let mut figures = Figures::default();
    figures.add(
        format!("CPU per million {record}s, the last million, to settled"),
        "CPU-s",
        cost.cpu_seconds_per_million(),
    );
    figures.add(
        "peak resident memory",
        "MB",
        usage.resident_peak_bytes as f64 / 1e6,
    );
    figures.add(
        format!("on disk per {record}"),
        "B",
        disk.allocated_bytes as f64 / workload.count as f64,
    );
    let classes = classes::all(workload, asks_max);
    figures.extend(queries::measure(&server, &classes).await?);
    server.stop().await?;
    let server = Server::start(system, directory).await?;
    figures.add(
        "start-up with all data, to ready",
        "s",
        server.started_in.as_secs_f64(),
    );
    server.stop().await?;
    fs::remove_dir_all(directory)?;
    Ok(figures)
}
