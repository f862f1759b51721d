//! How much memory processes hold, as Linux tells it.

use std::path::PathBuf;

/// Resident memory of a process in bytes: `VmRSS` of `/proc/<pid>/status`. `None` when it is gone or the
/// system does not say.
pub(crate) fn resident_bytes(pid: u32) -> Option<u64> {
    let path = PathBuf::from(format!("/proc/{pid}/status"));
    parse_resident(&std::fs::read_to_string(path).ok()?)
}

fn parse_resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_from_the_status_file() {
        let status = "Name:\tspandrel\nVmPeak:\t  999 kB\nVmRSS:\t    2048 kB\nThreads:\t4\n";
        assert_eq!(parse_resident(status), Some(2 << 20));
        assert_eq!(parse_resident("Name:\tspandrel\n"), None);
    }
}
