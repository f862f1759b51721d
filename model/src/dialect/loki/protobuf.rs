//! Push requests in protobuf, read field by field. Lines that are not UTF-8 come from files in older encodings;
//! what cannot be read in them is replaced, and the rest is kept.

use super::super::translation::{Admit, TranslateError, Translated, Translation};
use super::super::{Reason, lossy};
use super::{Entry, Mapping, Stream, labels};
use crate::attributes::{Attribute, AttributeValue};
use crate::log_record::LogRecord;
use crate::otlp::encode_logs;
use crate::otlp::walk::wire::{Fields, delimited, varint};
use crate::otlp::walk::{Unusual, Walk};
use crate::time::UnixNanos;

/// Turns a `logproto.PushRequest` into OTLP; `now` is for entries that do not say when they happened.
///
/// # Errors
/// When the request itself is damaged, or [`Admit`] says no.
pub fn translate_protobuf(
    body: &[u8],
    now: UnixNanos,
    admit: &mut Admit<'_>,
) -> Result<Translated, TranslateError> {
    let mapping = Mapping::new(now);
    let mut translation = Translation::new(encode_logs, admit);
    let mut number = 0_u64;
    let mut request = Fields::of(body);
    while let Some(key) = request.key().map_err(damaged)? {
        if key == delimited(1) {
            number += 1;
            let stream = request.bytes().map_err(damaged)?;
            take_stream(number, stream, &mapping, &mut translation)?;
        } else {
            request.skip(key).map_err(damaged)?;
        }
    }
    translation.finish()
}

fn damaged(_: Unusual) -> TranslateError {
    TranslateError::Protobuf
}

fn take_stream(
    number: u64,
    message: &[u8],
    mapping: &Mapping,
    translation: &mut Translation<'_, LogRecord>,
) -> Result<(), TranslateError> {
    let place = || format!("stream {number}");
    let Ok((labels, entry_count)) = survey(message) else {
        translation.reject(place, Reason::Borrowed("not a stream: damaged protobuf"));
        return Ok(());
    };
    let Some(labels) = labels::parse(&lossy(labels)) else {
        let reason = Reason::Borrowed("the labels are not of the form {name=\"value\"}");
        translation.reject_many(entry_count.max(1), place, reason);
        return Ok(());
    };
    let stream = Stream::of_labels(labels);
    let mut entry_number = 0_u64;
    let mut fields = Fields::of(message);
    while let Some(key) = fields.key().map_err(damaged)? {
        if key != delimited(2) {
            fields.skip(key).map_err(damaged)?;
            continue;
        }
        let entry = fields.bytes().map_err(damaged)?;
        entry_number += 1;
        match read_entry(entry) {
            Ok(read) => translation.push(mapping.record(&stream, read), entry.len())?,
            Err(reason) => {
                let place = || format!("stream {number}, entry {entry_number}");
                translation.reject(place, reason);
            }
        }
    }
    Ok(())
}

/// The labels of a stream, wherever they are in it, and how many entries it has.
fn survey(message: &[u8]) -> Walk<(&[u8], u64)> {
    let (mut labels, mut entry_count) = (&b"{}"[..], 0);
    let mut fields = Fields::of(message);
    while let Some(key) = fields.key()? {
        if key == delimited(1) {
            labels = fields.bytes()?;
        } else {
            entry_count += u64::from(key == delimited(2));
            fields.skip(key)?;
        }
    }
    Ok((labels, entry_count))
}

fn read_entry(message: &[u8]) -> Result<Entry, Reason> {
    let damaged = |_: Unusual| Reason::Borrowed("not an entry: damaged protobuf");
    let mut entry = Entry {
        time: UnixNanos(0),
        line: String::new(),
        metadata: Vec::new(),
    };
    let mut fields = Fields::of(message);
    while let Some(key) = fields.key().map_err(damaged)? {
        if key == delimited(1) {
            entry.time = read_time(fields.bytes().map_err(damaged)?)
                .map_err(damaged)?
                .ok_or(Reason::Borrowed("the time is before 1970, or after 2554"))?;
        } else if key == delimited(2) {
            entry.line = lossy(fields.bytes().map_err(damaged)?);
        } else if key == delimited(3) {
            let pair = read_pair(fields.bytes().map_err(damaged)?).map_err(damaged)?;
            entry.metadata.push(pair);
        } else {
            fields.skip(key).map_err(damaged)?;
        }
    }
    Ok(entry)
}

/// A `google.protobuf.Timestamp`; `None` when it is no moment that can be kept.
fn read_time(message: &[u8]) -> Walk<Option<UnixNanos>> {
    let (mut seconds, mut nanos) = (0_u64, 0_u64);
    let mut fields = Fields::of(message);
    while let Some(key) = fields.key()? {
        if key == varint(1) {
            seconds = fields.varint()?;
        } else if key == varint(2) {
            nanos = fields.varint()?;
        } else {
            fields.skip(key)?;
        }
    }
    let moment = seconds.checked_mul(1_000_000_000);
    Ok(moment.and_then(|it| it.checked_add(nanos)).map(UnixNanos))
}

fn read_pair(message: &[u8]) -> Walk<Attribute> {
    let (mut name, mut value) = (String::new(), String::new());
    let mut fields = Fields::of(message);
    while let Some(key) = fields.key()? {
        if key == delimited(1) {
            name = lossy(fields.bytes()?);
        } else if key == delimited(2) {
            value = lossy(fields.bytes()?);
        } else {
            fields.skip(key)?;
        }
    }
    Ok(Attribute::new(name, AttributeValue::String(value)))
}
