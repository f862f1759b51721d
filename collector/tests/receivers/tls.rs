//! TLS at the doors of the receivers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{PATIENCE, Receivers, frame, spans_json, spans_protobuf};

/// An authority, and the files of a server that it vouches for.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: TempDir,
}

/// A certificate and its key, as PEM.
struct Identity {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self {
            issuer,
            dir: tempfile::tempdir().unwrap(),
        };
        std::fs::write(authority.path("ca.pem"), authority.issuer.pem()).unwrap();
        authority.renew();
        authority
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn identity(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> Identity {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// Writes a new certificate of the server.
    fn renew(&self) {
        let server = self.identity("localhost", ExtendedKeyUsagePurpose::ServerAuth);
        std::fs::write(self.path("cert.pem"), server.certificate).unwrap();
        std::fs::write(self.path("key.pem"), server.key).unwrap();
    }

    async fn start(&self, more: &[&str]) -> Receivers {
        let (certificate, key) = (self.path("cert.pem"), self.path("key.pem"));
        let flags = [
            "--tls-cert",
            certificate.to_str().unwrap(),
            "--tls-key",
            key.to_str().unwrap(),
        ];
        Receivers::start_with(&[&flags, more].concat()).await
    }
}

fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

async fn connect(
    address: SocketAddr,
    authority: &Authority,
    identity: Option<&Identity>,
    protocol: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate(&authority.issuer.pem())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match identity {
        Some(identity) => builder
            .with_client_auth_cert(
                vec![certificate(&identity.certificate)],
                PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap(),
            )
            .unwrap(),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let stream = timeout(PATIENCE, connecting).await.unwrap()?;
    assert_eq!(
        stream.get_ref().1.alpn_protocol(),
        Some(protocol.as_bytes())
    );
    Ok(stream)
}

async fn post_text(stream: TlsStream<TcpStream>) -> (StatusCode, String) {
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.unwrap();
    let mut running = JoinSet::new();
    running.spawn(connection);
    let request = Request::post("/v1/traces")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from_static(b"{}")))
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

async fn post_http1(stream: TlsStream<TcpStream>) -> Result<StatusCode, hyper::Error> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let mut running = JoinSet::new();
    running.spawn(connection);
    let request = Request::post("/v1/traces")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(spans_json(&["a"]))))
        .unwrap();
    Ok(sender.send_request(request).await?.status())
}

async fn call_http2(stream: TlsStream<TcpStream>) -> String {
    let io = TokioIo::new(stream);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let mut running = JoinSet::new();
    running.spawn(connection);
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let request = Request::post(format!("https://localhost{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::new(frame(0, &spans_protobuf(&["b"]))))
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let body = answer.into_body().collect().await.unwrap();
    let status = body.trailers().unwrap().get("grpc-status").unwrap();
    status.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn senders_come_encrypted_over_both_transports() {
    let authority = Authority::new();
    let receivers = authority.start(&[]).await;

    let stream = connect(receivers.http, &authority, None, "http/1.1").await;
    assert_eq!(post_http1(stream.unwrap()).await.unwrap(), StatusCode::OK);
    let stream = connect(receivers.grpc, &authority, None, "h2").await;
    assert_eq!(call_http2(stream.unwrap()).await, "0");

    assert_eq!(receivers.span_names(), ["a", "b"]);
}

#[tokio::test]
async fn what_is_no_grpc_call_is_pointed_to_the_encrypted_address_of_the_other_port() {
    let authority = Authority::new();
    let receivers = authority.start(&[]).await;

    let stream = connect(receivers.grpc, &authority, None, "http/1.1").await;
    let (status, text) = post_text(stream.unwrap()).await;

    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let expected = format!("OTLP/HTTP is at https://{}", receivers.http);
    assert!(text.contains(&expected), "{text}");
}

#[tokio::test]
async fn whoever_does_not_speak_tls_is_turned_away_and_others_still_come() {
    let authority = Authority::new();
    let receivers = authority.start(&[]).await;

    let mut plain = TcpStream::connect(receivers.http).await.unwrap();
    let request = b"POST /v1/traces HTTP/1.1\r\nhost: localhost\r\n\r\n";
    plain.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, plain.read_to_end(&mut answer)).await;
    read.unwrap().unwrap();
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    let count = "spandrel_access_turned_away_total{door=\"http\",reason=\"handshake\"}";
    receivers.wait_for_counter(count, 1).await;

    let stream = connect(receivers.http, &authority, None, "http/1.1").await;
    assert_eq!(post_http1(stream.unwrap()).await.unwrap(), StatusCode::OK);
}

#[tokio::test]
async fn a_handshake_that_stalls_is_given_up_and_its_place_is_free_again() {
    let authority = Authority::new();
    let flags = [
        "--max-otlp-connections",
        "1",
        "--otlp-header-timeout",
        "100ms",
    ];
    let receivers = authority.start(&flags).await;
    let _silent = TcpStream::connect(receivers.http).await.unwrap();

    let stream = connect(receivers.http, &authority, None, "http/1.1").await;

    assert_eq!(post_http1(stream.unwrap()).await.unwrap(), StatusCode::OK);
}

#[tokio::test]
async fn only_senders_with_a_certificate_of_the_authority_are_let_in() {
    let (authority, other) = (Authority::new(), Authority::new());
    let ca = authority.path("ca.pem");
    let receivers = authority
        .start(&["--tls-client-ca", ca.to_str().unwrap()])
        .await;
    let client = authority.identity("shop.example", ExtendedKeyUsagePurpose::ClientAuth);
    let stranger = other.identity("shop.example", ExtendedKeyUsagePurpose::ClientAuth);

    let stream = connect(receivers.http, &authority, Some(&client), "http/1.1").await;
    assert_eq!(post_http1(stream.unwrap()).await.unwrap(), StatusCode::OK);
    for identity in [None, Some(&stranger)] {
        // With TLS 1.3 the client learns of it with its first reading.
        let stream = connect(receivers.http, &authority, identity, "http/1.1").await;
        let refused = match stream {
            Ok(stream) => post_http1(stream).await.is_err(),
            Err(_) => true,
        };
        assert!(refused);
    }
    assert_eq!(receivers.span_names(), ["a"]);
}

async fn served_certificate(receivers: &Receivers, authority: &Authority) -> Vec<u8> {
    let stream = connect(receivers.http, authority, None, "http/1.1").await;
    let stream = stream.unwrap();
    let chain = stream.get_ref().1.peer_certificates().unwrap();
    chain[0].to_vec()
}

fn certificate_in(path: &Path) -> Vec<u8> {
    certificate(&std::fs::read_to_string(path).unwrap()).to_vec()
}

#[tokio::test]
async fn a_renewed_certificate_counts_without_a_restart_and_a_broken_one_does_not() {
    let authority = Authority::new();
    let receivers = authority.start(&[]).await;
    let path = authority.path("cert.pem");
    let is_current = "spandrel_access_file_is_current{file=\"tls\"}";
    let first = certificate_in(&path);
    assert_eq!(served_certificate(&receivers, &authority).await, first);

    std::fs::write(&path, "no certificate").unwrap();
    receivers.wait_for_counter(is_current, 0).await;
    assert_eq!(served_certificate(&receivers, &authority).await, first);

    authority.renew();
    receivers.wait_for_counter(is_current, 1).await;
    let second = certificate_in(&path);
    assert_ne!(second, first);
    assert_eq!(served_certificate(&receivers, &authority).await, second);
}
