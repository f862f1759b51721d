//! What the text of a line says of its trace and severity, when it is JSON or holds `key=value` pairs.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};

use super::json_value::Json;
use super::log_fields::{Role, read_severity, read_span_id, read_trace_id, role};
use crate::attributes::{Attribute, AttributeValue};
use crate::ids::{SpanId, TraceId};
use crate::log_record::Severity;

/// What was found; the first of each kind counts, and for severities the best name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Hints {
    pub(super) trace_id: Option<TraceId>,
    pub(super) span_id: Option<SpanId>,
    severity: Option<SeverityHint>,
}

/// A severity, and the field it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SeverityHint {
    rank: u8,
    severity: Severity,
    word: String,
    field: String,
}

impl Hints {
    /// Reads a line.
    pub(super) fn of_line(line: &str) -> Self {
        let mut hints = Self::default();
        let line = line.trim_start();
        if line.starts_with('{') {
            let mut deserializer = serde_json::Deserializer::from_str(line);
            // A line that is cut off still says what it says.
            if deserializer.deserialize_map(TopLevel(&mut hints)).is_ok() {
                return hints;
            }
        }
        let mut pairs = Pairs { rest: line };
        while let Some((key, value)) = pairs.next_pair() {
            if role(key).is_some() {
                hints.take(key, &AttributeValue::String(value.to_owned()));
            }
        }
        hints
    }

    /// Takes the fields that are hints out of the others. Of several severities the best one is taken.
    pub(super) fn take_from(fields: &mut Vec<Attribute>) -> Self {
        let mut hints = Self::default();
        let severities = fields.iter().enumerate().filter_map(|(position, field)| {
            let Some(Role::Severity(rank)) = role(&field.key) else {
                return None;
            };
            read_severity(field.value.as_ref()?).map(|_| (rank, position))
        });
        if let Some((_, position)) = severities.min() {
            let field = fields.remove(position);
            let value = field.value.unwrap_or(AttributeValue::Empty);
            hints.take(&field.key, &value);
        }
        fields.retain(|field| {
            let is_severity = matches!(role(&field.key), Some(Role::Severity(_)));
            let value = field.value.as_ref().filter(|_| !is_severity);
            !value.is_some_and(|value| hints.take(&field.key, value))
        });
        hints
    }

    /// Takes a field, if it is a hint and better than what is known.
    fn take(&mut self, name: &str, value: &AttributeValue) -> bool {
        match (role(name), value) {
            (Some(Role::TraceId), AttributeValue::String(text)) if self.trace_id.is_none() => {
                self.trace_id = read_trace_id(text);
                self.trace_id.is_some()
            }
            (Some(Role::SpanId), AttributeValue::String(text)) if self.span_id.is_none() => {
                self.span_id = read_span_id(text);
                self.span_id.is_some()
            }
            (Some(Role::Severity(rank)), value) => {
                let is_better = self.severity.as_ref().is_none_or(|it| rank < it.rank);
                let Some((severity, word)) = read_severity(value).filter(|_| is_better) else {
                    return false;
                };
                self.severity = Some(SeverityHint {
                    rank,
                    severity,
                    word,
                    field: name.to_owned(),
                });
                true
            }
            _ => false,
        }
    }

    /// The severity, with the word for it.
    pub(super) fn severity(&self) -> Option<(Severity, &str)> {
        self.severity
            .as_ref()
            .map(|it| (it.severity, it.word.as_str()))
    }

    /// The severity as the attribute it was, for where another one goes first.
    pub(super) fn severity_attribute(&self) -> Option<Attribute> {
        let severity = self.severity.as_ref()?;
        let word = AttributeValue::String(severity.word.clone());
        Some(Attribute::new(severity.field.as_str(), word))
    }

    /// Whether a line could add anything.
    pub(super) fn is_complete(&self) -> bool {
        self.trace_id.is_some() && self.span_id.is_some() && self.severity.is_some()
    }
}

struct TopLevel<'a>(&'a mut Hints);

impl<'de> Visitor<'de> for TopLevel<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(key) = entries.next_key::<String>()? {
            if role(&key).is_some() {
                let Json(value) = entries.next_value()?;
                self.0.take(&key, &value);
            } else {
                let IgnoredAny = entries.next_value()?;
            }
        }
        Ok(())
    }
}

/// The `key=value` pairs among the words of a line, as logfmt has them; values may be quoted.
struct Pairs<'a> {
    rest: &'a str,
}

impl<'a> Pairs<'a> {
    fn next_pair(&mut self) -> Option<(&'a str, &'a str)> {
        loop {
            let rest = self.rest.trim_start_matches(is_separator);
            if let Some(quoted) = rest.strip_prefix('"') {
                // Words of a quoted text are nobody's keys.
                (_, self.rest) = quoted_text(quoted);
                continue;
            }
            let end = rest.find(|it| it == '=' || is_separator(it))?;
            let (key, after) = rest.split_at_checked(end)?;
            let Some(value) = after.strip_prefix('=') else {
                self.rest = after;
                continue;
            };
            let value = match value.strip_prefix('"') {
                Some(quoted) => {
                    let (text, rest) = quoted_text(quoted);
                    self.rest = rest;
                    text
                }
                None => {
                    let end = value.find(is_separator).unwrap_or(value.len());
                    let (value, rest) = value.split_at_checked(end)?;
                    self.rest = rest;
                    value
                }
            };
            return Some((key, value));
        }
    }
}

fn is_separator(character: char) -> bool {
    character.is_whitespace() || matches!(character, ',' | ';' | '[' | ']' | '(' | ')' | '{' | '}')
}

/// The text up to the closing quote, with its escapes, and what follows it.
fn quoted_text(quoted: &str) -> (&str, &str) {
    let mut is_escaped = false;
    let end = quoted.find(|it| {
        let closes = it == '"' && !is_escaped;
        is_escaped = it == '\\' && !is_escaped;
        closes
    });
    let end = end.unwrap_or(quoted.len());
    let (text, rest) = quoted.split_at_checked(end).unwrap_or((quoted, ""));
    (text, rest.strip_prefix('"').unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    fn read(line: &str) -> (Option<String>, Option<String>, Option<(i32, String)>) {
        let hints = Hints::of_line(line);
        (
            hints.trace_id.map(|id| id.to_string()),
            hints.span_id.map(|id| id.to_string()),
            hints.severity().map(|(it, word)| (it.0, word.to_owned())),
        )
    }

    #[test]
    fn json_and_logfmt_say_trace_span_and_severity() {
        let ids = (Some(TRACE.to_owned()), Some(SPAN.to_owned()));
        let expected = (ids.0, ids.1, Some((17, "error".to_owned())));
        for line in [
            format!(
                r#"{{"msg":"no","traceID":"{TRACE}","deep":{{"a":[1]}},"span_id":"{SPAN}","level":"error"}}"#
            ),
            format!(
                r#"level=error msg="card level=info declined" trace_id={TRACE} span_id="{SPAN}""#
            ),
            format!("declined [trace_id={TRACE},span_id={SPAN}] (severity=error)"),
            format!(r#"  {{"level":"error","traceId":"{TRACE}","spanId":"{SPAN}","cut":"of"#),
        ] {
            assert_eq!(read(&line), expected, "{line}");
        }
    }

    #[test]
    fn what_is_no_id_is_no_hint() {
        let nothing = (None, None, None);
        for line in [
            "",
            "=",
            "a=",
            "trace_id=",
            "trace_id=7 span_id=x",
            "\"level=info",
            "level",
        ] {
            assert_eq!(read(line), nothing, "{line}");
        }
    }

    #[test]
    fn of_several_severities_the_best_name_counts() {
        let severity = |line| read(line).2;
        assert_eq!(
            severity(r#"{"level":30,"severity":"WARN"}"#),
            Some((13, "WARN".to_owned()))
        );
        assert_eq!(severity("lvl=dbg level=info"), Some((9, "info".to_owned())));
    }
}
