//! Spans and log records of other systems, turned into those of OpenTelemetry.
//!
//! The rules are in `docs/import.md` and `docs/other-protocols.md`. A record that cannot be taken is left out by
//! itself and named; the others of the document are not touched by that.

pub mod jaeger;
pub mod json_lines;
pub mod loki;
pub mod zipkin;

mod elements;
mod endpoints;
mod fields;
mod hints;
mod json_value;
mod log_fields;
mod moment;
mod tags;
mod translation;

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::span::Span;

pub use translation::{Admit, Reject, Rejects, TranslateError, Translated};

/// A record of a document that is no span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Where it begins in the document, in bytes.
    pub offset: usize,
    /// What is wrong with it; one of few texts, so that they can be counted.
    pub reason: Cow<'static, str>,
}

/// Gets each record of a document, in its order.
pub type Visit<'a> = dyn FnMut(Result<Span, Skipped>) + 'a;

/// Why a record is no span.
type Reason = Cow<'static, str>;

/// The body of a request in JSON, which is UTF-8 by definition.
fn text_of(body: &[u8]) -> Result<&str, serde_json::Error> {
    str::from_utf8(body).map_err(serde::de::Error::custom)
}

/// Text of protobuf as most encoders write it: UTF-8, without a promise.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Where `part`, which is a piece of `document`, begins in it.
fn offset_in(document: &str, part: &RawValue) -> usize {
    let start = part.get().as_ptr() as usize;
    start.saturating_sub(document.as_ptr() as usize)
}

/// What serde says of one record, without the place in it, which only the reader of that record knows.
fn malformed(error: &serde_json::Error) -> Reason {
    let text = error.to_string();
    let problem = text.split(" at line ").next().unwrap_or_default();
    Cow::Owned(format!("not a span: {problem}"))
}
