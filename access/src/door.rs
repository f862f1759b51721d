//! A door to the outside: a socket that listens, and the guard that asks who comes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, Request};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::hosts::{AllowedHosts, ForbiddenHost, HostCheck};
use crate::live::Live;
use crate::metrics::{Reason, Turned};
use crate::open::Purpose;
use crate::tls::{Guest, Stream, TlsConfigs, handshake};
use crate::tokens::{SenderName, Tokens, Unauthenticated, presented};

/// After a refusal to accept, which mostly means that file handles ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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

    /// What addresses of it begin with: `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.guard.tls.is_some() {
            "https"
        } else {
            "http"
        }
    }
}

/// The next connection. Waits for as long as the system refuses to accept, however long that is: handles come
/// back, and what else the server does must not end meanwhile.
pub async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let mut failures = 0_u64;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if failures > 0 {
                    tracing::info!(failures, "connections are accepted again");
                }
                // Answers must not wait for more to send.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "failed to set TCP_NODELAY");
                }
                return (stream, peer);
            }
            Err(error) => {
                if failures == 0 {
                    tracing::warn!(%error, "failed to accept a connection, trying on");
                }
                failures += 1;
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

impl From<TcpListener> for Door {
    /// A door for loopback names and IP addresses, that asks nothing else.
    fn from(listener: TcpListener) -> Self {
        let guard = Guard::new("", Purpose::Read, AllowedHosts::default());
        let guard = Arc::new(guard);
        Self { listener, guard }
    }
}

/// Asks who comes through one door, and counts whom it turns away.
#[derive(Debug)]
pub struct Guard {
    name: &'static str,
    purpose: Purpose,
    hosts: HostCheck,
    /// None where nobody has to show one.
    tokens: Option<TokenCheck>,
    /// None where connections are not encrypted.
    tls: Option<Arc<Live<TlsConfigs>>>,
    turned: Turned,
}

impl Guard {
    pub(crate) fn new(name: &'static str, purpose: Purpose, allowed_hosts: AllowedHosts) -> Self {
        Self {
            name,
            purpose,
            hosts: HostCheck::new(allowed_hosts),
            tokens: None,
            tls: None,
            turned: Turned::default(),
        }
    }

    /// Also asks for a token, where there are some.
    pub(crate) fn with_tokens(self, tokens: Option<TokenCheck>) -> Self {
        Self { tokens, ..self }
    }

    /// Also encrypts, where it can.
    pub(crate) fn with_tls(self, tls: Option<Arc<Live<TlsConfigs>>>) -> Self {
        Self { tls, ..self }
    }

    /// Lets a connection in: encrypts it where connections are encrypted. Waits for the other side, so the
    /// caller limits the time.
    ///
    /// # Errors
    /// When the other side speaks no TLS, or shows no certificate where one is asked for.
    pub async fn let_in(&self, stream: TcpStream) -> io::Result<Guest> {
        let Some(configs) = &self.tls else {
            let stream = Stream::Plain(stream);
            return Ok(Guest { stream, name: None });
        };
        let shaken = handshake(configs, self.purpose, stream).await;
        if let Err(error) = &shaken
            && self.turned.count(Reason::Handshake) == 0
        {
            tracing::warn!(
                door = self.name,
                %error,
                "turned a connection away that was not encrypted as it has to be (told once; \
                 spandrel_access_turned_away_total counts on)"
            );
        }
        shaken
    }

    /// Whether a request is for a name of this server. To be asked before anything else is done with it.
    ///
    /// # Errors
    /// When it is not.
    pub fn check_host<B>(&self, request: &Request<B>) -> Result<(), ForbiddenHost> {
        self.hosts.check(request).inspect_err(|_| {
            self.turned.count(Reason::Host);
        })
    }

    /// Who sends a request. To be asked before anything of its body is read. `None` where nobody has to
    /// say who they are.
    ///
    /// # Errors
    /// When a token is asked for and the request has none of this server's.
    pub fn identify<B>(&self, request: &Request<B>) -> Result<Option<SenderName>, Unauthenticated> {
        let Some(check) = &self.tokens else {
            return Ok(None);
        };
        let identified = check.identify(request);
        if identified.is_err() && self.turned.count(Reason::Token) == 0 {
            tracing::warn!(
                door = self.name,
                "turned a sender away that has no token of this server (told once; \
                 spandrel_access_turned_away_total counts on)"
            );
        }
        identified.map(Some)
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

/// The tokens that senders have to show one of, and where.
#[derive(Debug, Clone)]
pub(crate) struct TokenCheck {
    pub(crate) header: HeaderName,
    pub(crate) tokens: Arc<Live<Tokens>>,
}

impl TokenCheck {
    fn identify<B>(&self, request: &Request<B>) -> Result<SenderName, Unauthenticated> {
        let token = presented(request.headers(), &self.header)?;
        let known = self.tokens.current();
        known
            .name_of(token)
            .ok_or_else(|| Unauthenticated::Unknown {
                header: self.header.clone(),
            })
    }
}
