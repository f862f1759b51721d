//! Zipkin's endpoints as attributes.

use serde::Deserialize;

use super::tags::{Tags, text_attribute};
use crate::attributes::{Attribute, AttributeValue};

/// One side of a call.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Endpoint {
    pub(super) service_name: Option<String>,
    pub(super) ipv4: Option<String>,
    pub(super) ipv6: Option<String>,
    pub(super) port: Option<u16>,
}

/// The attributes of one side.
pub(super) struct Keys {
    service: Option<&'static str>,
    address: &'static str,
    port: &'static str,
}

/// The side that reports. Its service is the resource.
pub(super) const LOCAL: Keys = Keys {
    service: None,
    address: "network.local.address",
    port: "network.local.port",
};

/// The side it talks to.
pub(super) const REMOTE: Keys = Keys {
    service: Some("peer.service"),
    address: "network.peer.address",
    port: "network.peer.port",
};

impl Endpoint {
    /// Adds what is known of the endpoint, except where a tag said it already.
    pub(super) fn add_to(&self, tags: &mut Tags, keys: &Keys) {
        let address = self.ipv4.as_deref().or(self.ipv6.as_deref());
        let service = keys.service.zip(self.service_name.as_deref());
        let texts = service
            .into_iter()
            .chain(address.map(|text| (keys.address, text)));
        for (key, text) in texts.filter(|(_, text)| !text.is_empty()) {
            add(tags, text_attribute(key, text));
        }
        // Zipkin has no port 0.
        if let Some(port) = self.port.filter(|port| *port != 0) {
            let value = AttributeValue::Int(i64::from(port));
            add(tags, Attribute::new(keys.port, value));
        }
    }
}

fn add(tags: &mut Tags, attribute: Attribute) {
    if !tags.attributes.iter().any(|it| it.key == attribute.key) {
        tags.attributes.push(attribute);
    }
}
