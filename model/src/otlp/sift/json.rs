//! JSON requests, taken apart without building more than one record's values.

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::Sifter;
use super::records::Record;
use super::survey::Cost;
use crate::otlp::DecodeError;
use crate::otlp::json::lists::{Path, each};
use crate::otlp::json::object::{FieldError, Read};
use crate::otlp::json::read;
use crate::otlp::json::text::JsonText;
use crate::otlp::limits::Trimmed;

/// Passes every record of the request to the sifter.
pub(super) fn sift<R: Record>(body: &[u8], sifter: &mut Sifter<'_, '_>) -> Result<(), DecodeError> {
    let [resources, scopes, records] = R::JSON_NAMES;
    let request = JsonText::parse_request(body)?;
    let mut at = Path::default();
    each(request, resources, &mut at, |text, at| {
        let resource = inner(text, "resource", at, sifter, read::resource)?;
        let resource: Result<Option<Resource>, String> = resource;
        sifter.begin_resource(resource, &schema_url(text, at)?);
        each(text, scopes, at, |text, at| {
            let scope = inner(text, "scope", at, sifter, read::scope)?;
            let scope: Result<Option<InstrumentationScope>, String> = scope;
            sifter.begin_scope(scope, &schema_url(text, at)?);
            each(text, records, at, |text, at| record::<R>(text, at, sifter))?;
            sifter.end_scope();
            Ok(())
        })?;
        sifter.end_resource();
        Ok(())
    })
}

fn record<R: Record>(
    text: JsonText<'_>,
    at: &Path,
    sifter: &mut Sifter<'_, '_>,
) -> Result<(), DecodeError> {
    if let Some(problem) = sifter.admit(Cost::of_json(text))? {
        // Its name would have to be searched for in what is not worth reading.
        sifter.reject(&R::label_by(&name_of(text)), &problem);
        return Ok(());
    }
    let value = text.value().map_err(DecodeError::Json)?;
    let record = R::from_json(&value).map_err(|error| at.of(error))?;
    sifter.record(record, Trimmed::default());
    Ok(())
}

/// The bytes between the quotes of a member `name`.
fn name_of(text: JsonText<'_>) -> Vec<u8> {
    let name = text.member("name").and_then(|name| name.value().ok());
    let name = name.as_ref().and_then(|name| name.as_str());
    name.unwrap_or_default().as_bytes().to_vec()
}

/// The resource or scope of a text, or why it cannot be kept.
fn inner<T>(
    text: JsonText<'_>,
    name: &str,
    at: &Path,
    sifter: &mut Sifter<'_, '_>,
    read: impl FnOnce(&serde_json::Value) -> Read<T>,
) -> Result<Result<Option<T>, String>, DecodeError> {
    let Some(inner) = text.member(name) else {
        return Ok(Ok(None));
    };
    if let Some(problem) = sifter.admit(Cost::of_json(inner))? {
        return Ok(Err(problem));
    }
    let value = inner.value().map_err(DecodeError::Json)?;
    let inner = read(&value).map_err(|error| at.of(error.within(name.to_owned())))?;
    Ok(Ok(Some(inner)))
}

fn schema_url(text: JsonText<'_>, at: &Path) -> Result<String, DecodeError> {
    const NAME: &str = "schemaUrl";
    let Some(url) = text.member(NAME) else {
        return Ok(String::new());
    };
    let problem = || at.of(FieldError::new("must be a string").within(NAME.to_owned()));
    if url.survey().value_count > 1 {
        return Err(problem());
    }
    let value = url.value().map_err(DecodeError::Json)?;
    value.as_str().map(str::to_owned).ok_or_else(problem)
}
