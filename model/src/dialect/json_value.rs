//! Any JSON as a value of an attribute: types are kept, and so is the order of the keys.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::attributes::{Attribute, AttributeValue};

/// A value as it is in JSON. Objects are lists of keys and values; `null` is the empty value.
pub(super) struct Json(pub(super) AttributeValue);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyJson).map(Self)
    }
}

struct AnyJson;

impl<'de> Visitor<'de> for AnyJson {
    type Value = AttributeValue;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E>(self, truth: bool) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Int(number))
    }

    /// OTLP has no unsigned integers: what does not fit is kept digit by digit.
    fn visit_u64<E>(self, number: u64) -> Result<AttributeValue, E> {
        Ok(match i64::try_from(number) {
            Ok(number) => AttributeValue::Int(number),
            Err(_) => AttributeValue::String(number.to_string()),
        })
    }

    fn visit_f64<E>(self, number: f64) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Double(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<AttributeValue, E> {
        Ok(AttributeValue::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<AttributeValue, E> {
        Ok(AttributeValue::String(text))
    }

    fn visit_unit<E>(self) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Empty)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<AttributeValue, A::Error> {
        let mut values = Vec::new();
        while let Some(Json(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(AttributeValue::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<AttributeValue, A::Error> {
        let mut attributes = Vec::new();
        while let Some((key, Json(value))) = entries.next_entry::<String, Json>()? {
            attributes.push(Attribute::new(key, value));
        }
        Ok(AttributeValue::KvList(attributes))
    }
}

/// Whether no list or array in the value is nested deeper than so many levels.
pub(super) fn fits(value: &AttributeValue, depth_left: usize) -> bool {
    match value {
        AttributeValue::Array(items) => {
            depth_left > 0 && items.iter().all(|item| fits(item, depth_left - 1))
        }
        AttributeValue::KvList(entries) => {
            depth_left > 0
                && entries
                    .iter()
                    .filter_map(|entry| entry.value.as_ref())
                    .all(|value| fits(value, depth_left - 1))
        }
        AttributeValue::Empty
        | AttributeValue::String(_)
        | AttributeValue::Bool(_)
        | AttributeValue::Int(_)
        | AttributeValue::Double(_)
        | AttributeValue::Bytes(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(document: &str) -> AttributeValue {
        serde_json::from_str::<Json>(document).unwrap().0
    }

    #[test]
    fn types_and_order_are_kept() {
        let expected = AttributeValue::KvList(vec![
            Attribute::new("z", AttributeValue::Int(-1)),
            Attribute::new("a", AttributeValue::Double(0.5)),
            Attribute::new(
                "list",
                AttributeValue::Array(vec![AttributeValue::Bool(true), AttributeValue::Empty]),
            ),
            Attribute::new("s", AttributeValue::String("x\n".into())),
            Attribute::new(
                "huge",
                AttributeValue::String("18446744073709551615".into()),
            ),
        ]);
        let document =
            r#"{"z":-1,"a":0.5,"list":[true,null],"s":"x\n","huge":18446744073709551615}"#;
        assert_eq!(read(document), expected);
    }

    #[test]
    fn depth_counts_arrays_and_objects() {
        let nested = read(r#"[{"a":[1]}]"#);
        assert!(fits(&nested, 3));
        assert!(!fits(&nested, 2));
        assert!(fits(&read("1"), 0));
    }
}
