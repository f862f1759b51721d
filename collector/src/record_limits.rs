//! What a record may hold: command line arguments with environment twins.

use std::num::NonZeroUsize;

use clap::Args;
use model::otlp::RecordLimits;

use crate::config::parse_bytes;

/// The arguments that bound records. What is over is left out, counted and marked; the record is kept.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Records")]
pub struct RecordLimitArgs {
    /// How many attributes a record, an event, a link, a resource and a scope may have. Further ones are left
    /// out and counted among its dropped attributes.
    #[arg(long, env = "SPANDREL_MAX_ATTRIBUTES", default_value = "1024")]
    #[arg(value_name = "COUNT")]
    pub max_attributes: NonZeroUsize,

    /// How long the value of an attribute, and every other text but the body, may be. Longer ones are cut at a
    /// character, and the attribute spandrel.truncated names them; larger arrays and lists are left out.
    #[arg(long, env = "SPANDREL_MAX_VALUE_BYTES", default_value = "64KiB")]
    #[arg(value_name = "BYTES", value_parser = parse_bytes)]
    pub max_value_bytes: NonZeroUsize,

    /// How long the body of a log record may be; longer ones are cut in the same way.
    #[arg(long, env = "SPANDREL_MAX_LOG_BODY_BYTES", default_value = "1MiB")]
    #[arg(value_name = "BYTES", value_parser = parse_bytes)]
    pub max_log_body_bytes: NonZeroUsize,

    /// How many events a span may have; further ones are left out and counted among its dropped events.
    #[arg(long, env = "SPANDREL_MAX_SPAN_EVENTS", default_value = "4096")]
    #[arg(value_name = "COUNT")]
    pub max_span_events: NonZeroUsize,

    /// How many links a span may have; further ones are left out and counted among its dropped links.
    #[arg(long, env = "SPANDREL_MAX_SPAN_LINKS", default_value = "4096")]
    #[arg(value_name = "COUNT")]
    pub max_span_links: NonZeroUsize,

    /// How large a record, and a resource or scope, may be after all that. Larger records are rejected singly.
    #[arg(long, env = "SPANDREL_MAX_RECORD_BYTES", default_value = "4MiB")]
    #[arg(value_name = "BYTES", value_parser = parse_bytes)]
    pub max_record_bytes: NonZeroUsize,
}

impl From<RecordLimitArgs> for RecordLimits {
    fn from(args: RecordLimitArgs) -> Self {
        Self {
            attributes: args.max_attributes.get(),
            value_bytes: args.max_value_bytes.get(),
            body_bytes: args.max_log_body_bytes.get(),
            events: args.max_span_events.get(),
            links: args.max_span_links.get(),
            record_bytes: args.max_record_bytes.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: RecordLimitArgs,
    }

    #[test]
    fn the_defaults_are_those_of_the_decoder() {
        let cli = Cli::parse_from(["test"]);
        assert_eq!(RecordLimits::from(cli.args), RecordLimits::default());
    }

    #[test]
    fn zero_is_rejected() {
        for flag in [
            "--max-attributes",
            "--max-value-bytes",
            "--max-log-body-bytes",
            "--max-span-events",
            "--max-span-links",
            "--max-record-bytes",
        ] {
            assert!(Cli::try_parse_from(["test", flag, "0"]).is_err(), "{flag}");
        }
    }
}
