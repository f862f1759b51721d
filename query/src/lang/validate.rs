//! Decides what a term means for a signal: the predicate that storage answers.

use std::ops::RangeInclusive;

use model::{Signal, SpanId, TraceId};
use storage::bodies::{BodyRegex, LetterCase, Needle};
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
        (TermKind::Text(value), Signal::Traces) => name_contains(value)?,
        (TermKind::Text(value), Signal::Logs) => body_contains(value, LetterCase::Ignored)?,
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

fn name_contains(value: &Value) -> Result<Test, SyntaxError> {
    if value.is_prefix {
        let message = "a star after a word is for log bodies (name:word* is for span names, quote \
                       the word to search for a star)";
        return Err(SyntaxError::new(value.end(), message));
    }
    Ok(Test::NameContains(value.text.clone()))
}

/// A word is whole unless a star follows it; what is quoted may be a part of one.
fn body_contains(value: &Value, letter_case: LetterCase) -> Result<Test, SyntaxError> {
    let text = &value.text;
    if !value.is_quoted && text.starts_with('*') {
        let message = "a star only follows a word (quote the text to find it inside words)";
        return Err(SyntaxError::new(value.position, message));
    }
    if text.is_empty() && !value.is_prefix {
        return Err(SyntaxError::new(value.position, "empty phrase"));
    }
    Ok(Test::Body(match (value.is_prefix, value.is_quoted) {
        (true, _) => Needle::word_prefix(text, letter_case),
        (false, true) => Needle::phrase(text, letter_case),
        (false, false) => Needle::word(text, letter_case),
    }))
}

fn body_matches(value: &Value) -> Result<Test, SyntaxError> {
    if value.text.is_empty() {
        return Err(SyntaxError::new(value.position, "empty regular expression"));
    }
    let regex = BodyRegex::new(&value.text).map_err(|error| {
        let quote = usize::from(value.is_quoted);
        SyntaxError::new(
            value.position + quote + error.offset_chars(),
            error.to_string(),
        )
    })?;
    Ok(Test::BodyRegex(regex))
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
            "body" if self.comparison == Comparison::Matches => {
                self.only_for(Signal::Logs, key)?;
                return body_matches(self.value);
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
            "body" => {
                self.only_for(Signal::Logs, key)?;
                body_contains(self.value, LetterCase::Ignored)
            }
            "case" => {
                self.only_for(Signal::Logs, key)?;
                body_contains(self.value, LetterCase::Exact)
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
        self.must_not_be_pattern()?;
        let nanos = self.parsed(parse_duration)?;
        let range = match self.comparison {
            Comparison::Equal | Comparison::Matches => nanos..=nanos,
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
        self.must_not_be_pattern()?;
        let group = self.parsed(parse_severity)?;
        let range = match self.comparison {
            Comparison::Equal | Comparison::Matches => group,
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
        Err(SyntaxError::new(
            self.value.end(),
            "a star has no meaning for this key",
        ))
    }

    fn must_not_be_pattern(&self) -> Result<(), SyntaxError> {
        if self.comparison != Comparison::Matches {
            return Ok(());
        }
        let message = "only body can be matched by ~ (quote the word to search for it as text)";
        Err(SyntaxError::new(self.position, message))
    }

    fn must_be_equality(&self) -> Result<(), SyntaxError> {
        self.must_not_be_pattern()?;
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
                Test::Body(Needle::word("Declined", LetterCase::Ignored)),
                Test::Body(Needle::phrase("card 42", LetterCase::Ignored)),
                Test::EventName(TextMatch::Prefix("e".into())),
            ]
        );
        assert_eq!(
            tests("severity<warn", Signal::Logs),
            [Test::SeverityNumber(1..=12)]
        );
    }

    #[test]
    fn bodies_are_asked_for_words_parts_letter_case_and_regular_expressions() {
        let (any_case, exact) = (LetterCase::Ignored, LetterCase::Exact);
        let regex = |pattern: &str| Test::BodyRegex(BodyRegex::new(pattern).unwrap());
        assert_eq!(
            tests(
                r#"Decl* "card decl"* body:Card body:"ard 4" body:ca* body:* case:Card
                   case:"ard E" case:Exp* case:"Card E"* body~"timeout \d+\.\d ms \"x\"" body~^a*$
                   "body":x "case":y"#,
                Signal::Logs
            ),
            [
                Test::Body(Needle::word_prefix("decl", any_case)),
                Test::Body(Needle::word_prefix("card decl", any_case)),
                Test::Body(Needle::word("card", any_case)),
                Test::Body(Needle::phrase("ard 4", any_case)),
                Test::Body(Needle::word_prefix("ca", any_case)),
                Test::Body(Needle::word_prefix("", any_case)),
                Test::Body(Needle::word("Card", exact)),
                Test::Body(Needle::phrase("ard E", exact)),
                Test::Body(Needle::word_prefix("Exp", exact)),
                Test::Body(Needle::word_prefix("Card E", exact)),
                regex(r#"timeout \d+\.\d ms \"x\""#),
                regex("^a*$"),
                Test::Attribute {
                    key: "body".into(),
                    value: TextMatch::Exact("x".into())
                },
                Test::Attribute {
                    key: "case".into(),
                    value: TextMatch::Exact("y".into())
                },
            ]
        );
    }

    #[test]
    fn what_makes_no_sense_for_bodies_is_refused_where_it_stands() {
        let logs = |text: &str| error(text, Signal::Logs);
        assert_eq!(
            logs(r#"größe body~"ab\d(x""#),
            "not a regular expression: unclosed group at position 17"
        );
        assert_eq!(
            logs("body~a[b"),
            "not a regular expression: unclosed character class at position 7"
        );
        assert_eq!(
            logs(&format!("body~{}", "a".repeat(1001))),
            "a regular expression of more than 1000 bytes at position 6"
        );
        assert_eq!(
            logs(r"body~(\w{100}){9}"),
            "a regular expression that takes more than 4194304 bytes once compiled at position 6"
        );
        assert_eq!(logs("body~\"\""), "empty regular expression at position 6");
        assert_eq!(
            logs(&"body~x ".repeat(9)),
            "more than 8 regular expressions at position 57"
        );
        assert_eq!(
            logs("http.url~x"),
            "only body can be matched by ~ (quote the word to search for it as text) at position 1"
        );
        assert_eq!(
            logs("a severity~warn"),
            "only body can be matched by ~ (quote the word to search for it as text) at position 3"
        );
        for text in ["*out*", "*out"] {
            assert_eq!(
                logs(text),
                "a star only follows a word (quote the text to find it inside words) at position 1"
            );
        }
        assert_eq!(logs("body:\"\""), "empty phrase at position 6");
        assert_eq!(
            logs("body>x"),
            "only duration and severity can be compared by < and > (quote the word to search for it \
             as text) at position 1"
        );
        assert_eq!(
            error("a body~x", Signal::Traces),
            "body is a key of logs only (quote it, \"body\":value, for an attribute of that name) at \
             position 3"
        );
        assert_eq!(
            error("GET*", Signal::Traces),
            "a star after a word is for log bodies (name:word* is for span names, quote the word to \
             search for a star) at position 4"
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
