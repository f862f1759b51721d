//! Decides which web pages may send telemetry from a browser (CORS). Pure, but for the layer it builds.
//!
//! Every OTLP content type makes a browser ask first (a preflight), so a page whose origin is not
//! allowed here cannot write anything.

use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Uri};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

// Browsers cap this themselves; an hour spares a busy page one extra request for each export.
const PREFLIGHT_AGE_MAX: Duration = Duration::from_secs(3600);

/// The origins whose pages may send telemetry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// No page may.
    None,
    /// Pages served from this machine may: `localhost`, 127.0.0.1 and ::1, on any port.
    Loopback,
    /// Every page may.
    Any,
    /// Pages of exactly these origins may.
    Listed(Vec<HeaderValue>),
}

impl AllowedOrigins {
    /// Reads `none`, `loopback`, `*` or a comma-separated list of origins.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.trim() {
            "none" => Ok(Self::None),
            "loopback" => Ok(Self::Loopback),
            "*" => Ok(Self::Any),
            list => list
                .split(',')
                .map(parse_origin)
                .collect::<Result<_, _>>()
                .map(Self::Listed),
        }
    }

    /// The layer that answers preflights and marks answers; `None` when no page may send.
    ///
    /// A browser sends with credentials when a page is closed (`sendBeacon` knows no other way), which it only
    /// does where they are allowed. They are never allowed to every page.
    pub(crate) fn layer(&self) -> Option<CorsLayer> {
        let (origins, has_credentials) = match self {
            Self::None => return None,
            Self::Loopback => (
                AllowOrigin::predicate(|origin, _| is_loopback(origin)),
                true,
            ),
            Self::Any => (AllowOrigin::any(), false),
            Self::Listed(origins) => (AllowOrigin::list(origins.iter().cloned()), true),
        };
        let layer = CorsLayer::new()
            .allow_origin(origins)
            .allow_credentials(has_credentials)
            .allow_methods([Method::POST])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers([CONTENT_TYPE, RETRY_AFTER])
            .max_age(PREFLIGHT_AGE_MAX);
        Some(layer)
    }
}

fn parse_origin(text: &str) -> Result<HeaderValue, String> {
    let text = text.trim();
    let invalid =
        || format!("{text:?} is not an origin, expected for example https://shop.example");
    let uri: Uri = text.parse().map_err(|_| invalid())?;
    // An Origin header is scheme, host and port alone; anything more could never match.
    let is_origin = uri.scheme().is_some()
        && uri.authority().is_some()
        && !text.ends_with('/')
        && uri.path() == "/"
        && uri.query().is_none();
    if !is_origin {
        return Err(invalid());
    }
    HeaderValue::from_str(text).map_err(|_| invalid())
}

fn is_loopback(origin: &HeaderValue) -> bool {
    let Some(uri) = origin
        .to_str()
        .ok()
        .and_then(|text| text.parse::<Uri>().ok())
    else {
        return false;
    };
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    is_web && matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback(origin: &str) -> bool {
        is_loopback(&HeaderValue::from_str(origin).unwrap())
    }

    #[test]
    fn only_pages_of_this_machine_are_loopback() {
        assert!(loopback("http://localhost:5173"));
        assert!(loopback("https://127.0.0.1"));
        assert!(loopback("http://[::1]:8080"));
        assert!(!loopback("http://localhost.evil.example"));
        assert!(!loopback("https://shop.example"));
        assert!(!loopback("null"));
        assert!(!loopback("file://localhost"));
    }

    #[test]
    fn origins_are_named_or_listed() {
        assert_eq!(AllowedOrigins::parse("none"), Ok(AllowedOrigins::None));
        assert_eq!(AllowedOrigins::parse("*"), Ok(AllowedOrigins::Any));
        assert_eq!(
            AllowedOrigins::parse("https://a.example, http://b.example:8080"),
            Ok(AllowedOrigins::Listed(vec![
                HeaderValue::from_static("https://a.example"),
                HeaderValue::from_static("http://b.example:8080"),
            ]))
        );
    }

    #[test]
    fn what_could_never_match_an_origin_header_is_rejected() {
        for text in [
            "shop.example",
            "https://shop.example/",
            "https://shop.example/x",
            "",
            "a,b",
        ] {
            let message = AllowedOrigins::parse(text).unwrap_err();
            assert!(message.contains("is not an origin"), "{text}: {message}");
        }
    }
}
