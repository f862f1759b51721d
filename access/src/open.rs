//! Opens the doors. Refuses to open one to other machines where nobody is asked who they are.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::net::TcpListener;

use crate::config::AccessArgs;
use crate::door::{Door, Guard};
use crate::hosts::AllowedHosts;
use crate::metrics;

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
        "{flag} {address} lets other machines send, and none is asked who it is; listen on 127.0.0.1, \
         or accept it with --insecure-listen (SPANDREL_INSECURE_LISTEN)"
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
    guards: Mutex<Vec<Arc<Guard>>>,
}

impl From<AccessArgs> for Access {
    fn from(args: AccessArgs) -> Self {
        Self {
            allowed_hosts: args.allowed_hosts.unwrap_or_default(),
            is_insecure: args.insecure_listen,
            guards: Mutex::default(),
        }
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
        let guard = Arc::new(Guard::new(at.name, self.allowed_hosts.clone()));
        self.guards.lock().push(Arc::clone(&guard));
        Ok(Door { listener, guard })
    }

    /// Appends the counters of all doors in the Prometheus text format.
    pub fn render_prometheus(&self, out: &mut String) {
        metrics::render(out, &self.guards.lock());
    }

    fn check_exposure(&self, at: Address) -> Result<(), AccessError> {
        let (flag, address) = (at.flag, at.address);
        if self.is_insecure || address.ip().to_canonical().is_loopback() {
            return Ok(());
        }
        Err(match at.purpose {
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
    use super::*;

    fn at(address: &str, purpose: Purpose) -> Address {
        Address {
            flag: "--http-listen",
            name: "http",
            address: address.parse().unwrap(),
            purpose,
        }
    }

    fn refusal(address: &str, purpose: Purpose) -> Option<String> {
        let access = Access::from(AccessArgs::default());
        let checked = access.check_exposure(at(address, purpose));
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
        let access = Access::from(AccessArgs {
            insecure_listen: true,
            ..AccessArgs::default()
        });

        for purpose in [Purpose::Read, Purpose::Send] {
            access.check_exposure(at("0.0.0.0:4319", purpose)).unwrap();
        }
    }

    #[tokio::test]
    async fn doors_count_whom_they_turn_away() {
        let access = Access::from(AccessArgs::default());
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
}
