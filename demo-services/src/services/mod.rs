//! The services of the shop. None of them uses the code of another: they meet on the wire.

mod bus;
mod cart;
mod catalog;
mod gateway;
mod inventory;
mod notification;
mod order;
mod payment;
mod shipping;

use crate::host::{Host, HostError};

/// One of the shop's services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Service {
    /// REST at the edge: keys, rate limits, routing.
    Gateway,
    /// Products and prices; reads only, so that there can be several.
    Catalog,
    /// Shopping carts.
    Cart,
    /// Orders and the saga that carries them.
    Order,
    /// Stock and reservations.
    Inventory,
    /// Authorising, capturing and voiding payments.
    Payment,
    /// Booking shipments.
    Shipping,
    /// Mail to customers; only consumes.
    Notification,
    /// The message broker.
    Bus,
}

impl Service {
    /// Every service, those first that others need.
    pub const ALL: [Self; 9] = [
        Self::Bus,
        Self::Catalog,
        Self::Inventory,
        Self::Payment,
        Self::Shipping,
        Self::Notification,
        Self::Cart,
        Self::Order,
        Self::Gateway,
    ];

    /// `service.name`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Catalog => "catalog",
            Self::Cart => "cart",
            Self::Order => "order",
            Self::Inventory => "inventory",
            Self::Payment => "payment",
            Self::Shipping => "shipping",
            Self::Notification => "notification",
            Self::Bus => "bus",
        }
    }

    /// The services that this one calls, the bus aside.
    pub const fn calls(self) -> &'static [Self] {
        match self {
            Self::Gateway => &[Self::Catalog, Self::Inventory, Self::Cart, Self::Order],
            Self::Order => &[Self::Cart],
            Self::Cart => &[Self::Catalog],
            Self::Catalog
            | Self::Inventory
            | Self::Payment
            | Self::Shipping
            | Self::Notification
            | Self::Bus => &[],
        }
    }
}

/// Runs one service until its host is shut down.
pub(crate) async fn run(service: Service, host: Host) -> Result<(), HostError> {
    match service {
        Service::Gateway => gateway::run(host).await,
        Service::Catalog => catalog::run(host).await,
        Service::Cart => cart::run(host).await,
        Service::Order => order::run(host).await,
        Service::Inventory => inventory::run(host).await,
        Service::Payment => payment::run(host).await,
        Service::Shipping => shipping::run(host).await,
        Service::Notification => notification::run(host).await,
        Service::Bus => bus::run(host).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    fn sources_below(directory: &Path) -> Vec<(String, String)> {
        let mut sources = Vec::new();
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources.extend(sources_below(&path));
            } else {
                sources.push((
                    path.display().to_string(),
                    fs::read_to_string(&path).unwrap(),
                ));
            }
        }
        sources
    }

    fn service_directory(service: Service) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src/services")
            .join(service.name())
    }

    #[test]
    fn no_service_uses_the_code_of_another() {
        for service in Service::ALL {
            for other in Service::ALL.into_iter().filter(|other| *other != service) {
                for (path, text) in sources_below(&service_directory(service)) {
                    let forbidden = format!("services::{}", other.name());
                    assert!(!text.contains(&forbidden), "{path} uses {forbidden}");
                }
            }
        }
    }

    #[test]
    fn services_open_databases_only_through_their_host() {
        for service in Service::ALL {
            let sources = sources_below(&service_directory(service)).into_iter();
            for (path, text) in sources.filter(|(path, _)| !path.ends_with("tests.rs")) {
                let production = text.split("#[cfg(test)]").next().unwrap_or_default();
                let opens = ["Connection::open", "Database::open", "ATTACH"];
                assert!(
                    !opens.iter().any(|open| production.contains(open)),
                    "{path}"
                );
            }
        }
    }
}
