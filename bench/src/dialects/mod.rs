//! How systems are asked over HTTP and how their answers read. Several systems share a dialect.

pub(crate) mod jaeger_v1;
pub(crate) mod logsql;
pub(crate) mod native;
pub(crate) mod tempo;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// A path with parameters, escaped.
pub(crate) fn with_parameters(path: &str, parameters: &[(&str, String)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    format!("{path}?{}", query.finish())
}

/// The array at a place of a JSON document.
pub(crate) fn array<'a>(document: &'a Value, pointer: &str) -> Result<&'a Vec<Value>> {
    document
        .pointer(pointer)
        .and_then(Value::as_array)
        .with_context(|| format!("the answer has no list at {pointer}"))
}

/// The text at a place of a JSON document.
pub(crate) fn text<'a>(document: &'a Value, pointer: &str) -> Result<&'a str> {
    document
        .pointer(pointer)
        .and_then(Value::as_str)
        .with_context(|| format!("the answer has no text at {pointer}"))
}
