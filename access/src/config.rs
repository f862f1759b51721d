//! Settings of who may connect: flags and their environment twins.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;
use http::HeaderName;

use crate::hosts::AllowedHosts;
use crate::secret::Secret;

/// The arguments of who may connect.
#[derive(Clone, Args)]
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

    /// A file of tokens, one of which senders must show: lines of `NAME:sha256:HEX`, as `spandrel token
    /// new NAME` makes them. Read again when it changes
    #[arg(long, env = "SPANDREL_INGEST_TOKEN_FILE", value_name = "FILE")]
    pub ingest_token_file: Option<PathBuf>,

    /// Such a token itself, as its hash; may be given more than once, or comma-separated
    #[arg(
        long,
        env = "SPANDREL_INGEST_TOKEN",
        value_name = "NAME:sha256:HEX",
        value_delimiter = ',',
        hide_env_values = true,
        conflicts_with = "ingest_token_file"
    )]
    pub ingest_token: Vec<Secret>,

    /// The header or gRPC metadata that holds the token: `authorization` holds `Bearer TOKEN`, any
    /// other the token alone or that
    #[arg(
        long,
        env = "SPANDREL_INGEST_TOKEN_HEADER",
        value_name = "NAME",
        default_value = "authorization"
    )]
    pub ingest_token_header: HeaderName,

    /// The certificate of this server and those that vouch for it, as PEM: every port then speaks TLS.
    /// Read again when it changes
    #[arg(
        long,
        env = "SPANDREL_TLS_CERT",
        value_name = "FILE",
        requires = "tls_key"
    )]
    pub tls_cert: Option<PathBuf>,

    /// The private key of the certificate, as PEM
    #[arg(
        long,
        env = "SPANDREL_TLS_KEY",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    pub tls_key: Option<PathBuf>,

    /// Certificates of authorities, as PEM: senders have to show a certificate of one of them
    #[arg(
        long,
        env = "SPANDREL_TLS_CLIENT_CA",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    pub tls_client_ca: Option<PathBuf>,
}

impl AccessArgs {
    /// Whether anybody reaches a port by plain HTTP and without showing who they are.
    pub fn is_plain(&self) -> bool {
        self.ingest_token_file.is_none() && self.ingest_token.is_empty() && self.tls_cert.is_none()
    }
}

impl fmt::Debug for AccessArgs {
    // Without the tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessArgs")
            .field("allowed_hosts", &self.allowed_hosts)
            .field("insecure_listen", &self.insecure_listen)
            .field("ingest_token_file", &self.ingest_token_file)
            .field("tls_cert", &self.tls_cert)
            .field("tls_client_ca", &self.tls_client_ca)
            .finish_non_exhaustive()
    }
}
