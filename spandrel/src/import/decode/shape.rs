//! Tells what a JSON value is by the names of its fields.

use std::collections::BTreeMap;

use model::Signal;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::import::Format;

/// Fields that are named when none is known.
const NAMED_FIELDS_MAX: usize = 8;

/// What a value holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shape<'a> {
    /// An export request.
    Otlp {
        /// The request itself.
        text: &'a str,
        /// What it has that can be kept.
        signals: Vec<Signal>,
        /// Whether it has metrics or profiles.
        has_others: bool,
    },
    Jaeger,
    Zipkin,
}

/// An answer of Jaeger's API of version 3, which has an export request in it.
#[derive(Deserialize)]
struct Enclosed<'a> {
    #[serde(borrow)]
    result: &'a RawValue,
}

impl<'a> Shape<'a> {
    /// Looks at a value of JSON; with `format` only at what matters for that.
    pub(super) fn of(text: &'a str, format: Option<Format>) -> Result<Self, String> {
        match format {
            Some(Format::Jaeger) => return Ok(Self::Jaeger),
            Some(Format::Zipkin) => return Ok(Self::Zipkin),
            Some(Format::Otlp) | None => {}
        }
        if format.is_none() && text.starts_with('[') {
            return Ok(Self::Zipkin);
        }
        let fields: BTreeMap<String, IgnoredAny> = serde_json::from_str(text)
            .map_err(|_| "neither an object nor a list of spans".to_owned())?;
        let has = |name: &str| fields.contains_key(name);
        if has("result")
            && let Ok(enclosed) = serde_json::from_str::<Enclosed<'_>>(text)
        {
            return Self::of(enclosed.result.get(), Some(Format::Otlp));
        }
        let named = [
            ("resourceSpans", Signal::Traces),
            ("resourceLogs", Signal::Logs),
        ];
        let signals: Vec<Signal> = named
            .into_iter()
            .filter_map(|(name, signal)| has(name).then_some(signal))
            .collect();
        let has_others = has("resourceMetrics") || has("resourceProfiles");
        if !signals.is_empty() || has_others || fields.is_empty() {
            return Ok(Self::Otlp {
                text,
                signals,
                has_others,
            });
        }
        if format.is_none() && (has("data") || has("spans")) {
            return Ok(Self::Jaeger);
        }
        if format.is_none() && has("traceId") && has("id") {
            return Ok(Self::Zipkin);
        }
        let names: Vec<&str> = fields.keys().map(String::as_str).collect();
        let names = names.get(..NAMED_FIELDS_MAX).unwrap_or(&names).join(", ");
        Err(match format {
            Some(_) => format!("not an OTLP request; its fields are: {names}"),
            None => format!("neither OTLP nor Jaeger nor Zipkin; its fields are: {names}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn otlp(text: &str, signals: Vec<Signal>, has_others: bool) -> Shape<'_> {
        Shape::Otlp {
            text,
            signals,
            has_others,
        }
    }

    #[test]
    fn a_value_is_known_by_its_fields() {
        let of = |text| Shape::of(text, None);
        let traces = r#"{"resourceSpans":[]}"#;
        assert_eq!(of(traces), Ok(otlp(traces, vec![Signal::Traces], false)));
        let both = r#"{"resourceLogs":[],"resourceMetrics":[]}"#;
        assert_eq!(of(both), Ok(otlp(both, vec![Signal::Logs], true)));
        let enclosed = r#"{"result":{"resourceSpans":[]}}"#;
        assert_eq!(of(enclosed), Ok(otlp(traces, vec![Signal::Traces], false)));
        assert_eq!(of("{}"), Ok(otlp("{}", vec![], false)));
        assert_eq!(of(r#"{"data":[],"total":0}"#), Ok(Shape::Jaeger));
        assert_eq!(of(r#"{"spans":[],"processes":{}}"#), Ok(Shape::Jaeger));
        assert_eq!(of("[]"), Ok(Shape::Zipkin));
        assert_eq!(of(r#"{"traceId":"1","id":"2"}"#), Ok(Shape::Zipkin));
    }

    #[test]
    fn a_value_that_is_none_of_them_is_described() {
        let of = |text, format| Shape::of(text, format).unwrap_err();
        assert_eq!(of("7", None), "neither an object nor a list of spans");
        assert_eq!(
            of(r#"{"b":1,"a":2}"#, None),
            "neither OTLP nor Jaeger nor Zipkin; its fields are: a, b"
        );
        assert_eq!(
            of(r#"{"data":[]}"#, Some(Format::Otlp)),
            "not an OTLP request; its fields are: data"
        );
    }
}
