//! Free ports on loopback.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Context as _, Result};

/// Ports that were free a moment ago, all different.
#[derive(Clone, Debug)]
pub(crate) struct Ports {
    /// OTLP over HTTP.
    pub(crate) ingest: u16,
    /// OTLP over gRPC, which is not used but must not collide.
    pub(crate) ingest_grpc: u16,
    /// Queries.
    pub(crate) query: u16,
    /// Whatever else a system listens on.
    pub(crate) others: [u16; 4],
}

impl Ports {
    /// Asks the system for free ones.
    pub(crate) fn free() -> Result<Self> {
        // All stay bound until all are known, so that none is given twice.
        let listeners: Vec<TcpListener> = (0..7)
            .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .collect::<Result<_, _>>()
            .context("cannot find free ports")?;
        let mut ports = Vec::new();
        for listener in &listeners {
            ports.push(listener.local_addr()?.port());
        }
        let [ingest, ingest_grpc, query, others @ ..] = ports
            .try_into()
            .map_err(|_| anyhow::anyhow!("cannot find free ports"))
            .map(|ports: [u16; 7]| ports)?;
        Ok(Self {
            ingest,
            ingest_grpc,
            query,
            others,
        })
    }
}

/// A port on loopback.
pub(crate) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
