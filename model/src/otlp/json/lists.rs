//! The lists of a request, one inside the other, and where in them a fault is.

use super::object::FieldError;
use super::text::JsonText;
use crate::otlp::DecodeError;

/// Visits the objects of a list; one that is missing or null is empty.
pub(in crate::otlp) fn each(
    text: JsonText<'_>,
    name: &'static str,
    at: &mut Path,
    mut visit: impl FnMut(JsonText<'_>, &mut Path) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    if !text.is_object() && !text.is_null() {
        return Err(at.of(FieldError::new("must be an object")));
    }
    let Some(list) = text.member(name) else {
        return Ok(());
    };
    let not_a_list = || at.of(FieldError::new("must be an array").within(name.to_owned()));
    let elements = list.elements().ok_or_else(not_a_list)?;
    for (index, element) in elements.enumerate() {
        at.0.push((name, index));
        visit(element, at)?;
        at.0.pop();
    }
    Ok(())
}

/// Where in the request a text is.
#[derive(Debug, Default)]
pub(in crate::otlp) struct Path(Vec<(&'static str, usize)>);

impl Path {
    /// The error with where it was found.
    pub(in crate::otlp) fn of(&self, error: FieldError) -> DecodeError {
        let steps = self.0.iter().rev();
        let error = steps.fold(error, |error, (name, index)| {
            error
                .within(format!("[{index}]"))
                .within((*name).to_owned())
        });
        error.into()
    }
}
