//! Settings of who may connect: flags and their environment twins.

use clap::Args;
use clap::builder::BoolishValueParser;

use crate::hosts::AllowedHosts;

/// The arguments of who may connect.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Access")]
pub struct AccessArgs {
    /// By which names this server is reached, comma-separated: `spandrel.example`, `*.example` for all
    /// names below one, `*` for any. `localhost` and IP addresses always are. Requests for other names
    /// are refused (403): a web page elsewhere may have pointed its own name here
    #[arg(
        long,
        env = "SPANDREL_ALLOWED_HOSTS",
        value_name = "NAMES",
        value_parser = AllowedHosts::parse
    )]
    pub allowed_hosts: Option<AllowedHosts>,

    /// Listen on addresses that other machines reach, although nobody is asked who they are. Without
    /// it the server does not start there
    #[arg(long, env = "SPANDREL_INSECURE_LISTEN", value_parser = BoolishValueParser::new())]
    pub insecure_listen: bool,
}
