//! The files of the bundle in the forms they are sent in, and the rule which path gets which.

use axum::body::Body;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::Write;

#[derive(RustEmbed)]
#[folder = "dist"]
struct Dist;

const INDEX: &str = "index.html";

/// Paths that are never answered with the page: APIs, assets and health routes. An unknown path below them is a
/// mistake that the caller must see.
const RESERVED: [&str; 10] = [
    "/api", "/v1", "/assets", "/jaeger", "/tempo", "/loki", "/zipkin", "/healthz", "/readyz",
    "/metrics",
];

/// One file: as it is and, where that is shorter, as gzip.
struct Asset {
    content_type: &'static str,
    /// Hex of the content's SHA-256.
    digest: String,
    plain: Bytes,
    gzip: Option<Bytes>,
}

/// All files, and the policy that the page is sent with.
pub(crate) struct Site {
    assets: HashMap<String, Asset>,
    policy: String,
}

impl Site {
    /// Takes the files that were embedded at build time and compresses them.
    pub(crate) fn embedded() -> Self {
        let assets: HashMap<String, Asset> = Dist::iter()
            // Dot files are for the build, not for browsers.
            .filter(|path| !path.starts_with('.'))
            .filter_map(|path| {
                Some((
                    path.to_string(),
                    Asset::new(&path, Dist::get(&path)?.data.into_owned()),
                ))
            })
            .collect();
        let page = assets
            .get(INDEX)
            .map(|page| page.plain.clone())
            .unwrap_or_default();
        Self {
            policy: content_security_policy(&String::from_utf8_lossy(&page)),
            assets,
        }
    }

    /// The answer to a request that no other route took.
    pub(crate) fn answer(&self, method: &Method, path: &str, headers: &HeaderMap) -> Response {
        let name = match path.trim_start_matches('/') {
            "" => INDEX,
            name => name,
        };
        let asset = match self.assets.get(name) {
            Some(asset) => Some(asset),
            None if is_reserved(path) || !accepts_html(headers) => None,
            None => self.assets.get(INDEX),
        };
        let Some(asset) = asset else {
            return plain(StatusCode::NOT_FOUND, "not found\n");
        };
        if method != Method::GET && method != Method::HEAD {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
            response
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        self.send(asset, method, headers)
    }

    fn send(&self, asset: &Asset, method: &Method, headers: &HeaderMap) -> Response {
        let (body, encoding) = match &asset.gzip {
            Some(gzip) if accepts_gzip(headers) => (gzip, Some("gzip")),
            _ => (&asset.plain, None),
        };
        // Two encodings are two representations: a strong ETag must tell them apart.
        let etag = match encoding {
            Some(encoding) => format!("\"{}-{encoding}\"", asset.digest),
            None => format!("\"{}\"", asset.digest),
        };
        let unchanged = matches_etag(headers, &etag);
        let mut response = Response::new(Body::empty());
        if unchanged {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else if method == Method::GET {
            *response.body_mut() = Body::from(body.clone());
        }
        let out = response.headers_mut();
        insert(out, ETAG, &etag);
        out.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        out.insert(VARY, HeaderValue::from_static("accept-encoding"));
        out.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        out.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        if asset.content_type.starts_with("text/html") {
            insert(out, CONTENT_SECURITY_POLICY, &self.policy);
        }
        if !unchanged {
            out.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
            out.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
            if let Some(encoding) = encoding {
                out.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
            }
        }
        response
    }
}

impl Asset {
    fn new(path: &str, content: Vec<u8>) -> Self {
        let digest = Sha256::digest(&content)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let gzip = compress(&content).filter(|gzip| gzip.len() < content.len());
        Self {
            content_type: content_type(path),
            digest,
            plain: Bytes::from(content),
            gzip: gzip.map(Bytes::from),
        }
    }
}

/// Writing to memory does not fail; if it ever did, the file would still be served uncompressed.
fn compress(content: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder
        .write_all(content)
        .and_then(|()| encoder.finish())
        .ok()
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Everything from this server and nothing from elsewhere; inline scripts only by the hash of what is embedded.
fn content_security_policy(page: &str) -> String {
    let hashes: String = inline_scripts(page)
        .map(|script| {
            format!(
                " 'sha256-{}'",
                STANDARD.encode(Sha256::digest(script.as_bytes()))
            )
        })
        .collect();
    format!(
        "default-src 'self'; script-src 'self'{hashes}; object-src 'none'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'self'"
    )
}

/// The texts of the scripts without attributes: those with a `src` are covered by `'self'`.
fn inline_scripts(page: &str) -> impl Iterator<Item = &str> {
    page.split("<script>")
        .skip(1)
        .filter_map(|rest| rest.split_once("</script>").map(|(script, _)| script))
}

fn is_reserved(path: &str) -> bool {
    RESERVED.iter().any(|prefix| {
        path.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Only an explicit wish counts: `*/*` is what scripts and images ask with.
fn accepts_html(headers: &HeaderMap) -> bool {
    list(headers, &ACCEPT).any(|(value, quality)| value == "text/html" && quality > 0.0)
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let mut any = false;
    for (value, quality) in list(headers, &ACCEPT_ENCODING) {
        match value {
            "gzip" | "x-gzip" => return quality > 0.0,
            "*" => any = quality > 0.0,
            _ => {}
        }
    }
    any
}

/// The elements of a comma-separated header with their qualities.
fn list<'a>(
    headers: &'a HeaderMap,
    name: &'a http::HeaderName,
) -> impl Iterator<Item = (&'a str, f32)> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|element| {
            let (value, parameters) = element.split_once(';').unwrap_or((element, ""));
            let quality = parameters
                .split(';')
                .find_map(|parameter| parameter.trim().strip_prefix("q="))
                .and_then(|quality| quality.parse().ok())
                .unwrap_or(1.0);
            (value.trim(), quality)
        })
}

/// `If-None-Match` compares weakly, as RFC 9110 asks.
fn matches_etag(headers: &HeaderMap, etag: &str) -> bool {
    list(headers, &IF_NONE_MATCH)
        .any(|(value, _)| value == "*" || value.strip_prefix("W/").unwrap_or(value) == etag)
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let out = response.headers_mut();
    out.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    out.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn insert(headers: &mut HeaderMap, name: http::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests;
