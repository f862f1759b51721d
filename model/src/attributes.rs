//! Attributes: a key with a typed value, kept in the order in which they were sent.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::otlp::json;

/// An OTLP `AnyValue`.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeValue {
    /// An `AnyValue` that holds nothing.
    Empty,
    /// Text.
    String(String),
    /// True or false.
    Bool(bool),
    /// A signed 64-bit integer.
    Int(i64),
    /// A 64-bit floating point number. NaN payloads are not kept apart.
    Double(f64),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// Values of any kind, nested.
    Array(Vec<AttributeValue>),
    /// Keys with values of any kind, nested.
    KvList(Vec<Attribute>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// The key; may be empty and may occur twice, since senders do both.
    pub key: String,
    /// `None` when the sender left the value out, which OTLP tells apart from an empty one.
    pub value: Option<AttributeValue>,
}

/// How a value's text in a column is to be read. One byte per attribute in `attribute_types`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ValueType {
    /// No value was sent.
    Absent = 0,
    /// An empty `AnyValue`.
    Empty = 1,
    /// The text itself.
    String = 2,
    /// `true` or `false`.
    Bool = 3,
    /// Decimal digits.
    Int = 4,
    /// Shortest decimal form that reads back as the same number.
    Double = 5,
    /// Standard base64 with padding.
    Bytes = 6,
    /// OTLP JSON of the `AnyValue`.
    Array = 7,
    /// OTLP JSON of the `AnyValue`.
    KvList = 8,
}

impl ValueType {
    /// The word for the type where people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Empty => "empty",
            Self::String => "string",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Double => "double",
            Self::Bytes => "bytes",
            Self::Array => "array",
            Self::KvList => "kvlist",
        }
    }
}

/// Text in a column that does not read as its declared type: the file is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("attribute text does not read as type code {type_code}")]
pub struct ValueTextError {
    /// The code found beside the text.
    pub type_code: u8,
}

impl AttributeValue {
    /// The text form: what the columns hold and what search compares with.
    ///
    /// Integers are decimal, doubles shortest, booleans `true` or `false`, bytes base64; arrays and
    /// lists are the OTLP JSON of the whole value; an empty value is the empty text.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Empty => Cow::Borrowed(""),
            Self::String(text) => Cow::Borrowed(text),
            Self::Bool(true) => Cow::Borrowed("true"),
            Self::Bool(false) => Cow::Borrowed("false"),
            Self::Int(number) => Cow::Owned(number.to_string()),
            Self::Double(number) => Cow::Owned(double_text(*number)),
            Self::Bytes(bytes) => Cow::Owned(BASE64.encode(bytes)),
            Self::Array(_) | Self::KvList(_) => Cow::Owned(json::any_value_text(self)),
        }
    }

    /// The code that says how to read [`AttributeValue::text`].
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Empty => ValueType::Empty,
            Self::String(_) => ValueType::String,
            Self::Bool(_) => ValueType::Bool,
            Self::Int(_) => ValueType::Int,
            Self::Double(_) => ValueType::Double,
            Self::Bytes(_) => ValueType::Bytes,
            Self::Array(_) => ValueType::Array,
            Self::KvList(_) => ValueType::KvList,
        }
    }

    /// Reads a value back from its text and type code; `None` for [`ValueType::Absent`].
    ///
    /// # Errors
    /// When the text does not read as the type, or the code is unknown.
    pub fn from_text(text: &str, type_code: u8) -> Result<Option<Self>, ValueTextError> {
        let damaged = || ValueTextError { type_code };
        let value = match type_code {
            0 => return Ok(None),
            1 => Self::Empty,
            2 => Self::String(text.to_owned()),
            3 => Self::Bool(text.parse().map_err(|_| damaged())?),
            4 => Self::Int(text.parse().map_err(|_| damaged())?),
            5 => Self::Double(text.parse().map_err(|_| damaged())?),
            6 => Self::Bytes(BASE64.decode(text).map_err(|_| damaged())?),
            7 | 8 => json::any_value_from_text(text).map_err(|_| damaged())?,
            _ => return Err(damaged()),
        };
        Ok(Some(value))
    }
}

/// The shortest decimal text that parses to the same double; `NaN`, `Infinity` and `-Infinity` as in
/// proto3 JSON.
pub fn double_text(number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 {
            "Infinity".to_owned()
        } else {
            "-Infinity".to_owned()
        }
    } else {
        format!("{number:?}")
    }
}

impl Attribute {
    /// An attribute with a value.
    pub fn new(key: impl Into<String>, value: AttributeValue) -> Self {
        Self {
            key: key.into(),
            value: Some(value),
        }
    }

    /// The value's text form; empty when there is no value.
    pub fn text(&self) -> Cow<'_, str> {
        self.value
            .as_ref()
            .map_or(Cow::Borrowed(""), AttributeValue::text)
    }
}

impl Attribute {
    /// The type of its value.
    pub fn value_type(&self) -> ValueType {
        self.value
            .as_ref()
            .map_or(ValueType::Absent, AttributeValue::value_type)
    }
}

/// The text of the first attribute with this key.
pub fn find_text<'a>(attributes: &'a [Attribute], key: &str) -> Option<Cow<'a, str>> {
    attributes
        .iter()
        .find(|attribute| attribute.key == key)
        .map(Attribute::text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_reads_back_from_its_text() {
        let values = [
            AttributeValue::Empty,
            AttributeValue::String("ümlaut \u{0} \"quoted\"".into()),
            AttributeValue::Bool(true),
            AttributeValue::Int(i64::MIN),
            AttributeValue::Double(0.1),
            AttributeValue::Double(-0.0),
            AttributeValue::Double(1e300),
            AttributeValue::Double(f64::NEG_INFINITY),
            AttributeValue::Bytes(vec![0, 255, 7]),
            AttributeValue::Array(vec![AttributeValue::Int(1), AttributeValue::Empty]),
            AttributeValue::KvList(vec![
                Attribute {
                    key: "absent".into(),
                    value: None,
                },
                Attribute::new("nested", AttributeValue::Array(vec![])),
            ]),
        ];
        for value in values {
            let read = AttributeValue::from_text(&value.text(), value.value_type() as u8);
            assert_eq!(read, Ok(Some(value)));
        }
    }

    #[test]
    fn damaged_text_is_an_error() {
        assert_eq!(
            AttributeValue::from_text("x", 4),
            Err(ValueTextError { type_code: 4 })
        );
        assert_eq!(
            AttributeValue::from_text("x", 99),
            Err(ValueTextError { type_code: 99 })
        );
    }
}
