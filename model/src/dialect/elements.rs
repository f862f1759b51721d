//! The elements of a JSON array one by one, so that a long array takes no memory of its own.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{Error, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Calls `visit` with the text of each element of an array. What comes after an error of `visit` is not read;
/// its error is returned within the outer result.
///
/// # Errors
/// When the document is no JSON array; the elements before the place where it breaks have been visited then.
pub(super) fn visit<E>(
    document: &str,
    mut visit: impl FnMut(&RawValue) -> Result<(), E>,
) -> Result<Result<(), E>, serde_json::Error> {
    let mut stopped = None;
    let elements = Elements {
        visit: &mut |element| match visit(element) {
            Ok(()) => true,
            Err(error) => {
                stopped = Some(error);
                false
            }
        },
    };
    let mut deserializer = serde_json::Deserializer::from_str(document);
    let read = deserializer
        .deserialize_seq(elements)
        .and_then(|()| deserializer.end());
    match stopped {
        Some(error) => Ok(Err(error)),
        None => read.map(Ok),
    }
}

struct Elements<'f> {
    visit: &'f mut dyn FnMut(&RawValue) -> bool,
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<&RawValue>()? {
            if !(self.visit)(element) {
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_come_as_they_are_written_until_one_is_refused() {
        let mut seen = Vec::new();
        let all = visit(r#" [1, {"a" : 2},"x"] "#, |element| {
            seen.push(element.get().to_owned());
            Ok::<(), ()>(())
        });
        assert!(matches!(all, Ok(Ok(()))));
        assert_eq!(seen, ["1", r#"{"a" : 2}"#, "\"x\""]);

        let refused = visit("[1,2,oops", |element| Err::<(), _>(element.get().len()));
        assert!(matches!(refused, Ok(Err(1))));
    }

    #[test]
    fn what_is_no_array_is_an_error() {
        for document in ["[1,", "{}", "[1] 2", ""] {
            let read = visit(document, |_| Ok::<(), ()>(()));
            assert!(read.is_err(), "{document}");
        }
    }
}
