//! Takes secrets out of the bytes of an export request, and copies everything else as it is.
//!
//! A request without secrets is only looked through: once as bytes, for tokens, and once field by field, for
//! keys and for what has to be looked at text by text.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use super::wire::{Fields, delimited, varint};
use super::{Unusual, Walk};
use crate::otlp::limits::MAX_VALUE_DEPTH;
use crate::redact::{Hits, MARK, Rules};
use crate::signal::Signal;

/// Messages around values, and two for each level of values, of which one more than allowed is looked at.
const MESSAGES_DEPTH_MAX: usize = 6 + 2 * (MAX_VALUE_DEPTH + 1);

/// What a field of text, bytes or a message is.
#[derive(Clone, Copy)]
enum Field {
    Text,
    /// `KeyValue`.
    Attribute,
    /// `AnyValue`.
    Value,
    Message(&'static Shape),
}

/// The fields of a message that hold text, by tag; the others are copied.
struct Shape(&'static [(u32, Field)]);

static ARRAY: Shape = Shape(&[(1, Field::Value)]);
static KVLIST: Shape = Shape(&[(1, Field::Attribute)]);
static VALUE: Shape = Shape(&[
    (1, Field::Text),
    (5, Field::Message(&ARRAY)),
    (6, Field::Message(&KVLIST)),
]);
static RESOURCE: Shape = Shape(&[(1, Field::Attribute)]);
static SCOPE: Shape = Shape(&[(1, Field::Text), (2, Field::Text), (3, Field::Attribute)]);
static STATUS: Shape = Shape(&[(2, Field::Text)]);
static EVENT: Shape = Shape(&[(2, Field::Text), (3, Field::Attribute)]);
static LINK: Shape = Shape(&[(3, Field::Text), (4, Field::Attribute)]);
static SPAN: Shape = Shape(&[
    (3, Field::Text),
    (5, Field::Text),
    (9, Field::Attribute),
    (11, Field::Message(&EVENT)),
    (13, Field::Message(&LINK)),
    (15, Field::Message(&STATUS)),
]);
static LOG_RECORD: Shape = Shape(&[
    (3, Field::Text),
    (5, Field::Value),
    (6, Field::Attribute),
    (12, Field::Text),
]);
static SCOPE_SPANS: Shape = Shape(&[
    (1, Field::Message(&SCOPE)),
    (2, Field::Message(&SPAN)),
    (3, Field::Text),
]);
static SCOPE_LOGS: Shape = Shape(&[
    (1, Field::Message(&SCOPE)),
    (2, Field::Message(&LOG_RECORD)),
    (3, Field::Text),
]);
static RESOURCE_SPANS: Shape = Shape(&[
    (1, Field::Message(&RESOURCE)),
    (2, Field::Message(&SCOPE_SPANS)),
    (3, Field::Text),
]);
static RESOURCE_LOGS: Shape = Shape(&[
    (1, Field::Message(&RESOURCE)),
    (2, Field::Message(&SCOPE_LOGS)),
    (3, Field::Text),
]);
static TRACES: Shape = Shape(&[(1, Field::Message(&RESOURCE_SPANS))]);
static LOGS: Shape = Shape(&[(1, Field::Message(&RESOURCE_LOGS))]);

/// `KeyValue`.
const KEY: u32 = delimited(1);
const VALUE_OF_KEY: u32 = delimited(2);
const KEY_STRINDEX: u32 = varint(3);
/// `AnyValue.string_value`.
const STRING: u32 = delimited(1);

/// The request without its secrets, and how many there were; `None` when there are none.
///
/// Fails for requests that are not written the way encoders write them; the way by owned objects makes
/// those usual.
pub(in crate::otlp) fn redact(
    signal: Signal,
    body: &[u8],
    rules: &Rules,
) -> Walk<Option<(Vec<u8>, Hits)>> {
    let shape = match signal {
        Signal::Traces => &TRACES,
        Signal::Logs => &LOGS,
    };
    if !rules.may_be_within(body) && !has_secret(body, shape, rules, MESSAGES_DEPTH_MAX)? {
        return Ok(None);
    }
    let mut rewriter = Rewriter {
        rules,
        hits: rules.no_hits(),
    };
    let rewritten = rewriter.message(body, shape, MESSAGES_DEPTH_MAX)?;
    Ok(rewritten.map(|rewritten| (rewritten, rewriter.hits)))
}

fn field_of(shape: &Shape, key: u32) -> Option<Field> {
    if key & 7 != delimited(0) {
        return None;
    }
    let found = shape.0.iter().find(|(tag, _)| *tag == key >> 3);
    found.map(|(_, field)| *field)
}

/// Whether the value under some key, or something of some text, would be taken out; tokens apart.
fn has_secret(message: &[u8], shape: &Shape, rules: &Rules, depth_left: usize) -> Walk<bool> {
    let depth_left = depth_left.checked_sub(1).ok_or(Unusual)?;
    let mut fields = Fields::of(message);
    while let Some(key) = fields.key()? {
        let inner = match field_of(shape, key) {
            None => {
                fields.skip(key)?;
                continue;
            }
            Some(Field::Text) => {
                if rules.is_secret_text(fields.bytes()?) {
                    return Ok(true);
                }
                continue;
            }
            Some(Field::Message(inner)) => inner,
            Some(Field::Value) => &VALUE,
            Some(Field::Attribute) => {
                if attribute_has_secret(fields.bytes()?, rules, depth_left)? {
                    return Ok(true);
                }
                continue;
            }
        };
        if has_secret(fields.bytes()?, inner, rules, depth_left)? {
            return Ok(true);
        }
    }
    Ok(false)
}

#[inline]
fn attribute_has_secret(message: &[u8], rules: &Rules, depth_left: usize) -> Walk<bool> {
    let attribute = Attribute::of(message)?;
    if rules.is_secret_key(attribute.key) || rules.is_secret_text(attribute.key) {
        return Ok(true);
    }
    match attribute.value {
        Some(value) => has_secret(value, &VALUE, rules, depth_left),
        None => Ok(false),
    }
}

/// The parts of a `KeyValue`.
struct Attribute<'a> {
    key: &'a [u8],
    value: Option<&'a [u8]>,
}

impl<'a> Attribute<'a> {
    #[inline]
    fn of(message: &'a [u8]) -> Walk<Self> {
        let mut name = None;
        let mut value = None;
        let mut fields = Fields::of(message);
        while let Some(key) = fields.key()? {
            // Of two keys the last counts, and two values are merged: no encoder writes that.
            let is_again = match key {
                KEY => name.replace(fields.bytes()?).is_some(),
                VALUE_OF_KEY => value.replace(fields.bytes()?).is_some(),
                KEY_STRINDEX => {
                    fields.varint()?;
                    false
                }
                _ => {
                    fields.skip(key)?;
                    false
                }
            };
            if is_again {
                return Err(Unusual);
            }
        }
        let key = name.unwrap_or_default();
        Ok(Self { key, value })
    }
}

struct Rewriter<'a> {
    rules: &'a Rules,
    hits: Hits,
}

impl Rewriter<'_> {
    /// The message without its secrets; `None` when there are none.
    fn message(
        &mut self,
        message: &[u8],
        shape: &Shape,
        depth_left: usize,
    ) -> Walk<Option<Vec<u8>>> {
        let depth_left = depth_left.checked_sub(1).ok_or(Unusual)?;
        let mut out = Out::of(message);
        let mut fields = Fields::of(message);
        loop {
            let start = fields.position(message);
            let Some(key) = fields.key()? else {
                break;
            };
            let Some(field) = field_of(shape, key) else {
                fields.skip(key)?;
                out.copy(start, fields.position(message));
                continue;
            };
            let value = fields.bytes()?;
            let rewritten = match field {
                Field::Text => self.text(value),
                Field::Value => self.message(value, &VALUE, depth_left)?,
                Field::Message(inner) => self.message(value, inner, depth_left)?,
                Field::Attribute => self.attribute(value, depth_left)?,
            };
            match rewritten {
                Some(rewritten) => out.replace(start, key, &rewritten),
                None => out.copy(start, fields.position(message)),
            }
        }
        Ok(out.finish())
    }

    fn text(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        self.rules.redact_text(text, &mut self.hits)
    }

    fn attribute(&mut self, message: &[u8], depth_left: usize) -> Walk<Option<Vec<u8>>> {
        let attribute = Attribute::of(message)?;
        let name = self.text(attribute.key);
        let value = match attribute.value {
            None => None,
            Some(value) if is_marked(value) => None,
            Some(_) if self.rules.count_key(attribute.key, &mut self.hits) => Some(marked()),
            Some(value) => self.message(value, &VALUE, depth_left)?,
        };
        if name.is_none() && value.is_none() {
            return Ok(None);
        }
        let mut out = Vec::with_capacity(message.len() + MARK.len());
        push_delimited(&mut out, KEY, name.as_deref().unwrap_or(attribute.key));
        if let Some(value) = value.as_deref().or(attribute.value) {
            push_delimited(&mut out, VALUE_OF_KEY, value);
        }
        Ok(Some(out))
    }
}

/// The `AnyValue` that stands in the place of a secret.
fn marked() -> Vec<u8> {
    let mut value = Vec::with_capacity(MARK.len() + 2);
    push_delimited(&mut value, STRING, MARK.as_bytes());
    value
}

fn is_marked(value: &[u8]) -> bool {
    value == marked()
}

/// A message that is copied only from its first change on.
struct Out<'a> {
    original: &'a [u8],
    changed: Option<Vec<u8>>,
}

impl<'a> Out<'a> {
    fn of(original: &'a [u8]) -> Self {
        Self {
            original,
            changed: None,
        }
    }

    /// Keeps a field.
    fn copy(&mut self, start: usize, end: usize) {
        if let Some(out) = &mut self.changed {
            out.extend_from_slice(self.original.get(start..end).unwrap_or_default());
        }
    }

    /// Puts something else in the place of the value of the field that begins at `start`.
    fn replace(&mut self, start: usize, key: u32, value: &[u8]) {
        let out = self.changed.get_or_insert_with(|| {
            let mut out = Vec::with_capacity(self.original.len() + MARK.len());
            out.extend_from_slice(self.original.get(..start).unwrap_or_default());
            out
        });
        push_delimited(out, key, value);
    }

    fn finish(self) -> Option<Vec<u8>> {
        self.changed
    }
}

fn push_delimited(out: &mut Vec<u8>, key: u32, value: &[u8]) {
    push_varint(out, u64::from(key));
    push_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        let [low, ..] = value.to_le_bytes();
        out.push(low | 0x80);
        value >>= 7;
    }
    let [low, ..] = value.to_le_bytes();
    out.push(low);
}
