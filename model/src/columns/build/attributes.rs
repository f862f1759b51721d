//! The three attribute columns, and the text form of values on their way into a column.

use std::sync::Arc;

use arrow_array::types::UInt32Type;
use arrow_array::{ArrayRef, MapArray};
use arrow_schema::ArrowError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::bytes::{BytesBuilder, NullableTextBuilder};
use super::dictionary::{KeysBuilder, NullableDictionaryBuilder};
use super::{Offsets, numbers, struct_of};
use crate::attributes::{AttributeValue, ValueType, double_text};
use crate::schema::attribute_entries_field;

/// Bytes of an OTLP record for each of its attributes, roughly: what is too much is given back.
const ENTRY_BYTES: usize = 48;
/// The distinct values of the attributes are this part of an OTLP record, roughly.
const VALUES_SHARE: usize = 6;

/// A value that is about to become the text of a column: see [`AttributeValue::text`].
#[derive(Debug)]
pub(crate) enum ColumnValue<'a> {
    /// No value was sent.
    Absent,
    /// An empty value was sent.
    Empty,
    /// Text, not yet known to be UTF-8.
    String(&'a [u8]),
    /// True or false.
    Bool(bool),
    /// A number.
    Int(i64),
    /// A floating point number.
    Double(f64),
    /// Raw bytes.
    Bytes(&'a [u8]),
    /// An array or a list. Boxed, so that the many others are small enough to travel in registers.
    Nested(Box<AttributeValue>),
}

impl ColumnValue<'_> {
    /// Adds the text to `text` and says how to read it; adds nothing for a value without a text.
    fn write(&self, text: &mut Vec<u8>) -> ValueType {
        match self {
            Self::Absent => ValueType::Absent,
            Self::Empty => ValueType::Empty,
            Self::String(bytes) => {
                text.extend_from_slice(bytes);
                ValueType::String
            }
            Self::Bool(truth) => {
                text.extend_from_slice(if *truth { b"true" } else { b"false" });
                ValueType::Bool
            }
            Self::Int(number) => {
                push_decimal(text, *number);
                ValueType::Int
            }
            Self::Double(number) => {
                text.extend_from_slice(double_text(*number).as_bytes());
                ValueType::Double
            }
            Self::Bytes(bytes) => {
                text.extend_from_slice(BASE64.encode(bytes).as_bytes());
                ValueType::Bytes
            }
            Self::Nested(value) => {
                text.extend_from_slice(value.text().as_bytes());
                value.value_type()
            }
        }
    }
}

fn has_text(value_type: ValueType) -> bool {
    !matches!(value_type, ValueType::Absent | ValueType::Empty)
}

impl NullableTextBuilder {
    /// Adds a row with the text of the value, null when there is none; says how to read it.
    pub(super) fn append_value(&mut self, value: &ColumnValue<'_>) -> ValueType {
        let value_type = value.write(self.open_row());
        if has_text(value_type) {
            self.end_row();
        } else {
            self.append_null();
        }
        value_type
    }
}

/// The values of attributes, each text kept once: most occur many times in a request.
#[derive(Debug, Default)]
struct ValuesBuilder {
    texts: NullableDictionaryBuilder,
    text: Vec<u8>,
}

impl ValuesBuilder {
    /// Adds an entry with the text of the value, null when there is none; says how to read it.
    fn append_value(&mut self, value: &ColumnValue<'_>) -> ValueType {
        if let ColumnValue::String(text) = value {
            self.texts.append(Some(text));
            return ValueType::String;
        }
        self.text.clear();
        let value_type = value.write(&mut self.text);
        self.texts
            .append(has_text(value_type).then_some(&self.text));
        value_type
    }
}

/// Decimal digits without the machinery of formatting: most records hold several small numbers.
fn push_decimal(text: &mut Vec<u8>, number: i64) {
    if number < 0 {
        text.push(b'-');
    }
    let first = text.len();
    let mut rest = number.unsigned_abs();
    loop {
        let [digit, ..] = (rest % 10).to_le_bytes();
        text.push(b'0' + digit);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    text[first..].reverse();
}

/// The three attribute columns.
#[derive(Debug, Default)]
pub(crate) struct AttributesBuilder {
    keys: KeysBuilder,
    values: ValuesBuilder,
    offsets: Offsets,
    types: BytesBuilder,
    dropped: Vec<u32>,
}

impl AttributesBuilder {
    /// Makes room for `row_count` rows out of records of `record_bytes` in all.
    pub(super) fn reserve(&mut self, row_count: usize, record_bytes: usize) {
        self.offsets.reserve(row_count);
        self.dropped.reserve(row_count);
        let entry_count = record_bytes / ENTRY_BYTES;
        self.keys.reserve(entry_count);
        self.values
            .texts
            .reserve(entry_count, record_bytes / VALUES_SHARE);
        self.types.reserve(row_count, entry_count);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.keys.memory_bytes()
            + self.values.texts.memory_bytes()
            + self.offsets.memory_bytes()
            + self.types.memory_bytes()
            + size_of::<u32>() * self.dropped.capacity()
    }

    /// Adds an attribute that is a text to the row being built.
    #[inline]
    pub(crate) fn push_text(&mut self, key: &[u8], text: &[u8]) {
        self.keys.append(key);
        self.values.texts.append(Some(text));
        self.types.open_row().push(ValueType::String as u8);
    }

    /// Adds one attribute to the row being built.
    pub(crate) fn push(&mut self, key: &[u8], value: &ColumnValue<'_>) {
        self.keys.append(key);
        let value_type = self.values.append_value(value);
        self.types.open_row().push(value_type as u8);
    }

    /// Ends the row.
    pub(super) fn finish_row(&mut self, dropped_attributes_count: u32) {
        self.offsets.push(self.keys.len());
        self.types.end_row();
        self.dropped.push(dropped_attributes_count);
    }

    /// The map, the type codes, the dropped counts.
    pub(super) fn finish(self) -> Result<[ArrayRef; 3], ArrowError> {
        let offsets = self.offsets.finish(self.keys.len())?;
        let columns = vec![self.keys.finish()?, self.values.texts.finish()?];
        let field = attribute_entries_field();
        let entries = struct_of(&field, columns)?;
        Ok([
            Arc::new(MapArray::try_new(field, offsets, entries, None, false)?),
            self.types.finish_binary()?,
            Arc::new(numbers::<UInt32Type>(self.dropped, None)?),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_the_formatter_writes_them() {
        for number in [0, 7, 10, 200, -1, i64::MAX, i64::MIN] {
            let mut text = b"x".to_vec();
            push_decimal(&mut text, number);
            assert_eq!(text, format!("x{number}").into_bytes());
        }
    }
}
