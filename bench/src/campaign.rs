//! Goes through everything that was asked for, the systems in turn within each round, so that what
//! changes on the machine meanwhile meets all of them.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result};

use crate::{
    args::{Args, Part},
    figures::{
        Figures,
        ingest::{self, Stretch},
        paced::{self, Load},
        queries, scaling,
    },
    process::settle::SettleLimits,
    progress::Progress,
    queries::classes,
    replay::{Pace, Replay},
    systems::{System, server::Server},
    workload::{Recipe, Signal, Workload},
};

/// The paced workload is another one, so that nothing of it is known from before.
const PACED_SEED_STEP: u64 = 1_000;
/// What comes in while questions are asked is yet another one, and lies after the data.
const NOISE_SEED_STEP: u64 = 2_000;
/// Longest that questions are asked while records come in.
const NOISE_SECONDS_MAX: u64 = 300;

/// The figures of one system in one round, or at one size.
pub(crate) struct Run {
    pub(crate) system: &'static str,
    pub(crate) signal: Signal,
    /// Records of the workload.
    pub(crate) size: u64,
    pub(crate) figures: Figures,
}

/// All that it takes.
pub(crate) struct Campaign<'a> {
    pub(crate) args: &'a Args,
    /// The program that makes workloads.
    pub(crate) generator: &'a Path,
    pub(crate) systems: &'a [Arc<dyn System>],
}

impl Campaign<'_> {
    /// Runs it. `progress` is told what goes on.
    pub(crate) async fn run(&self, progress: Progress) -> Result<Vec<Run>> {
        let mut runs = Vec::new();
        for &signal in self.args.signals() {
            if self.args.sizes.is_empty() {
                self.rounds(signal, &mut runs, progress).await?;
            } else {
                self.sizes(signal, &mut runs, progress).await?;
            }
        }
        Ok(runs)
    }

    async fn rounds(&self, signal: Signal, runs: &mut Vec<Run>, progress: Progress) -> Result<()> {
        let args = self.args;
        let workloads = self.workloads(signal, progress)?;
        for round in 1..=args.rounds.get() {
            for system in self.systems.iter().filter(|system| system.takes(signal)) {
                progress.say(format!(
                    "round {round}: {} of {}",
                    signal.name(),
                    system.name()
                ));
                let mut figures = Figures::default();
                if let Err(error) = self.one(system, &workloads, &mut figures).await {
                    figures.remark(format!("given up in round {round}: {error:#}"));
                }
                for remark in &figures.remarks {
                    progress.say(format!("  {remark}"));
                }
                runs.push(Run {
                    system: system.name(),
                    signal,
                    size: args.count,
                    figures,
                });
            }
        }
        workloads.remove()
    }

    async fn sizes(&self, signal: Signal, runs: &mut Vec<Run>, progress: Progress) -> Result<()> {
        for &size in &self.args.sizes {
            progress.say(format!("making {size} {}s", signal.record()));
            let workload = self.make(signal, size, self.args.seed, "now".to_owned())?;
            for system in self.systems.iter().filter(|system| system.takes(signal)) {
                progress.say(format!(
                    "{size} {}s into {}",
                    signal.record(),
                    system.name()
                ));
                let directory = self.empty_directory(system.name())?;
                let asks = self.args.asks.get();
                let stretch = self.stretch(0, size);
                let measured = scaling::measure(system, &directory, &workload, stretch, asks).await;
                let figures = measured.unwrap_or_else(|error| Figures {
                    remarks: vec![format!("given up at {size}: {error:#}")],
                    ..Figures::default()
                });
                for remark in &figures.remarks {
                    progress.say(format!("  {remark}"));
                }
                runs.push(Run {
                    system: system.name(),
                    signal,
                    size,
                    figures,
                });
            }
            workload.remove()?;
        }
        Ok(())
    }

    /// Everything about one system, once.
    async fn one(
        &self,
        system: &Arc<dyn System>,
        workloads: &Workloads,
        figures: &mut Figures,
    ) -> Result<()> {
        if let Some(workload) = &workloads.main {
            let directory = self.empty_directory(system.name())?;
            let server = Server::start(system, &directory).await?;
            let stretch = self.stretch(0, workload.count);
            figures.extend(ingest::measure(&server, workload, stretch).await?);
            if self.args.wants(Part::Queries) {
                let mut classes = classes::all(workload, self.args.asks.get());
                figures.extend(queries::measure(&server, &classes).await?);
                if let Some(noise) = &workloads.noise {
                    if !workload.truth.has_all_names_of(&noise.truth) {
                        classes.retain(|class| class.label != classes::LISTS);
                    }
                    figures.extend(self.busy_queries(&server, &classes, noise).await?);
                }
            }
            server.stop().await?;
            let server = Server::start(system, &directory).await?;
            let started_in = server.started_in.as_secs_f64();
            figures.add("start-up with all data, to ready", "s", started_in);
            server.stop().await?;
            fs::remove_dir_all(&directory)?;
        }
        if let Some(workload) = &workloads.paced {
            let directory = self.empty_directory(system.name())?;
            let load = Load {
                rate: self.args.rate,
                connections: self.args.connections.get(),
                asks: self.args.asks.get(),
            };
            figures.extend(paced::measure(system, &directory, workload, load).await?);
            fs::remove_dir_all(&directory)?;
        }
        Ok(())
    }

    /// All questions once more while records come in.
    async fn busy_queries(
        &self,
        server: &Server,
        classes: &[classes::Class],
        noise: &Workload,
    ) -> Result<Figures> {
        let rate = self.args.while_ingesting.unwrap_or_default();
        let replay = Replay {
            file: noise.file.clone(),
            skip: 0,
            count: noise.count,
            pace: Pace::PerSecond(rate as f64),
            connections: self.args.connections.get(),
        };
        let target = server.target(noise.signal);
        let when = format!(", at {rate}/s");
        tokio::select! {
            measured = queries::measure_busy(server, classes, &when) => measured,
            ended = replay.run(&target) => {
                ended?;
                let mut figures = Figures::default();
                figures.remark(format!("questions{when} took too long and were given up"));
                Ok(figures)
            }
        }
    }

    fn workloads(&self, signal: Signal, progress: Progress) -> Result<Workloads> {
        let args = self.args;
        let wants_main = args.wants(Part::Ingest) || args.wants(Part::Queries);
        let mut made = Workloads::default();
        if wants_main {
            progress.say(format!("making {} {}s", args.count, signal.record()));
            made.main = Some(self.make(signal, args.count, args.seed, "now".to_owned())?);
        }
        if let Some(rate) = args.while_ingesting.filter(|_| args.wants(Part::Queries)) {
            let count = rate * NOISE_SECONDS_MAX;
            progress.say(format!(
                "making {count} {}s to come in meanwhile",
                signal.record()
            ));
            let epoch = noise_epoch(count);
            let seed = args.seed + NOISE_SEED_STEP;
            made.noise = Some(self.make(signal, count, seed, epoch)?);
        }
        if args.wants(Part::Paced) {
            let seed = args.seed + PACED_SEED_STEP;
            made.paced = Some(self.make(signal, args.paced_count, seed, "now".to_owned())?);
        }
        Ok(made)
    }

    fn make(&self, signal: Signal, count: u64, seed: u64, epoch: String) -> Result<Workload> {
        let recipe = Recipe {
            signal,
            count,
            seed,
            batch: self.args.batch,
            epoch,
            samples: self.args.asks.get(),
        };
        Workload::make(self.generator, &self.args.work_dir, &recipe)
    }

    fn stretch(&self, skip: u64, count: u64) -> Stretch {
        Stretch {
            skip,
            count,
            connections: self.args.connections.get(),
            settle: SettleLimits {
                quiet: self.args.quiet,
                deadline: self.args.settle_deadline,
            },
        }
    }

    fn empty_directory(&self, name: &str) -> Result<PathBuf> {
        let directory = self.args.work_dir.join(name);
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir_all(&directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        // Servers are started from anywhere: their paths must hold.
        Ok(directory.canonicalize()?)
    }
}

/// What is sent in the parts that were asked for.
#[derive(Default)]
struct Workloads {
    main: Option<Workload>,
    noise: Option<Workload>,
    paced: Option<Workload>,
}

impl Workloads {
    fn remove(&self) -> Result<()> {
        let all = [&self.main, &self.noise, &self.paced];
        all.into_iter().flatten().try_for_each(Workload::remove)
    }
}

/// When records end that must all lie after those that are asked for: a million of them span an hour.
fn noise_epoch(count: u64) -> String {
    let span = std::time::Duration::from_millis(count * 36 / 10);
    let margin = std::time::Duration::from_secs(600);
    let end = crate::clock::now() + span + margin;
    humantime::format_rfc3339_seconds(end).to_string()
}
