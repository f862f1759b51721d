//! TLS at the doors, and the names in the certificates of senders.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use webpki::EndEntityCert;

use crate::live::{BoxError, FileError, Live};
use crate::open::Purpose;
use crate::tokens::SenderName;

/// What a door offers, best first. Senders of gRPC need HTTP/2; the UI is served over HTTP/1.1 alone.
const SENDERS_ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];
const READERS_ALPN: [&[u8]; 1] = [b"http/1.1"];

/// Where certificates and keys are.
#[derive(Debug)]
pub(crate) struct TlsFiles {
    pub(crate) certificates: PathBuf,
    pub(crate) key: PathBuf,
    /// Whose certificates senders have to show; none when they need not show any.
    pub(crate) client_authorities: Option<PathBuf>,
}

/// How connections are encrypted.
pub(crate) struct TlsConfigs {
    senders: Arc<ServerConfig>,
    readers: Arc<ServerConfig>,
}

impl TlsConfigs {
    /// Reads the files, now and whenever they change.
    pub(crate) fn open(files: TlsFiles) -> Result<Live<Self>, FileError> {
        let paths = [files.certificates, files.key].into_iter();
        let paths = paths.chain(files.client_authorities).collect();
        Live::open("tls", paths, Self::parse)
    }

    fn parse(contents: &[Vec<u8>]) -> Result<Self, BoxError> {
        let [certificates, key, authorities @ ..] = contents else {
            return Err("a certificate and a key belong together".into());
        };
        let chain = certificates_of(certificates)?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| format!("no private key can be read: {error}"))?;
        let roots = match authorities.first() {
            Some(authorities) => Some(roots_of(authorities)?),
            None => None,
        };
        let senders = config(chain.clone(), key.clone_key(), roots, &SENDERS_ALPN)?;
        let readers = config(chain, key, None, &READERS_ALPN)?;
        Ok(Self { senders, readers })
    }

    /// What the door for this purpose offers.
    fn of(&self, purpose: Purpose) -> Arc<ServerConfig> {
        Arc::clone(match purpose {
            Purpose::Send => &self.senders,
            Purpose::Read => &self.readers,
        })
    }
}

fn certificates_of(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, BoxError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err("there is no certificate in it".into()),
        Ok(chain) => Ok(chain),
        Err(error) => Err(format!("no certificate can be read: {error}").into()),
    }
}

fn roots_of(pem: &[u8]) -> Result<RootCertStore, BoxError> {
    let mut roots = RootCertStore::empty();
    for authority in certificates_of(pem)? {
        roots.add(authority)?;
    }
    Ok(roots)
}

fn config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    client_roots: Option<RootCertStore>,
    alpn: &[&[u8]],
) -> Result<Arc<ServerConfig>, BoxError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = match client_roots {
        Some(roots) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build()?)
        }
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(Arc::new(config))
}

/// A connection that came through a door.
#[derive(Debug)]
pub struct Guest {
    /// What is sent and received on it.
    pub stream: Stream,
    /// The name in its certificate, where certificates are asked for.
    pub name: Option<SenderName>,
}

/// A connection, encrypted or not.
#[derive(Debug)]
pub enum Stream {
    /// Not encrypted.
    Plain(TcpStream),
    /// Encrypted.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Agrees with the other side on how to encrypt, as the files say now.
pub(crate) async fn handshake(
    configs: &Live<TlsConfigs>,
    purpose: Purpose,
    stream: TcpStream,
) -> io::Result<Guest> {
    let acceptor = TlsAcceptor::from(configs.current().of(purpose));
    let stream = acceptor.accept(stream).await?;
    let certificates = stream.get_ref().1.peer_certificates();
    let name = certificates.and_then(|chain| name_of(chain.first()?));
    let stream = Stream::Tls(Box::new(stream));
    Ok(Guest { stream, name })
}

/// The first DNS name of a certificate that was verified.
fn name_of(certificate: &CertificateDer<'_>) -> Option<SenderName> {
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    let name = certificate.valid_dns_names().next()?;
    Some(SenderName(Arc::from(name)))
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
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
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    fn pem(names: &[&str]) -> [Vec<u8>; 2] {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        [
            cert.pem().into_bytes(),
            signing_key.serialize_pem().into_bytes(),
        ]
    }

    fn problem(contents: &[Vec<u8>]) -> String {
        let parsed = TlsConfigs::parse(contents);
        parsed.err().unwrap().to_string()
    }

    #[test]
    fn the_first_dns_name_of_a_certificate_is_the_name_of_its_sender() {
        let name = |names: &[&str]| {
            let [certificate, _] = pem(names);
            let certificate = CertificateDer::from_pem_slice(&certificate).unwrap();
            name_of(&certificate).map(|name| name.to_string())
        };
        let names = ["192.0.2.7", "shop.example", "other.example"];
        assert_eq!(name(&names).as_deref(), Some("shop.example"));
        assert_eq!(name(&["192.0.2.7"]), None);
    }

    #[test]
    fn what_does_not_fit_together_is_refused_and_no_key_is_quoted() {
        let ([certificate, key], [_, other]) = (pem(&["a.example"]), pem(&["b.example"]));
        assert!(TlsConfigs::parse(&[certificate.clone(), key.clone()]).is_ok());

        let nothing = b"hunter2".to_vec();
        assert_eq!(
            problem(&[nothing.clone(), key.clone()]),
            "there is no certificate in it"
        );
        assert_eq!(
            problem(&[certificate.clone(), key, nothing.clone()]),
            "there is no certificate in it"
        );
        let said = problem(&[certificate.clone(), nothing]);
        assert!(said.starts_with("no private key can be read"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
        assert!(!problem(&[certificate, other]).is_empty());
    }
}
