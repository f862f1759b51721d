//! Everything that ingest costs: CPU until the server has settled, memory, disk, and how fast it goes.

use std::time::Instant;

use anyhow::Result;

use super::{Figures, ack};
use crate::{
    process::{
        sample::resident_while,
        settle::SettleLimits,
        tree::{self, Usage},
    },
    replay::{Pace, Replay, Replayed},
    stats,
    systems::server::Server,
    workload::Workload,
};

/// More CPU of other processes than this makes a run doubtful.
const FOREIGN_CPU_SHARE_MAX: f64 = 0.15;

/// Which part of a workload is sent, and how it ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub(crate) skip: u64,
    pub(crate) count: u64,
    pub(crate) connections: usize,
    pub(crate) settle: SettleLimits,
}

/// What one stretch cost.
pub(crate) struct Cost {
    pub(crate) cpu_seconds: f64,
    pub(crate) replayed: Replayed,
    /// Samples of the resident memory while requests came in, in bytes.
    resident: Vec<f64>,
    settled_after: f64,
    foreign_cpu_share: f64,
    /// CPU seconds of this process.
    own_cpu_seconds: f64,
}

impl Cost {
    /// CPU seconds for each million accepted records.
    pub(crate) fn cpu_seconds_per_million(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.replayed.accepted as f64
    }
}

/// Sends a stretch as fast as the server takes it and waits until it has settled.
pub(crate) async fn send(server: &Server, workload: &Workload, stretch: Stretch) -> Result<Cost> {
    let replay = Replay {
        file: workload.file.clone(),
        skip: stretch.skip,
        count: stretch.count,
        pace: Pace::Full,
        connections: stretch.connections,
    };
    let target = server.target(workload.signal);
    let before = tree::cpu_seconds(server.pid())?;
    let (machine_before, own_before) = tree::machine_and_own_cpu_seconds()?;
    let began = Instant::now();
    let (replayed, resident) = resident_while(server.pid(), replay.run(&target)).await?;
    let settled = server.settle(stretch.settle).await?;
    let (machine, own) = tree::machine_and_own_cpu_seconds()?;
    let used = tree::cpu_seconds(server.pid())? - before;
    let own = own - own_before;
    let foreign = (machine - machine_before) - own - used;
    let processors = std::thread::available_parallelism()?.get() as f64;
    Ok(Cost {
        cpu_seconds: settled.cpu_seconds - before,
        replayed,
        resident,
        settled_after: settled.after.as_secs_f64(),
        foreign_cpu_share: foreign.max(0.0) / (began.elapsed().as_secs_f64() * processors),
        own_cpu_seconds: own,
    })
}

/// Sends the whole workload and measures all there is.
pub(crate) async fn measure(
    server: &Server,
    workload: &Workload,
    stretch: Stretch,
) -> Result<Figures> {
    let cost = send(server, workload, stretch).await?;
    let usage = Usage::of_tree(server.pid())?;
    let disk = server.disk()?;
    let records = cost.replayed.accepted as f64;
    let record = workload.signal.record();
    let mut figures = Figures::default();
    figures.add(
        format!("CPU per million {record}s, to settled"),
        "CPU-s",
        cost.cpu_seconds_per_million(),
    );
    figures.add("sent in", "records/s", cost.replayed.records_per_second());
    figures.add("settled after the last ack", "s", cost.settled_after);
    figures.add(
        "peak resident memory",
        "MB",
        usage.resident_peak_bytes as f64 / 1e6,
    );
    if let Some(mean) = stats::mean(&cost.resident) {
        figures.add("mean resident memory while sending", "MB", mean / 1e6);
    }
    figures.add(
        "resident memory when settled",
        "MB",
        usage.resident_bytes as f64 / 1e6,
    );
    let per_record = |bytes: u64| bytes as f64 / records;
    let on_disk = format!("on disk per {record}");
    figures.add(on_disk.clone(), "B", per_record(disk.allocated_bytes));
    // Files that are made large beforehand are longer than what the disk holds of them.
    let lengths = format!("{on_disk}, lengths of files");
    figures.add(lengths, "B", per_record(disk.apparent_bytes));
    figures.add(
        "written to disk / bytes kept",
        "×",
        usage.written_bytes as f64 / disk.allocated_bytes as f64,
    );
    let sent = cost.replayed.bytes as f64;
    figures.add(
        "sent bytes / bytes kept",
        "×",
        sent / disk.allocated_bytes as f64,
    );
    ack::figures("at full speed", &cost.replayed, &mut figures);
    figures.add(
        "CPU of the benchmark itself per million",
        "CPU-s",
        cost.own_cpu_seconds * 1e6 / records,
    );
    figures.add(
        "CPU of other processes meanwhile",
        "%",
        cost.foreign_cpu_share * 100.0,
    );
    if cost.foreign_cpu_share > FOREIGN_CPU_SHARE_MAX {
        figures.remark("other processes used much CPU meanwhile: treat this run as doubtful");
    }
    if cost.replayed.accepted != workload.count {
        let accepted = cost.replayed.accepted;
        figures.remark(format!(
            "only {accepted} of {} records were accepted",
            workload.count
        ));
    }
    Ok(figures)
}
