//! The side-by-side benchmark: makes a workload once, sends it to Spandrel and to its peers in turn, asks
//! each the same questions, and prints one table. See the README for where to find what.
#![expect(clippy::print_stdout, reason = "a benchmark talks to the terminal")]

mod args;
mod campaign;
mod clock;
mod connection;
mod dialects;
mod figures;
mod host;
mod peers;
mod probe_request;
mod process;
mod progress;
mod queries;
mod replay;
mod report;
mod stats;
mod systems;
mod workload;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result, bail};
use clap::Parser as _;
use tokio::signal::{
    ctrl_c,
    unix::{SignalKind, signal},
};

use crate::{
    args::Args, campaign::Campaign, figures::calibration::append_and_sync_millis, host::Host,
    progress::Progress, report::Report, systems::System,
};

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse().resolved();
    let progress = Progress::new();
    fs::create_dir_all(&args.work_dir)?;
    let spandrel = spandrel(&args)?;
    let Lineup {
        systems,
        versions,
        skipped,
    } = lineup(&args, &spandrel, progress)?;
    let host = Host::read();
    let date = humantime::format_rfc3339_seconds(clock::now()).to_string();
    let before = append_and_sync_millis(&args.work_dir)?;
    let campaign = Campaign {
        args: &args,
        generator: &generator(&spandrel)?,
        systems: &systems,
    };
    let runs = tokio::select! {
        runs = campaign.run(progress) => runs?,
        stopped = stop_signal() => {
            // What was started ends with the campaign.
            stopped?;
            bail!("stopped before the end");
        }
    };
    let report = Report {
        args: &args,
        host: &host,
        date,
        calibration: [before, append_and_sync_millis(&args.work_dir)?],
        systems: &systems,
        versions: &versions,
        skipped: &skipped,
        runs: &runs,
    }
    .render();
    println!("\n{report}");
    if let Some(path) = &args.out {
        fs::write(path, &report).with_context(|| format!("cannot write {}", path.display()))?;
    }
    progress.say("done");
    Ok(())
}

/// Waits for Ctrl-C or a request to end.
async fn stop_signal() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// The program of Spandrel that is measured: the one that was given, or the one beside this program.
fn spandrel(args: &Args) -> Result<PathBuf> {
    let path = match &args.spandrel {
        Some(path) => path.clone(),
        None => beside()?,
    };
    path.canonicalize()
        .with_context(|| format!("there is no program {}", path.display()))
}

/// The program that makes the workload: the one that was built with this one, so that an older build
/// can be measured with the workload of today.
fn generator(spandrel: &Path) -> Result<PathBuf> {
    let beside = beside()?;
    Ok(if beside.is_file() {
        beside.canonicalize()?
    } else {
        spandrel.to_owned()
    })
}

fn beside() -> Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("spandrel"))
}

/// The systems that were asked for and can be had, and why the others cannot.
#[derive(Default)]
struct Lineup {
    systems: Vec<Arc<dyn System>>,
    /// Of each system.
    versions: Vec<String>,
    skipped: Vec<String>,
}

fn lineup(args: &Args, spandrel: &Path, progress: Progress) -> Result<Lineup> {
    let mut names = args.peers.clone();
    for (name, _) in &args.peer_programs {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    let mut lineup = Lineup::default();
    for name in names {
        let given = args.peer_programs.iter().find(|(given, _)| *given == name);
        let program = match given {
            Some((_, path)) => path
                .canonicalize()
                .with_context(|| format!("there is no program {}", path.display())),
            None if name == "spandrel" => Ok(spandrel.to_owned()),
            None => peers::program(&name, &args.peers_dir, progress),
        };
        match program {
            Ok(program) => {
                lineup
                    .versions
                    .push(version(&name, &program, given.is_some()));
                let system = systems::named(&name, &program, &args.spandrel_arguments)?;
                lineup.systems.push(system);
            }
            Err(error) => {
                progress.say(format!("skipped: {name}: {error:#}"));
                lineup.skipped.push(format!("{name}: {error:#}"));
            }
        }
    }
    if lineup.systems.is_empty() {
        bail!("there is no system to measure");
    }
    Ok(lineup)
}

/// The version of a program. What is built from a module without its release tooling knows none itself.
fn version(name: &str, program: &Path, is_given: bool) -> String {
    let built = peers::version(name).filter(|_| !is_given);
    let told = ["--version", "-version"]
        .into_iter()
        .find_map(|argument| host::version_of(program, argument));
    built
        .map(str::to_owned)
        .or(told)
        .unwrap_or_else(|| "of an unknown version".to_owned())
}
