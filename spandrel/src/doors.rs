//! Every port of the server.

use std::net::SocketAddr;
use std::sync::Arc;

use access::{Access, AccessError, Address, Door, Purpose};
use anyhow::Result;
use collector::{CollectorConfig, Listeners};
use tokio_util::sync::CancellationToken;

/// Opens every door: those of the receivers, and the one of the UI and the query APIs.
///
/// # Errors
/// When one would be open to strangers, or its address is busy.
pub(crate) async fn open(
    access: &Access,
    collector: &CollectorConfig,
    http_listen: SocketAddr,
) -> Result<(Listeners, Door), AccessError> {
    let otlp_grpc = Address {
        flag: "--otlp-grpc-listen",
        name: "otlp_grpc",
        address: collector.otlp_grpc_listen,
        purpose: Purpose::Send,
    };
    let otlp_http = Address {
        flag: "--otlp-http-listen",
        name: "otlp_http",
        address: collector.otlp_http_listen,
        purpose: Purpose::Send,
    };
    let zipkin = |address| Address {
        flag: "--zipkin-listen",
        name: "zipkin",
        address,
        purpose: Purpose::Send,
    };
    let http = Address {
        flag: "--http-listen",
        name: "http",
        address: http_listen,
        purpose: Purpose::Read,
    };
    let receivers = Listeners {
        otlp_grpc: access.open(otlp_grpc).await?,
        otlp_http: access.open(otlp_http).await?,
        zipkin: match collector.zipkin_listen {
            Some(address) => Some(access.open(zipkin(address)).await?),
            None => None,
        },
    };
    Ok((receivers, access.open(http).await?))
}

/// Looks after the files that say who may come, until `shutdown`.
pub(crate) async fn watch(access: Arc<Access>, shutdown: CancellationToken) -> Result<()> {
    access.watch(shutdown).await;
    Ok(())
}

/// The scheme of the addresses of the server.
pub(crate) fn scheme(access: &Access) -> &'static str {
    if access.is_encrypted() {
        "https"
    } else {
        "http"
    }
}
