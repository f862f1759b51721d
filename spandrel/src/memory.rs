//! The memory budget: one figure, from the machine or from the setting, that the limits of the parts follow from
//! where those are not set themselves.

use std::fmt;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use collector::CollectorArgs;
use query::{BudgetSource, QueryArgs, QueryConfig};
use storage::{ByteSizeError, StorageArgs, parse_byte_size};

/// How much memory the server may use.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Memory")]
pub(crate) struct MemoryArgs {
    /// Memory the server is to stay within, as bytes (e.g. 2GiB) or as a share of what the machine or the
    /// container has (e.g. 40%). The limits of requests in flight and of records not yet in a split follow from
    /// it unless they are set. [default: a quarter of the machine's memory, or half of the container's]
    #[arg(long, env = "SPANDREL_MEMORY", value_name = "BYTES|SHARE")]
    pub(crate) memory: Option<MemorySize>,
}

/// A size, or a share of what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemorySize {
    Bytes(NonZeroU64),
    Percent(u8),
}

/// Why a text is no memory size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MemorySizeError {
    /// A share that is none.
    #[error("expected 1% to 100%")]
    Percent,
    /// Neither a share nor a size.
    #[error("neither a share, such as 40%, nor a size: {0}")]
    Bytes(ByteSizeError),
}

impl FromStr for MemorySize {
    type Err = MemorySizeError;

    fn from_str(text: &str) -> Result<Self, MemorySizeError> {
        let Some(number) = text.trim().strip_suffix('%') else {
            return parse_byte_size(text)
                .map(Self::Bytes)
                .map_err(MemorySizeError::Bytes);
        };
        match number.trim_end().parse() {
            Ok(percent @ 1..=100) => Ok(Self::Percent(percent)),
            _ => Err(MemorySizeError::Percent),
        }
    }
}

impl fmt::Display for MemorySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => bytes.fmt(f),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// What there is to share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Available {
    /// Of the machine; `None` when the system does not say.
    machine_bytes: Option<u64>,
    /// What the control groups of this process leave it, if they limit it.
    group_bytes: Option<u64>,
}

/// Where the system does not say what there is: what the limits were made for.
const UNKNOWN_BYTES: u64 = 2 << 30;
/// Less cannot hold the program itself and one request.
const BUDGET_BYTES_MIN: u64 = 128 << 20;

const MACHINE_PERCENT: u64 = 25;
const GROUP_PERCENT: u64 = 50;

impl Available {
    /// What this machine and its control groups have.
    pub(crate) fn look() -> Self {
        Self {
            machine_bytes: read("/proc/meminfo").as_deref().and_then(parse_meminfo),
            group_bytes: read("/proc/self/cgroup").as_deref().and_then(group_limit),
        }
    }

    fn budget(self, size: Option<MemorySize>) -> (u64, BudgetSource) {
        // A group without a limit says one that no machine has.
        let group = self
            .group_bytes
            .filter(|bytes| self.machine_bytes.is_none_or(|machine| *bytes < machine));
        let (bytes, source) = match size {
            Some(MemorySize::Bytes(bytes)) => return (bytes.get(), BudgetSource::Setting),
            Some(MemorySize::Percent(percent)) => {
                let all = group.or(self.machine_bytes).unwrap_or(UNKNOWN_BYTES);
                (share(all, u64::from(percent)), BudgetSource::Setting)
            }
            None => {
                let machine = self.machine_bytes.map(|it| share(it, MACHINE_PERCENT));
                let of_machine = machine.map(|it| (it, BudgetSource::Machine));
                let of_group =
                    group.map(|it| (share(it, GROUP_PERCENT), BudgetSource::ControlGroup));
                let both = of_machine.into_iter().chain(of_group);
                let smallest = both.min_by_key(|(bytes, _)| *bytes);
                smallest.unwrap_or((UNKNOWN_BYTES, BudgetSource::Unknown))
            }
        };
        if bytes < BUDGET_BYTES_MIN {
            return (BUDGET_BYTES_MIN, BudgetSource::Minimum);
        }
        (bytes, source)
    }
}

fn share(bytes: u64, percent: u64) -> u64 {
    bytes / 100 * percent
}

/// The budget, and what of it the parts may hold. On machines of 4 GiB and more the parts get what they always
/// got: more would not make anything faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) bytes: u64,
    pub(crate) source: BudgetSource,
    in_flight_bytes: u64,
    hot_bytes: u64,
    query_bytes: u64,
}

/// Requests in flight may take a quarter of the budget,
const IN_FLIGHT_SHARE: u64 = 4;
const IN_FLIGHT_BYTES_MAX: u64 = 256 << 20;
/// records not yet in a split an eighth,
const HOT_SHARE: u64 = 8;
const HOT_BYTES_MAX: u64 = 128 << 20;
/// and queries a quarter. The rest, three eighths, is for what is of one size whatever comes: splits that are being
/// written, merged and exported, the catalog, the footers of splits, connections, the program.
const QUERY_SHARE: u64 = 4;
const QUERY_BYTES_MAX: u64 = 1 << 30;

impl Budget {
    /// That of the settings on this machine.
    pub(crate) fn new(args: &MemoryArgs, available: Available) -> Self {
        let (bytes, source) = available.budget(args.memory);
        Self {
            bytes,
            source,
            in_flight_bytes: (bytes / IN_FLIGHT_SHARE).min(IN_FLIGHT_BYTES_MAX),
            hot_bytes: (bytes / HOT_SHARE).min(HOT_BYTES_MAX),
            query_bytes: (bytes / QUERY_SHARE)
                .clamp(QueryConfig::MEMORY_BYTES_MIN, QUERY_BYTES_MAX),
        }
    }

    /// Sets the limits that are not set. The largest request and the size at which a split is written follow from
    /// those.
    pub(crate) fn fill(
        self,
        storage: &mut StorageArgs,
        collector: &mut CollectorArgs,
        query: &mut QueryArgs,
    ) {
        if collector.max_in_flight_bytes.is_none() {
            let bytes = usize::try_from(self.in_flight_bytes).unwrap_or(usize::MAX);
            collector.max_in_flight_bytes = NonZeroUsize::new(bytes);
        }
        if storage.hot_bytes_max.is_none() {
            storage.hot_bytes_max = NonZeroU64::new(self.hot_bytes);
        }
        if query.query_memory.is_none() {
            query.query_memory = NonZeroU64::new(self.query_bytes);
        }
    }
}

fn read(path: impl AsRef<Path>) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

fn parse_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|it| it.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// The smallest limit of the groups that `/proc/self/cgroup` names, and of those around them.
fn group_limit(groups: &str) -> Option<u64> {
    let files = groups.lines().flat_map(group_files);
    let limits = files.filter_map(|file| read(file)?.trim().parse::<u64>().ok());
    limits.min()
}

/// Where the limits of one line of `/proc/self/cgroup` are: of the group and of every one around it. In a
/// container the path may be that outside of it, and its own group is at the top.
fn group_files(line: &str) -> Vec<PathBuf> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
        return Vec::new();
    };
    let (root, name) = if controllers.is_empty() {
        ("/sys/fs/cgroup", "memory.max")
    } else if controllers.split(',').any(|it| it == "memory") {
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
    } else {
        return Vec::new();
    };
    let group = Path::new(path.trim_start_matches('/'));
    let around = group.ancestors();
    around
        .map(|group| Path::new(root).join(group).join(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn budget(memory: Option<&str>, machine: Option<u64>, group: Option<u64>) -> Budget {
        let args = MemoryArgs {
            memory: memory.map(|it| it.parse().unwrap()),
        };
        let available = Available {
            machine_bytes: machine,
            group_bytes: group,
        };
        Budget::new(&args, available)
    }

    #[test]
    fn a_large_machine_gives_the_parts_what_they_always_got() {
        for machine in [4 * GIB, 24 * GIB, 1024 * GIB] {
            let budget = budget(None, Some(machine), Some(u64::MAX / 2));
            assert_eq!(budget.bytes, machine / 100 * 25);
            assert!(budget.in_flight_bytes > 255 << 20, "{budget:?}");
            assert!(budget.hot_bytes > 127 << 20, "{budget:?}");
        }
    }

    #[test]
    fn the_smaller_of_machine_and_container_counts() {
        let of = |memory, machine, group| {
            let budget = budget(memory, machine, group);
            (budget.bytes, budget.source)
        };
        let machine = Some(24 * GIB);
        assert_eq!(
            of(None, machine, Some(GIB)),
            (GIB / 100 * 50, BudgetSource::ControlGroup)
        );
        assert_eq!(
            of(None, machine, Some(20 * GIB)),
            (24 * GIB / 100 * 25, BudgetSource::Machine)
        );
        assert_eq!(
            of(None, machine, Some(100 << 20)),
            (BUDGET_BYTES_MIN, BudgetSource::Minimum)
        );
        assert_eq!(
            of(Some("40%"), machine, Some(GIB)),
            (GIB / 100 * 40, BudgetSource::Setting)
        );
        assert_eq!(
            of(Some("300MiB"), machine, Some(GIB)),
            (300 << 20, BudgetSource::Setting)
        );
        assert_eq!(of(None, None, None), (UNKNOWN_BYTES, BudgetSource::Unknown));
        let bytes = budget(Some("300MiB"), machine, None);
        assert_eq!(bytes.in_flight_bytes, 75 << 20);
    }

    #[test]
    fn the_shares_of_the_parts_leave_three_eighths_of_the_budget_for_the_rest() {
        let sizes = (0..40).map(|step| BUDGET_BYTES_MIN + step * step * 17_000_003);
        for bytes in sizes.chain([64 * GIB, 1024 * GIB]) {
            let budget = budget(Some(&bytes.to_string()), Some(24 * GIB), None);
            let shares = budget.in_flight_bytes + budget.hot_bytes + budget.query_bytes;
            assert!(shares <= bytes / 8 * 5 + 5, "{budget:?}");
            assert!(budget.query_bytes >= QueryConfig::MEMORY_BYTES_MIN);
        }
        let least = budget(None, Some(128 << 20), None);
        assert_eq!(least.bytes, BUDGET_BYTES_MIN);
        let shares = (least.in_flight_bytes, least.hot_bytes, least.query_bytes);
        assert_eq!(shares, (32 << 20, 16 << 20, 32 << 20));
    }

    #[test]
    fn limits_of_all_groups_around_the_process_are_looked_at() {
        let files = |line| -> Vec<String> {
            let files = group_files(line).into_iter();
            files.map(|it| it.display().to_string()).collect()
        };
        assert_eq!(
            files("4:memory,cpu:/a/b"),
            [
                "/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/a/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes"
            ]
        );
        assert_eq!(files("0::/"), ["/sys/fs/cgroup/memory.max"]);
        assert_eq!(files("3:cpuset:/"), [""; 0]);
        assert_eq!(
            parse_meminfo("MemTotal:  1024 kB\nMemFree: 1 kB\n"),
            Some(1 << 20)
        );
    }

    #[test]
    fn what_is_wrong_with_a_size_is_said() {
        let message = |text: &str| text.parse::<MemorySize>().unwrap_err().to_string();
        assert_eq!(message("0%"), "expected 1% to 100%");
        assert!(message("much").starts_with("neither a share"));
    }
}
