//! What a record would take as objects, found out from its bytes before any are made.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::borrow::Cow;

use crate::otlp::json::text::JsonText;
use crate::otlp::limits::MAX_VALUE_DEPTH;
use crate::otlp::walk::wire::{Fields, delimited};

/// The largest object that an attribute or a value becomes, and what the list it is in may have to spare.
const OBJECT_BYTES: usize = 192;
/// The largest an event or link becomes, with the same.
const ITEM_BYTES: usize = 256;
/// A JSON value, with what the list or map it is in may have to spare.
const JSON_VALUE_BYTES: usize = 96;

/// What the objects of a record take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cost {
    pub(super) is_too_deep: bool,
    pub(super) object_bytes: usize,
}

/// Numbers of the fields of a record that hold values.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordShape {
    pub(super) attributes: u32,
    /// Lists of messages with attributes: the number of the list, and that of the attributes in them.
    pub(super) lists: &'static [(u32, u32)],
    /// A value of its own.
    pub(super) body: Option<u32>,
    pub(super) name: Option<u32>,
}

impl RecordShape {
    /// The name of a record, empty when it has none.
    pub(super) fn name(self, record: &[u8]) -> &[u8] {
        let mut found: &[u8] = &[];
        if let Some(tag) = self.name {
            each_readable(record, tag, |name| found = name);
        }
        found
    }

    /// The record without the attributes, events and links that are over `maxima`, and how many those are, in the
    /// order of the lists, attributes first.
    pub(super) fn without_excess<'a>(
        self,
        record: &'a [u8],
        maxima: &[usize],
    ) -> (Cow<'a, [u8]>, Vec<u32>) {
        let tags: Vec<u32> = std::iter::once(self.attributes)
            .chain(self.lists.iter().map(|(list, _)| *list))
            .collect();
        let mut counts = vec![0_usize; tags.len()];
        let mut kept = Vec::new();
        let mut fields = Fields::of(record);
        loop {
            let before = fields.rest();
            let Ok(Some(key)) = fields.key() else { break };
            if fields.skip(key).is_err() {
                break;
            }
            let position = tags.iter().position(|tag| delimited(*tag) == key);
            let over = position.is_some_and(|position| {
                let count = counts.get_mut(position);
                let count = count.map_or(0, |count| {
                    *count += 1;
                    *count
                });
                maxima.get(position).is_some_and(|most| count > *most)
            });
            if !over {
                let length = before.len() - fields.rest().len();
                kept.extend_from_slice(before.get(..length).unwrap_or_default());
            }
        }
        let over = counts.iter().zip(maxima);
        let over: Vec<u32> = over
            .map(|(count, most)| u32::try_from(count.saturating_sub(*most)).unwrap_or(u32::MAX))
            .collect();
        if over.iter().all(|count| *count == 0) {
            return (Cow::Borrowed(record), over);
        }
        // What could not be read is for the decoder to complain about.
        kept.extend_from_slice(fields.rest());
        (Cow::Owned(kept), over)
    }
}

impl Cost {
    /// That of a record in protobuf.
    pub(super) fn of_record(record: &[u8], shape: RecordShape) -> Self {
        let mut count = Count::default();
        count.attributes(record, shape.attributes);
        for (list, attributes) in shape.lists {
            each_readable(record, *list, |item| {
                count.bytes += ITEM_BYTES;
                count.attributes(item, *attributes);
            });
        }
        if let Some(body) = shape.body {
            count.values(record, body, MAX_VALUE_DEPTH);
        }
        count.cost(record.len())
    }

    /// That of a resource or scope in protobuf, whose attributes have this number.
    pub(super) fn of_envelope(message: &[u8], attributes: u32) -> Self {
        let mut count = Count::default();
        count.attributes(message, attributes);
        // Entity references and their keys: a text for two bytes, at worst.
        count.cost(message.len().saturating_mul(16))
    }

    /// That of a JSON text.
    pub(super) fn of_json(text: JsonText<'_>) -> Self {
        let survey = text.survey();
        let values = survey.value_count.saturating_mul(JSON_VALUE_BYTES);
        Self {
            is_too_deep: survey.is_too_deep,
            object_bytes: values.saturating_add(text.len()),
        }
    }
}

#[derive(Debug, Default)]
struct Count {
    bytes: usize,
    is_too_deep: bool,
}

impl Count {
    fn cost(self, text_bytes: usize) -> Cost {
        Cost {
            is_too_deep: self.is_too_deep,
            object_bytes: self.bytes.saturating_add(text_bytes),
        }
    }

    fn attributes(&mut self, message: &[u8], tag: u32) {
        self.key_values(message, tag, MAX_VALUE_DEPTH);
    }

    fn key_values(&mut self, message: &[u8], tag: u32, depth_left: usize) {
        each_readable(message, tag, |key_value| {
            self.bytes += OBJECT_BYTES;
            self.values(key_value, 2, depth_left);
        });
    }

    /// The values of the field `tag`: their arrays and lists may be nested `depth_left` deep.
    fn values(&mut self, message: &[u8], tag: u32, depth_left: usize) {
        each_readable(message, tag, |value| {
            self.bytes += OBJECT_BYTES;
            for (tag, is_list) in [(5, false), (6, true)] {
                each_readable(value, tag, |nested| match depth_left.checked_sub(1) {
                    Some(left) if is_list => self.key_values(nested, 1, left),
                    Some(left) => self.values(nested, 1, left),
                    None => self.is_too_deep = true,
                });
            }
        });
    }
}

/// Visits the values of a field up to the first damage, which the decoder will not get past either.
fn each_readable<'a>(message: &'a [u8], tag: u32, mut visit: impl FnMut(&'a [u8])) {
    let wanted = delimited(tag);
    let mut fields = Fields::of(message);
    while let Ok(Some(key)) = fields.key() {
        if key != wanted {
            if fields.skip(key).is_err() {
                return;
            }
        } else if let Ok(bytes) = fields.bytes() {
            visit(bytes);
        } else {
            return;
        }
    }
}
