//! How the exporters of the shop know a server whose address begins with `https`, and are known to it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

/// Where systems keep the certificates of those they trust.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Files of whoever sends to an address that begins with `https`.
#[derive(Args, Clone, Debug, Default)]
pub struct ExporterTls {
    /// Certificates (PEM) of who vouches for a server at https://; those that this system trusts unless it is given.
    #[arg(long, env = "SPANDREL_CLIENT_TLS_CA", value_name = "FILE")]
    pub tls_ca: Option<PathBuf>,
    /// The certificate (PEM) to show to a server that asks for one.
    #[arg(long, env = "SPANDREL_CLIENT_TLS_CERT", value_name = "FILE")]
    #[arg(requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The private key (PEM) of --tls-cert.
    #[arg(long, env = "SPANDREL_CLIENT_TLS_KEY", value_name = "FILE")]
    #[arg(requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
}

/// A file that is needed for encryption and cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// It was named.
    #[error("cannot read {path:?}")]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// None was named, and the system has none.
    #[error("this system has no list of who it trusts; name one with --tls-ca")]
    NoSystemBundle,
}

impl ExporterTls {
    /// What a connection to `url` needs; none where it is not encrypted.
    pub(crate) fn config(&self, url: &str) -> Result<Option<ClientTlsConfig>, TlsError> {
        if !url.starts_with("https://") {
            return Ok(None);
        }
        let mut system = SYSTEM_BUNDLES.iter().map(Path::new);
        let authorities = match &self.tls_ca {
            Some(file) => file,
            None => system
                .find(|it| it.exists())
                .ok_or(TlsError::NoSystemBundle)?,
        };
        let mut config =
            ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(authorities)?));
        if let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) {
            config = config.identity(Identity::from_pem(read(certificate)?, read(key)?));
        }
        Ok(Some(config))
    }

    /// The same as arguments of another process.
    pub(crate) fn arguments(&self) -> Vec<PathBuf> {
        let flags = [
            ("--tls-ca", &self.tls_ca),
            ("--tls-cert", &self.tls_cert),
            ("--tls-key", &self.tls_key),
        ];
        let given = flags
            .into_iter()
            .filter_map(|(flag, file)| Some((flag, file.clone()?)));
        given
            .flat_map(|(flag, file)| [PathBuf::from(flag), file])
            .collect()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::File {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_for_encrypted_addresses_only() {
        let tls = ExporterTls {
            tls_ca: Some("/nowhere/ca.pem".into()),
            ..ExporterTls::default()
        };
        assert!(tls.config("http://localhost:4317").unwrap().is_none());
        let error = tls.config("https://localhost:4317").unwrap_err();
        assert_eq!(error.to_string(), "cannot read \"/nowhere/ca.pem\"");
        assert_eq!(
            tls.arguments(),
            [PathBuf::from("--tls-ca"), PathBuf::from("/nowhere/ca.pem")]
        );
    }
}
