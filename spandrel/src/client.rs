//! Connections of the commands that talk to a server: plain, or encrypted where its address says `https`.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use clap::Args;
use http::Uri;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Where systems keep the certificates of those they trust.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// How a command that talks to a server by `https` knows it, and is known to it.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ClientTlsArgs {
    /// Certificates (PEM) of who vouches for a server whose address begins with https://; those that this system
    /// trusts unless it is given
    #[arg(long, env = "SPANDREL_CLIENT_TLS_CA", value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// The certificate (PEM) to show to a server that asks for one (--tls-client-ca there)
    #[arg(long, env = "SPANDREL_CLIENT_TLS_CERT", value_name = "FILE")]
    #[arg(requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key (PEM) of --tls-cert
    #[arg(long, env = "SPANDREL_CLIENT_TLS_KEY", value_name = "FILE")]
    #[arg(requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

/// A client of servers.
pub(crate) type Client<B> = legacy::Client<Connector, B>;

impl ClientTlsArgs {
    /// A client for a server at this address.
    ///
    /// # Errors
    /// When the address asks for encryption and a file for it cannot be used.
    pub(crate) fn client<B>(&self, address: &Uri) -> Result<Client<B>>
    where
        B: hyper::body::Body<Data = Bytes> + Send,
    {
        let tls = if is_https(address) {
            Some(TlsConnector::from(Arc::new(self.config()?)))
        } else {
            None
        };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = Connector { tcp, tls };
        Ok(legacy::Client::builder(TokioExecutor::new()).build(connector))
    }

    fn config(&self) -> Result<ClientConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(self.roots()?);
        match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                let chain = certificates(certificate)?;
                let private = PrivateKeyDer::from_pem_file(key).with_context(|| {
                    format!("no private key can be read from {}", key.display())
                })?;
                let config = builder.with_client_auth_cert(chain, private);
                config.with_context(|| format!("cannot show {}", certificate.display()))
            }
            _ => Ok(builder.with_no_client_auth()),
        }
    }

    fn roots(&self) -> Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        if let Some(file) = &self.tls_ca {
            for authority in certificates(file)? {
                let added = roots.add(authority);
                added.with_context(|| format!("{} vouches for nobody", file.display()))?;
            }
            return Ok(roots);
        }
        let system = SYSTEM_BUNDLES.iter().map(Path::new);
        let bundle = system
            .into_iter()
            .find(|it| it.exists())
            .context("this system has no list of who it trusts; name one with --tls-ca")?;
        // Such lists hold some that are too old to be understood.
        roots.add_parsable_certificates(certificates(bundle)?);
        Ok(roots)
    }
}

/// Whether the address asks for encryption.
pub(crate) fn is_https(address: &Uri) -> bool {
    address.scheme() == Some(&http::uri::Scheme::HTTPS)
}

/// The address of a server, as people write it.
///
/// # Errors
/// When it is none.
pub(crate) fn parse_base(text: &str) -> Result<String, String> {
    let base = text.trim_end_matches('/');
    let uri: Uri = base.parse().map_err(|error| format!("{error}"))?;
    let is_known = matches!(uri.scheme_str(), Some("http" | "https"));
    if !is_known || uri.host().is_none_or(str::is_empty) {
        return Err("must begin with http:// or https://".to_owned());
    }
    Ok(base.to_owned())
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let unreadable = || format!("no certificate can be read from {}", file.display());
    let certificates: Vec<_> = CertificateDer::pem_file_iter(file)
        .with_context(unreadable)?
        .collect::<Result<_, _>>()
        .with_context(unreadable)?;
    ensure!(
        !certificates.is_empty(),
        "there is no certificate in {}",
        file.display()
    );
    Ok(certificates)
}

/// Connects to servers.
#[derive(Clone)]
pub(crate) struct Connector {
    tcp: HttpConnector,
    /// None where connections are not encrypted.
    tls: Option<TlsConnector>,
}

type Connecting = Pin<Box<dyn Future<Output = Result<TokioIo<Stream>>> + Send>>;

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = anyhow::Error;
    type Future = Connecting;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.tcp.poll_ready(context).map_err(anyhow::Error::from)
    }

    fn call(&mut self, address: Uri) -> Connecting {
        let tls = self.tls.clone().filter(|_| is_https(&address));
        let connecting = self.tcp.call(address.clone());
        Box::pin(async move {
            let tcp = connecting.await?.into_inner();
            let Some(tls) = tls else {
                return Ok(TokioIo::new(Stream::Plain(tcp)));
            };
            let host = address.host().unwrap_or_default();
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let name = ServerName::try_from(host.to_owned())
                .with_context(|| format!("{host} is no name of a server"))?;
            let encrypted = tls.connect(name, tcp).await;
            let encrypted = encrypted.context("cannot agree on encryption with the server")?;
            Ok(TokioIo::new(Stream::Encrypted(Box::new(encrypted))))
        })
    }
}

/// A connection to a server.
pub(crate) enum Stream {
    Plain(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Encrypted(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Encrypted(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Encrypted(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Encrypted(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_server_is_one_of_http_or_https() {
        assert_eq!(
            parse_base("https://a.example:4318/"),
            Ok("https://a.example:4318".to_owned())
        );
        for text in ["localhost:4318", "ftp://a", "http://", "a b"] {
            assert!(parse_base(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let args = ClientTlsArgs {
            tls_ca: Some(file.path().to_owned()),
            ..ClientTlsArgs::default()
        };
        let error = args.config().unwrap_err().to_string();
        let expected = format!("there is no certificate in {}", file.path().display());
        assert_eq!(error, expected);
    }
}
