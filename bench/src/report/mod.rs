//! The report: what was measured, on what, with which settings, and the tables.

mod compare;
mod growth;
mod table;

use std::sync::Arc;

use crate::{
    args::Args, campaign::Run, host::Host, stats::Quantiles, systems::System, workload::Signal,
};

/// Everything that the report tells.
pub(crate) struct Report<'a> {
    pub(crate) args: &'a Args,
    pub(crate) host: &'a Host,
    pub(crate) date: String,
    /// Milliseconds of appending 64 KiB and `fdatasync`, before and after.
    pub(crate) calibration: [Quantiles; 2],
    pub(crate) systems: &'a [Arc<dyn System>],
    pub(crate) versions: &'a [String],
    /// Peers that could not be had, and why.
    pub(crate) skipped: &'a [String],
    pub(crate) runs: &'a [Run],
}

impl Report<'_> {
    /// As Markdown.
    pub(crate) fn render(&self) -> String {
        let mut parts = self.heading();
        for signal in [Signal::Traces, Signal::Logs] {
            let of_signal = |run: &&Run| run.signal == signal;
            let runs: Vec<&Run> = self.runs.iter().filter(of_signal).collect();
            if runs.is_empty() {
                continue;
            }
            if self.args.sizes.is_empty() {
                parts.push(format!("\n## {}\n\n", title(signal)));
                parts.push(compare::table(&runs).render());
            } else {
                parts.extend(self.growth(signal, &runs));
            }
            parts.push(remarks(&runs));
        }
        parts.concat()
    }

    fn growth(&self, signal: Signal, runs: &[&Run]) -> Vec<String> {
        let mut parts = Vec::new();
        for system in self.systems {
            let of_system = |run: &&&Run| run.system == system.name();
            let runs: Vec<&Run> = runs.iter().filter(of_system).copied().collect();
            if !runs.is_empty() {
                let (what, name) = (title(signal), system.name());
                parts.push(format!("\n## {what} of {name} by size\n\n"));
                parts.push(growth::table(&runs).render());
            }
        }
        parts
    }

    fn heading(&self) -> Vec<String> {
        let Self {
            args, host, date, ..
        } = self;
        let [before, after] = self.calibration;
        let mut parts = vec![format!(
            "# Benchmarks\n\n\
             Measured on {date} with `cargo xtask bench`. {}, {} processors, {} GiB, Linux {}; load \
             average before: {}.\n\n\
             - Workload: seed {}, {} records of each signal (paced part: {}), {} in a request, OTLP over \
             HTTP as protobuf without compression, {} connections.\n\
             - Settled: no CPU above 2.5 % of one processor and no change to a file for {}.\n\
             - {} round(s), the systems in turn; up to {} questions a class, one at a time, warm.\n\
             - 64 KiB append + fdatasync on the data directory: p50 {:.2} ms, p99 {:.2} ms before; p50 \
             {:.2} ms, p99 {:.2} ms after.\n",
            host.cpu,
            host.processors,
            host.memory_gib,
            host.kernel,
            host.load,
            args.seed,
            args.count,
            args.paced_count,
            args.batch,
            args.connections,
            humantime::format_duration(args.quiet),
            args.rounds,
            args.asks,
            before.p50,
            before.p99,
            after.p50,
            after.p99,
        )];
        for (system, version) in self.systems.iter().zip(self.versions) {
            let settings = system.settings();
            let name = system.name();
            parts.push(format!("- {name}: {version}; {settings}\n"));
        }
        for skipped in self.skipped {
            parts.push(format!("- skipped: {skipped}\n"));
        }
        let legend = "\nEach figure of a peer stands beside how many times Spandrel's it is. A dash: not \
                      available. Failed answers are those that are wrong, short, or leave out newer \
                      ones.\n";
        parts.push(legend.to_owned());
        parts
    }
}

fn title(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "Traces",
        Signal::Logs => "Logs",
    }
}

/// What the runs had to say, once each.
fn remarks(runs: &[&Run]) -> String {
    let mut said: Vec<String> = Vec::new();
    for run in runs {
        for remark in &run.figures.remarks {
            let line = format!("- {}: {remark}\n", run.system);
            if !said.contains(&line) {
                said.push(line);
            }
        }
    }
    if said.is_empty() {
        return String::new();
    }
    format!("\nRemarks:\n\n{}", said.concat())
}
