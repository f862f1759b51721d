//! JSON objects and what stands in them, field by field.

use serde_json::{Map, Value};

use super::scalars::{Names, enum_number, integer, string};
use crate::otlp::DecodeError;

/// What stands for an id that is not hex: of the wrong length for every id, so that the record is judged
/// singly like any other with an invalid id.
pub(in crate::otlp) const NOT_HEX_ID: &[u8] = b"not hex";

/// What is wrong with a field, and where, from the inside out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::otlp) struct FieldError {
    path: Vec<String>,
    problem: &'static str,
}

impl FieldError {
    pub(in crate::otlp) fn new(problem: &'static str) -> Self {
        Self {
            path: Vec::new(),
            problem,
        }
    }

    pub(in crate::otlp) fn within(mut self, step: String) -> Self {
        self.path.push(step);
        self
    }
}

impl From<FieldError> for DecodeError {
    fn from(error: FieldError) -> Self {
        let mut path = String::new();
        for step in error.path.iter().rev() {
            if !path.is_empty() && !step.starts_with('[') {
                path.push('.');
            }
            path.push_str(step);
        }
        if path.is_empty() {
            path.push_str("body");
        }
        Self::Field {
            path,
            problem: error.problem,
        }
    }
}

pub(in crate::otlp) type Read<T> = Result<T, FieldError>;

/// A JSON object whose fields are read by name; `null` is the same as missing, and in place of an object the
/// same as one without fields.
///
/// Names are lowerCamelCase. The snake_case of the protobuf files is understood as well, as the OpenTelemetry
/// Collector does: ignoring such fields as unknown would lose them without a word.
pub(super) struct Object<'a> {
    fields: Option<&'a Map<String, Value>>,
    // Most objects have none, and are spared a second look for every missing field.
    has_snake_case: bool,
}

impl<'a> Object<'a> {
    pub(super) fn of(value: &'a Value) -> Read<Self> {
        match value {
            Value::Object(fields) => Ok(Self {
                fields: Some(fields),
                has_snake_case: fields.keys().any(|key| key.contains('_')),
            }),
            Value::Null => Ok(Self {
                fields: None,
                has_snake_case: false,
            }),
            _ => Err(FieldError::new("must be an object")),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        let fields = self.fields?;
        let present = |key: &str| fields.get(key).filter(|value| !value.is_null());
        let found = present(key);
        if found.is_none() && self.has_snake_case {
            return present(&snake_case(key));
        }
        found
    }

    pub(super) fn field<T>(
        &self,
        key: &str,
        read: impl FnOnce(&'a Value) -> Read<T>,
    ) -> Read<Option<T>> {
        self.get(key)
            .map(|value| read(value).map_err(|error| error.within(key.to_owned())))
            .transpose()
    }

    pub(super) fn list<T>(&self, key: &str, read: impl Fn(&'a Value) -> Read<T>) -> Read<Vec<T>> {
        let Some(value) = self.get(key) else {
            return Ok(Vec::new());
        };
        let items = value
            .as_array()
            .ok_or_else(|| FieldError::new("must be an array").within(key.to_owned()))?;
        let read_item = |(index, item)| {
            read(item).map_err(|error| error.within(format!("[{index}]")).within(key.to_owned()))
        };
        items.iter().enumerate().map(read_item).collect()
    }

    pub(super) fn string(&self, key: &str) -> Read<String> {
        Ok(self.field(key, string)?.unwrap_or_default())
    }

    pub(super) fn u64(&self, key: &str) -> Read<u64> {
        let read = |value: &Value| {
            u64::try_from(integer(value)?).map_err(|_| FieldError::new("is out of range"))
        };
        Ok(self.field(key, read)?.unwrap_or_default())
    }

    pub(super) fn u32(&self, key: &str) -> Read<u32> {
        let read = |value: &Value| {
            u32::try_from(integer(value)?).map_err(|_| FieldError::new("is out of range"))
        };
        Ok(self.field(key, read)?.unwrap_or_default())
    }

    /// The number of an enum, whether this version of OTLP knows it or not, or one of its `names`.
    pub(super) fn enumeration(&self, key: &str, names: Names) -> Read<i32> {
        let read = |value: &Value| enum_number(value, names);
        Ok(self.field(key, read)?.unwrap_or_default())
    }

    /// An id that its record needs: hex, in any case. Other text becomes [`NOT_HEX_ID`].
    pub(super) fn id(&self, key: &str) -> Read<Vec<u8>> {
        let text = self.string(key)?;
        Ok(hex::decode(&text).unwrap_or_else(|_| NOT_HEX_ID.to_vec()))
    }

    /// An id that its record can do without. Text that is not hex says nothing, and is left out.
    pub(super) fn optional_id(&self, key: &str) -> Read<Vec<u8>> {
        let text = self.string(key)?;
        Ok(hex::decode(&text).unwrap_or_default())
    }
}

pub(super) fn snake_case(camel_case: &str) -> String {
    let mut text = String::with_capacity(camel_case.len() + 4);
    for letter in camel_case.chars() {
        if letter.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_protobuf_files_are_made_of_json_names() {
        assert_eq!(snake_case("startTimeUnixNano"), "start_time_unix_nano");
        assert_eq!(snake_case("name"), "name");
    }

    #[test]
    fn a_field_in_camel_case_wins_unless_it_is_null() {
        let json: Value = serde_json::from_str(
            r#"{"traceState": "a", "trace_state": "b", "eventName": null, "event_name": "c"}"#,
        )
        .unwrap();
        let object = Object::of(&json).unwrap();

        assert_eq!(object.string("traceState").unwrap(), "a");
        assert_eq!(object.string("eventName").unwrap(), "c");
        assert_eq!(object.string("schemaUrl").unwrap(), "");
    }
}
