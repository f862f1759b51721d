//! How much memory processes hold, as Linux tells it.

use std::path::PathBuf;

/// A process's share of resident memory in bytes: `Pss` of `/proc/<pid>/smaps_rollup`, where a page that
/// several processes map counts in parts. The right figure to add up over processes of one binary. `None`
/// when the process is gone or the system does not say.
pub(crate) fn proportional_bytes(pid: u32) -> Option<u64> {
    let path = PathBuf::from(format!("/proc/{pid}/smaps_rollup"));
    parse_proportional(&std::fs::read_to_string(path).ok()?)
}

/// What this process holds for itself, in bytes: resident memory without mapped files, which the system takes
/// back when it needs to.
pub(crate) fn own_bytes() -> Option<u64> {
    parse_own(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn parse_own(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|it| it.strip_prefix("RssAnon:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn parse_proportional(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proportional_share_is_read_from_the_rollup() {
        let rollup = "55d0-7ffe ---p 00000000 00:00 0  [rollup]\nRss:  9999 kB\nPss:  2048 kB\n";
        assert_eq!(parse_proportional(rollup), Some(2 << 20));
        assert_eq!(parse_proportional("Rss:  9999 kB\n"), None);
    }

    #[test]
    fn mapped_files_are_not_counted_as_held() {
        let status = "VmRSS:\t  900 kB\nRssAnon:\t     512 kB\nRssFile:\t 388 kB\n";
        assert_eq!(parse_own(status), Some(512 << 10));
    }
}
