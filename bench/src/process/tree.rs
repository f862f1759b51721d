//! A process and its descendants, and what they use together.

use std::{collections::BTreeMap, fs};

use anyhow::{Context as _, Result};

use super::stat::{self, Stat};

/// What a process tree has used up to now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    pub(crate) cpu_seconds: f64,
    pub(crate) resident_bytes: u64,
    /// Sum of the peaks of the processes.
    pub(crate) resident_peak_bytes: u64,
    pub(crate) written_bytes: u64,
}

impl Usage {
    /// Of a process and all its descendants. Fails when the process is not there.
    pub(crate) fn of_tree(root: u32) -> Result<Self> {
        let mut sum = Self::default();
        for pid in tree(root)? {
            let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}"));
            let (Ok(stat), Ok(status)) = (read("stat"), read("status")) else {
                // It ended meanwhile; its time is in its parent's.
                continue;
            };
            let bytes = |key| stat::status_bytes(&status, key).unwrap_or_default();
            sum.cpu_seconds += Stat::parse(&stat).map_or(0.0, |stat| stat.cpu_seconds);
            sum.resident_bytes += bytes("VmRSS");
            sum.resident_peak_bytes += bytes("VmHWM");
            let io = read("io").ok().and_then(|io| stat::written_bytes(&io));
            sum.written_bytes += io.unwrap_or_default();
        }
        Ok(sum)
    }
}

/// CPU seconds of a process tree. Fails when the process is not there.
pub(crate) fn cpu_seconds(root: u32) -> Result<f64> {
    Ok(Usage::of_tree(root)?.cpu_seconds)
}

/// CPU seconds of the whole machine, and those of this process.
pub(crate) fn machine_and_own_cpu_seconds() -> Result<(f64, f64)> {
    let machine = fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?;
    let own = fs::read_to_string("/proc/self/stat").context("cannot read /proc/self/stat")?;
    Ok((
        stat::busy_seconds(&machine).context("cannot understand /proc/stat")?,
        Stat::parse(&own)
            .context("cannot understand /proc/self/stat")?
            .cpu_seconds,
    ))
}

fn tree(root: u32) -> Result<Vec<u32>> {
    fs::metadata(format!("/proc/{root}"))
        .with_context(|| format!("process {root} is not there any more"))?;
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").context("cannot list /proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
            continue;
        };
        if let Some(stat) = Stat::parse(&text) {
            children.entry(stat.parent).or_default().push(pid);
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(pid) = found.get(next) {
        found.extend(children.remove(pid).unwrap_or_default());
        next += 1;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory_and_one_that_is_gone_is_an_error() {
        let usage = Usage::of_tree(std::process::id()).unwrap();
        assert!(usage.resident_bytes > 0);
        assert!(usage.resident_peak_bytes >= usage.resident_bytes);
        assert!(Usage::of_tree(u32::MAX).is_err());
    }
}
