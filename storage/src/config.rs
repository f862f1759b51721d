//! Settings of the storage: command-line arguments and their checked form.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use crate::byte_size::parse_byte_size;
use crate::disk::limit::MaxDisk;

/// Where telemetry is kept and for how long.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Storage")]
pub struct StorageArgs {
    /// Directory that holds everything; created when missing, used by one server at a time.
    #[arg(long, env = "SPANDREL_DATA_DIR", default_value = "./spandrel-data")]
    pub data_dir: PathBuf,
    /// Age after which records are deleted, split by split, counted from when the split was written
    /// (e.g. 36h, 7d).
    #[arg(long, env = "SPANDREL_RETENTION_AGE", default_value = "7d", value_parser = humantime::parse_duration)]
    pub retention_age: Duration,
    /// Largest size of everything in the data directory, as bytes (e.g. 20GiB) or as a share of the
    /// disk (e.g. 80%); the oldest records are deleted to keep within it, split by split.
    #[arg(long, env = "SPANDREL_MAX_DISK", default_value = "80%")]
    pub max_disk: MaxDisk,
    /// Age below which no record is deleted to keep within --max-disk; when only such records are
    /// left, senders are told to retry later.
    #[arg(long, env = "SPANDREL_MIN_RETENTION", default_value = "1h", value_parser = humantime::parse_duration)]
    pub min_retention: Duration,
    /// Memory held by records not yet in a split at which a split is written.
    /// [default: half of --hot-bytes-max]
    #[arg(long, env = "SPANDREL_SEAL_BYTES", value_parser = parse_byte_size)]
    pub seal_bytes: Option<NonZeroU64>,
    /// Number of records not yet in a split at which a split is written.
    #[arg(long, env = "SPANDREL_SEAL_ROWS", default_value = "500000")]
    pub seal_rows: NonZeroU64,
    /// Age of the oldest record not yet in a split at which a split is written.
    #[arg(long, env = "SPANDREL_SEAL_AGE", default_value = "5m", value_parser = humantime::parse_duration)]
    pub seal_age: Duration,
    /// Number of records of the largest split that small ones are merged into; splits of more than
    /// half of it stay as they are, and up to 256 of a signal that have a thirty-second of it or more.
    #[arg(long, env = "SPANDREL_COMPACTION_ROWS_MAX", default_value = "2000000")]
    pub compaction_rows_max: NonZeroU64,
    /// Memory held by records not yet in a split above which senders are told to retry later.
    /// [default: an eighth of --memory, 128MiB at most]
    #[arg(long, env = "SPANDREL_HOT_BYTES_MAX", value_parser = parse_byte_size)]
    pub hot_bytes_max: Option<NonZeroU64>,
    /// How long an append may wait for such memory before its sender is told.
    #[arg(long, env = "SPANDREL_APPEND_WAIT", default_value = "1s", value_parser = humantime::parse_duration)]
    pub append_wait: Duration,
    /// Export requests that may wait for the disk; more are told to retry later.
    #[arg(long, env = "SPANDREL_WAL_QUEUE_REQUESTS", default_value = "1024")]
    pub wal_queue_requests: NonZeroUsize,
    /// How long sealing what is in memory may take when the server is told to stop, after requests in flight
    /// have finished. What is not in a split by then is in the WAL, and the next start reads it from there.
    #[arg(long, env = "SPANDREL_SHUTDOWN_SEAL_GRACE", default_value = "10s", value_parser = humantime::parse_duration)]
    pub shutdown_seal_grace: Duration,
    /// Size at which a new WAL file is begun.
    #[arg(long, env = "SPANDREL_WAL_FILE_BYTES", default_value = "64MiB", value_parser = parse_byte_size)]
    pub wal_file_bytes: NonZeroU64,
}

/// Checked settings; see [`StorageArgs`] for what each one means.
#[derive(Debug, Clone)]
pub struct StorageConfig {
    pub(crate) data_dir: PathBuf,
    pub(crate) retention_age: Duration,
    pub(crate) max_disk: MaxDisk,
    pub(crate) min_retention: Duration,
    pub(crate) seal_bytes: u64,
    pub(crate) seal_rows: u64,
    pub(crate) seal_age: Duration,
    pub(crate) compaction_rows_max: u64,
    pub(crate) hot_bytes_max: u64,
    pub(crate) append_wait: Duration,
    pub(crate) shutdown_seal_grace: Duration,
    pub(crate) wal_queue_requests: usize,
    pub(crate) wal_file_bytes: u64,
}

/// A setting that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Senders would be refused before a split is ever written.
    #[error("--hot-bytes-max ({hot_bytes_max}) must be larger than --seal-bytes ({seal_bytes})")]
    HotBelowSeal {
        /// The memory limit asked for.
        hot_bytes_max: u64,
        /// The sealing size asked for.
        seal_bytes: u64,
    },
    /// A duration of zero would delete or seal everything at once.
    #[error("{flag} must be longer than zero")]
    ZeroDuration {
        /// The flag at fault.
        flag: &'static str,
    },
    /// A large export request would never fit.
    #[error("--max-disk ({max_disk_bytes}) must be at least {MAX_DISK_BYTES_MIN}")]
    MaxDiskTooSmall {
        /// The size asked for.
        max_disk_bytes: u64,
    },
    /// Row numbers of a split are 32 bits wide.
    #[error("{flag} ({rows}) must be at most {SPLIT_ROWS_MAX}")]
    TooManyRows {
        /// The flag at fault.
        flag: &'static str,
        /// The number of rows asked for.
        rows: u64,
    },
}

/// Largest number of rows at which sealing may start, and that a merge may make; a split stays far
/// below 2^31 rows.
const SPLIT_ROWS_MAX: u64 = 100_000_000;

/// Memory of records not yet in a split where nobody says how much there is.
const HOT_BYTES_MAX: u64 = 128 << 20;

/// Smallest size of the data directory: the largest export request fits twice, in the WAL and in a
/// split.
const MAX_DISK_BYTES_MIN: u64 = 64 << 20;

impl TryFrom<StorageArgs> for StorageConfig {
    type Error = ConfigError;

    fn try_from(args: StorageArgs) -> Result<Self, ConfigError> {
        let hot_bytes_max = args.hot_bytes_max.map_or(HOT_BYTES_MAX, NonZeroU64::get);
        let seal_bytes = args.seal_bytes.map_or(hot_bytes_max / 2, NonZeroU64::get);
        if hot_bytes_max <= seal_bytes {
            return Err(ConfigError::HotBelowSeal {
                hot_bytes_max,
                seal_bytes,
            });
        }
        if args.retention_age.is_zero() {
            return Err(ConfigError::ZeroDuration {
                flag: "--retention-age",
            });
        }
        if args.seal_age.is_zero() {
            return Err(ConfigError::ZeroDuration { flag: "--seal-age" });
        }
        if let MaxDisk::Bytes(bytes) = args.max_disk
            && bytes.get() < MAX_DISK_BYTES_MIN
        {
            return Err(ConfigError::MaxDiskTooSmall {
                max_disk_bytes: bytes.get(),
            });
        }
        for (flag, rows) in [
            ("--seal-rows", args.seal_rows.get()),
            ("--compaction-rows-max", args.compaction_rows_max.get()),
        ] {
            if rows > SPLIT_ROWS_MAX {
                return Err(ConfigError::TooManyRows { flag, rows });
            }
        }
        Ok(Self {
            data_dir: args.data_dir,
            retention_age: args.retention_age,
            max_disk: args.max_disk,
            min_retention: args.min_retention,
            seal_bytes,
            seal_rows: args.seal_rows.get(),
            seal_age: args.seal_age,
            compaction_rows_max: args.compaction_rows_max.get(),
            hot_bytes_max,
            append_wait: args.append_wait,
            shutdown_seal_grace: args.shutdown_seal_grace,
            wal_queue_requests: args.wal_queue_requests.get(),
            wal_file_bytes: args.wal_file_bytes.get(),
        })
    }
}

impl StorageConfig {
    /// The default settings on another data directory.
    pub fn in_dir(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            retention_age: Duration::from_secs(7 * 24 * 3600),
            max_disk: MaxDisk::Percent(80),
            min_retention: Duration::from_secs(3600),
            seal_bytes: 64 << 20,
            seal_rows: 500_000,
            seal_age: Duration::from_secs(300),
            compaction_rows_max: 2_000_000,
            hot_bytes_max: 128 << 20,
            append_wait: Duration::from_secs(1),
            shutdown_seal_grace: Duration::from_secs(10),
            wal_queue_requests: 1024,
            wal_file_bytes: 64 << 20,
        }
    }

    /// The directory that holds everything.
    pub fn data_dir(&self) -> &std::path::Path {
        &self.data_dir
    }

    /// Memory held by records not yet in a split at which a split is written.
    pub fn seal_bytes(&self) -> u64 {
        self.seal_bytes
    }

    /// Memory held by records not yet in a split above which senders are told to retry later.
    pub fn hot_bytes_max(&self) -> u64 {
        self.hot_bytes_max
    }

    /// The age after which records are deleted.
    pub fn retention_age(&self) -> Duration {
        self.retention_age
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        storage: StorageArgs,
    }

    fn parse(flags: &[&str]) -> Result<StorageConfig, String> {
        let words = std::iter::once("spandrel").chain(flags.iter().copied());
        let command = Command::try_parse_from(words).map_err(|error| error.to_string())?;
        StorageConfig::try_from(command.storage).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_valid_and_are_those_of_in_dir() {
        let parsed = parse(&[]).unwrap();
        let built = StorageConfig::in_dir("./spandrel-data");
        assert_eq!(format!("{parsed:?}"), format!("{built:?}"));
    }

    #[test]
    fn zero_is_rejected() {
        for flag in [
            "--seal-bytes",
            "--seal-rows",
            "--compaction-rows-max",
            "--hot-bytes-max",
            "--wal-queue-requests",
        ] {
            assert!(parse(&[flag, "0"]).unwrap_err().contains(flag), "{flag}");
        }
        let error = parse(&["--seal-age", "0s"]).unwrap_err();
        assert_eq!(error, "--seal-age must be longer than zero");
    }

    #[test]
    fn a_disk_limit_is_a_size_or_a_share_and_large_enough_for_a_request() {
        let max_disk = |text| parse(&["--max-disk", text]).map(|config| config.max_disk);
        assert_eq!(max_disk("75%"), Ok(MaxDisk::Percent(75)));
        let bytes = NonZeroU64::new(64 << 20).unwrap();
        assert_eq!(max_disk("64MiB"), Ok(MaxDisk::Bytes(bytes)));
        let error = max_disk("63MiB").unwrap_err();
        assert_eq!(error, "--max-disk (66060288) must be at least 67108864");
        assert!(max_disk("0%").unwrap_err().contains("expected 1% to 100%"));
    }

    #[test]
    fn more_rows_than_a_split_can_number_are_rejected() {
        for flag in ["--seal-rows", "--compaction-rows-max"] {
            let error = parse(&[flag, "100000001"]).unwrap_err();
            assert_eq!(
                error,
                format!("{flag} (100000001) must be at most 100000000")
            );
        }
    }

    #[test]
    fn a_memory_limit_below_the_sealing_size_is_rejected() {
        let error = parse(&["--hot-bytes-max", "1MiB", "--seal-bytes", "1MiB"]).unwrap_err();
        let expected = "--hot-bytes-max (1048576) must be larger than --seal-bytes (1048576)";
        assert_eq!(error, expected);
    }
}
