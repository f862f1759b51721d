//! A control group in which a process gets a share of one processor.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context as _, Result, bail};

const ROOT: &str = "/sys/fs/cgroup";
const PERIOD_MICROS: u32 = 100_000;

/// Holds a process back until it is dropped.
#[derive(Debug)]
pub(crate) struct Throttle {
    group: PathBuf,
    /// Where the process came from.
    parent: PathBuf,
    pid: u32,
}

impl Throttle {
    /// Fails where the system has no control groups for processors, or none may be made.
    pub(crate) fn on(pid: u32, percent: u32) -> Result<Self> {
        let quota = PERIOD_MICROS / 100 * percent;
        let own = fs::read_to_string("/proc/self/cgroup").context("no control groups")?;
        let mut failures = Vec::new();
        for (parent, limits) in hierarchies(&own, quota) {
            let throttle = Self {
                group: parent.join(format!("spandrel-overload-{pid}")),
                parent,
                pid,
            };
            match throttle.set(&limits) {
                Ok(()) => return Ok(throttle),
                Err(error) => failures.push(format!("{error:#}")),
            }
        }
        bail!("no control group could be made: {}", failures.join("; "))
    }

    fn set(&self, limits: &[(&str, String)]) -> Result<()> {
        fs::create_dir(&self.group).with_context(|| self.group.display().to_string())?;
        for (file, value) in limits {
            write(&self.group.join(file), value)?;
        }
        write(&self.group.join("cgroup.procs"), &self.pid.to_string())
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        // Fails when the process has ended, and then nothing needs to be moved.
        let moved = write(&self.parent.join("cgroup.procs"), &self.pid.to_string());
        if let Err(error) = fs::remove_dir(&self.group)
            && self.group.exists()
            && !thread::panicking()
        {
            let group = self.group.display();
            println!("the control group {group} is left behind: {error} ({moved:?})");
        }
    }
}

/// Where groups for processors may be made, by what `/proc/self/cgroup` says, and what is to be written there.
fn hierarchies(own: &str, quota: u32) -> Vec<(PathBuf, Vec<(&'static str, String)>)> {
    let mut found = Vec::new();
    for line in own.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let below = path.trim_start_matches('/');
        if controllers.is_empty() {
            let limits = vec![("cpu.max", format!("{quota} {PERIOD_MICROS}"))];
            found.push((Path::new(ROOT).join(below), limits));
        } else if controllers.split(',').any(|it| it == "cpu") {
            let limits = vec![
                ("cpu.cfs_period_us", PERIOD_MICROS.to_string()),
                ("cpu.cfs_quota_us", quota.to_string()),
            ];
            // The folder is called after all the controllers that share it, or a link has the name of one.
            found.push((Path::new(ROOT).join(controllers).join(below), limits));
        }
    }
    found
}

fn write(file: &Path, value: &str) -> Result<()> {
    fs::write(file, value).with_context(|| format!("{}: {value}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_both_versions_are_found() {
        let own = "5:cpu,cpuacct:/user\n3:memory:/user\n0::/user/session\n";

        let found = hierarchies(own, 5000);

        let v1 = vec![
            ("cpu.cfs_period_us", "100000".to_owned()),
            ("cpu.cfs_quota_us", "5000".to_owned()),
        ];
        let v2 = vec![("cpu.max", "5000 100000".to_owned())];
        let expected = [
            (PathBuf::from("/sys/fs/cgroup/cpu,cpuacct/user"), v1),
            (PathBuf::from("/sys/fs/cgroup/user/session"), v2),
        ];
        assert_eq!(found, expected);
        assert_eq!(hierarchies("3:memory:/\nnonsense\n", 5000), []);
    }
}
