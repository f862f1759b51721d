//! Decides what a term means for a signal: the predicate that storage answers.

use std::ops::RangeInclusive;

use model::{Signal, SpanId, TraceId};
use storage::filter::{Predicate, Test, TextMatch};

use super::SyntaxError;
use super::ast::{Comparison, Term, TermKind, Value};
use super::values::{ValueError, parse_duration, parse_kind, parse_severity, parse_status};

/// A range that holds no number.
fn empty_range() -> RangeInclusive<u64> {
    RangeInclusive::new(1, 0)
}

/// The predicate the term asks for.
pub(super) fn predicate(term: &Term, signal: Signal) -> Result<Predicate, SyntaxError> {
    let test = match (&term.kind, signal) {
        (TermKind::Word(text) | TermKind::Phrase(text), Signal::Traces) => {
            Test::NameContains(text.clone())
        }
        (TermKind::Word(text), Signal::Logs) => Test::BodyWords(vec![text.clone()]),
        (TermKind::Phrase(text), Signal::Logs) => Test::BodyPhrase(text.clone()),
        (
            TermKind::Field {
                key,
                comparison,
                value,
            },
            _,
        ) => {
            let field = Field {
                position: term.position,
                comparison: *comparison,
                value,
                signal,
            };
            if key.is_quoted {
                field.attribute(&key.text)?
            } else {
                field.test(&key.text)?
            }
        }
    };
    Ok(Predicate {
        negated: term.negated,
        test,
    })
}

struct Field<'a> {
    position: usize,
    comparison: Comparison,
    value: &'a Value,
    signal: Signal,
}

impl Field<'_> {
    fn test(&self, key: &str) -> Result<Test, SyntaxError> {
        match key {
            "duration" => {
                self.only_for(Signal::Traces, key)?;
                return self.duration();
            }
            "severity" => {
                self.only_for(Signal::Logs, key)?;
                return self.severity();
            }
            _ => {}
        }
        self.must_be_equality()?;
        match key {
            "service" => Ok(Test::Service(self.text_match())),
            "name" | "operation" => {
                self.only_for(Signal::Traces, key)?;
                Ok(Test::Name(self.text_match()))
            }
            "status" => {
                self.only_for(Signal::Traces, key)?;
                self.parsed(parse_status).map(Test::StatusCode)
            }
            "kind" => {
                self.only_for(Signal::Traces, key)?;
                self.parsed(parse_kind).map(Test::Kind)
            }
            "trace_id" => self.id("32", str::parse::<TraceId>).map(Test::TraceId),
            "span_id" => self.id("16", str::parse::<SpanId>).map(Test::SpanId),
            "event_name" if self.signal == Signal::Logs => Ok(Test::EventName(self.text_match())),
            _ => self.attribute(key),
        }
    }

    fn attribute(&self, key: &str) -> Result<Test, SyntaxError> {
        self.must_be_equality()?;
        Ok(Test::Attribute {
            key: key.to_owned(),
            value: self.text_match(),
        })
    }

    fn text_match(&self) -> TextMatch {
        let text = self.value.text.clone();
        match (self.value.is_prefix, text.is_empty()) {
            (true, true) => TextMatch::Any,
            (true, false) => TextMatch::Prefix(text),
            (false, _) => TextMatch::Exact(text),
        }
    }

    fn duration(&self) -> Result<Test, SyntaxError> {
        let nanos = self.parsed(parse_duration)?;
        let range = match self.comparison {
            Comparison::Equal => nanos..=nanos,
            Comparison::GreaterOrEqual => nanos..=u64::MAX,
            Comparison::LessOrEqual => 0..=nanos,
            Comparison::Greater => nanos
                .checked_add(1)
                .map_or(empty_range(), |first| first..=u64::MAX),
            Comparison::Less => nanos.checked_sub(1).map_or(empty_range(), |last| 0..=last),
        };
        Ok(Test::DurationNano(range))
    }

    /// Comparisons leave out records without a severity (number 0), as nobody knows where they stand.
    fn severity(&self) -> Result<Test, SyntaxError> {
        let group = self.parsed(parse_severity)?;
        let range = match self.comparison {
            Comparison::Equal => group,
            Comparison::GreaterOrEqual => *group.start()..=i32::MAX,
            Comparison::Greater => *group.end() + 1..=i32::MAX,
            Comparison::LessOrEqual => 1..=*group.end(),
            Comparison::Less => 1..=*group.start() - 1,
        };
        Ok(Test::SeverityNumber(range))
    }

    fn parsed<T>(&self, parse: impl Fn(&str) -> Result<T, ValueError>) -> Result<T, SyntaxError> {
        self.must_be_exact()?;
        parse(&self.value.text)
            .map_err(|error| SyntaxError::new(self.value.position, error.to_string()))
    }

    fn id<T, E>(
        &self,
        digits: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, SyntaxError> {
        self.must_be_exact()?;
        parse(&self.value.text).map_err(|_| {
            let message = format!(
                "{:?} is not an id of {digits} hexadecimal digits",
                self.value.text
            );
            SyntaxError::new(self.value.position, message)
        })
    }

    fn must_be_exact(&self) -> Result<(), SyntaxError> {
        if !self.value.is_prefix {
            return Ok(());
        }
        let stars_at = self.value.position + self.value.text.chars().count();
        let quotes = if self.value.is_quoted { 2 } else { 0 };
        Err(SyntaxError::new(
            stars_at + quotes,
            "a star has no meaning for this key",
        ))
    }

    fn must_be_equality(&self) -> Result<(), SyntaxError> {
        if self.comparison == Comparison::Equal {
            return Ok(());
        }
        let message = "only duration and severity can be compared by < and > \
                       (quote the word to search for it as text)";
        Err(SyntaxError::new(self.position, message))
    }

    fn only_for(&self, signal: Signal, key: &str) -> Result<(), SyntaxError> {
        if self.signal == signal {
            return Ok(());
        }
        let message = format!(
            "{key} is a key of {signal} only (quote it, \"{key}\":value, for an attribute of that name)"
        );
        Err(SyntaxError::new(self.position, message))
    }
}

#[cfg(test)]
mod tests {
    use super::super::compile;
    use super::*;

    fn tests(text: &str, signal: Signal) -> Vec<Test> {
        compile(text, signal)
            .unwrap()
            .into_iter()
            .map(|predicate| predicate.test)
            .collect()
    }

    fn error(text: &str, signal: Signal) -> String {
        compile(text, signal).unwrap_err().to_string()
    }

    #[test]
    fn every_key_of_traces_becomes_its_test() {
        let exact = |text: &str| TextMatch::Exact(text.into());
        assert_eq!(
            tests(
                "service:checkout operation:\"POST /checkout\" name:GET* status:error kind:server \
                 trace_id:0AF7651916CD43DD8448EB211C80319C span_id:00f067aa0ba902b7 \
                 http.route:/pay/* http.method:* \"kind\":x slow event_name:e",
                Signal::Traces
            ),
            [
                Test::Service(exact("checkout")),
                Test::Name(exact("POST /checkout")),
                Test::Name(TextMatch::Prefix("GET".into())),
                Test::StatusCode(2),
                Test::Kind(2),
                Test::TraceId("0af7651916cd43dd8448eb211c80319c".parse().unwrap()),
                Test::SpanId("00f067aa0ba902b7".parse().unwrap()),
                Test::Attribute {
                    key: "http.route".into(),
                    value: TextMatch::Prefix("/pay/".into())
                },
                Test::Attribute {
                    key: "http.method".into(),
                    value: TextMatch::Any
                },
                Test::Attribute {
                    key: "kind".into(),
                    value: exact("x")
                },
                Test::NameContains("slow".into()),
                Test::Attribute {
                    key: "event_name".into(),
                    value: exact("e")
                },
            ]
        );
    }

    #[test]
    fn durations_become_closed_ranges() {
        let range = |text: &str| tests(text, Signal::Traces);
        assert_eq!(
            range("duration>500ms"),
            [Test::DurationNano(500_000_001..=u64::MAX)]
        );
        assert_eq!(
            range("duration>=500ms"),
            [Test::DurationNano(500_000_000..=u64::MAX)]
        );
        assert_eq!(
            range("duration<=2s"),
            [Test::DurationNano(0..=2_000_000_000)]
        );
        assert_eq!(range("duration<1ns"), [Test::DurationNano(0..=0)]);
        assert_eq!(range("duration<0"), [Test::DurationNano(empty_range())]);
        assert_eq!(range("duration:3ns"), [Test::DurationNano(3..=3)]);
    }

    #[test]
    fn logs_have_severities_words_and_phrases() {
        assert_eq!(
            tests(
                "severity>=warn severity:error Declined \"card 42\" event_name:e*",
                Signal::Logs
            ),
            [
                Test::SeverityNumber(13..=i32::MAX),
                Test::SeverityNumber(17..=20),
                Test::BodyWords(vec!["Declined".into()]),
                Test::BodyPhrase("card 42".into()),
                Test::EventName(TextMatch::Prefix("e".into())),
            ]
        );
        assert_eq!(
            tests("severity<warn", Signal::Logs),
            [Test::SeverityNumber(1..=12)]
        );
    }

    #[test]
    fn a_minus_negates() {
        let predicates = compile("-service:cart", Signal::Logs).unwrap();
        assert_eq!(
            predicates,
            [Predicate {
                negated: true,
                test: Test::Service(TextMatch::Exact("cart".into()))
            }]
        );
    }

    #[test]
    fn a_term_that_makes_no_sense_is_refused_where_it_stands() {
        assert_eq!(
            error("a status:bad", Signal::Traces),
            "\"bad\" is none of unset, ok, error at position 10"
        );
        assert_eq!(
            error("trace_id:12", Signal::Logs),
            "\"12\" is not an id of 32 hexadecimal digits at position 10"
        );
        assert_eq!(
            error("x severity:warn", Signal::Traces),
            "severity is a key of logs only (quote it, \"severity\":value, for an attribute of that \
             name) at position 3"
        );
        assert_eq!(
            error("http.status>400", Signal::Traces),
            "only duration and severity can be compared by < and > (quote the word to search for it \
             as text) at position 1"
        );
        assert_eq!(
            error("status:err*", Signal::Traces),
            "a star has no meaning for this key at position 11"
        );
        assert_eq!(
            error("duration>fast", Signal::Traces),
            "\"fast\" is not a duration such as 500ms, 1.5s or 2m30s at position 10"
        );
    }
}
