//! Decides whether a request is for a name of this server. Pure, but for the log line about a new name.
//!
//! A web page can make its own name point to this machine after it was loaded (DNS rebinding); the
//! browser then takes this server for the page's own and lets the page read what it answers. The name
//! in the request gives it away. An IP address in it cannot be pointed elsewhere, so any is fine.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Request, Uri};
use parking_lot::Mutex;

/// Longest name that DNS has.
const NAME_BYTES_MAX: usize = 253;
/// How many refused names are told to the log. Whoever tries more of them is not mistaken but attacking.
const TOLD_NAMES_MAX: usize = 100;

/// The names by which this server is reached, besides loopback names and IP addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedHosts {
    is_any: bool,
    names: Vec<String>,
    /// Each with its leading dot: `.example` allows every name below `example`.
    suffixes: Vec<String>,
}

/// A request for a name that is none of this server's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{host:?} is not a name of this server; if it is one, start the server with --allowed-hosts \
     (SPANDREL_ALLOWED_HOSTS)"
)]
pub struct ForbiddenHost {
    host: String,
}

impl AllowedHosts {
    /// Reads a comma-separated list of names.
    ///
    /// # Errors
    /// When an item could never be the name in a request.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut hosts = Self::default();
        for item in text.split(',').map(str::trim) {
            let name = item.to_ascii_lowercase();
            match name.strip_prefix('*') {
                None if is_name(&name) => hosts.names.push(name),
                Some("") => hosts.is_any = true,
                Some(suffix) if suffix.strip_prefix('.').is_some_and(is_name) => {
                    hosts.suffixes.push(suffix.to_owned());
                }
                _ => {
                    return Err(format!(
                        "{item:?} is not a name, expected for example spandrel.example (without a port)"
                    ));
                }
            }
        }
        Ok(hosts)
    }

    /// Whether `host`, which has no port, is an address or a name of this server.
    fn allows(&self, host: &str) -> bool {
        if self.is_any || is_address(host) {
            return true;
        }
        let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        name == "localhost"
            || name.ends_with(".localhost")
            || self.names.contains(&name)
            || self.suffixes.iter().any(|it| name.ends_with(it.as_str()))
    }

    /// Checks every place in which a request names its server: the target of the request, which is
    /// where HTTP/2 has it, and the header. A request that names none does not come from a browser.
    fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), ForbiddenHost> {
        if let Some(authority) = uri.authority()
            && !self.allows(authority.host())
        {
            return Err(ForbiddenHost::new(authority.as_str()));
        }
        let mut hosts = headers.get_all(HOST).iter();
        let Some(host) = hosts.next() else {
            return Ok(());
        };
        let authority = Authority::try_from(host.as_bytes());
        let is_allowed = authority.is_ok_and(|it| self.allows(it.host()));
        if !is_allowed || hosts.next().is_some() {
            return Err(ForbiddenHost::new(&String::from_utf8_lossy(
                host.as_bytes(),
            )));
        }
        Ok(())
    }
}

impl ForbiddenHost {
    fn new(host: &str) -> Self {
        Self {
            host: host.chars().take(NAME_BYTES_MAX).collect(),
        }
    }
}

fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    text.len() <= NAME_BYTES_MAX && text.split('.').all(is_label)
}

fn is_address(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => host.parse::<Ipv4Addr>().is_ok(),
    }
}

/// Checks the names in requests, and tells the log of each foreign one once.
#[derive(Debug, Default)]
pub(crate) struct HostCheck {
    allowed: AllowedHosts,
    told: Mutex<BTreeSet<String>>,
}

impl HostCheck {
    pub(crate) fn new(allowed: AllowedHosts) -> Self {
        Self {
            allowed,
            told: Mutex::default(),
        }
    }

    pub(crate) fn check<B>(&self, request: &Request<B>) -> Result<(), ForbiddenHost> {
        let checked = self.allowed.check(request.uri(), request.headers());
        if let Err(forbidden) = &checked
            && self.is_news(&forbidden.host)
        {
            tracing::warn!(
                host = ?forbidden.host,
                "refused a request for a name that is not this server's; if it is one, add it with \
                 --allowed-hosts (told once for each name)"
            );
        }
        checked
    }

    fn is_news(&self, host: &str) -> bool {
        let mut told = self.told.lock();
        told.len() < TOLD_NAMES_MAX && told.insert(host.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(list: &str, host: &str) -> bool {
        AllowedHosts::parse(list).unwrap().allows(host)
    }

    fn check(uri: &str, hosts: &[&str]) -> Result<(), ForbiddenHost> {
        let mut request = Request::builder().uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        HostCheck::default().check(&request.body(()).unwrap())
    }

    #[test]
    fn loopback_names_and_addresses_are_always_allowed() {
        for host in [
            "localhost",
            "LocalHost",
            "localhost.",
            "shop.localhost",
            "127.0.0.1",
            "127.8.9.1",
            "[::1]",
            "192.0.2.7",
            "[2001:db8::7]",
        ] {
            assert!(allows("spandrel.example", host), "{host}");
        }
    }

    #[test]
    fn what_only_looks_like_a_loopback_name_is_not_allowed() {
        for host in [
            "evil.example",
            "localhost.evil.example",
            "evillocalhost",
            "127.0.0.1.evil.example",
            "0x7f000001",
            "127.1",
            "[localhost]",
            "",
        ] {
            assert!(!allows("spandrel.example", host), "{host}");
        }
    }

    #[test]
    fn listed_names_are_allowed_in_any_case_and_wildcards_only_below_their_name() {
        let list = "Spandrel.example, *.internal.example";

        assert!(allows(list, "spandrel.EXAMPLE"));
        assert!(allows(list, "spandrel.example."));
        assert!(allows(list, "a.b.internal.example"));
        assert!(!allows(list, "internal.example"));
        assert!(!allows(list, "evilinternal.example"));
        assert!(!allows(list, "a.spandrel.example"));
        assert!(allows("*", "anything.example"));
    }

    #[test]
    fn what_could_never_be_the_name_in_a_request_is_rejected() {
        for text in [
            "spandrel.example:4319",
            "http://spandrel.example",
            "*spandrel",
            "*.",
            "a,,b",
            "",
        ] {
            let message = AllowedHosts::parse(text).unwrap_err();
            assert!(message.contains("is not a name"), "{text}: {message}");
        }
    }

    #[test]
    fn every_place_that_names_the_server_is_checked() {
        assert!(check("/x", &["localhost:4319"]).is_ok());
        assert!(check("/x", &["[::1]:4319"]).is_ok());
        assert!(
            check("/x", &[]).is_ok(),
            "HTTP/1.0 and health checks name none"
        );
        assert!(check("http://127.0.0.1:4317/x", &[]).is_ok());
        for (uri, hosts) in [
            ("/x", &["evil.example"][..]),
            ("/x", &["evil.example:4319"]),
            ("/x", &["localhost@evil.example"]),
            ("/x", &["localhost", "evil.example"]),
            ("/x", &["localhost", "localhost"]),
            ("/x", &[""]),
            ("http://evil.example/x", &[]),
            ("http://evil.example/x", &["localhost"]),
            ("http://localhost/x", &["evil.example"]),
        ] {
            assert!(check(uri, hosts).is_err(), "{uri} {hosts:?}");
        }
    }

    #[test]
    fn the_refusal_quotes_the_name_safely_and_names_the_flag() {
        let forbidden = check("/x", &["evil.example:80"]).unwrap_err();
        assert_eq!(
            forbidden.to_string(),
            "\"evil.example:80\" is not a name of this server; if it is one, start the server with \
             --allowed-hosts (SPANDREL_ALLOWED_HOSTS)"
        );
        let long = check("/x", &["e".repeat(5000).as_str()]).unwrap_err();
        assert_eq!(long.host.len(), NAME_BYTES_MAX);
    }

    #[test]
    fn each_name_is_told_once_and_not_endlessly_many() {
        let check = HostCheck::default();

        assert!(check.is_news("a.example"));
        assert!(!check.is_news("a.example"));
        for number in 0..TOLD_NAMES_MAX {
            check.is_news(&format!("{number}.example"));
        }
        assert!(!check.is_news("b.example"));
    }
}
