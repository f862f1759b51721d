//! Who emitted telemetry: the OTLP Resource and InstrumentationScope, with their envelopes.

use std::borrow::Cow;

use crate::attributes::{Attribute, AttributeValue, find_text};
use crate::semconv::{SERVICE_NAME, UNKNOWN_SERVICE};

/// An OTLP Resource together with the schema URL of its envelope.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Resource {
    /// False when the request carried no Resource message at all, which OTLP tells apart from an empty one.
    pub is_present: bool,
    /// The attributes, in the order sent.
    pub attributes: Vec<Attribute>,
    /// How many attributes the sender dropped.
    pub dropped_attributes_count: u32,
    /// Which attributes identify which entities (OTLP, in development).
    pub entity_refs: Vec<EntityRef>,
    /// Schema URL of the `ResourceSpans` or `ResourceLogs` around it.
    pub schema_url: String,
}

/// An OTLP `EntityRef`: names attributes of the resource it stands in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntityRef {
    /// Schema URL of the entity.
    pub schema_url: String,
    /// Entity type, such as `service`.
    pub entity_type: String,
    /// Keys of the attributes that identify the entity.
    pub id_keys: Vec<String>,
    /// Keys of the attributes that describe it.
    pub description_keys: Vec<String>,
}

/// An OTLP InstrumentationScope together with the schema URL of its envelope.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scope {
    /// False when the request carried no scope message at all.
    pub is_present: bool,
    /// Name of the instrumentation library.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The attributes, in the order sent.
    pub attributes: Vec<Attribute>,
    /// How many attributes the sender dropped.
    pub dropped_attributes_count: u32,
    /// Schema URL of the `ScopeSpans` or `ScopeLogs` around it.
    pub schema_url: String,
}

impl Resource {
    /// `service.name`, or `unknown_service` when it is absent or empty.
    pub fn service_name(&self) -> Cow<'_, str> {
        find_text(&self.attributes, SERVICE_NAME)
            .filter(|name| !name.is_empty())
            .unwrap_or(Cow::Borrowed(UNKNOWN_SERVICE))
    }

    /// A resource that is only a service name; for tests and tools.
    pub fn of_service(name: &str) -> Self {
        Self {
            is_present: true,
            attributes: vec![Attribute::new(
                SERVICE_NAME,
                AttributeValue::String(name.to_owned()),
            )],
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_without_a_service_name_is_the_unknown_service() {
        assert_eq!(Resource::default().service_name(), "unknown_service");
        assert_eq!(Resource::of_service("").service_name(), "unknown_service");
        assert_eq!(Resource::of_service("cart").service_name(), "cart");
    }
}
