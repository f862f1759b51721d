//! The collector's settings: command line arguments with environment twins, checked once.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use model::otlp::RecordLimits;
use storage::{ByteSizeError, parse_byte_size};
use tokio::sync::Semaphore;

use crate::origins::AllowedOrigins;
use crate::record_limits::RecordLimitArgs;
use crate::redaction::{Redaction, RedactionArgs, RedactionError};

/// The arguments of the OTLP receivers.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Collector")]
pub struct CollectorArgs {
    /// Where OTLP over gRPC is received; port 0 takes a free one.
    #[arg(
        long,
        env = "SPANDREL_OTLP_GRPC_LISTEN",
        default_value = "127.0.0.1:4317"
    )]
    #[arg(value_name = "ADDRESS")]
    pub otlp_grpc_listen: SocketAddr,

    /// Where OTLP over HTTP (protobuf and JSON) is received; port 0 takes a free one.
    #[arg(
        long,
        env = "SPANDREL_OTLP_HTTP_LISTEN",
        default_value = "127.0.0.1:4318"
    )]
    #[arg(value_name = "ADDRESS")]
    pub otlp_http_listen: SocketAddr,

    /// Where Zipkin's reporters send to, usually port 9411; port 0 takes a free one. Everything that is
    /// received over HTTP is received there as well. Off unless it is set: /api/v2/spans is also at
    /// --otlp-http-listen.
    #[arg(long, env = "SPANDREL_ZIPKIN_LISTEN", value_name = "ADDRESS")]
    pub zipkin_listen: Option<SocketAddr>,

    /// The largest export request, both as sent and after decompression. Larger ones are refused
    /// for good (413, RESOURCE_EXHAUSTED). [default: a quarter of --max-in-flight-bytes, 64MiB at most]
    #[arg(long, env = "SPANDREL_MAX_REQUEST_BYTES")]
    #[arg(value_name = "BYTES", value_parser = parse_bytes)]
    pub max_request_bytes: Option<NonZeroUsize>,

    /// How many bytes of export requests may be in memory at once. Beyond that senders are asked
    /// to come back (503, UNAVAILABLE). [default: a quarter of --memory, 256MiB at most]
    #[arg(long, env = "SPANDREL_MAX_IN_FLIGHT_BYTES")]
    #[arg(value_name = "BYTES", value_parser = parse_bytes)]
    pub max_in_flight_bytes: Option<NonZeroUsize>,

    /// How many export requests may be in memory at once. Beyond that senders are asked to come back.
    #[arg(long, env = "SPANDREL_MAX_IN_FLIGHT_REQUESTS", default_value = "4096")]
    #[arg(value_name = "COUNT")]
    pub max_in_flight_requests: NonZeroUsize,

    /// How many connections each receiver serves at once. For a further one the longest idle is closed; while
    /// all are busy it waits to be accepted.
    #[arg(long, env = "SPANDREL_MAX_OTLP_CONNECTIONS", default_value = "1024")]
    #[arg(value_name = "COUNT")]
    pub max_otlp_connections: NonZeroUsize,

    /// How long a sender may take to send the head of a request, and a connection may be idle
    /// between two requests over HTTP/1.
    #[arg(long, env = "SPANDREL_OTLP_HEADER_TIMEOUT", default_value = "30s")]
    #[arg(value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub otlp_header_timeout: Duration,

    /// How long a sender may take to send the body of a request.
    #[arg(long, env = "SPANDREL_OTLP_BODY_TIMEOUT", default_value = "30s")]
    #[arg(value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub otlp_body_timeout: Duration,

    /// How many bytes a second the body of a request must bring, after the first five seconds. Memory is not
    /// kept for slower senders; they are asked to come back.
    #[arg(long, env = "SPANDREL_OTLP_BODY_RATE_MIN", default_value = "4KiB")]
    #[arg(value_name = "BYTES", value_parser = parse_bytes)]
    pub otlp_body_rate_min: NonZeroUsize,

    /// How long requests in flight may take to finish when the server is told to stop.
    #[arg(long, env = "SPANDREL_SHUTDOWN_GRACE", default_value = "10s")]
    #[arg(value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub shutdown_grace: Duration,

    /// Which web pages may send telemetry from a browser (CORS): `none`, `loopback` (pages served from
    /// this machine), `*`, or a comma-separated list of origins such as `https://shop.example`.
    #[arg(long, env = "SPANDREL_CORS_ORIGIN", default_value = "none")]
    #[arg(value_name = "ORIGINS", value_parser = AllowedOrigins::parse)]
    pub cors_origin: AllowedOrigins,

    /// What a record may hold.
    #[command(flatten)]
    pub record_limits: RecordLimitArgs,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a documented field would head the help of the flags after it"
    )]
    pub redaction: RedactionArgs,
}

/// Checked settings of the OTLP receivers.
#[derive(Debug, Clone)]
pub struct CollectorConfig {
    /// Where OTLP over gRPC is received.
    pub otlp_grpc_listen: SocketAddr,
    /// Where OTLP over HTTP is received.
    pub otlp_http_listen: SocketAddr,
    /// Where Zipkin's reporters send to, if anywhere else.
    pub zipkin_listen: Option<SocketAddr>,
    /// The largest export request, as sent and after decompression.
    pub max_request_bytes: usize,
    /// How many bytes of export requests may be in memory at once; room for three of the largest.
    pub max_in_flight_bytes: usize,
    /// How many export requests may be in memory at once.
    pub max_in_flight_requests: usize,
    /// How many connections each receiver serves at once.
    pub max_connections: usize,
    /// How long the head of a request may take.
    pub header_timeout: Duration,
    /// How long the body of a request may take.
    pub body_timeout: Duration,
    /// How many bytes a second the body of a request must bring.
    pub body_rate_min: usize,
    /// How long requests in flight may take to finish on shutdown.
    pub shutdown_grace: Duration,
    /// Which web pages may send telemetry.
    pub allowed_origins: AllowedOrigins,
    /// What a record may hold.
    pub record_limits: RecordLimits,
    /// What is never kept; none when everything is.
    pub redaction: Option<Arc<Redaction>>,
}

/// Why the collector's arguments do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A request of the largest size could never be admitted, because it needs room for the bytes
    /// as sent and for the decompressed bytes, and one connection never gets the last quarter.
    #[error(
        "--max-in-flight-bytes is {max_in_flight_bytes}, and must be at least three times \
         --max-request-bytes, which is {max_request_bytes}"
    )]
    InFlightTooSmall {
        /// The value of `--max-in-flight-bytes`.
        max_in_flight_bytes: usize,
        /// The value of `--max-request-bytes`.
        max_request_bytes: usize,
    },
    /// No connection ever gets the last place.
    #[error("--max-in-flight-requests must be at least 2")]
    TooFewRequests,
    /// A size is larger than a receiver can count.
    #[error("{flag} is {bytes}, and must be at most {max_bytes}")]
    TooLarge {
        /// The flag with the value.
        flag: &'static str,
        /// Its value.
        bytes: usize,
        /// The largest value it takes.
        max_bytes: usize,
    },
    /// The rules of what is never kept make no sense.
    #[error(transparent)]
    Redaction(#[from] RedactionError),
    /// A timeout of zero would refuse every request.
    #[error("{flag} must not be zero")]
    ZeroTimeout {
        /// The flag with the value.
        flag: &'static str,
    },
}

// gRPC frames carry a 32 bit length, and half of that is far beyond any sensible export request.
const REQUEST_BYTES_MAX: usize = i32::MAX as usize;

/// What OTLP recommends; larger requests are better sent as several.
const REQUEST_BYTES_DEFAULT_MAX: usize = 64 << 20;
/// Where nobody says how much memory there is.
const IN_FLIGHT_BYTES_MAX: usize = 256 << 20;

impl TryFrom<CollectorArgs> for CollectorConfig {
    type Error = ConfigError;

    fn try_from(args: CollectorArgs) -> Result<Self, ConfigError> {
        let in_flight = args.max_in_flight_bytes;
        let max_in_flight_bytes = in_flight.map_or(IN_FLIGHT_BYTES_MAX, NonZeroUsize::get);
        let max_request_bytes = args.max_request_bytes.map_or(
            (max_in_flight_bytes / 4).clamp(1, REQUEST_BYTES_DEFAULT_MAX),
            NonZeroUsize::get,
        );
        at_most("--max-request-bytes", max_request_bytes, REQUEST_BYTES_MAX)?;
        at_most(
            "--max-in-flight-bytes",
            max_in_flight_bytes,
            Semaphore::MAX_PERMITS,
        )?;
        at_most(
            "--max-otlp-connections",
            args.max_otlp_connections.get(),
            Semaphore::MAX_PERMITS,
        )?;
        if args.max_in_flight_requests.get() < 2 {
            return Err(ConfigError::TooFewRequests);
        }
        if max_in_flight_bytes / 3 < max_request_bytes {
            return Err(ConfigError::InFlightTooSmall {
                max_in_flight_bytes,
                max_request_bytes,
            });
        }
        not_zero("--otlp-header-timeout", args.otlp_header_timeout)?;
        not_zero("--otlp-body-timeout", args.otlp_body_timeout)?;
        Ok(Self {
            otlp_grpc_listen: args.otlp_grpc_listen,
            otlp_http_listen: args.otlp_http_listen,
            zipkin_listen: args.zipkin_listen,
            redaction: Redaction::new(&args.redaction)?,
            max_request_bytes,
            max_in_flight_bytes,
            max_in_flight_requests: args.max_in_flight_requests.get(),
            max_connections: args.max_otlp_connections.get(),
            header_timeout: args.otlp_header_timeout,
            body_timeout: args.otlp_body_timeout,
            allowed_origins: args.cors_origin,
            shutdown_grace: args.shutdown_grace,
            body_rate_min: args.otlp_body_rate_min.get(),
            record_limits: args.record_limits.into(),
        })
    }
}

fn at_most(flag: &'static str, bytes: usize, max_bytes: usize) -> Result<(), ConfigError> {
    if bytes > max_bytes {
        return Err(ConfigError::TooLarge {
            flag,
            bytes,
            max_bytes,
        });
    }
    Ok(())
}

fn not_zero(flag: &'static str, timeout: Duration) -> Result<(), ConfigError> {
    if timeout.is_zero() {
        return Err(ConfigError::ZeroTimeout { flag });
    }
    Ok(())
}

/// A size that also counts bytes in memory.
pub(crate) fn parse_bytes(text: &str) -> Result<NonZeroUsize, ByteSizeError> {
    NonZeroUsize::try_from(parse_byte_size(text)?).map_err(|_| ByteSizeError::TooLarge)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: CollectorArgs,
    }

    fn config(arguments: &[&str]) -> Result<CollectorConfig, ConfigError> {
        let arguments = ["test"].iter().chain(arguments);
        CollectorConfig::try_from(Cli::parse_from(arguments).args)
    }

    fn parse_error(arguments: &[&str]) -> String {
        Cli::try_parse_from(["test"].iter().chain(arguments))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn defaults_are_valid() {
        let config = config(&[]).unwrap();

        assert_eq!(config.otlp_grpc_listen.to_string(), "127.0.0.1:4317");
        assert_eq!(config.otlp_http_listen.to_string(), "127.0.0.1:4318");
        assert_eq!(config.zipkin_listen, None);
        assert_eq!(config.max_request_bytes, 64 * 1024 * 1024);
        assert_eq!(config.max_in_flight_bytes, 256 * 1024 * 1024);
        assert_eq!(config.max_connections, 1024);
        assert_eq!(config.header_timeout, Duration::from_secs(30));
        assert_eq!(config.body_timeout, Duration::from_secs(30));
        assert_eq!(config.allowed_origins, AllowedOrigins::None);
    }

    #[test]
    fn zero_is_rejected() {
        assert!(parse_error(&["--max-request-bytes", "0"]).contains("must not be zero"));
        assert!(parse_error(&["--max-in-flight-bytes", "0KiB"]).contains("must not be zero"));
        assert!(parse_error(&["--max-otlp-connections", "0"]).contains("non-zero"));
        assert_eq!(
            config(&["--otlp-body-timeout", "0s"]).unwrap_err(),
            ConfigError::ZeroTimeout {
                flag: "--otlp-body-timeout"
            }
        );
        assert_eq!(
            config(&["--otlp-header-timeout", "0s"]).unwrap_err(),
            ConfigError::ZeroTimeout {
                flag: "--otlp-header-timeout"
            }
        );
    }

    #[test]
    fn in_flight_limit_must_hold_a_request_as_sent_and_decompressed_in_the_share_of_a_connection() {
        let error = config(&[
            "--max-request-bytes",
            "64MiB",
            "--max-in-flight-bytes",
            "191MiB",
        ])
        .unwrap_err();

        assert_eq!(
            error,
            ConfigError::InFlightTooSmall {
                max_in_flight_bytes: 191 << 20,
                max_request_bytes: 64 << 20
            }
        );
        assert_eq!(
            config(&[
                "--max-request-bytes",
                "64MiB",
                "--max-in-flight-bytes",
                "192MiB"
            ])
            .unwrap()
            .max_in_flight_bytes,
            192 << 20
        );
    }

    #[test]
    fn one_place_for_requests_is_none() {
        let error = config(&["--max-in-flight-requests", "1"]).unwrap_err();
        assert_eq!(error, ConfigError::TooFewRequests);
        assert!(config(&["--max-in-flight-requests", "2"]).is_ok());
    }

    #[test]
    fn a_request_limit_beyond_what_a_frame_can_say_is_rejected() {
        let error = config(&[
            "--max-request-bytes",
            "2GiB",
            "--max-in-flight-bytes",
            "8GiB",
        ])
        .unwrap_err();

        assert_eq!(
            error,
            ConfigError::TooLarge {
                flag: "--max-request-bytes",
                bytes: 1 << 31,
                max_bytes: (1 << 31) - 1
            }
        );
    }
}
