//! Push requests in JSON.

use std::fmt;

use serde::de::{Error, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::super::json_value::Json;
use super::super::translation::{Admit, TranslateError, Translated, Translation};
use super::super::{Reason, elements, text_of};
use super::{Entry, Mapping, Stream};
use crate::attributes::{Attribute, AttributeValue};
use crate::log_record::LogRecord;
use crate::otlp::encode_logs;
use crate::time::UnixNanos;

#[derive(Deserialize)]
struct Push<'a> {
    #[serde(borrow)]
    streams: &'a RawValue,
}

#[derive(Deserialize)]
struct SentStream<'a> {
    #[serde(default)]
    stream: Labels,
    #[serde(borrow)]
    values: Option<&'a RawValue>,
}

/// Names and values. Loki wants texts; what else senders write is taken by its type.
#[derive(Default)]
struct Labels(Vec<Attribute>);

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Json::deserialize(deserializer)?.0 {
            AttributeValue::KvList(labels) => Ok(Self(labels)),
            AttributeValue::Empty => Ok(Self::default()),
            _ => Err(Error::custom("expected an object with labels")),
        }
    }
}

/// Turns a push request into OTLP; `now` is for entries that do not say when they happened.
///
/// # Errors
/// When the body as a whole is no push request, or [`Admit`] says no.
pub fn translate_json(
    body: &[u8],
    now: UnixNanos,
    admit: &mut Admit<'_>,
) -> Result<Translated, TranslateError> {
    let push: Push<'_> = serde_json::from_str(text_of(body)?)?;
    let mapping = Mapping::new(now);
    let mut translation = Translation::new(encode_logs, admit);
    let mut number = 0_u64;
    elements::visit(push.streams.get(), |stream| {
        number += 1;
        take_stream(number, stream, &mapping, &mut translation)
    })??;
    translation.finish()
}

fn take_stream(
    number: u64,
    stream: &RawValue,
    mapping: &Mapping,
    translation: &mut Translation<'_, LogRecord>,
) -> Result<(), TranslateError> {
    let sent: SentStream<'_> = match serde_json::from_str(stream.get()) {
        Ok(sent) => sent,
        Err(error) => {
            let reason = Reason::Owned(format!("not a stream: {}", plain(&error)));
            translation.reject(|| format!("stream {number}"), reason);
            return Ok(());
        }
    };
    let stream = Stream::of_labels(sent.stream.0);
    let Some(values) = sent.values.filter(|it| it.get() != "null") else {
        return Ok(());
    };
    let mut entry_number = 0_u64;
    let visited = elements::visit(values.get(), |value| {
        entry_number += 1;
        match serde_json::from_str::<Entry>(value.get()) {
            Ok(entry) => translation.push(mapping.record(&stream, entry), value.get().len()),
            Err(error) => {
                let place = || format!("stream {number}, entry {entry_number}");
                translation.reject(place, Reason::Owned(plain(&error)));
                Ok(())
            }
        }
    });
    match visited {
        Ok(taken) => taken,
        Err(error) => {
            let reason = Reason::Owned(format!("not a list of entries: {}", plain(&error)));
            translation.reject(|| format!("stream {number}"), reason);
            Ok(())
        }
    }
}

/// What serde says, without a place that only the reader of that piece knows.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ")
        .next()
        .unwrap_or_default()
        .to_owned()
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of time, line and structured metadata")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Entry, A::Error> {
        let missing = |what| A::Error::custom(format!("an entry without {what}"));
        let Json(time) = parts.next_element()?.ok_or_else(|| missing("a time"))?;
        let time = nanos(&time)
            .ok_or_else(|| A::Error::custom("the time is not nanoseconds since 1970 as text"))?;
        let line = match parts.next_element()? {
            Some(Json(AttributeValue::String(line))) => line,
            Some(Json(_)) => return Err(A::Error::custom("the line is not a text")),
            None => return Err(missing("a line")),
        };
        let metadata = parts.next_element()?.unwrap_or(Labels(Vec::new())).0;
        while let Some(IgnoredAny) = parts.next_element()? {}
        Ok(Entry {
            time,
            line,
            metadata,
        })
    }
}

fn nanos(value: &AttributeValue) -> Option<UnixNanos> {
    match value {
        AttributeValue::String(text) => text.parse().ok().map(UnixNanos),
        AttributeValue::Int(number) => u64::try_from(*number).ok().map(UnixNanos),
        _ => None,
    }
}
