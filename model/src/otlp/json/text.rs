//! JSON taken apart where it lies: which member and which element is where, without building values. Never
//! recurses, so that no depth of nesting can exhaust the stack, and holds nothing of its own.
#![warn(clippy::indexing_slicing)]

use serde::Deserialize as _;
use serde_json::value::RawValue;
use serde_json::{Deserializer, Error, Value};

use super::object::{FieldError, snake_case};
use super::{TextError, surrogates};
use crate::otlp::DecodeError;
use crate::otlp::limits::MAX_VALUE_DEPTH;

/// How deep the text of a record may be nested: no more than four for each level of a value, and some around it.
/// Building values recurses this deep.
const DEPTH_MAX: usize = 4 * MAX_VALUE_DEPTH + 16;

/// A text that is known to be JSON.
#[derive(Debug, Clone, Copy)]
pub(in crate::otlp) struct JsonText<'a>(&'a str);

/// What building the values of a text would take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::otlp) struct Survey {
    /// It is nested deeper than any value that is kept.
    pub(in crate::otlp) is_too_deep: bool,
    /// How many values it has, at most.
    pub(in crate::otlp) value_count: usize,
}

impl<'a> JsonText<'a> {
    /// Checks that the whole body is JSON.
    pub(in crate::otlp) fn parse(body: &'a [u8]) -> Result<Self, Error> {
        let raw: &RawValue = serde_json::from_slice(body)?;
        Ok(Self(raw.get().trim()))
    }

    /// A body that is the object of a request.
    pub(in crate::otlp) fn parse_request(body: &'a [u8]) -> Result<Self, DecodeError> {
        let text = Self::parse(body).map_err(DecodeError::Json)?;
        if !text.is_object() {
            return Err(FieldError::new("must be an object").into());
        }
        Ok(text)
    }

    pub(in crate::otlp) fn len(self) -> usize {
        self.0.len()
    }

    pub(in crate::otlp) fn is_null(self) -> bool {
        self.0 == "null"
    }

    pub(in crate::otlp) fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    /// The members of an object, with their names as they are written; `None` when it is no object.
    pub(in crate::otlp) fn members(self) -> Option<impl Iterator<Item = (JsonText<'a>, Self)>> {
        let mut items = Items::of(self.0, b'{')?;
        Some(std::iter::from_fn(move || {
            let name = items.next_item()?;
            Some((name, items.next_item()?))
        }))
    }

    /// The member with this name, or with the same in snake_case; null is none.
    pub(in crate::otlp) fn member(self, wanted: &str) -> Option<Self> {
        let found = self.last_member(wanted);
        found.or_else(|| {
            let snake_case = snake_case(wanted);
            (snake_case != wanted)
                .then(|| self.last_member(&snake_case))
                .flatten()
        })
    }

    /// The last member with this name, as if a later one replaced those before; null is none.
    fn last_member(self, wanted: &str) -> Option<Self> {
        let members = self.members()?;
        let found = members.filter(|(name, _)| name.is_name(wanted)).last();
        found.map(|(_, value)| value).filter(|it| !it.is_null())
    }

    /// The elements of an array; `None` when it is none.
    pub(in crate::otlp) fn elements(self) -> Option<impl Iterator<Item = Self>> {
        let mut items = Items::of(self.0, b'[')?;
        Some(std::iter::from_fn(move || items.next_item()))
    }

    /// Whether this is the name, however it is escaped.
    fn is_name(self, wanted: &str) -> bool {
        let written = self.0.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        match written {
            Some(written) if written.contains('\\') => {
                serde_json::from_str::<String>(self.0).is_ok_and(|name| name == wanted)
            }
            written => written == Some(wanted),
        }
    }

    /// Looks through the text without building anything.
    pub(in crate::otlp) fn survey(self) -> Survey {
        let mut scan = Scan::of(self.0);
        let mut survey = Survey {
            is_too_deep: false,
            value_count: 1,
        };
        while let Some(byte) = scan.next_outside_texts() {
            match byte {
                b',' | b':' => survey.value_count += 1,
                b'{' | b'[' => {
                    survey.value_count += 1;
                    survey.is_too_deep |= scan.depth > DEPTH_MAX;
                }
                _ => {}
            }
        }
        survey
    }

    /// The values of the text, which [`JsonText::survey`] has said is not too deep.
    pub(in crate::otlp) fn value(self) -> Result<Value, Error> {
        let error = match value_of(self.0.as_bytes()) {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        match surrogates::replaced(self.0.as_bytes()) {
            Some(mended) => value_of(&mended),
            None => Err(error),
        }
    }
}

fn value_of(json: &[u8]) -> Result<Value, Error> {
    let mut deserializer = Deserializer::from_slice(json);
    deserializer.disable_recursion_limit();
    Value::deserialize(&mut deserializer)
}

/// The values of a text from a column.
pub(super) fn column_value(text: &str) -> Result<Value, TextError> {
    let text = JsonText::parse(text.as_bytes()).map_err(|_| TextError)?;
    if text.survey().is_too_deep {
        return Err(TextError);
    }
    text.value().map_err(|_| TextError)
}

/// The bytes of a JSON text one by one.
#[derive(Debug)]
struct Scan<'a> {
    text: &'a str,
    at: usize,
    /// How many arrays and objects are open.
    depth: usize,
}

impl<'a> Scan<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
        }
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.text.as_bytes().get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }

    /// The next byte that is not inside a text: of a text its opening quote is seen, and then what follows it.
    fn next_outside_texts(&mut self) -> Option<u8> {
        let byte = self.next()?;
        match byte {
            b'"' => self.skip_text(),
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        Some(byte)
    }

    /// Goes behind the closing quote.
    fn skip_text(&mut self) {
        while let Some(byte) = self.next() {
            match byte {
                b'\\' => self.at += 1,
                b'"' => return,
                _ => {}
            }
        }
    }
}

/// The values directly inside an array or object, names among them, one after the other.
#[derive(Debug)]
struct Items<'a>(Scan<'a>);

impl<'a> Items<'a> {
    fn of(text: &'a str, opening: u8) -> Option<Self> {
        let mut scan = Scan::of(text);
        (scan.next_outside_texts() == Some(opening)).then_some(Self(scan))
    }

    fn next_item(&mut self) -> Option<JsonText<'a>> {
        let start = self.0.at;
        loop {
            let end = self.0.at;
            let byte = self.0.next_outside_texts()?;
            let is_end = match byte {
                b',' | b':' => self.0.depth == 1,
                b'}' | b']' => self.0.depth == 0,
                _ => false,
            };
            if is_end {
                let item = self.0.text.get(start..end)?.trim();
                // Nothing is between the brackets of an empty one.
                return (!item.is_empty()).then_some(JsonText(item));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> JsonText<'_> {
        JsonText::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn members_and_elements_are_found_whatever_is_in_them() {
        let text = parsed(
            r#" {"a" : [1, "x,]}\"" ,{"b":[]}],"\u0062": {"c":":"} , "a2":null,"b":7,"e":{}, "f":[ ]} "#,
        );
        let elements = text.member("a").unwrap().elements().unwrap();
        let elements: Vec<&str> = elements.map(|it| it.0).collect();
        assert_eq!(elements, ["1", r#""x,]}\"""#, r#"{"b":[]}"#]);
        assert_eq!(text.member("b").unwrap().0, "7", "the last one counts");
        assert!(text.member("a2").is_none(), "null is none");
        assert!(text.member("missing").is_none());
        assert_eq!(text.member("e").unwrap().members().unwrap().count(), 0);
        assert_eq!(text.member("f").unwrap().elements().unwrap().count(), 0);
        assert!(text.elements().is_none());
        assert!(parsed("[]").members().is_none());
        assert!(parsed("\"[\"").elements().is_none());
    }

    #[test]
    fn depth_is_told_without_recursion() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(!parsed(&nested(DEPTH_MAX)).survey().is_too_deep);
        assert!(parsed(&nested(DEPTH_MAX + 1)).survey().is_too_deep);
        assert!(parsed(&nested(200_000)).survey().is_too_deep);
        let quoted = format!("\"{}\"", "[".repeat(1000));
        assert!(!parsed(&quoted).survey().is_too_deep);
        assert!(parsed(&nested(DEPTH_MAX)).value().is_ok());
        assert_eq!(column_value(&nested(DEPTH_MAX + 1)).unwrap_err(), TextError);
    }

    #[test]
    fn a_survey_counts_no_fewer_values_than_there_are() {
        assert_eq!(parsed("[1,2,3]").survey().value_count, 4);
        assert_eq!(parsed(r#"{"a":[],"b":"c,d"}"#).survey().value_count, 6);
        assert_eq!(parsed("7").survey().value_count, 1);
    }
}
