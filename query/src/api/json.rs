//! Answers as JSON: bodies with their envelope, and errors.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use super::held::held_by;
use crate::error::QueryError;
use crate::exec::Answer;
use crate::limits::Outcome;

/// Seconds after which a client that was turned away may come back.
const RETRY_AFTER_SECS: HeaderValue = HeaderValue::from_static("1");

/// An object that still lacks its closing brace, so that the envelope can follow.
#[derive(Debug)]
pub(super) struct OpenObject(Vec<u8>);

impl OpenObject {
    /// Of a value that is written as an object.
    pub(super) fn new(value: &impl Serialize) -> Result<Self, QueryError> {
        let mut text = serde_json::to_vec(value)?;
        text.pop();
        if text.len() > 1 {
            text.push(b',');
        }
        Ok(Self(text))
    }

    /// Of the fields that `write` writes.
    pub(super) fn written(
        write: impl FnOnce(&mut ObjectWriter<'_>) -> Result<(), QueryError>,
    ) -> Result<Self, QueryError> {
        let mut text = Vec::new();
        let mut object = ObjectWriter::new(&mut text);
        write(&mut object)?;
        object.close();
        text.pop();
        text.push(b',');
        Ok(Self(text))
    }
}

/// The fields that every answer ends with.
#[derive(Serialize)]
struct Envelope<'a> {
    complete: bool,
    incomplete_reason: Option<&'a str>,
    scanned: ScannedFields,
    elapsed_micros: u128,
}

#[derive(Serialize)]
struct ScannedFields {
    splits: u64,
    hot_batches: u64,
    rows: u64,
    body_bytes: u64,
}

/// The body followed by how it came about.
pub(super) fn enveloped(answer: Answer<OpenObject>) -> Result<Response, QueryError> {
    let OpenObject(mut text) = answer.value;
    let envelope = serde_json::to_vec(&envelope(&answer.outcome))?;
    text.extend_from_slice(envelope.get(1..).unwrap_or_default());
    let response = response(StatusCode::OK, text);
    Ok(held_by(response, &answer.outcome))
}

fn envelope(outcome: &Outcome) -> Envelope<'_> {
    Envelope {
        complete: outcome.incomplete_reason.is_none(),
        incomplete_reason: outcome.incomplete_reason.as_deref(),
        scanned: ScannedFields {
            splits: outcome.scanned.splits,
            hot_batches: outcome.scanned.hot_batches,
            rows: outcome.scanned.rows,
            body_bytes: outcome.scanned.body_bytes,
        },
        elapsed_micros: outcome.elapsed.as_micros(),
    }
}

/// JSON text as a response.
pub(super) fn response(status: StatusCode, text: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: ErrorFields<'a>,
}

#[derive(Serialize)]
struct ErrorFields<'a> {
    code: &'a str,
    message: &'a str,
    parameter: Option<&'a str>,
}

impl IntoResponse for QueryError {
    fn into_response(self) -> Response {
        let (status, code) = self.http();
        let message = public_message(&self);
        let error = ErrorFields {
            code,
            message: &message,
            parameter: self.parameter(),
        };
        let text = serde_json::to_vec(&ErrorBody { error }).unwrap_or_default();
        with_retry_after(response(status, text))
    }
}

/// What a client may know: the cause when it is the client's, otherwise an id to look up in our log.
pub(super) fn public_message(error: &QueryError) -> String {
    static NEXT_ID: AtomicU64 = AtomicU64::new(1);
    if error.http().0 != StatusCode::INTERNAL_SERVER_ERROR {
        return error.to_string();
    }
    let error_id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    tracing::error!(
        error_id,
        error = error as &dyn std::error::Error,
        "failed to answer query"
    );
    format!("internal error {error_id}, see the log of the server")
}

/// Tells clients that are turned away when to come back.
pub(super) fn with_retry_after(mut response: Response) -> Response {
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, RETRY_AFTER_SECS);
    }
    response
}

/// Writes an object field by field, where some values are JSON text already.
pub(super) struct ObjectWriter<'a> {
    out: &'a mut Vec<u8>,
    separator: u8,
}

impl<'a> ObjectWriter<'a> {
    /// Opens the object.
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            separator: b'{',
        }
    }

    /// A field with a value that is still to be written as JSON.
    pub(super) fn field(&mut self, name: &str, value: impl Serialize) -> Result<(), QueryError> {
        self.name(name);
        Ok(serde_json::to_writer(&mut *self.out, &value)?)
    }

    /// A field whose value is written by `write`.
    pub(super) fn raw<T>(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        self.name(name);
        write(self.out)
    }

    /// Closes the object.
    pub(super) fn close(self) {
        if self.separator == b'{' {
            self.out.push(b'{');
        }
        self.out.push(b'}');
    }

    /// Names are ours and need no escaping.
    fn name(&mut self, name: &str) {
        self.out.push(self.separator);
        self.separator = b',';
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }
}

/// Writes an array, each element by `write`.
pub(super) fn write_array<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T) -> Result<(), QueryError>,
) -> Result<(), QueryError> {
    out.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item)?;
    }
    out.push(b']');
    Ok(())
}
