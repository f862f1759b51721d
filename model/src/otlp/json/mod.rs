//! OTLP JSON: requests in, answers out, and the texts that nested values, resources and scopes have in columns.
//!
//! Rules: `opentelemetry-proto/docs/specification.md`, section "JSON Protobuf Encoding". Keys are lowerCamelCase,
//! ids hex, enums integers, 64-bit integers decimal strings on output and strings or numbers on input, unknown
//! fields ignored, `null` and missing both mean the default. Names of enums and the snake_case keys of the
//! protobuf files are read too, though never written.

pub(super) mod lists;
pub(super) mod object;
pub(super) mod read;
mod scalars;
mod surrogates;
pub(super) mod text;
pub mod write;

use std::fmt;

use super::values;
use crate::attributes::{Attribute, AttributeValue};
use crate::resource::{Resource, Scope};

pub use write::{write_any_value, write_attributes, write_logs, write_scope, write_spans};

/// A text from a column that is not the OTLP JSON it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TextError;

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text is not OTLP JSON")
    }
}

/// The OTLP JSON of a value.
pub(crate) fn any_value_text(value: &AttributeValue) -> String {
    text(|out| write_any_value(out, value))
}

/// The inverse of [`any_value_text`].
pub(crate) fn any_value_from_text(text: &str) -> Result<AttributeValue, TextError> {
    let json = text::column_value(text)?;
    let value = read::any_value(&json).map_err(|_| TextError)?;
    Ok(values::from_any_value(&value))
}

/// The OTLP JSON of a list of attributes.
pub fn attributes_text(attributes: &[Attribute]) -> String {
    text(|out| write_attributes(out, attributes))
}

/// The column text of a resource: an object with `resource` (left out when absent) and `schemaUrl`.
pub fn resource_text(resource: &Resource) -> String {
    text(|out| write::write_resource_envelope(out, resource))
}

/// The inverse of [`resource_text`].
pub(crate) fn resource_from_text(text: &str) -> Result<Resource, TextError> {
    let json = text::column_value(text)?;
    let (resource, schema_url) = read::resource_envelope(&json).map_err(|_| TextError)?;
    Ok(values::from_resource(resource.as_ref(), &schema_url))
}

/// The column text of a scope: an object with `scope` (left out when absent) and `schemaUrl`.
pub fn scope_text(scope: &Scope) -> String {
    text(|out| write::write_scope_envelope(out, scope))
}

/// The inverse of [`scope_text`].
pub(crate) fn scope_from_text(text: &str) -> Result<Scope, TextError> {
    let json = text::column_value(text)?;
    let (scope, schema_url) = read::scope_envelope(&json).map_err(|_| TextError)?;
    Ok(values::from_scope(scope.as_ref(), &schema_url))
}

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
