//! The workload: made once by `spandrel shop synth`, kept in a file, sent to every system.

pub(crate) mod requests;
pub(crate) mod truth;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use self::truth::Truth;

/// Spans or log records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Signal {
    Traces,
    Logs,
}

impl Signal {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Logs => "logs",
        }
    }

    /// What one record is called.
    pub(crate) fn record(self) -> &'static str {
        match self {
            Self::Traces => "span",
            Self::Logs => "log record",
        }
    }

    /// Where OTLP over HTTP has it.
    pub(crate) fn otlp_path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Logs => "/v1/logs",
        }
    }
}

/// What is to be made.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub(crate) signal: Signal,
    pub(crate) count: u64,
    pub(crate) seed: u64,
    /// Records in a request.
    pub(crate) batch: u32,
    /// When the data ends: `now` or a time of RFC 3339.
    pub(crate) epoch: String,
    /// Sample queries of each kind whose answers are wanted.
    pub(crate) samples: usize,
}

/// Requests in a file, and what is known about them.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    pub(crate) signal: Signal,
    pub(crate) count: u64,
    pub(crate) file: PathBuf,
    pub(crate) truth: Truth,
}

impl Workload {
    /// Makes it with this program in this directory.
    pub(crate) fn make(generator: &Path, directory: &Path, recipe: &Recipe) -> Result<Self> {
        fs::create_dir_all(directory)?;
        let signal = recipe.signal.name();
        let stem = format!("{signal}-{}-{}", recipe.count, recipe.seed);
        let file = directory.join(format!("{stem}.otlp"));
        let expect = directory.join(format!("{stem}.json"));
        let made = Command::new(generator)
            .args(["shop", "synth", "--signal", signal])
            .args(["--count", &recipe.count.to_string()])
            .args(["--seed", &recipe.seed.to_string()])
            .args(["--batch", &recipe.batch.to_string()])
            .args(["--epoch", &recipe.epoch])
            .args(["--samples", &recipe.samples.to_string()])
            .arg("--out")
            .arg(&file)
            .arg("--expect")
            .arg(&expect)
            .output()
            .with_context(|| format!("cannot run {}", generator.display()))?;
        if !made.status.success() {
            let complaint = String::from_utf8_lossy(&made.stderr);
            bail!("the workload could not be made: {complaint}");
        }
        // What is still to be written back must not be in the way of a server's first syncs.
        File::open(&file)?.sync_all()?;
        let text = fs::read(&expect)?;
        let truth: Truth =
            serde_json::from_slice(&text).context("cannot understand what is expected")?;
        Ok(Self {
            signal: recipe.signal,
            count: recipe.count,
            file,
            truth,
        })
    }

    /// Deletes the files, which may be large.
    pub(crate) fn remove(&self) -> Result<()> {
        fs::remove_file(&self.file).context("cannot remove the workload")
    }
}
