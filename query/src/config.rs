//! Settings of the query side: flags, their environment twins, and the checked form.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

use clap::Args;
use storage::parse_byte_size;

/// Flags of the query side. Every flag has a `SPANDREL_*` environment twin.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Query")]
pub struct QueryArgs {
    /// Address of the UI and of every query API; port 0 lets the system choose
    #[arg(
        long,
        env = "SPANDREL_HTTP_LISTEN",
        value_name = "ADDRESS",
        default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 4319))
    )]
    pub http_listen: SocketAddr,

    /// Longest a query may run; what was found until then is answered and marked as incomplete
    #[arg(
        long,
        env = "SPANDREL_QUERY_TIMEOUT",
        value_name = "DURATION",
        default_value = "30s",
        value_parser = humantime::parse_duration
    )]
    pub query_timeout: Duration,

    /// How many queries may read at the same time
    #[arg(
        long,
        env = "SPANDREL_QUERY_CONCURRENCY",
        value_name = "COUNT",
        default_value = "4"
    )]
    pub query_concurrency: NonZeroUsize,

    /// How many queries may wait for their turn before new ones are turned away
    #[arg(
        long,
        env = "SPANDREL_QUERY_QUEUE",
        value_name = "COUNT",
        default_value = "64"
    )]
    pub query_queue: NonZeroUsize,

    /// Most matching records one query looks at before it answers as incomplete
    #[arg(
        long,
        env = "SPANDREL_QUERY_ROWS_MAX",
        value_name = "COUNT",
        default_value = "20000000"
    )]
    pub query_rows_max: NonZeroUsize,

    /// Most bytes of log bodies one query looks through, by a regular expression for example, before
    /// it answers as incomplete
    #[arg(
        long,
        env = "SPANDREL_QUERY_SCAN_BYTES_MAX",
        value_name = "BYTES",
        default_value = "8GiB",
        value_parser = parse_byte_size
    )]
    pub query_scan_bytes_max: NonZeroU64,

    /// Memory that all queries together may hold for what they find and answer. A query that finds nothing left is
    /// asked to come back (503). [default: a quarter of --memory, 1GiB at most]
    #[arg(
        long,
        env = "SPANDREL_QUERY_MEMORY",
        value_name = "BYTES",
        value_parser = parse_byte_size
    )]
    pub query_memory: Option<NonZeroU64>,

    /// Most spans of one trace that are put into an answer
    #[arg(
        long,
        env = "SPANDREL_QUERY_TRACE_SPANS_MAX",
        value_name = "COUNT",
        default_value = "250000"
    )]
    pub query_trace_spans_max: NonZeroUsize,

    /// Most connections held open at the same time
    #[arg(
        long,
        env = "SPANDREL_HTTP_CONNECTIONS_MAX",
        value_name = "COUNT",
        default_value = "512"
    )]
    pub http_connections_max: NonZeroU32,

    /// Longest a connection may stay without sending the head of a request
    #[arg(
        long,
        env = "SPANDREL_HTTP_HEAD_TIMEOUT",
        value_name = "DURATION",
        default_value = "10s",
        value_parser = humantime::parse_duration
    )]
    pub http_head_timeout: Duration,
}

/// Checked settings of the query side.
#[derive(Debug, Clone)]
pub struct QueryConfig {
    /// Where the HTTP server is to listen.
    pub http_listen: SocketAddr,
    /// Most connections held open at the same time.
    pub connections_max: usize,
    /// Longest a connection may stay without sending the head of a request.
    pub head_timeout: Duration,
    /// What one query may cost, and how many may run.
    pub limits: Limits,
    /// What all queries together may hold.
    pub memory_bytes: usize,
}

/// What one query may cost, and how many may run.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest a query may run.
    pub timeout: Duration,
    /// Queries that read at the same time.
    pub concurrency: NonZeroUsize,
    /// Queries that wait for their turn.
    pub queue: NonZeroUsize,
    /// Matching records one query looks at.
    pub rows_max: NonZeroUsize,
    /// Bytes of log bodies one query looks through.
    pub scan_bytes_max: NonZeroU64,
    /// Spans of one trace that are put into an answer.
    pub trace_spans_max: NonZeroUsize,
}

/// A setting that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A query that may not take any time cannot answer.
    #[error("query timeout must be between 10 milliseconds and 1 hour")]
    TimeoutOutOfRange,
    /// A connection that may not take any time cannot send a request.
    #[error("http head timeout must be between 10 milliseconds and 1 hour")]
    HeadTimeoutOutOfRange,
    /// Not even one query could run.
    #[error("query memory must be at least {min_bytes} bytes")]
    TooLittleMemory {
        /// The smallest value.
        min_bytes: u64,
    },
    /// More permits than the semaphore can hold.
    #[error("query concurrency must be at most {max}")]
    TooManyQueries {
        /// The largest value.
        max: usize,
    },
}

/// Most queries that may be allowed to run at once; each occupies a thread.
const CONCURRENCY_MAX: usize = 256;
/// Where nobody says how much memory there is.
const MEMORY_BYTES_DEFAULT: u64 = 256 << 20;
const TIMEOUT_MIN: Duration = Duration::from_millis(10);
const TIMEOUT_MAX: Duration = Duration::from_secs(3600);

impl QueryConfig {
    /// What one query needs: to begin, and a portion of rows.
    pub const MEMORY_BYTES_MIN: u64 = 16 << 20;
}

impl TryFrom<QueryArgs> for QueryConfig {
    type Error = ConfigError;

    fn try_from(args: QueryArgs) -> Result<Self, ConfigError> {
        if !(TIMEOUT_MIN..=TIMEOUT_MAX).contains(&args.query_timeout) {
            return Err(ConfigError::TimeoutOutOfRange);
        }
        if !(TIMEOUT_MIN..=TIMEOUT_MAX).contains(&args.http_head_timeout) {
            return Err(ConfigError::HeadTimeoutOutOfRange);
        }
        if args.query_concurrency.get() > CONCURRENCY_MAX {
            return Err(ConfigError::TooManyQueries {
                max: CONCURRENCY_MAX,
            });
        }
        let memory_bytes = args
            .query_memory
            .map_or(MEMORY_BYTES_DEFAULT, NonZeroU64::get);
        if memory_bytes < Self::MEMORY_BYTES_MIN {
            return Err(ConfigError::TooLittleMemory {
                min_bytes: Self::MEMORY_BYTES_MIN,
            });
        }
        Ok(Self {
            http_listen: args.http_listen,
            connections_max: usize::try_from(args.http_connections_max.get()).unwrap_or(usize::MAX),
            head_timeout: args.http_head_timeout,
            limits: Limits {
                timeout: args.query_timeout,
                concurrency: args.query_concurrency,
                queue: args.query_queue,
                rows_max: args.query_rows_max,
                scan_bytes_max: args.query_scan_bytes_max,
                trace_spans_max: args.query_trace_spans_max,
            },
            memory_bytes: usize::try_from(memory_bytes).unwrap_or(usize::MAX),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::Parser;

    use super::*;

    /// Limits that no test reaches.
    pub(crate) fn generous_limits() -> Limits {
        Limits {
            timeout: Duration::from_secs(600),
            concurrency: NonZeroUsize::MIN,
            queue: NonZeroUsize::MIN,
            rows_max: NonZeroUsize::MAX,
            scan_bytes_max: NonZeroU64::MAX,
            trace_spans_max: NonZeroUsize::MAX,
        }
    }

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        query: QueryArgs,
    }

    fn parse(arguments: &[&str]) -> Result<QueryConfig, String> {
        let cli = Cli::try_parse_from([&["spandrel"], arguments].concat())
            .map_err(|error| error.to_string())?;
        QueryConfig::try_from(cli.query).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_valid() {
        let config = parse(&[]).unwrap();
        assert_eq!(config.http_listen, "127.0.0.1:4319".parse().unwrap());
        assert_eq!(config.limits.timeout, Duration::from_secs(30));
        assert_eq!(config.limits.scan_bytes_max.get(), 8 << 30);
    }

    #[test]
    fn zero_is_rejected() {
        for flag in [
            "--query-concurrency",
            "--query-queue",
            "--query-rows-max",
            "--query-scan-bytes-max",
            "--query-trace-spans-max",
            "--query-memory",
            "--http-connections-max",
        ] {
            let error = parse(&[flag, "0"]).unwrap_err();
            assert!(error.contains(flag), "{error}");
        }
        assert_eq!(
            parse(&["--query-timeout", "0s"]).unwrap_err(),
            "query timeout must be between 10 milliseconds and 1 hour"
        );
        assert_eq!(
            parse(&["--http-head-timeout", "0s"]).unwrap_err(),
            "http head timeout must be between 10 milliseconds and 1 hour"
        );
    }

    #[test]
    fn more_threads_than_make_sense_are_rejected() {
        assert_eq!(
            parse(&["--query-concurrency", "257"]).unwrap_err(),
            "query concurrency must be at most 256"
        );
    }

    #[test]
    fn memory_that_no_query_can_run_in_is_rejected() {
        assert_eq!(
            parse(&["--query-memory", "16777215"]).unwrap_err(),
            "query memory must be at least 16777216 bytes"
        );
        let config = parse(&["--query-memory", "16MiB"]).unwrap();
        assert_eq!(config.memory_bytes, 16 << 20);
        assert_eq!(parse(&[]).unwrap().memory_bytes, 256 << 20);
    }

    #[test]
    fn port_zero_is_allowed() {
        let config = parse(&["--http-listen", "127.0.0.1:0"]).unwrap();
        assert_eq!(config.http_listen.port(), 0);
    }
}
