//! What compaction asks of the operating system: a lower priority, and its CPU time.

use std::time::Duration;

/// Seals, acknowledgements and queries go first. With the lowest priority there is, a machine that
/// is busy for hours would merge nothing for hours; this leaves it a tenth of a contended processor.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Lets other threads go first. Elsewhere than on Linux a priority is that of the process.
#[cfg(target_os = "linux")]
pub(crate) fn lower_priority_of_thread() {
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::warn!(%error, "compaction runs with the priority of everything else");
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn lower_priority_of_thread() {}

/// CPU time that this thread has used.
#[cfg(unix)]
pub(crate) fn thread_cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(not(unix))]
pub(crate) fn thread_cpu_time() -> Duration {
    Duration::ZERO
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_grows_with_work() {
        let before = thread_cpu_time();
        while thread_cpu_time() == before {}
    }
}
