//! Opens the doors. Refuses to open one to other machines where nobody is asked who they are.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::config::AccessArgs;
use crate::door::{Door, Guard, TokenCheck};
use crate::hosts::AllowedHosts;
use crate::live::{FileError, Live, Watched};
use crate::metrics;
use crate::tls::{TlsConfigs, TlsFiles};
use crate::tokens::{TokenError, Tokens};

/// How often files are looked at. A change takes two looks.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What those who come through a door may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Send telemetry.
    Send,
    /// Read everything.
    Read,
}

/// Where a door is to be, and what for.
#[derive(Debug, Clone, Copy)]
pub struct Address {
    /// The flag that says where to listen.
    pub flag: &'static str,
    /// The label of the door in metrics.
    pub name: &'static str,
    /// Where to listen.
    pub address: SocketAddr,
    /// What the door is for.
    pub purpose: Purpose,
}

/// Why a door does not open.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Other machines could send.
    #[error(
        "{flag} {address} lets other machines send, and none is asked who it is; give \
         --ingest-token-file or --tls-client-ca, listen on 127.0.0.1, or accept it with \
         --insecure-listen (SPANDREL_INSECURE_LISTEN)"
    )]
    OpenToSenders {
        /// The flag that says where to listen.
        flag: &'static str,
        /// Its value.
        address: SocketAddr,
    },
    /// Other machines could read.
    #[error(
        "{flag} {address} lets other machines read everything, and reading has no login yet; listen on \
         127.0.0.1 behind a proxy that asks for one, or accept it with --insecure-listen \
         (SPANDREL_INSECURE_LISTEN)"
    )]
    OpenToReaders {
        /// The flag that says where to listen.
        flag: &'static str,
        /// Its value.
        address: SocketAddr,
    },
    /// A file with tokens or keys is of no use.
    #[error(transparent)]
    File(#[from] FileError),
    /// A token of the command line is of no use.
    #[error("cannot use --ingest-token")]
    Token(#[from] TokenError),
    /// The system does not let us listen there.
    #[error("cannot listen on {address}; choose another address with {flag} or {variable}")]
    Listen {
        /// Where it was tried.
        address: SocketAddr,
        /// The flag that says where to listen.
        flag: &'static str,
        /// Its environment twin.
        variable: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Who may connect, and the doors that were opened by it.
#[derive(Debug)]
pub struct Access {
    allowed_hosts: AllowedHosts,
    is_insecure: bool,
    tokens: Option<TokenCheck>,
    tls: Option<Arc<Live<TlsConfigs>>>,
    asks_certificates: bool,
    guards: Mutex<Vec<Arc<Guard>>>,
}

impl TryFrom<AccessArgs> for Access {
    type Error = AccessError;

    fn try_from(args: AccessArgs) -> Result<Self, AccessError> {
        let tokens = match args.ingest_token_file {
            Some(path) => Some(Live::open("ingest_tokens", vec![path], |contents| {
                let text = String::from_utf8(contents.concat())?;
                Ok(Tokens::from_file(&text)?)
            })?),
            None if args.ingest_token.is_empty() => None,
            None => Some(Live::fixed(Tokens::from_list(&args.ingest_token)?)),
        };
        let tokens = tokens.map(|tokens| TokenCheck {
            header: args.ingest_token_header,
            tokens: Arc::new(tokens),
        });
        let asks_certificates = args.tls_client_ca.is_some();
        let tls = match (args.tls_cert, args.tls_key) {
            (Some(certificates), Some(key)) => {
                let client_authorities = args.tls_client_ca;
                Some(Arc::new(TlsConfigs::open(TlsFiles {
                    certificates,
                    key,
                    client_authorities,
                })?))
            }
            _ => None,
        };
        Ok(Self {
            allowed_hosts: args.allowed_hosts.unwrap_or_default(),
            is_insecure: args.insecure_listen,
            tokens,
            tls,
            asks_certificates,
            guards: Mutex::default(),
        })
    }
}

impl Access {
    /// Opens a door. Every door of the server is opened here, so that none is forgotten.
    ///
    /// # Errors
    /// When it would be open to machines that are not asked who they are, or the address is busy.
    pub async fn open(&self, at: Address) -> Result<Door, AccessError> {
        self.check_exposure(at)?;
        let listening = TcpListener::bind(at.address).await;
        let listener = listening.map_err(|source| AccessError::Listen {
            address: at.address,
            flag: at.flag,
            variable: variable(at.flag),
            source,
        })?;
        let tokens = match at.purpose {
            Purpose::Send => self.tokens.clone(),
            Purpose::Read => None,
        };
        let guard = Guard::new(at.name, at.purpose, self.allowed_hosts.clone())
            .with_tokens(tokens)
            .with_tls(self.tls.clone());
        let guard = Arc::new(guard);
        self.guards.lock().push(Arc::clone(&guard));
        Ok(Door { listener, guard })
    }

    /// Whether connections are encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether senders have to show a token.
    pub fn needs_token(&self) -> bool {
        self.tokens.is_some()
    }

    /// Appends the counters of all doors in the Prometheus text format.
    pub fn render_prometheus(&self, out: &mut String) {
        metrics::render(out, &self.guards.lock(), &self.watched());
    }

    /// Looks after the files of tokens and keys until `shutdown`, and uses what they say when they change.
    pub async fn watch(self: Arc<Self>, shutdown: CancellationToken) {
        let mut ticks = interval(LOOK_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = shutdown.cancelled() => return,
            }
            let watched = self.watched();
            let looked = spawn_blocking(move || watched.iter().for_each(|it| it.look()));
            if let Err(error) = looked.await {
                tracing::error!(%error, "failed to look at the files of tokens and keys");
            }
        }
    }

    fn watched(&self) -> Vec<Arc<dyn Watched>> {
        let tokens = self.tokens.iter();
        let tokens = tokens.map(|it| Arc::clone(&it.tokens) as Arc<dyn Watched>);
        let tls = self.tls.iter();
        let tls = tls.map(|it| Arc::clone(it) as Arc<dyn Watched>);
        tokens.chain(tls).collect()
    }

    fn check_exposure(&self, at: Address) -> Result<(), AccessError> {
        let (flag, address) = (at.flag, at.address);
        if self.is_insecure || address.ip().to_canonical().is_loopback() {
            return Ok(());
        }
        Err(match at.purpose {
            Purpose::Send if self.tokens.is_some() || self.asks_certificates => return Ok(()),
            Purpose::Send => AccessError::OpenToSenders { flag, address },
            Purpose::Read => AccessError::OpenToReaders { flag, address },
        })
    }
}

/// The environment twin of a flag.
fn variable(flag: &str) -> String {
    let name = flag.trim_start_matches('-').replace('-', "_");
    format!("SPANDREL_{}", name.to_uppercase())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::tokens::NewToken;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: AccessArgs,
    }

    fn access(flags: &[&str]) -> Access {
        let cli = Cli::parse_from(["test"].iter().chain(flags));
        Access::try_from(cli.args).unwrap()
    }

    fn at(address: &str, purpose: Purpose) -> Address {
        Address {
            flag: "--http-listen",
            name: "http",
            address: address.parse().unwrap(),
            purpose,
        }
    }

    fn refusal(address: &str, purpose: Purpose) -> Option<String> {
        let checked = access(&[]).check_exposure(at(address, purpose));
        checked.err().map(|error| error.to_string())
    }

    #[test]
    fn loopback_is_open_to_this_machine_only_and_needs_no_leave() {
        for address in [
            "127.0.0.1:4319",
            "127.3.2.1:0",
            "[::1]:4319",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert_eq!(refusal(address, Purpose::Read), None);
            assert_eq!(refusal(address, Purpose::Send), None);
        }
    }

    #[test]
    fn other_addresses_are_refused_with_the_flag_that_would_accept_them() {
        for address in [
            "0.0.0.0:4319",
            "192.0.2.7:4319",
            "[::]:4319",
            "[2001:db8::7]:1",
        ] {
            for purpose in [Purpose::Read, Purpose::Send] {
                let said = refusal(address, purpose).unwrap();
                assert!(
                    said.starts_with(&format!("--http-listen {address} lets")),
                    "{said}"
                );
                assert!(said.contains("--insecure-listen"), "{said}");
            }
        }
    }

    #[test]
    fn whoever_accepts_it_may_listen_anywhere() {
        let access = access(&["--insecure-listen"]);

        for purpose in [Purpose::Read, Purpose::Send] {
            access.check_exposure(at("0.0.0.0:4319", purpose)).unwrap();
        }
    }

    #[tokio::test]
    async fn doors_count_whom_they_turn_away() {
        let access = access(&[]);
        let door = access.open(at("127.0.0.1:0", Purpose::Read)).await.unwrap();
        let request = http::Request::get("/").header("host", "evil.example");

        door.guard
            .check_host(&request.body(()).unwrap())
            .unwrap_err();

        let mut text = String::new();
        access.render_prometheus(&mut text);
        let line = "spandrel_access_turned_away_total{door=\"http\",reason=\"host\"} 1";
        assert!(text.lines().any(|it| it == line), "{text}");
    }

    #[test]
    fn with_tokens_others_may_send_and_still_not_read() {
        let line = NewToken::generate("shop").unwrap().line;
        let access = access(&["--ingest-token", &line]);

        access
            .check_exposure(at("0.0.0.0:4317", Purpose::Send))
            .unwrap();
        access
            .check_exposure(at("0.0.0.0:4319", Purpose::Read))
            .unwrap_err();
    }

    #[test]
    fn neither_arguments_nor_errors_show_what_was_given_as_a_token() {
        let cli = Cli::parse_from(["test", "--ingest-token", "hunter2"]);
        assert!(!format!("{cli:?}").contains("hunter2"));

        let error = Access::try_from(cli.args).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("hunter2"));
    }
}
