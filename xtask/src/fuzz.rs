//! Runs the fuzz targets of `fuzz/`, which need a nightly compiler and cargo-fuzz.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::run::{Step, is_installed, root};

const MINUTES: u64 = 10;

/// Runs the targets that `words` name, or all, each for so many minutes.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let (targets, minutes) = parse(words)?;
    if !has_nightly() {
        bail!("fuzzing needs a nightly compiler: rustup toolchain install nightly");
    }
    if !is_installed("cargo-fuzz") {
        bail!("fuzzing needs cargo-fuzz: cargo install cargo-fuzz");
    }
    for target in targets {
        // What a run finds goes to the first directory, so that the seeds stay few.
        let work = format!("fuzz/corpus-work/{target}");
        fs::create_dir_all(root().join(&work))?;
        let seeds = format!("fuzz/corpus/{target}");
        let time = format!("-max_total_time={}", minutes * 60);
        let words = [
            "+nightly",
            "fuzz",
            "run",
            "--fuzz-dir",
            "fuzz",
            "--features",
            "collector",
        ];
        let limits = [
            "--",
            &time,
            "-rss_limit_mb=512",
            "-timeout=5",
            "-max_len=65536",
        ];
        let words = words
            .iter()
            .copied()
            .chain([&*target, &*work, &*seeds])
            .chain(limits);
        Step::new("cargo", &words.collect::<Vec<&str>>()).run()?;
    }
    Ok(())
}

fn parse(words: &[&str]) -> Result<(Vec<String>, u64)> {
    let mut targets = Vec::new();
    let mut minutes = MINUTES;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if *word == "--minutes" {
            let number = words.next().context("--minutes needs a number")?;
            minutes = number.parse().context("--minutes needs a number")?;
        } else {
            targets.push((*word).to_owned());
        }
    }
    if targets.is_empty() {
        for target in fs::read_dir(root().join("fuzz/corpus"))? {
            targets.push(target?.file_name().to_string_lossy().into_owned());
        }
        targets.sort();
    }
    Ok((targets, minutes))
}

fn has_nightly() -> bool {
    let version = Command::new("cargo")
        .args(["+nightly", "--version"])
        .output();
    version.is_ok_and(|it| it.status.success())
}
