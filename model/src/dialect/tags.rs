//! Tags that stand for a field of a span, since the other format has no such field.
//!
//! Names: OpenTelemetry specification, "Transformation to non-OTLP Formats", and its pages for Jaeger and
//! Zipkin.

use std::collections::HashMap;
use std::sync::Arc;

use crate::attributes::{Attribute, AttributeValue};
use crate::resource::{Resource, Scope};
use crate::span::{SpanKind, Status, StatusCode};

/// What tags say that OpenTelemetry has fields for, and the tags that are just attributes.
#[derive(Debug, Default)]
pub(super) struct Tags {
    pub(super) attributes: Vec<Attribute>,
    pub(super) kind: Option<SpanKind>,
    pub(super) trace_state: String,
    pub(super) dropped_attributes_count: u32,
    pub(super) dropped_events_count: u32,
    pub(super) dropped_links_count: u32,
    status_code: Option<StatusCode>,
    status_message: String,
    scope_name: Option<String>,
    scope_version: Option<String>,
}

impl Tags {
    /// Takes a tag as the field it stands for, or as an attribute.
    pub(super) fn add(&mut self, tag: Attribute) {
        if !self.is_field(&tag) {
            self.attributes.push(tag);
        }
    }

    fn is_field(&mut self, tag: &Attribute) -> bool {
        let text = tag.text();
        let count = |slot: &mut u32| match text.parse() {
            Ok(count) => {
                *slot = count;
                true
            }
            Err(_) => false,
        };
        match tag.key.as_str() {
            "span.kind" => {
                let kind = SpanKind::from_name(&text.to_lowercase());
                self.kind = kind.or(self.kind);
                kind.is_some()
            }
            "otel.status_code" => {
                let code = match text.as_ref() {
                    "OK" => StatusCode::OK,
                    "ERROR" => StatusCode::ERROR,
                    _ => return false,
                };
                self.status_code = Some(code);
                true
            }
            "otel.status_description" => replace(&mut self.status_message, &text),
            "w3c.tracestate" => replace(&mut self.trace_state, &text),
            "otel.scope.name" => replace(self.scope_name.insert(String::new()), &text),
            "otel.scope.version" => replace(self.scope_version.insert(String::new()), &text),
            // The older names are sent beside the newer ones.
            "otel.library.name" => first(&mut self.scope_name, &text),
            "otel.library.version" => first(&mut self.scope_version, &text),
            "otel.dropped_attributes_count" => count(&mut self.dropped_attributes_count),
            "otel.dropped_events_count" => count(&mut self.dropped_events_count),
            "otel.dropped_links_count" => count(&mut self.dropped_links_count),
            _ => false,
        }
    }

    /// The span failed; a status that was given by name is not changed.
    pub(super) fn set_failed(&mut self, message: &str) {
        self.status_code.get_or_insert(StatusCode::ERROR);
        if self.status_message.is_empty() {
            message.clone_into(&mut self.status_message);
        }
    }

    /// The status, if anything was said of it.
    pub(super) fn status(&self) -> Option<Status> {
        let is_given = self.status_code.is_some() || !self.status_message.is_empty();
        is_given.then(|| Status {
            code: self.status_code.unwrap_or(StatusCode::UNSET),
            message: self.status_message.clone(),
        })
    }
}

fn replace(slot: &mut String, text: &str) -> bool {
    text.clone_into(slot);
    true
}

fn first(slot: &mut Option<String>, text: &str) -> bool {
    slot.get_or_insert_with(|| text.to_owned());
    true
}

/// Resources and scopes of a document, each made once.
#[derive(Debug, Default)]
pub(super) struct Envelopes {
    resources: HashMap<String, Arc<Resource>>,
    scopes: HashMap<(Option<String>, Option<String>), Arc<Scope>>,
}

impl Envelopes {
    /// The resource that is a service name, or nothing at all when there is none.
    pub(super) fn resource(&mut self, service: &str) -> Arc<Resource> {
        if let Some(known) = self.resources.get(service) {
            return Arc::clone(known);
        }
        let resource = Arc::new(if service.is_empty() {
            Resource::default()
        } else {
            Resource::of_service(service)
        });
        self.resources
            .insert(service.to_owned(), Arc::clone(&resource));
        resource
    }

    /// The scope the tags name.
    pub(super) fn scope(&mut self, tags: &Tags) -> Arc<Scope> {
        let key = (tags.scope_name.clone(), tags.scope_version.clone());
        let scope = self
            .scopes
            .entry(key)
            .or_insert_with_key(|(name, version)| {
                Arc::new(Scope {
                    is_present: name.is_some() || version.is_some(),
                    name: name.clone().unwrap_or_default(),
                    version: version.clone().unwrap_or_default(),
                    ..Scope::default()
                })
            });
        Arc::clone(scope)
    }
}

/// An attribute with a text.
pub(super) fn text_attribute(key: &str, text: impl Into<String>) -> Attribute {
    Attribute::new(key, AttributeValue::String(text.into()))
}
