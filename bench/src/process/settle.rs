//! Waits until a server has nothing left to do: no CPU above a threshold and no change to its files
//! for a while.

use std::{
    collections::VecDeque,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use super::{disk::DiskUse, tree};

/// Some peers never rest entirely; what is below this share of one processor is rest.
const IDLE_CPU_SHARE: f64 = 0.025;
const INTERVAL: Duration = Duration::from_millis(500);

/// How long rest must last and how long it may take to come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SettleLimits {
    pub(crate) quiet: Duration,
    pub(crate) deadline: Duration,
}

/// The moment at which a server came to rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Settled {
    /// CPU seconds of the server at that moment.
    pub(crate) cpu_seconds: f64,
    /// How long the server took after it was waited for.
    pub(crate) after: Duration,
}

/// Waits. `is_idle` tells what neither CPU nor files show: rows that wait in memory for their time.
pub(crate) async fn settle(
    pid: u32,
    directory: &Path,
    limits: SettleLimits,
    mut is_idle: impl AsyncFnMut() -> Result<bool>,
) -> Result<Settled> {
    let began = Instant::now();
    let mut rest = Rest::new(limits.quiet);
    loop {
        let sample = Sample {
            at: began.elapsed(),
            cpu_seconds: tree::cpu_seconds(pid)?,
            disk: DiskUse::of(directory)?,
        };
        if let Some(settled) = rest.observe(sample)
            && is_idle().await?
        {
            return Ok(settled);
        }
        if began.elapsed() > limits.deadline {
            bail!(
                "the server did not come to rest within {:?}",
                limits.deadline
            );
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// What was seen at a moment.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Duration,
    cpu_seconds: f64,
    disk: DiskUse,
}

/// Finds a stretch of rest in a row of samples.
struct Rest {
    quiet: Duration,
    /// Samples since the files changed last, no older than needed.
    recent: VecDeque<Sample>,
}

impl Rest {
    fn new(quiet: Duration) -> Self {
        Self {
            quiet,
            recent: VecDeque::new(),
        }
    }

    /// When rest began, if it has lasted long enough by this sample.
    fn observe(&mut self, sample: Sample) -> Option<Settled> {
        if self
            .recent
            .back()
            .is_some_and(|last| last.disk != sample.disk)
        {
            self.recent.clear();
        }
        self.recent.push_back(sample);
        // The oldest sample goes once the one after it is old enough.
        while let Some(second) = self.recent.get(1)
            && sample.at - second.at >= self.quiet
        {
            self.recent.pop_front();
        }
        let first = self.recent.front()?;
        let passed = sample.at - first.at;
        let used = sample.cpu_seconds - first.cpu_seconds;
        (passed >= self.quiet && used <= IDLE_CPU_SHARE * passed.as_secs_f64()).then_some(Settled {
            cpu_seconds: first.cpu_seconds,
            after: first.at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: u64, cpu_seconds: f64, files: u64) -> Sample {
        Sample {
            at: Duration::from_secs(at),
            cpu_seconds,
            disk: DiskUse {
                files,
                ..DiskUse::default()
            },
        }
    }

    #[test]
    fn rest_begins_after_the_last_change_and_after_the_last_work() {
        let mut rest = Rest::new(Duration::from_secs(10));
        assert_eq!(rest.observe(sample(0, 1.0, 1)), None);
        assert_eq!(rest.observe(sample(5, 3.0, 1)), None);
        assert_eq!(rest.observe(sample(10, 3.1, 1)), None, "it works");
        assert_eq!(rest.observe(sample(12, 3.1, 2)), None, "a file is new");
        assert_eq!(rest.observe(sample(17, 3.2, 2)), None);
        let settled = Settled {
            cpu_seconds: 3.1,
            after: Duration::from_secs(12),
        };
        assert_eq!(rest.observe(sample(22, 3.2, 2)), Some(settled));
    }
}
