//! Reads what Linux says of a process in `/proc`. Each parser takes the text of one file.

/// Clock ticks in a second: the unit of `utime` and `stime` on every Linux that these systems run on.
const TICKS_PER_SECOND: f64 = 100.0;

/// A line of `/proc/PID/stat`, as far as it is needed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stat {
    pub(crate) parent: u32,
    /// User and system time of the process and of its children that ended.
    pub(crate) cpu_seconds: f64,
}

impl Stat {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // The name of the program stands in parentheses and may hold any character.
        let (_, fields) = text.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
        // utime, stime, cutime and cstime are the 14th to the 17th field of the line.
        let ticks = number(11)? + number(12)? + number(13)? + number(14)?;
        Some(Self {
            parent: u32::try_from(number(1)?).ok()?,
            cpu_seconds: ticks as f64 / TICKS_PER_SECOND,
        })
    }
}

/// A value of `/proc/PID/status` in bytes, such as `VmHWM` (the most memory that was ever resident) or
/// `VmRSS`.
pub(crate) fn status_bytes(text: &str, key: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// The bytes that a process caused to be written to the disk, of `/proc/PID/io`.
pub(crate) fn written_bytes(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes:"))?;
    line.trim().parse().ok()
}

/// Seconds that all processors together spent on anything, of `/proc/stat`.
pub(crate) fn busy_seconds(text: &str) -> Option<f64> {
    let line = text.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line
        .split_ascii_whitespace()
        .filter_map(|field| field.parse().ok())
        .collect();
    // user, nice, system, idle, iowait, irq, softirq, steal; what guests use is in user already.
    let busy = [0, 1, 2, 5, 6, 7].map(|place| ticks.get(place).copied().unwrap_or_default());
    Some(busy.iter().sum::<u64>() as f64 / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_parentheses_does_not_shift_the_fields() {
        let line = "4242 (a ) b) S 17 4242 4242 0 -1 4194560 999 0 0 0 250 50 7 3 20 0 9 0 12345";
        let expected = Stat {
            parent: 17,
            cpu_seconds: 3.1,
        };
        assert_eq!(Stat::parse(line), Some(expected));
        assert_eq!(Stat::parse("4242 (cut) S 17"), None);
    }

    #[test]
    fn sizes_of_status_are_bytes() {
        let text = "Name:\tspandrel\nVmHWM:\t  204800 kB\nVmRSS:\t  1024 kB\nThreads:\t9\n";
        assert_eq!(status_bytes(text, "VmHWM"), Some(209_715_200));
        assert_eq!(status_bytes(text, "VmRSS"), Some(1_048_576));
        assert_eq!(status_bytes(text, "Threads"), None);
        assert_eq!(status_bytes(text, "VmSwap"), None);
    }

    #[test]
    fn written_bytes_are_those_of_the_disk() {
        let text = "wchar: 9\nread_bytes: 4096\nwrite_bytes: 81920\ncancelled_write_bytes: 0\n";
        assert_eq!(written_bytes(text), Some(81_920));
        assert_eq!(written_bytes("wchar: 9\n"), None);
    }

    #[test]
    fn a_processor_is_not_busy_while_it_waits() {
        let text = "cpu  100 20 30 9999 8888 5 5 40 77 0\ncpu0 1 2 3\n";
        assert_eq!(busy_seconds(text), Some(2.0));
    }
}
