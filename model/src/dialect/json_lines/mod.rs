//! Log records as lines of JSON, as loggers write them.
//!
//! Fields are found by the names that loggers give them, nested objects become attributes with dots in their
//! names, and what is no JSON is a body all the same: a line is a record, whatever became of it on its way.

mod fields;

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::hints::Hints;
use super::json_value::{Json, fits};
use super::translation::{Admit, TranslateError, Translated, Translation};
use super::{Reason, elements, text_of};
use crate::attributes::AttributeValue;
use crate::log_record::{LogRecord, Severity};
use crate::otlp::{MAX_VALUE_DEPTH, encode_logs};
use crate::resource::{Resource, Scope};
use crate::time::UnixNanos;

use fields::Fields;

/// The longest record that is taken, in bytes of JSON.
pub const RECORD_BYTES_MAX: usize = 1024 * 1024;

/// What holds for records that do not say it themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults {
    /// The service they are of.
    pub service: Option<String>,
    /// When they were received.
    pub now: UnixNanos,
}

/// Turns lines into OTLP, one record each; empty ones are skipped.
///
/// # Errors
/// When [`Admit`] says no.
pub fn translate_lines(
    body: &[u8],
    defaults: &Defaults,
    admit: &mut Admit<'_>,
) -> Result<Translated, TranslateError> {
    let mut mapping = Mapping::new(defaults);
    let mut translation = Translation::new(encode_logs, admit);
    for (index, line) in body.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let taken = too_long(line.len()).map_or_else(
            || Ok(mapping.line(&String::from_utf8_lossy(line))),
            Err::<LogRecord, Reason>,
        );
        match taken {
            Ok(record) => translation.push(record, line.len())?,
            Err(reason) => translation.reject(|| format!("line {}", index + 1), reason),
        }
    }
    translation.finish()
}

/// Turns a document of JSON into OTLP: an array of records, or records one after another.
///
/// # Errors
/// When it is not JSON, or [`Admit`] says no.
pub fn translate_json(
    body: &[u8],
    defaults: &Defaults,
    admit: &mut Admit<'_>,
) -> Result<Translated, TranslateError> {
    let document = text_of(body)?;
    let mut mapping = Mapping::new(defaults);
    let mut translation = Translation::new(encode_logs, admit);
    let mut number = 0_u64;
    let mut take = |value: &RawValue| {
        number += 1;
        match mapping.value(value.get()) {
            Ok(record) => translation.push(record, value.get().len()),
            Err(reason) => {
                translation.reject(|| format!("record {number}"), reason);
                Ok(())
            }
        }
    };
    if document.trim_ascii_start().starts_with('[') {
        elements::visit(document, take)??;
    } else {
        for value in serde_json::Deserializer::from_str(document).into_iter::<&RawValue>() {
            take(value?)?;
        }
    }
    translation.finish()
}

fn too_long(bytes: usize) -> Option<Reason> {
    let reason = || Cow::Owned(format!("{bytes} bytes, more than {RECORD_BYTES_MAX}"));
    (bytes > RECORD_BYTES_MAX).then(reason)
}

/// Makes records of values and lines.
struct Mapping<'a> {
    defaults: &'a Defaults,
    scope: Arc<Scope>,
    /// That of the latest record: most requests have one only.
    resource: Arc<Resource>,
}

impl<'a> Mapping<'a> {
    fn new(defaults: &'a Defaults) -> Self {
        Self {
            defaults,
            scope: Arc::default(),
            resource: Arc::default(),
        }
    }

    /// Every line is a record.
    fn line(&mut self, line: &str) -> LogRecord {
        if line.starts_with('{')
            && let Ok(Json(AttributeValue::KvList(entries))) = serde_json::from_str(line)
            && entries
                .iter()
                .filter_map(|it| it.value.as_ref())
                .all(|value| fits(value, MAX_VALUE_DEPTH))
        {
            return self.object(Fields::new(entries), line);
        }
        self.text(line)
    }

    fn value(&mut self, text: &str) -> Result<LogRecord, Reason> {
        if let Some(reason) = too_long(text.len()) {
            return Err(reason);
        }
        if text.starts_with('{') {
            return Ok(self.line(text));
        }
        match serde_json::from_str(text) {
            Ok(Json(AttributeValue::String(line))) => Ok(self.text(&line)),
            Ok(Json(AttributeValue::Empty)) => Err(Cow::Borrowed("null is no record")),
            Ok(Json(value)) if fits(&value, MAX_VALUE_DEPTH) => Ok(LogRecord {
                body: Some(value),
                ..self.text("")
            }),
            Ok(_) | Err(_) => Ok(self.text(text)),
        }
    }

    fn object(&mut self, mut fields: Fields, line: &str) -> LogRecord {
        let time = fields.take_time();
        let severity = fields.take_severity();
        let (trace_id, span_id, flags) = fields.take_context();
        let body = fields.take_body();
        let (resource, attributes) = fields.into_parts(self.defaults.service.as_deref());
        let (severity, severity_text) = severity.unwrap_or((Severity(0), String::new()));
        LogRecord {
            time: time.unwrap_or_default(),
            // What says when it happened is the same record however often it is sent.
            observed_time: if time.is_some() {
                UnixNanos(0)
            } else {
                self.defaults.now
            },
            trace_id: trace_id.map_or_else(Vec::new, |id| id.as_bytes().to_vec()),
            span_id: span_id.map_or_else(Vec::new, |id| id.as_bytes().to_vec()),
            flags,
            severity,
            severity_text,
            event_name: String::new(),
            // Without a message the line itself is what people read and search.
            body: body.or_else(|| Some(AttributeValue::String(line.to_owned()))),
            attributes,
            dropped_attributes_count: 0,
            resource: self.resource(resource),
            scope: Arc::clone(&self.scope),
        }
    }

    fn text(&mut self, line: &str) -> LogRecord {
        let hints = Hints::of_line(line);
        let (severity, word) = hints.severity().unwrap_or((Severity(0), ""));
        let (resource, attributes) =
            Fields::new(Vec::new()).into_parts(self.defaults.service.as_deref());
        LogRecord {
            time: UnixNanos(0),
            observed_time: self.defaults.now,
            trace_id: hints
                .trace_id
                .map_or_else(Vec::new, |id| id.as_bytes().to_vec()),
            span_id: hints
                .span_id
                .map_or_else(Vec::new, |id| id.as_bytes().to_vec()),
            flags: 0,
            severity,
            severity_text: word.to_owned(),
            event_name: String::new(),
            body: Some(AttributeValue::String(line.to_owned())),
            attributes,
            dropped_attributes_count: 0,
            resource: self.resource(resource),
            scope: Arc::clone(&self.scope),
        }
    }

    fn resource(&mut self, resource: Resource) -> Arc<Resource> {
        if *self.resource != resource {
            self.resource = Arc::new(resource);
        }
        Arc::clone(&self.resource)
    }
}

#[cfg(test)]
mod tests;
