//! A door to the outside: a socket that listens, and the guard that asks who comes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http::Request;
use tokio::net::TcpListener;

use crate::hosts::{AllowedHosts, ForbiddenHost, HostCheck};
use crate::metrics::{Reason, Turned};

/// A socket that listens, and who may come through it.
#[derive(Debug)]
pub struct Door {
    /// Where connections arrive.
    pub listener: TcpListener,
    /// What every request has to be shown to.
    pub guard: Arc<Guard>,
}

impl Door {
    /// Where it listens.
    ///
    /// # Errors
    /// When the socket is not bound.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl From<TcpListener> for Door {
    /// A door for loopback names and IP addresses, that asks nothing else.
    fn from(listener: TcpListener) -> Self {
        let guard = Arc::new(Guard::new("", AllowedHosts::default()));
        Self { listener, guard }
    }
}

/// Asks who comes through one door, and counts whom it turns away.
#[derive(Debug)]
pub struct Guard {
    name: &'static str,
    hosts: HostCheck,
    turned: Turned,
}

impl Guard {
    pub(crate) fn new(name: &'static str, allowed_hosts: AllowedHosts) -> Self {
        Self {
            name,
            hosts: HostCheck::new(allowed_hosts),
            turned: Turned::default(),
        }
    }

    /// Whether a request is for a name of this server. To be asked before anything else is done with it.
    ///
    /// # Errors
    /// When it is not.
    pub fn check_host<B>(&self, request: &Request<B>) -> Result<(), ForbiddenHost> {
        self.hosts
            .check(request)
            .inspect_err(|_| self.turned.count(Reason::Host))
    }

    /// The label of this door in metrics.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Whom it turned away.
    pub(crate) fn turned(&self) -> &Turned {
        &self.turned
    }
}
